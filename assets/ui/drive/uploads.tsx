import { size } from "../format";
import type { Uploads as Queue } from "./upload_queue";

const WORDS: Partial<Record<string, string>> = { waiting: "Waiting", done: "Uploaded" };

/** Uploads with their progress. A failed upload shows its error and can be retried. */
export function Uploads({ queue }: { queue: Queue }) {
  const { items } = queue;
  if (!items.length) return null;
  const left = items.filter((one) => one.state !== "done").length;
  return (
    <section className="uploads" aria-label="Uploads">
      <div className="pane-head"><span className="grow" role="status">{left ? `${items.length - left} of ${items.length} uploaded` : `${items.length} ${items.length === 1 ? "file" : "files"} uploaded`}</span>{left < items.length && <button type="button" className="btn small quiet" onClick={queue.clear}>Clear</button>}</div>
      <ul>{items.map((item) => (
        <li key={item.id} data-state={item.state}>
          <span className="cut" title={item.path}>{item.path}</span>
          <span className="t3 num">{item.state === "sending" ? `${Math.round(item.part * 100)} % of ${size(item.size)}` : WORDS[item.state] ?? ""}</span>
          {item.state === "sending" && <progress value={item.part} max={1} aria-label={`Upload of ${item.path}`} />}
          {item.state === "failed" && <span className="row why"><span className="fail-text grow" role="alert">{item.failure}</span><button type="button" className="btn small" onClick={() => queue.retry(item.id)}>Try again</button><button type="button" className="btn small quiet" onClick={() => queue.forget(item.id)}>Discard</button></span>}
        </li>
      ))}</ul>
    </section>
  );
}
