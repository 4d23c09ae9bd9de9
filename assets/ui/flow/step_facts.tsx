// The state, the number of elements and the duration of a step of a flow.
import type { ElementCounts, JobStepRead } from "../../../clients/typescript/src/generated";
import { duration } from "../format";

export const WORDS: Record<JobStepRead["status"], string> = { pending: "Not started", running: "Running", waiting: "Waiting", succeeded: "Succeeded", failed: "Failed", skipped: "Skipped", cancelled: "Canceled" };
const SHAPES: Partial<typeof WORDS> = { pending: "queued", skipped: "cancelled" }; // the shape of another status

/** The state of a step. */
export function Status({ status }: Pick<JobStepRead, "status">) {
  return <span className="st" data-s={SHAPES[status] ?? status}><b><i />{WORDS[status]}</b></span>;
}

const STATES = ["running", "succeeded", "failed", "cancelled"] as const; // of elements

/** How many elements of a step have which state. */
export function countsOf(counts: ElementCounts) {
  const { total } = counts, states = STATES.filter((status) => counts[status]).map((status) => `${counts[status].toLocaleString("en")} ${WORDS[status].toLowerCase()}`);
  return [total === null ? "" : `${total.toLocaleString("en")} ${total === 1 ? "element" : "elements"}`, ...states].filter(Boolean).join(", ");
}

/** The duration of a step, up to now while it runs. A copied step has the one of the original. */
export function took({ status, started_at: start, finished_at: end }: Pick<JobStepRead, "status" | "started_at" | "finished_at">, now: number) {
  if (!start || status === "skipped" || status === "pending") return "";
  if (!end && status !== "running" && status !== "waiting") return "";
  return duration((end ? Date.parse(end) : now) - Date.parse(start));
}
