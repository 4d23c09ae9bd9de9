import { lazy, Suspense, useMemo, useState } from "react";
import { callsOf } from "./agent_tools";
import { usd } from "./format";
import { spansOf } from "./spans";
import { Line, useEvents, useFollowing, useReply } from "./stream";
import { Json } from "./value";

const AgentGraph = lazy(() => import("./canvas/agent_graph"));
const MARKS = { pending: "○", in_progress: "◐", completed: "●" };

/** The conversation of an agent with its tools, updated live. */
export function Transcript({ src }) {
  const [events, state] = useEvents(src), [reply, setReply] = useState({ step: 0, text: "" });
  useReply(src, setReply);
  const turns = useMemo(() => turnsOf(events), [events]), scroller = useFollowing(turns.length + reply.text.length), [isGraph, setGraph] = useState(false);
  const views = turns.length > 0 && <div className="row wrap flow-views"><div className="seg" role="group" aria-label="View"><button type="button" aria-pressed={!isGraph} onClick={() => setGraph(false)}>Conversation</button><button type="button" aria-pressed={isGraph} onClick={() => setGraph(true)}>Graph</button></div></div>;
  if (isGraph) return <div className="col grow" style={{ minHeight: 0 }}><Line state={state} />{views}<Calls events={events} /></div>;
  return (
    <div className="col grow" style={{ minHeight: 0 }}>
      <Line state={state} />
      {views}
      <div className="scroll grow transcript" {...scroller} tabIndex={0} role="log" aria-label="Transcript">
        {turns.map((turn) => <Turn key={turn.step} turn={turn} />)}
        {reply.text && <article className="turn"><header><span className="strong">Step {reply.step}</span><span className="spin" aria-hidden="true" /><span className="t3">replying</span></header><p className="said">{reply.text}</p></article>}
        {!turns.length && !reply.text && ["ended", "live"].includes(state.phase) && <p className="t3">{state.phase === "ended" ? "This job made no model calls." : "No model replies yet."}</p>}
      </div>
    </div>
  );
}

/** The model and the tools that the agent has called, with counts and cost. */
function Calls({ events }) {
  const spans = useMemo(() => spansOf(events), [events]), { model, tools } = useMemo(() => callsOf(spans), [spans]);
  return <Suspense fallback={<p className="skeleton pad">Loading graph…</p>}><AgentGraph name={spans[0]?.name || "Agent"} model={model} tools={tools} /></Suspense>;
}

/** Replies with their tool calls and the results. */
function turnsOf(events) {
  const turns = [], calls = new Map();
  for (const { type, payload, id } of events) {
    if (type === "model_response") turns.push({ step: payload.step, id, payload, calls: [] });
    else if (type === "tool_use") { const call = { use: payload, result: null, approval: null }; calls.set(payload.tool_use_id, call); turns.at(-1)?.calls.push(call); }
    else if (type === "tool_result" && calls.has(payload.tool_use_id)) calls.get(payload.tool_use_id).result = payload;
    else if (type === "approval_decided" && calls.has(payload.tool_use_id)) calls.get(payload.tool_use_id).approval = payload;
  }
  return turns;
}

function Turn({ turn }) {
  const { payload, calls } = turn;
  const words = (payload.blocks ?? []).filter((block) => block.type === "text" && block.text.trim());
  return (
    <article className="turn">
      <header><span className="strong">Step {turn.step}</span><span className="t3 cut">{payload.model}{payload.label ? ` · ${payload.label}` : ""}</span><span className="grow" /><span className="num t2">{payload.billed_micros == null ? "" : usd(payload.billed_micros)}</span></header>
      {words.map((block, index) => <p className="said" key={index}>{block.text}</p>)}
      {payload.blocks_in && <p className="t2">This reply is too large to show here. It is stored in the job's journal.</p>}
      {calls.map((call) => <Call key={call.use.tool_use_id} {...call} />)}
    </article>
  );
}

function Call({ use, result, approval }) {
  const [isOpen, setOpen] = useState(false), ok = result?.ok !== false;
  return (
    <div className="call" data-s={ok ? "" : "fail"}>
      <button type="button" className="row" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <i className="wf-k" data-k="tool" /><span className="mono strong">{use.name}</span><span className="t2 cut grow">{use.label ?? summary(use.input)}</span>
        {approval && <span className="tag">{approval.decision === "denied" ? "rejected" : approval.decision}</span>}
        <span className={ok ? "t3" : "fail-text"}>{result ? (ok ? "done" : "failed") : "running…"}</span>
      </button>
      {result?.todos && <ul className="todos">{result.todos.map((todo, index) => <li key={index} data-s={todo.status}><span aria-hidden="true">{MARKS[todo.status] ?? "○"}</span> {todo.content}<span className="hidden-label"> ({todo.status})</span></li>)}</ul>}
      {isOpen && <div className="opened"><Json value={use.input ?? {}} />{result && <pre className="code fold" data-s={ok ? "" : "fail"} tabIndex={0}>{result.preview || "Empty"}</pre>}</div>}
    </div>
  );
}

const summary = (input) => { const text = input == null ? "" : Object.values(input).filter((value) => typeof value !== "object").join(" · "); return text.length > 120 ? `${text.slice(0, 119)}…` : text; };
