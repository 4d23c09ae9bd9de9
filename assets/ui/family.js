// A job and its subjobs as one tree of spans: the spans of a subjob are below the span of its call.
import { useEffect, useMemo, useRef, useState } from "react";
import { follow } from "./follow";
import { shortId } from "./format";
import { spansOf } from "./spans";

const MAX_CHILDREN = 24; // of a page, which follows at most 32 jobs at the same time

/** `{spans, eventsOf(span)}` of the job `src` with its `events`; the events of its subjobs are loaded and followed. */
export function useFamily(src, events, skill) {
  const [known, setKnown] = useState({}), followed = useRef(new Map()), project = src.split("/")[0];
  const children = useMemo(() => [...new Set([events, ...Object.values(known)].flat().filter((event) => event.type === "subagent_start" && event.payload.job_id).map((event) => event.payload.job_id))], [events, known]);
  useEffect(() => {
    for (const job of children.slice(0, MAX_CHILDREN)) {
      if (followed.current.has(job)) continue;
      const onEvents = (fresh) => setKnown((before) => ({ ...before, [job]: [...(before[job] ?? []), ...fresh.filter((event) => event.id)] }));
      followed.current.set(job, follow(`${project}/${job}`, { onEvents }));
    }
  }, [children.join(), project]);
  useEffect(() => () => { followed.current.forEach((stop) => stop()); followed.current.clear(); setKnown({}); }, [src]);
  const spans = useMemo(() => tree(events, skill, known, ""), [events, skill, known]);
  return { spans, eventsOf: (span) => (span?.of ? known[span.of] ?? [] : events) };
}

function tree(events, skill, known, of) {
  const own = spansOf(events, skill).map((span) => (of ? { ...span, id: `${shortId(of)}-${span.id}`, parent: span.parent && `${shortId(of)}-${span.parent}`, of } : span));
  return own.flatMap((span) => {
    if (span.kind !== "child" || !known[span.job]?.length) return [span];
    const [root, ...within] = tree(known[span.job], span.hint, known, span.job);
    return [{ ...span, cost: span.cost ?? root.cost, tokens: span.tokens ?? root.tokens }, ...within.map((one) => (one.parent === root.id ? { ...one, parent: span.id } : one))];
  });
}
