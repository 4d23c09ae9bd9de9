// A job and its subjobs as one tree of spans: the spans of a subjob are below the span of its call.
import { useEffect, useMemo, useRef, useState } from "react";
import { follow } from "./follow";
import { isEvent, type JobEvent } from "./job_events";
import { shortId } from "./format";
import { type Span, spansOf } from "./spans";

const MAX_CHILDREN = 24; // of a page, which follows at most 32 jobs at the same time

/** The events of the subjobs by the ID of the job. */
type Known = Record<string, JobEvent[]>;

/** `{spans, eventsOf(span)}` of the job `src` with its `events`; the events of its subjobs are loaded and followed. */
export function useFamily(src: string, events: JobEvent[], skill: string) {
  const [known, setKnown] = useState<Known>({}), followed = useRef(new Map<string, () => void>()), project = src.split("/")[0];
  const children = useMemo(() => [...new Set([events, ...Object.values(known)].flat().filter((event) => event.type === "subagent_start").flatMap((event) => event.payload.job_id ?? []))], [events, known]);
  useEffect(() => {
    for (const job of children.slice(0, MAX_CHILDREN)) {
      if (followed.current.has(job)) continue;
      followed.current.set(job, follow(`${project}/${job}`, { onEvents: (fresh) => setKnown((before) => ({ ...before, [job]: [...(before[job] ?? []), ...fresh.filter(isEvent)] })) }));
    }
  }, [children.join(), project]);
  useEffect(() => () => { followed.current.forEach((stop) => stop()); followed.current.clear(); setKnown({}); }, [src]);
  const spans = useMemo(() => tree(events, skill, known, ""), [events, skill, known]);
  return { spans, eventsOf: (span?: Span) => (span?.of ? known[span.of] ?? [] : events) };
}

function tree(events: JobEvent[], skill: string, known: Known, of: string): Span[] {
  const own = spansOf(events, skill).map((span) => (of ? { ...span, id: `${shortId(of)}-${span.id}`, parent: span.parent && `${shortId(of)}-${span.parent}`, of } : span));
  return own.flatMap((span) => {
    const its = span.kind === "child" && span.job ? known[span.job] : undefined;
    if (!its?.length || !span.job) return [span];
    const [root, ...within] = tree(its, span.hint, known, span.job);
    if (!root) return [span];
    return [{ ...span, cost: span.cost ?? root.cost, tokens: span.tokens ?? root.tokens }, ...within.map((one) => (one.parent === root.id ? { ...one, parent: span.id } : one))];
  });
}
