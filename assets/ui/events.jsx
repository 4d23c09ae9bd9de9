import { useEffect, useMemo, useRef, useState } from "react";
import { follow } from "./follow";
import { duration, usd } from "./format";
import { isGone, Line, useEvents, useFollowing } from "./stream";
import { tell } from "./telling";
import { Json } from "./value";

const SHOWN = 500; // rows in the document; the rest is a click away

/** What happened to a job, as it happens; a row opens to its facts. */
export function EventList({ src }) {
  const [all, state] = useEvents(src), [open, setOpen] = useState(null), [whole, setWhole] = useState(false);
  const events = useMemo(() => gathered(all), [all]);
  const shown = whole ? events : events.slice(-SHOWN), start = events.length ? Date.parse(events[0].ts) : 0;
  const scroller = useFollowing(events.length);
  const isOver = state.phase === "ended";
  return (
    <div className="col grow" style={{ minHeight: 0 }}>
      <Line state={state} />
      <div className="scroll grow" {...scroller} tabIndex={0} role="log" aria-label="Events" style={{ padding: "6px 0" }}>
        {shown.length < events.length && <button type="button" className="btn quiet" style={{ margin: "0 12px 6px" }} onClick={() => setWhole(true)}>Show {events.length - shown.length} earlier events</button>}
        {shown.map((event) => <Row key={event.id} event={event} start={start} isOpen={open === event.id} onToggle={() => setOpen(open === event.id ? null : event.id)} />)}
        {!isOver && state.phase !== "refused" && <div className="ev" aria-hidden="true" style={{ cursor: "default" }}><span /><span className="spin" /><span className="t3">{events.length ? "waiting for the next event" : "connecting"}</span></div>}
      </div>
    </div>
  );
}

/** What the timeline shows: no lines of the log, and one row for an installation, however many lines it wrote. */
function gathered(all) {
  const rows = [];
  for (const event of all) {
    const before = rows.at(-1);
    if (event.type === "log" || event.type === "progress") continue;
    if (event.type === "environment" && before?.type === "environment" && typeof event.payload.log === "string") {
      rows[rows.length - 1] = { ...before, payload: { ...before.payload, log: before.payload.log + event.payload.log } };
    } else rows.push(event);
  }
  return rows;
}

function Row({ event, start, isOpen, onToggle }) {
  const told = tell(event), cost = event.payload.billed_micros ?? event.payload.cost_micros;
  return (
    <>
      <button type="button" className="ev" data-k={told.kind} data-type={event.type} aria-expanded={isOpen} onClick={onToggle}>
        <span className="num t3">{duration(Date.parse(event.ts) - start)}</span>
        <span className="mark-k" aria-hidden="true" />
        <span className="cut"><span className="what strong">{told.what}</span> <span className="t2">{told.more}</span></span>
        <span className="num t2">{cost == null ? "" : usd(cost)}</span>
      </button>
      {isOpen && <div className="ev-open">{event.type === "environment" ? <pre className="code fold" tabIndex={0}>{event.payload.log}</pre> : <Json value={event.payload} />}</div>}
    </>
  );
}

/** What a job printed and logged, as it happens. */
export function Logs({ src }) {
  const [all, state] = useEvents(src), [query, setQuery] = useState(""), [whole, setWhole] = useState(false);
  const lines = all.filter((event) => event.type === "log"), wanted = query.toLowerCase();
  const found = wanted ? lines.filter((line) => `${line.payload.text} ${JSON.stringify(line.payload.fields ?? "")}`.toLowerCase().includes(wanted)) : lines;
  const shown = whole ? found : found.slice(-SHOWN), start = all.length ? Date.parse(all[0].ts) : 0;
  const scroller = useFollowing(lines.length);
  return (
    <div className="col grow" style={{ minHeight: 0 }}>
      <div className="row" style={{ padding: "8px 16px", borderBottom: "1px solid var(--line)" }}>
        <input className="in" style={{ maxWidth: 280 }} placeholder="Search the log…" aria-label="Search the log" value={query} onChange={(event) => setQuery(event.target.value)} />
        {!isGone(state) && <span className="t3 num">{wanted ? `${found.length} of ${lines.length} lines` : `${lines.length} lines`}</span>}
      </div>
      <Line state={state} />
      <div className="scroll grow log" {...scroller} tabIndex={0} role="log" aria-label="Log">
        {shown.length < found.length && <button type="button" className="btn quiet" style={{ margin: "0 12px 6px" }} onClick={() => setWhole(true)}>Show {found.length - shown.length} earlier lines</button>}
        {shown.map((line) => <div key={line.id} data-l={line.payload.level ?? line.payload.stream}><span className="t3 num">{duration(Date.parse(line.ts) - start)}</span><span className="t3">{line.payload.level ?? line.payload.stream}</span><span className="line">{line.payload.text}<Fields of={line.payload.fields} /></span></div>)}
        {!shown.length && state.phase !== "refused" && <p className="t3" style={{ padding: "10px 16px", fontFamily: "var(--sans)" }}>{lines.length ? "No line has that." : "Nothing printed or logged so far."}</p>}
      </div>
    </div>
  );
}

/** What a line says beside its words: `log.info("indexed", page=3)`. */
const Fields = ({ of: fields = {} }) => Object.entries(fields).map(([name, value]) => <span key={name} className="t3"> {name}=<span className="t2">{typeof value === "string" ? value : JSON.stringify(value)}</span></span>);

const TURNING_POINTS = new Set(["started", "requeued", "waiting", "resumed", "succeeded", "failed", "cancelled"]);

/** Shows nothing; calls `onTurn(type)` whenever the job's state has changed since `after`. */
export function Turns({ src, after, onTurn }) {
  const call = useRef(onTurn);
  call.current = onTurn;
  useEffect(() => {
    if (!src) return undefined;
    let seen = after;
    return follow(src, { onEvents: (fresh) => {
      const turns = fresh.filter((event) => event.id > seen && TURNING_POINTS.has(event.type));
      if (!turns.length) return;
      seen = turns.at(-1).id;
      call.current?.(turns.at(-1).type);
    } });
  }, [src]);
  return null;
}
