import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";
import { callsOf } from "./agent_tools";
import { usd } from "./format";
import { Markdown } from "./markdown";
import { Message, useModelCall } from "./model_call";
import { spansOf } from "./spans";
import { Line, useEvents, useFollowing, useReply } from "./stream";
import { useTextSearch } from "./text_search";
import { Json } from "./value";

const AgentGraph = lazy(() => import("./canvas/agent_graph"));
const MARKS = { pending: "○", in_progress: "◐", completed: "●" };
const NOTHING = new Set();

/** The conversation of an agent with its tools, from the system prompt on, updated live. */
export function Transcript({ src, isOver = false }) {
  const [events, state] = useEvents(src), [reply, setReply] = useState({ step: 0, text: "" }), [isGraph, setGraph] = useState(false);
  useReply(src, setReply);
  const turns = useMemo(() => turnsOf(events), [events]);
  const views = turns.length > 0 && <div className="seg" role="group" aria-label="View"><button type="button" aria-pressed={!isGraph} onClick={() => setGraph(false)}>Conversation</button><button type="button" aria-pressed={isGraph} onClick={() => setGraph(true)}>Graph</button></div>;
  if (isGraph) return <div className="col grow" style={{ minHeight: 0 }}><Line state={state} /><div className="row wrap flow-views">{views}</div><Calls events={events} /></div>;
  return <Conversation {...{ src, isOver, events, state, turns, reply, views }} />;
}

function Conversation({ src, isOver, events, state, turns, reply, views }) {
  const [project, job] = src.split("/"), [first, failure] = useModelCall(project, job, 1, turns.length > 0), isReady = first || failure || !turns.length; // what is above the turns must not move them
  const [open, setOpen] = useState(NOTHING), [query, setQuery] = useState(""), calls = useMemo(() => turns.flatMap((turn) => turn.calls.map((call) => call.use.tool_use_id)), [turns]);
  const following = useFollowing(isOver ? 0 : turns.length + reply.text.length), box = following.ref, hasStarted = useRef(false);
  useEffect(() => { if (isOver && !hasStarted.current && box.current) { box.current.scrollTop = 0; hasStarted.current = turns.length > 0; } }, [isOver, turns.length]); // a finished job is read from its start
  const search = useTextSearch(box, query, `${turns.length} ${open.size} ${first?.messages.length ?? 0} ${query !== ""}`);
  const flip = (id) => setOpen((before) => { const after = new Set(before); if (!after.delete(id)) after.add(id); return after; });
  const failed = new Set(events.filter((event) => event.type === "tool_result" && event.payload.ok === false).map((event) => event.payload.step));
  const goTo = (id) => box.current?.querySelector(`#${id}`)?.scrollIntoView({ block: "start" });
  return (
    <div className="col grow" style={{ minHeight: 0 }}>
      <Line state={state} />
      {views && <div className="row wrap flow-views">
        {views}
        <input className="in small" type="search" placeholder="Search transcript…" aria-label="Search transcript" value={query} onChange={(event) => setQuery(event.target.value)} onKeyDown={(event) => event.key === "Enter" && search.go(event.shiftKey ? -1 : 1)} />
        {query && <><span className="t3 num" role="status">{search.count ? `${search.at + 1} of ${search.count}` : "No match"}</span><button type="button" className="btn quiet small" aria-label="Previous match" disabled={!search.count} onClick={() => search.go(-1)}>↑</button><button type="button" className="btn quiet small" aria-label="Next match" disabled={!search.count} onClick={() => search.go(1)}>↓</button></>}
        <span className="grow" />
        {calls.length > 0 && <><button type="button" className="btn quiet small" onClick={() => setOpen(new Set([...calls, "system"]))}>Expand all</button><button type="button" className="btn quiet small" onClick={() => setOpen(NOTHING)}>Collapse all</button></>}
      </div>}
      <div className="with-rail">
        {turns.length > 1 && <nav className="rail" aria-label="Steps">
          {first && <button type="button" onClick={() => goTo("turn-start")}>Start</button>}
          {turns.map((turn) => <button key={turn.step} type="button" data-s={failed.has(turn.step) ? "fail" : ""} title={turn.calls.map((call) => call.use.name).join(", ") || "Reply"} onClick={() => goTo(`turn-${turn.step}`)}>{turn.step} <span className="t3 cut">{turn.calls.map((call) => call.use.name).join(", ") || "reply"}</span></button>)}
        </nav>}
        <div className="scroll grow transcript" ref={box} onScroll={following.onScroll} tabIndex={0} role="log" aria-label="Transcript">
          {first && <Opening call={first} isOpen={open.has("system") || query !== ""} onFlip={() => flip("system")} />}
          {!isReady && <p className="skeleton">Loading transcript…</p>}
          {isReady && turns.map((turn) => <Turn key={turn.step} turn={turn} open={open} isAllOpen={query !== ""} onFlip={flip} />)}
          {reply.text && <article className="turn"><header><span className="strong">Step {reply.step}</span><span className="spin" aria-hidden="true" /><span className="t3">replying</span></header><p className="said">{reply.text}</p></article>}
          {!turns.length && !reply.text && ["ended", "live"].includes(state.phase) && <p className="t3">{state.phase === "ended" ? "This job made no model calls." : "No model replies yet."}</p>}
        </div>
      </div>
    </div>
  );
}

/** The system prompt and the messages before the first reply. */
function Opening({ call, isOpen, onFlip }) {
  return (
    <div id="turn-start" className="col" style={{ gap: 12 }}>
      <article className="turn" aria-label="System prompt">
        <button type="button" className="row bare-row" aria-expanded={isOpen} onClick={onFlip}><span className="strong">System</span><span className="t3 cut grow">{isOpen ? "" : call.system.slice(0, 160)}</span><span className="t3 num">{call.system.length.toLocaleString("en")} characters</span></button>
        {isOpen && <div className="prose markdown"><Markdown text={call.system} /></div>}
      </article>
      {call.messages.map((message, index) => <div key={index} className="turn"><Message message={message} /></div>)}
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

function Turn({ turn, open, isAllOpen, onFlip }) {
  const { payload, calls } = turn;
  const words = (payload.blocks ?? []).filter((block) => block.type === "text" && block.text.trim());
  return (
    <article className="turn" id={`turn-${turn.step}`}>
      <header><span className="strong">Step {turn.step}</span><span className="t3 cut">{payload.model}{payload.label ? ` · ${payload.label}` : ""}</span><span className="grow" /><span className="num t2">{payload.billed_micros == null ? "" : usd(payload.billed_micros)}</span></header>
      {words.map((block, index) => <div className="prose markdown" key={index}><Markdown text={block.text} /></div>)}
      {payload.blocks_in && <p className="t2">This reply is too large to show here. It is stored in the job's journal.</p>}
      {calls.map((call) => <Call key={call.use.tool_use_id} {...call} isOpen={isAllOpen || open.has(call.use.tool_use_id)} onFlip={() => onFlip(call.use.tool_use_id)} />)}
    </article>
  );
}

function Call({ use, result, approval, isOpen, onFlip }) {
  const ok = result?.ok !== false;
  return (
    <div className="call" data-s={ok ? "" : "fail"}>
      <button type="button" className="row" aria-expanded={isOpen} onClick={onFlip}>
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
