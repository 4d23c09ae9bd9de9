// The task of the assistant that a link to the editor fills in.

const TASKS = { explain: "Explain this failure.", fix: "Fix this problem.", describe: "Build a skill that " };
const ID = /^[0-9a-f-]{36}$/;

/** `{task, job_id}` of the URL, or null. Only known texts are filled in: a link must not write a task. */
export function askedByUrl() {
  const query = new URLSearchParams(globalThis.location?.search ?? ""), task = TASKS[query.get("assistant")], job = query.get("job") ?? "";
  return task ? { task, ...(ID.test(job) && { job_id: job }) } : null;
}

/** The task to fix a problem of the draft. */
export const toFix = ({ path, line, message }) => ({ task: TASKS.fix, problem: `${path}${line ? `:${line}` : ""}: ${message}` });

/** Remove the task from the URL, so that the page shows its run after it is loaded again. */
export function forgetUrl() {
  const url = new URL(location.href);
  ["assistant", "job"].forEach((name) => url.searchParams.delete(name));
  history.replaceState(history.state, "", url);
}
