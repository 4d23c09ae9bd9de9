/** Says that no language model ran, and what the result is made of; nothing for other jobs. */
export const Simulated = ({ job }) => job?.simulation && <div className="note line-note" data-s="wait" role="note">{job.simulation}</div>;

/** The same as a tag, for lists. */
export const SimulatedTag = ({ job }) => job?.simulated && <span className="tag" data-s="wait" title={job.simulation}>Simulated</span>;
