import { useEffect, useRef, useState } from "react";
import { ago, duration, exactWithUtc } from "./format";

/** Renders again every `everyMs` while `on`. */
const useTick = (everyMs: number, on = true) => {
  const [, render] = useState(0);
  useEffect(() => {
    if (!on) return undefined;
    const timer = setInterval(() => { if (!document.hidden) render((n) => n + 1); }, everyMs);
    return () => clearInterval(timer);
  }, [everyMs, on]);
};

/** The relative time of a timestamp (ISO 8601), with the exact time on hover. Empty for none. */
export function Ago({ moment }: { moment: string | null | undefined }) {
  const [ready, setReady] = useState(false);
  useEffect(() => setReady(true), []);
  const at = Date.parse(moment ?? "");
  useTick(at > Date.now() - 60_000 ? 1000 : 20_000, ready && Boolean(moment));
  if (!moment) return null;
  return <time dateTime={moment} title={ready ? exactWithUtc(at) : undefined}>{ready ? ago(at) : ""}</time>;
}

/** When something occurred first and last. Both times are relative to the same moment, so that they are in order. */
export function FirstAndLast({ first, last }: { first: string; last: string }) {
  const [ready, setReady] = useState(false), moments = [Date.parse(first), Date.parse(last)] as const, now = Date.now();
  useEffect(() => setReady(true), []);
  useTick(moments[1] > now - 60_000 ? 1000 : 20_000, ready);
  const time = (label: string, iso: string, moment: number) => <span>{label} <time dateTime={iso} title={ready ? exactWithUtc(moment) : undefined}>{ready ? ago(moment, now) : ""}</time></span>;
  return <>{time("first", first, moments[0])}{time("last", last, moments[1])}</>;
}

/** Time from `start` to `end`, or to now while there is no end. Empty before the start. */
export function Elapsed({ start, end }: { start: string; end: string }) {
  const [ready, setReady] = useState(false);
  useEffect(() => setReady(true), []);
  useTick(100, ready && Boolean(start) && !end);
  if (!ready || !start) return null;
  return <span className="num">{duration((end ? Date.parse(end) : Date.now()) - Date.parse(start))}</span>;
}

/** Calls `onTick` every `seconds` while the page is visible, and once when it becomes visible again. */
export function Pulse({ seconds, onTick }: { seconds: number; onTick?: () => void }) {
  const call = useRef(onTick);
  call.current = onTick;
  useEffect(() => {
    const update = () => { if (!document.hidden) call.current?.(); };
    const timer = setInterval(update, seconds * 1000);
    document.addEventListener("visibilitychange", update);
    return () => { clearInterval(timer); document.removeEventListener("visibilitychange", update); };
  }, [seconds]);
  return null;
}
