import { useEffect, useMemo, useState } from "react";
import { useFamily } from "./family";
import { Inspector } from "./inspector";
import type { JobEvent } from "./job_events";
import type { Span } from "./spans";
import { Split } from "./split";
import { Line, useEvents, useNow } from "./stream";
import { firstToSee, useSpanClock, Waterfall } from "./waterfall";

interface Props {
  /** `project/job`. */
  src: string;
  skill: string;
  csrf: string;
  canFork?: boolean;
  isOver?: boolean;
}

/** The spans of a job as a waterfall with an inspector; the URL names the selected span. */
export function Timeline({ src, skill, csrf, canFork = false, isOver: isJobOver = false }: Props) {
  const [events, state] = useEvents(src), [chosen, setChosen] = useState(() => spanOfUrl());
  const { spans, eventsOf } = useFamily(src, events, skill);
  const isOver = isJobOver || state.phase === "ended", clock = useNow(!isOver && state.phase !== "refused");
  const now = useSpanClock(spans, isOver, clock);
  const drawn = useMemo(() => (isOver ? spans.map((span) => (span.end == null ? { ...span, end: Math.max(span.start, now) } : span)) : spans), [spans, isOver, now]); // a job that has ended has no open spans
  const [project = "", job = ""] = src.split("/");
  const selected = spans.some((span) => span.id === chosen) ? chosen : firstToSee(spans);
  const select = (id: string) => { setChosen(id); history.replaceState(history.state, "", `#${id}`); };
  useEffect(() => {
    const update = () => setChosen(spanOfUrl());
    addEventListener("hashchange", update);
    return () => removeEventListener("hashchange", update);
  }, []);
  if (!spans.length) return <><Line state={state} />{["connecting", "live"].includes(state.phase) && <p className="skeleton">Loading timeline…</p>}</>;
  return (
    <>
      <Line state={state} />
      <Split name="inspector" label="Inspector width">
        <Waterfall spans={drawn} now={now} selected={selected} onSelect={select} />
        <SpanInspector span={drawn.find((span) => span.id === selected)} {...{ eventsOf, project, csrf, job, canFork }} />
      </Split>
    </>
  );
}

const spanOfUrl = () => (typeof location === "undefined" ? null : decodeURIComponent(location.hash.slice(1)) || null);

interface InspectorProps {
  span: Span | undefined;
  eventsOf: (span?: Span) => JobEvent[];
  project: string;
  csrf: string;
  job: string;
  canFork: boolean;
}

/** The inspector of a span, with the events of its job; only the job of the page can be forked here. */
function SpanInspector({ span, eventsOf, project, csrf, job, canFork }: InspectorProps) {
  return <Inspector span={span} events={eventsOf(span)} project={project} csrf={csrf} job={job} canFork={canFork && !span?.of} />;
}
