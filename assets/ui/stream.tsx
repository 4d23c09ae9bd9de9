import { type RefObject, useEffect, useMemo, useRef, useState } from "react";
import { follow, type Reply, replyAfter, type StreamState } from "./follow";
import { isEvent, type JobEvent } from "./job_events";

/** The events of a job, and the state of its connection. */
export function useEvents(src: string): [JobEvent[], StreamState] {
  const [events, setEvents] = useState<JobEvent[]>([]), [state, setState] = useState<StreamState>({ phase: "connecting" });
  useEffect(() => {
    setEvents([]);
    if (!src) return undefined;
    return follow(src, { onEvents: (fresh) => setEvents((past) => past.concat(fresh.filter(isEvent))), onState: setState });
  }, [src]);
  return [events, state];
}

/** The text of the reply that is being generated; empty between replies. `onText` is called with `{step, text}` at most once per frame. */
export function useReply(src: string, onText?: (reply: Reply) => void) {
  const call = useRef(onText);
  call.current = onText;
  useEffect(() => {
    if (!src) return undefined;
    let reply: Reply = { step: 0, text: "" };
    return follow(src, { onEvents: (fresh) => {
      reply = fresh.reduce(replyAfter, reply);
      call.current?.(reply);
    } });
  }, [src]);
}

/** The current time, updated while `on`. */
export function useNow(on: boolean, everyMs = 250) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!on) return undefined;
    const timer = setInterval(() => { if (!document.hidden) setNow(Date.now()); }, everyMs);
    return () => clearInterval(timer);
  }, [on, everyMs]);
  return now;
}

export const isGone = (state: StreamState) => state.phase === "refused" && state.code === "events_gone";

/** A message if the connection is lost or rejected; nothing while it works. */
export function Line({ state }: { state: StreamState }) {
  if (state.phase === "retrying") return <div className="note line-note" data-s="wait" role="status">Connection lost. Reconnecting…</div>;
  if (isGone(state)) return <div className="note line-note" role="status">The events of this job are no longer stored: this instance deletes them some time after a job ends. Inputs, result and cost are still available.</div>;
  if (state.phase === "refused") return <div className="note line-note" data-s="fail" role="alert">{state.detail}</div>;
  return null;
}

/** Scrolls to the newest row, whenever `count` has changed, until the user scrolls up. New rows alone, which arrive faster than scroll
 *  events, do not end it. */
export function useFollowing(count: number | string, isOn = true) {
  const box = useRef<HTMLDivElement>(null), pinned = useRef(true), before = useRef(0);
  useEffect(() => { if (isOn && pinned.current && box.current) box.current.scrollTop = box.current.scrollHeight; }, [count, isOn]);
  const onScroll = () => {
    if (!box.current) return;
    const { scrollHeight, scrollTop, clientHeight } = box.current;
    if (scrollHeight - scrollTop - clientHeight < 40) pinned.current = true;
    else if (scrollTop < before.current) pinned.current = false;
    before.current = scrollTop;
  };
  return { ref: box, onScroll };
}

/** The range `[first, last)` of `count` rows of one height that a scroller shows, with a few rows around it. */
export function useInSight(box: RefObject<HTMLElement | null>, count: number, rowPx: number, around = 12): [number, number] {
  const [view, setView] = useState({ top: 0, height: 600 });
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const measure = () => setView({ top: element.scrollTop, height: element.clientHeight });
    const watch = new ResizeObserver(measure);
    watch.observe(element);
    element.addEventListener("scroll", measure, { passive: true });
    measure();
    return () => { watch.disconnect(); element.removeEventListener("scroll", measure); };
  }, [box]);
  return useMemo(() => [Math.max(0, Math.floor(view.top / rowPx) - around), Math.min(count, Math.ceil((view.top + view.height) / rowPx) + around)], [view, count, rowPx, around]);
}
