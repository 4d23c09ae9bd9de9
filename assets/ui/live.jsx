import { useMemo } from "react";
import { usd } from "./format";
import { useEvents } from "./stream";

const TERMINAL = new Set(["succeeded", "failed", "cancelled"]);

/** What a job has cost so far, from the same events as its timeline; what it was charged once it has ended. */
export function LiveCost({ src, charged }) {
  const [events] = useEvents(src);
  const used = useMemo(() => events.reduce((sum, { type, payload }) => sum + (type === "subagent_end" ? payload.cost_micros ?? 0 : payload.billed_micros ?? 0), 0), [events]);
  const isOver = TERMINAL.has(events.at(-1)?.type) || !events.length;
  return <span className="num">{isOver ? charged : usd(used)}{!isOver && <span className="t3"> so far</span>}</span>;
}

/** Steps and tokens of an agent as they come; nothing for a function. */
export function LiveSteps({ src }) {
  const [events] = useEvents(src);
  const replies = events.filter((event) => event.type === "model_response");
  if (!replies.length) return <span className="t3">none</span>;
  const tokens = replies.reduce((sum, { payload: p }) => sum + (p.input_tokens ?? 0) + (p.output_tokens ?? 0), 0);
  return <span className="num">{replies.length} <span className="t3">· {tokens.toLocaleString("en")} tokens</span></span>;
}

/** How far a function says that it is; nothing where it does not say so, or once it has ended. */
export function LiveProgress({ src }) {
  const [events] = useEvents(src);
  const said = events.findLast((event) => event.type === "progress");
  if (!said || TERMINAL.has(events.at(-1)?.type)) return null;
  const percent = Math.round(100 * Math.min(1, Math.max(0, said.payload.fraction ?? 0)));
  return (
    <div className="far">
      <div className="progress" role="progressbar" aria-label="Progress" aria-valuenow={percent} aria-valuemin={0} aria-valuemax={100}><i style={{ width: `${percent}%` }} /></div>
      <div className="cap">{percent} % {said.payload.text}</div>
    </div>
  );
}
