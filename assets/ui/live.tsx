import { useMemo } from "react";
import { usd } from "./format";
import { useEvents } from "./stream";

const TERMINAL = new Set<string | undefined>(["succeeded", "failed", "cancelled"]);

/** The cost of a job so far, from the events of its timeline; the charged cost once the job `isOver`. */
export function LiveCost({ src, charged, isOver }: { src: string; charged: string; isOver: boolean }) {
  const [events] = useEvents(isOver ? "" : src);
  const used = useMemo(() => events.reduce((sum, { type, payload }) => sum + (type === "subagent_end" ? payload.used_micros ?? 0 : payload.billed_micros ?? 0), 0), [events]);
  const isCharged = isOver || TERMINAL.has(events.at(-1)?.type) || !events.length;
  return <span className="num">{isCharged ? charged : usd(used)}{!isCharged && <span className="t3"> so far</span>}</span>;
}

/** Steps and tokens of an agent, updated live; those of the job's row once it `isOver`. None for a function. */
export function LiveSteps({ src, isOver, steps, tokens }: { src: string; isOver: boolean; steps: number; tokens: number }) {
  const [events] = useEvents(isOver ? "" : src);
  const replies = events.filter((event) => event.type === "model_response"), count = isOver ? steps : replies.length;
  if (!count) return <span className="t3">None</span>;
  const used = isOver ? tokens : replies.reduce((sum, { payload: p }) => sum + (p.input_tokens ?? 0) + (p.output_tokens ?? 0), 0);
  return <span className="num">{count} <span className="t3">· {used.toLocaleString("en")} tokens</span></span>;
}

/** The progress that a function reports; nothing if it reports none, or once the job has ended. */
export function LiveProgress({ src, isOver }: { src: string; isOver: boolean }) {
  const [events] = useEvents(isOver ? "" : src);
  const progress = events.findLast((event) => event.type === "progress");
  if (!progress || isOver || TERMINAL.has(events.at(-1)?.type)) return null;
  const percent = Math.round(100 * Math.min(1, Math.max(0, progress.payload.fraction ?? 0)));
  return (
    <div className="far">
      <div className="progress" role="progressbar" aria-label="Progress" aria-valuenow={percent} aria-valuemin={0} aria-valuemax={100}><i style={{ width: `${percent}%` }} /></div>
      <div className="cap">{percent} % {progress.payload.text}</div>
    </div>
  );
}

/** The number of loaded events of the `total` events of a job; nothing once all are loaded. */
export function EventsLoaded({ src, total }: { src: string; total: number }) {
  const [events, state] = useEvents(src), loaded = events.at(-1)?.id ?? 0;
  if (loaded >= total || ["ended", "refused"].includes(state.phase)) return null;
  return <p className="line-note t3" role="status">Loading events: {loaded.toLocaleString("en")} of {total.toLocaleString("en")}</p>;
}
