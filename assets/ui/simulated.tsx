import type { JobRead } from "../../clients/typescript/src/generated";

type Simulation = Pick<JobRead, "simulation">;

/** A note on a simulated job: no language model ran, and where the result comes from. Nothing for other jobs. */
export const Simulated = ({ job }: { job: Simulation | null | undefined }) => job?.simulation && <div className="note line-note" data-s="wait" role="note">{job.simulation}</div>;

/** A note before a run: no language model is configured, so the run will be simulated. */
export const NoModel = ({ project }: { project: string }) => <div className="note line-note" data-s="wait" role="note">No language model is configured. Agents are simulated: they return examples or sample values. <a href={`/p/${project}/settings/providers`}>Add an API key of a provider</a></div>;
