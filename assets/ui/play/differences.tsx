import { useDifferences } from "./finished";

/** The number of values that differ between the results of jobs; nothing for fewer than two results. */
export function Differences({ jobs }: { jobs: string[] }) {
  const { succeeded, marks } = useDifferences(jobs);
  if (succeeded.length < 2) return null;
  return <span className="t2 cut" role="status">{marks.size ? `${marks.size} ${marks.size === 1 ? "value differs" : "values differ"}` : "The results are identical"}</span>;
}
