// The state, the number of elements and the duration of a step of a flow.
import { duration } from "../format";

export const WORDS = { pending: "Not started", running: "Running", waiting: "Waiting", succeeded: "Succeeded", failed: "Failed", skipped: "Skipped", cancelled: "Canceled" };
const SHAPES = { pending: "queued", skipped: "cancelled" }; // the shape of another status

/** The state of a step. */
export function Status({ status }) {
  return <span className="st" data-s={SHAPES[status] ?? status}><b><i />{WORDS[status]}</b></span>;
}

/** How many elements of a step have which state. */
export const countsOf = ({ total, ...counts }) => [total == null ? "" : `${total.toLocaleString("en")} ${total === 1 ? "element" : "elements"}`, ...Object.entries(counts).filter(([, count]) => count).map(([status, count]) => `${count.toLocaleString("en")} ${WORDS[status].toLowerCase()}`)].filter(Boolean).join(", ");

/** The duration of a step, up to now while it runs. A copied step has the one of the original. */
export function took({ status, started_at: start, finished_at: end }, now) {
  if (!start || status === "skipped" || status === "pending") return "";
  if (!end && status !== "running" && status !== "waiting") return "";
  return duration((end ? Date.parse(end) : now) - Date.parse(start));
}
