import { useEffect, useMemo, useRef, useState } from "react";
import { follow } from "./follow";

/** The events of a job, and what its line does. */
export function useEvents(src) {
  const [events, setEvents] = useState([]), [state, setState] = useState({ phase: "connecting" });
  useEffect(() => {
    setEvents([]);
    if (!src) return undefined;
    return follow(src, { onEvents: (fresh) => setEvents((past) => past.concat(fresh.filter((event) => event.id))), onState: setState });
  }, [src]);
  return [events, state];
}

/** The text of the reply that comes just now; empty between replies. `onText` is called with `{step, text}` at most once a frame. */
export function useReply(src, onText) {
  const call = useRef(onText);
  call.current = onText;
  useEffect(() => {
    if (!src) return undefined;
    const reply = { step: 0, text: "" };
    return follow(src, { onEvents: (fresh) => {
      for (const one of fresh) {
        if (one.type === "delta") {
          reply.text = (one.restart || one.step !== reply.step ? "" : reply.text) + (one.text ?? "");
          reply.step = one.step;
        } else if (one.type === "model_response") Object.assign(reply, { step: one.payload.step, text: "" });
      }
      call.current?.({ ...reply });
    } });
  }, [src]);
}

/** Ticks while `on`, so that what still lasts grows. */
export function useNow(on, everyMs = 250) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!on) return undefined;
    const timer = setInterval(() => document.hidden || setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [on, everyMs]);
  return now;
}

export const isGone = (state) => state.phase === "refused" && state.code === "events_gone";

/** Says when the line is down or refused; silent while all is well. */
export function Line({ state }) {
  if (state.phase === "retrying") return <div className="note line-note" data-s="wait" role="status">Connection lost. Catching up from the last event…</div>;
  if (isGone(state)) return <div className="note line-note" role="status">What happened in this job, step by step, is no longer kept: this instance removes it some time after a job has ended. Inputs, result and cost are still here.</div>;
  if (state.phase === "refused") return <div className="note line-note" data-s="fail" role="alert">{state.detail}</div>;
  return null;
}

/** Scrolls along with the newest row until the person scrolls away. */
export function useFollowing(count) {
  const box = useRef(null), pinned = useRef(true);
  useEffect(() => { if (pinned.current && box.current) box.current.scrollTop = box.current.scrollHeight; }, [count]);
  const onScroll = () => { const b = box.current; pinned.current = b.scrollHeight - b.scrollTop - b.clientHeight < 40; };
  return { ref: box, onScroll };
}

/** Which of `count` rows of one height are in sight of a scroller: `[first, last)`, with a few around them. */
export function useInSight(box, count, rowPx, around = 12) {
  const [view, setView] = useState({ top: 0, height: 600 });
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const look = () => setView({ top: element.scrollTop, height: element.clientHeight });
    const watch = new ResizeObserver(look);
    watch.observe(element);
    element.addEventListener("scroll", look, { passive: true });
    look();
    return () => { watch.disconnect(); element.removeEventListener("scroll", look); };
  }, [box]);
  return useMemo(() => [Math.max(0, Math.floor(view.top / rowPx) - around), Math.min(count, Math.ceil((view.top + view.height) / rowPx) + around)], [view, count, rowPx, around]);
}
