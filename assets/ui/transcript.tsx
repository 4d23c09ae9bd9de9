import { lazy, type ReactNode, Suspense, useEffect, useMemo, useRef, useState } from "react";
import { callsOf } from "./agent_tools";
import { EditedArguments } from "./approvals/changes";
import type { Reply, StreamState } from "./follow";
import { usd } from "./format";
import type { JobEvent, Payload } from "./job_events";
import { Markdown } from "./markdown";
import { Matches } from "./matches";
import { type LoadedCall, Message, useModelCall } from "./model_call";
import { spansOf } from "./spans";
import { Line, useEvents, useFollowing, useReply } from "./stream";
import { useTextSearch } from "./text_search";
import { ToolResult } from "./chart/tool_result";
import { Json } from "./value";

const AgentGraph = lazy(() => import("./canvas/agent_graph"));
interface ToolCall {
  use: Payload;
  result: Payload | null;
  approval: Payload | null;
}

/** A reply of the model with its calls of tools. */
interface TurnOfAgent {
  step: number | undefined;
  payload: Payload;
  calls: ToolCall[];
}

const MARKS: Record<string, string> = { pending: "○", in_progress: "◐", completed: "●" };
const NOTHING = new Set<string>();
const idOf = (call: ToolCall) => call.use.tool_use_id ?? "";

/** The conversation of an agent with its tools, from the system prompt on, updated live. */
export function Transcript({ src, isOver = false }: { src: string; isOver?: boolean }) {
  const [events, state] = useEvents(src), [reply, setReply] = useState<Reply>({ step: 0, text: "" }), [isGraph, setGraph] = useState(false);
  useReply(src, setReply);
  const turns = useMemo(() => turnsOf(events), [events]);
  const views = turns.length > 0 && <div className="seg" role="group" aria-label="View"><button type="button" aria-pressed={!isGraph} onClick={() => setGraph(false)}>Conversation</button><button type="button" aria-pressed={isGraph} onClick={() => setGraph(true)}>Graph</button></div>;
  if (isGraph) return <div className="col grow" style={{ minHeight: 0 }}><Line state={state} /><div className="row wrap flow-views">{views}</div><Calls events={events} /></div>;
  return <Conversation {...{ src, isOver, events, state, turns, reply, views }} />;
}

interface ConversationProps {
  src: string;
  isOver: boolean;
  events: JobEvent[];
  state: StreamState;
  turns: TurnOfAgent[];
  reply: Reply;
  views: ReactNode;
}

function Conversation({ src, isOver, events, state, turns, reply, views }: ConversationProps) {
  const [project = "", job = ""] = src.split("/"), [first, failure] = useModelCall(project, job, 1, turns.length > 0), isReady = first || failure || !turns.length; // what is above the turns must not move them
  const [open, setOpen] = useState(NOTHING), [query, setQuery] = useState(""), calls = useMemo(() => turns.flatMap((turn) => turn.calls.map(idOf)), [turns]);
  const following = useFollowing(isOver ? 0 : turns.length + reply.text.length), box = following.ref, hasStarted = useRef(false);
  useEffect(() => { if (isOver && !hasStarted.current && box.current) { box.current.scrollTop = 0; hasStarted.current = turns.length > 0; } }, [isOver, turns.length]); // a finished job is read from its start
  const search = useTextSearch(box, query, `${turns.length} ${open.size} ${first?.messages.length ?? 0} ${query !== ""}`);
  const flip = (id: string) => setOpen((before) => { const after = new Set(before); if (!after.delete(id)) after.add(id); return after; });
  const failed = new Set(events.filter((event) => event.type === "tool_result" && event.payload.ok === false).map((event) => event.payload.step));
  const goTo = (id: string) => box.current?.querySelector(`#${id}`)?.scrollIntoView({ block: "start" });
  return (
    <div className="col grow" style={{ minHeight: 0 }}>
      <Line state={state} />
      {views && (
        <div className="row wrap flow-views">
          {views}
          <input
            className="in small"
            type="search"
            placeholder="Search transcript…"
            aria-label="Search transcript"
            value={query}
            onChange={(event) => setQuery(event.target.value)}
            onKeyDown={(event) => event.key === "Enter" && search.go(event.shiftKey ? -1 : 1)}
          />
          {query && <Matches count={search.count} at={search.at} onGo={search.go} />}
          <span className="grow" />
          {calls.length > 0 && (
            <>
              <button type="button" className="btn quiet small" onClick={() => setOpen(new Set([...calls, "system"]))}>
                Expand all
              </button>
              <button type="button" className="btn quiet small" onClick={() => setOpen(NOTHING)}>
                Collapse all
              </button>
            </>
          )}
        </div>
      )}
      <div className="with-rail">
        {turns.length > 1 && (
          <nav className="rail" aria-label="Steps">
            {first && (
              <button type="button" onClick={() => goTo("turn-start")}>
                Start
              </button>
            )}
            {turns.map((turn) => (
              <button
                key={turn.step}
                type="button"
                data-s={failed.has(turn.step) ? "fail" : ""}
                title={turn.calls.map((call) => call.use.name).join(", ") || "Reply"}
                onClick={() => goTo(`turn-${turn.step}`)}
              >
                {turn.step}{" "}
                <span className="t3 cut">{turn.calls.map((call) => call.use.name).join(", ") || "reply"}</span>
              </button>
            ))}
          </nav>
        )}
        <div
          className="scroll grow transcript"
          ref={box}
          onScroll={following.onScroll}
          tabIndex={0}
          role="log"
          aria-label="Transcript"
        >
          {first && <Opening call={first} isOpen={open.has("system") || query !== ""} onFlip={() => flip("system")} />}
          {!isReady && <p className="skeleton">Loading transcript…</p>}
          {isReady &&
            turns.map((turn) => (
              <Turn key={turn.step} turn={turn} open={open} isAllOpen={query !== ""} onFlip={flip} />
            ))}
          {reply.text && (
            <article className="turn">
              <header>
                <span className="strong">Step {reply.step}</span>
                <span className="spin" aria-hidden="true" />
                <span className="t3">replying</span>
              </header>
              <p className="said">{reply.text}</p>
            </article>
          )}
          {!turns.length && !reply.text && ["ended", "live"].includes(state.phase) && (
            <p className="t3">{state.phase === "ended" ? "This job made no model calls." : "No model replies yet."}</p>
          )}
        </div>
      </div>
    </div>
  );
}

/** The system prompt and the messages before the first reply. */
function Opening({ call, isOpen, onFlip }: { call: LoadedCall; isOpen: boolean; onFlip: () => void }) {
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
function Calls({ events }: { events: JobEvent[] }) {
  const spans = useMemo(() => spansOf(events), [events]), { model, tools } = useMemo(() => callsOf(spans), [spans]);
  return <Suspense fallback={<p className="skeleton pad">Loading graph…</p>}><AgentGraph name={spans[0]?.name || "Agent"} model={model} tools={tools} /></Suspense>;
}

/** Replies with their tool calls and the results. */
function turnsOf(events: JobEvent[]) {
  const turns: TurnOfAgent[] = [], calls = new Map<string | undefined, ToolCall>();
  for (const { type, payload } of events) {
    const known = calls.get(payload.tool_use_id);
    if (type === "model_response") turns.push({ step: payload.step, payload, calls: [] });
    else if (type === "tool_use") { const call: ToolCall = { use: payload, result: null, approval: null }; calls.set(payload.tool_use_id, call); turns.at(-1)?.calls.push(call); }
    else if (type === "tool_result" && known) known.result = payload;
    else if (type === "approval_decided" && known) known.approval = payload;
  }
  return turns;
}

function Turn({ turn, open, isAllOpen, onFlip }: { turn: TurnOfAgent; open: Set<string>; isAllOpen: boolean; onFlip: (id: string) => void }) {
  const { payload, calls } = turn;
  const words = ((payload.blocks ?? []) as { type: string; text?: string }[]).flatMap((block) => (block.type === "text" && block.text?.trim() ? [block.text] : []));
  return (
    <article className="turn" id={`turn-${turn.step}`}>
      <header><span className="strong">Step {turn.step}</span><span className="t3 cut">{payload.model}{payload.label ? ` · ${payload.label}` : ""}</span><span className="grow" /><span className="num t2">{payload.billed_micros == null ? "" : usd(payload.billed_micros)}</span></header>
      {words.map((text, index) => <div className="prose markdown" key={index}><Markdown text={text} /></div>)}
      {payload.blocks_in != null && <p className="t2">This reply is too large to show here. It is stored in the job's journal.</p>}
      {calls.map((call) => <Call key={idOf(call)} {...call} isOpen={isAllOpen || open.has(idOf(call))} onFlip={() => onFlip(idOf(call))} />)}
    </article>
  );
}

function Call({ use, result, approval, isOpen, onFlip }: ToolCall & { isOpen: boolean; onFlip: () => void }) {
  const ok = result?.ok !== false, todos = result?.todos as { status: string; content: string }[] | undefined;
  return (
    <div className="call" data-s={ok ? "" : "fail"}>
      <button type="button" className="row" aria-expanded={isOpen} onClick={onFlip}>
        <i className="wf-k" data-k="tool" /><span className="mono strong">{use.name}</span><span className="t2 cut grow">{use.label ?? summary(use.input)}</span>
        {approval && <span className="tag">{approval.decision === "denied" ? "rejected" : approval.decision}{approval.changed && " with changes"}</span>}
        <span className={ok ? "t3" : "fail-text"}>{result ? (ok ? "done" : "failed") : "running…"}</span>
      </button>
      {todos && <ul className="todos">{todos.map((todo, index) => <li key={index} data-s={todo.status}><span aria-hidden="true">{MARKS[todo.status] ?? "○"}</span> {todo.content}<span className="hidden-label"> ({todo.status})</span></li>)}</ul>}
      {approval?.changed && <EditedArguments decision={approval} />}
      {isOpen && <div className="opened"><Json value={use.input ?? {}} />{result && <ToolResult text={result.preview ?? ""} isOk={ok} />}</div>}
    </div>
  );
}

const summary = (input: unknown) => { const text = input == null ? "" : Object.values(input).filter((value) => typeof value !== "object").join(" · "); return text.length > 120 ? `${text.slice(0, 119)}…` : text; };
