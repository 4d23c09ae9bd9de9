import { size } from "../format";

const WORDS = { waiting: "waiting", done: "in the drive" };

/** Files on their way, each with how far it is; what failed says why, and can be tried again. */
export function Uploads({ sending }) {
  const { items } = sending;
  if (!items.length) return null;
  const left = items.filter((one) => one.state !== "done").length;
  return (
    <section className="uploads" aria-label="Uploads">
      <div className="pane-head"><span className="grow" role="status">{left ? `${left} of ${items.length} on their way` : `${items.length} ${items.length === 1 ? "file is" : "files are"} in the drive`}</span>{left < items.length && <button type="button" className="btn small quiet" onClick={sending.clear}>Clear</button>}</div>
      <ul>{items.map((item) => (
        <li key={item.id} data-state={item.state}>
          <span className="cut" title={item.path}>{item.path}</span>
          <span className="t3 num">{item.state === "sending" ? `${Math.round(item.part * 100)} % of ${size(item.size)}` : WORDS[item.state] ?? ""}</span>
          {item.state === "sending" && <progress value={item.part} max={1} aria-label={`Upload of ${item.path}`} />}
          {item.state === "failed" && <span className="row why"><span className="fail-text grow" role="alert">{item.failure}</span><button type="button" className="btn small" onClick={() => sending.retry(item.id)}>Try again</button><button type="button" className="btn small quiet" onClick={() => sending.forget(item.id)}>Give up</button></span>}
        </li>
      ))}</ul>
    </section>
  );
}
