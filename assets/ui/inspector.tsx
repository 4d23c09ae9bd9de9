import { EditedArguments } from "./approvals/changes";
import { Link } from "react-router";
import { Fork } from "./fork";
import { duration, exact, exactWithUtc, usd } from "./format";
import { textOf } from "./event_text";
import type { JobEvent, Payload } from "./job_events";
import { ModelCall } from "./model_call";
import type { Span } from "./spans";
import { Json } from "./value";

const KINDS: Record<Span["kind"] | "step", string> = { run: "Job", queue: "Queue", attempt: "Attempt", function: "Function", waiting: "Waiting", step: "Step", durable_step: "Durable step", llm: "Model", tool: "Tool", child: "Skill", phase: "Runtime", ghost: "Journal", mark: "Note" };
const STATES = { failed: "Failed", lost: "Lost (its later writes are rejected)", replayed: "Replayed from the journal at no cost" };
const HIDDEN = ["blocks", "input", "preview"]; // shown separately

interface Props {
  span: Span | undefined;
  /** The events of the job of the span. */
  events: JobEvent[];
  project: string;
  csrf: string;
  job: string;
  canFork: boolean;
}

/** The details of one span of the job; an agent can be forked after a step. */
export function Inspector({ span, events, project, csrf, job, canFork }: Props) {
  if (!span) return <p className="pad t3">Select a span to see its details.</p>;
  const event = events.find((one) => one.id === span.event), result = events.find((one) => one.id === span.result);
  return (
    <div className="scroll grow pad inspector" tabIndex={0} role="region" aria-label="Span">
      <div className="cap">{KINDS[span.kind]}</div>
      <h2 className="break">{span.name}</h2>
      {span.hint && <p className="t2 break">{span.hint}</p>}
      <dl className="kv">
        <dt>Started</dt><dd title={exactWithUtc(span.start)}>{exact(span.start)}</dd>
        <dt>Duration</dt><dd>{span.end == null ? "Running" : duration(span.end - span.start)}</dd>
        {span.state && <><dt>State</dt><dd data-state={span.state}>{STATES[span.state]}</dd></>}
        {span.tokens != null && <><dt>Tokens</dt><dd className="plain">{span.tokens.toLocaleString("en")}</dd></>}
        {span.cost != null && <><dt>Cost</dt><dd className="plain">{usd(span.cost)}</dd></>}
      </dl>
      {span.job && <p><Link to={`/p/${project}/jobs/${span.job}`}>Open subjob</Link></p>}
      {span.kind === "llm" && span.step != null && <ModelCall key={span.id} project={project} job={span.of ?? job} step={span.step} payload={event?.payload} />}
      {span.kind === "tool" && event && <Call call={event.payload} result={result?.payload} decision={events.find((one) => one.type === "approval_decided" && one.payload.tool_use_id === event.payload.tool_use_id)?.payload} />}
      {span.logs && <Logs events={events.filter((one) => span.logs?.includes(one.id))} />}
      {canFork && span.kind === "step" && event && <Fork key={event.id} project={project} csrf={csrf} job={job} step={event.payload.step ?? 0} events={events} />}
      {event && !(span.kind === "llm" && span.end == null) && <Facts event={result ?? event} />}
    </div>
  );
}

function Call({ call, result, decision }: { call: Payload; result: Payload | undefined; decision: Payload | undefined }) {
  return (
    <>
      <h3>Input</h3>
      {call.input === undefined ? <p className="t2">{call.input_bytes ? `${String(call.input_bytes)} bytes, stored in the job's journal` : "None"}</p> : <Json value={call.input} />}
      {decision?.changed && <EditedArguments decision={decision} />}
      {result && <><h3>{result.ok === false ? "Error" : "Result"}</h3><pre className="code fold" data-s={result.ok === false ? "fail" : ""} tabIndex={0}>{result.preview || "Empty"}</pre></>}
    </>
  );
}

function Logs({ events }: { events: JobEvent[] }) {
  const text = events.map(({ payload }) => (payload.text ?? "") + (payload.stream === "log" ? "\n" : "")).join("");
  return <><h3>Log</h3><pre className="code fold" tabIndex={0}>{text}</pre></>;
}

function Facts({ event }: { event: JobEvent }) {
  const facts = Object.fromEntries(Object.entries(event.payload).filter(([name]) => !HIDDEN.includes(name)));
  if (!Object.keys(facts).length) return null;
  return <><h3>{textOf(event).what} <span className="t3">event {event.id}</span></h3><Json value={facts} /></>;
}
