import type { JobRead } from "../../clients/typescript/src/generated";

type Simulation = Pick<JobRead, "simulated" | "simulation">;

/** A note on a simulated job: no language model ran, and where the result comes from. Nothing for other jobs. */
export const Simulated = ({ job }: { job: Simulation | null | undefined }) => job?.simulation && <div className="note line-note" data-s="wait" role="note">{job.simulation}</div>;

/** A tag for simulated jobs in lists. */
export const SimulatedTag = ({ job }: { job: Simulation | null | undefined }) => job?.simulated && <span className="tag" data-s="wait" title={job.simulation ?? undefined}>Simulated</span>;
