import { size } from "../format";
import { Value } from "../value";

interface ShownDataProps {
  /** The data; null if there are none. */
  value: unknown;
  /** Their size if they are too long to be shown. */
  bytes: number | null;
  project: string;
}

/** The data that a step of a flow shows to the reviewer, below its message. */
export function ShownData({ value, bytes, project }: ShownDataProps) {
  if (bytes) return <p className="note" role="note">The data have {size(bytes)}, which is too long to be shown here. The steps of the job contain them.</p>;
  return value != null && <div role="group" aria-label="Data to review"><Value value={value} project={project} /></div>;
}
