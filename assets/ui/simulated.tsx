import type { JobRead } from "../../clients/typescript/src/generated";

type Simulation = Pick<JobRead, "simulation">;

/** A note on a simulated job: no language model ran, and where the result comes from. Nothing for other jobs. */
export const Simulated = ({ job }: { job: Simulation | null | undefined }) => job?.simulation && <div className="note line-note" data-s="wait" role="note">{job.simulation}</div>;
