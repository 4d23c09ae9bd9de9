// The task of the assistant that a link to the editor fills in.
import type { AssistantCreate, DraftProblemRead } from "../../../clients/typescript/src/generated";

/** A task that another part of the page fills in. */
export type Asked = Pick<AssistantCreate, "task" | "job_id" | "problem">;

const FIX = "Fix this problem.", TASKS = new Map([["explain", "Explain this failure."], ["fix", FIX], ["describe", "Build a skill that "]]);
const ID = /^[0-9a-f-]{36}$/;

/** The task of the URL, or null. Only known texts are filled in: a link must not write a task. */
export function askedByUrl(): Asked | null {
  const query = new URLSearchParams(globalThis.location?.search ?? ""), task = TASKS.get(query.get("assistant") ?? ""), job = query.get("job") ?? "";
  return task ? { task, ...(ID.test(job) && { job_id: job }) } : null;
}

/** The task to fix a problem of the draft. */
export const toFix = ({ path, line, message }: Pick<DraftProblemRead, "path" | "line" | "message">): Asked => ({ task: FIX, problem: `${path}${line ? `:${line}` : ""}: ${message}` });

/** Remove the task from the URL, so that the page shows its run after it is loaded again. */
export function forgetUrl() {
  const url = new URL(location.href);
  ["assistant", "job"].forEach((name) => url.searchParams.delete(name));
  history.replaceState(history.state, "", url);
}
