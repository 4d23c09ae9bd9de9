import { useEffect, useMemo, useState } from "react";
import { useFamily } from "./family";
import { Inspector } from "./inspector";
import { Split } from "./split";
import { Line, useEvents, useNow } from "./stream";
import { firstToSee, useSpanClock, Waterfall } from "./waterfall";

/** What a job did and when, as a waterfall with an inspector; the chosen span is in the address. */
export function Timeline({ src, skill, csrf, canFork = false, isOver: isJobOver = false }) {
  const [events, state] = useEvents(src), [chosen, setChosen] = useState(() => spanOfAddress());
  const { spans, eventsOf } = useFamily(src, events, skill);
  const isOver = isJobOver || state.phase === "ended", clock = useNow(!isOver && state.phase !== "refused");
  const now = useSpanClock(spans, isOver, clock);
  const drawn = useMemo(() => (isOver ? spans.map((span) => (span.end == null ? { ...span, end: Math.max(span.start, now) } : span)) : spans), [spans, isOver, now]); // nothing lasts in a job that is over
  const [project, job] = src.split("/");
  const selected = spans.some((span) => span.id === chosen) ? chosen : firstToSee(spans);
  const select = (id) => { setChosen(id); history.replaceState(history.state, "", `#${id}`); };
  useEffect(() => {
    const look = () => setChosen(spanOfAddress());
    addEventListener("hashchange", look);
    return () => removeEventListener("hashchange", look);
  }, []);
  if (!spans.length) return <><Line state={state} />{["connecting", "live"].includes(state.phase) && <p className="skeleton">Loading the timeline…</p>}</>;
  return (
    <>
      <Line state={state} />
      <Split name="inspector" label="Width of the inspector">
        <Waterfall spans={drawn} now={now} selected={selected} onSelect={select} />
        <Seen span={drawn.find((span) => span.id === selected)} {...{ eventsOf, project, csrf, job, canFork }} />
      </Split>
    </>
  );
}

const spanOfAddress = () => (typeof location === "undefined" ? null : decodeURIComponent(location.hash.slice(1)) || null);

/** The inspector of a span, with the events of the job that it is of; only the page's own job is forked here. */
function Seen({ span, eventsOf, project, csrf, job, canFork }) {
  return <Inspector span={span} events={eventsOf(span)} project={project} csrf={csrf} job={job} canFork={canFork && !span?.of} />;
}
