import { useEffect, useMemo, useRef, useState } from "react";
import { follow } from "./follow";
import { isEvent, type JobEvent } from "./job_events";
import { duration, usd } from "./format";
import { Line, useEvents, useFollowing } from "./stream";
import { textOf } from "./event_text";
import { Json } from "./value";

const SHOWN = 500; // rows in the document; a button shows the others

/** The events of a job, updated live; a row opens to show its fields. */
export function EventList({ src }: { src: string }) {
  const [all, state] = useEvents(src), [open, setOpen] = useState<number | null>(null), [whole, setWhole] = useState(false);
  const events = useMemo(() => gathered(all), [all]);
  const shown = whole ? events : events.slice(-SHOWN), start = Date.parse(events[0]?.ts ?? "") || 0;
  const scroller = useFollowing(events.length);
  const isOver = state.phase === "ended";
  return (
    <div className="col grow" style={{ minHeight: 0 }}>
      <Line state={state} />
      <div className="scroll grow" {...scroller} tabIndex={0} role="log" aria-label="Events" style={{ padding: "6px 0" }}>
        {shown.length < events.length && <button type="button" className="btn quiet" style={{ margin: "0 12px 6px" }} onClick={() => setWhole(true)}>Show {events.length - shown.length} earlier events</button>}
        {shown.map((event) => <Row key={event.id} event={event} start={start} isOpen={open === event.id} onToggle={() => setOpen(open === event.id ? null : event.id)} />)}
        {!isOver && state.phase !== "refused" && <div className="ev" aria-hidden="true" style={{ cursor: "default" }}><span /><span className="spin" /><span className="t3">{events.length ? "Waiting for the next event…" : "Connecting…"}</span></div>}
      </div>
    </div>
  );
}

/** The events to show: no log lines, and one row for the installation of an environment, however many lines it wrote. */
function gathered(all: JobEvent[]) {
  const rows: JobEvent[] = [];
  for (const event of all) {
    const before = rows.at(-1);
    if (event.type === "log" || event.type === "progress") continue;
    if (event.type === "environment" && before?.type === "environment" && typeof event.payload.log === "string") {
      rows[rows.length - 1] = { ...before, payload: { ...before.payload, log: (before.payload.log ?? "") + event.payload.log } };
    } else rows.push(event);
  }
  return rows;
}

function Row({ event, start, isOpen, onToggle }: { event: JobEvent; start: number; isOpen: boolean; onToggle: () => void }) {
  const text = textOf(event), cost = event.payload.billed_micros ?? event.payload.cost_micros;
  return (
    <>
      <button type="button" className="ev" data-k={text.kind} data-type={event.type} aria-expanded={isOpen} onClick={onToggle}>
        <span className="num t3">{duration(Date.parse(event.ts) - start)}</span>
        <span className="mark-k" aria-hidden="true" />
        <span className="cut"><span className="what strong">{text.what}</span> <span className="t2">{text.more}</span></span>
        <span className="num t2">{cost == null ? "" : usd(cost)}</span>
      </button>
      {isOpen && <div className="ev-open">{event.type === "environment" ? <pre className="code fold" tabIndex={0}>{event.payload.log}</pre> : <Json value={event.payload} />}</div>}
    </>
  );
}

const STATE_CHANGES = new Set(["started", "requeued", "waiting", "resumed", "succeeded", "failed", "cancelled"]);

/** Renders nothing; calls `onTurn(type)` whenever the job's state has changed since the event `after`. */
export function Turns({ src, after, onTurn }: { src: string; after: number; onTurn?: (type: string) => void }) {
  const call = useRef(onTurn);
  call.current = onTurn;
  useEffect(() => {
    if (!src) return undefined;
    let seen = after;
    return follow(src, { onEvents: (fresh) => {
      const turn = fresh.filter(isEvent).findLast((event) => event.id > seen && STATE_CHANGES.has(event.type));
      if (!turn) return;
      seen = turn.id;
      call.current?.(turn.type);
    } });
  }, [src]);
  return null;
}
