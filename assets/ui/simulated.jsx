/** A note on a simulated job: no language model ran, and where the result comes from. Nothing for other jobs. */
export const Simulated = ({ job }) => job?.simulation && <div className="note line-note" data-s="wait" role="note">{job.simulation}</div>;

/** A tag for simulated jobs in lists. */
export const SimulatedTag = ({ job }) => job?.simulated && <span className="tag" data-s="wait" title={job.simulation}>Simulated</span>;
