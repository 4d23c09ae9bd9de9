import { Link } from "react-router";
import type { Writer as WrittenBy } from "../../../clients/typescript/src/generated";
import { shortId } from "../format";

/** The author of a file, with a link for a job. Nothing for folders, which have no author. */
export function Writer({ by, project, isFolder = false }: { by: WrittenBy | null | undefined; project: string; isFolder?: boolean }) {
  if (isFolder) return null;
  if (!by) return <span className="t3" title="Several jobs may have written the file, or it was written before authors were recorded.">Unknown</span>;
  if (by.kind === "job" && by.id) return <Job id={by.id} project={project} />;
  if (by.kind === "jobs") return <span>one of {by.ids?.length ? by.ids.map((id, index) => <span key={id}>{index > 0 && ", "}<Job id={id} project={project} /></span>) : "several jobs"}</span>;
  return <span className="cut" title={by.label ?? by.kind}>{by.label ?? by.kind}</span>;
}

const Job = ({ id, project }: { id: string; project: string }) => <Link className="mono above" to={`/p/${project}/jobs/${id}`} title={`Job ${id}`}>job {shortId(id)}</Link>;
