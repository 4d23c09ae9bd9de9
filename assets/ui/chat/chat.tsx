import { type KeyboardEvent, type RefObject, useEffect, useMemo, useRef, useState } from "react";
import type { AgentSessionRead } from "../../../clients/typescript/src/generated";
import { type ApiError, callApi, newKey } from "../api";
import { Confirm } from "../controls";
import { Dialog } from "../dialog";
import { usd } from "../format";
import { Line, useFollowing } from "../stream";
import { followSession, type StreamState } from "./session_stream";
import { Turn } from "./turn";
import { isLive, type Turn as TurnOfSession, withFrame } from "./turns";

interface Who {
  project: string;
  csrf: string;
  /** The full name of the agent. */
  skill: string;
  canWrite: boolean;
}

interface ChatProps extends Who {
  environment: string;
  /** The ID of the conversation; empty for a new one. */
  session: string;
  /** Increases when the field of the message is to get the focus. */
  started: number;
  onOpen?: (id: string) => void;
  onChanged?: () => void;
}

/** The open conversation with an agent in an environment. */
export function Chat({ project, csrf, skill, environment, canWrite, session: given, started, onOpen, onChanged }: ChatProps) {
  const [session, setSession] = useState(given), [problem, setProblem] = useState(""), composer = useRef<HTMLTextAreaElement>(null), seen = useRef(started);
  useEffect(() => { setSession(given); setProblem(""); }, [given]);
  useEffect(() => { if (started !== seen.current) composer.current?.focus(); seen.current = started; }, [started]);
  const open = (id: string) => { setProblem(""); setSession(id); onOpen?.(id); }; // a second message must not wait for the state of the page
  const start = useMemo(() => ({ path: "/v1/sessions", json: { skill, environment } }), [skill, environment]);
  return <Conversation {...{ project, csrf, skill, start, canWrite, session, problem, composer }} onOpen={open} onChanged={() => onChanged?.()} onProblem={setProblem} />;
}

/** The request that creates a session with the first message, and what to wait for before it. */
export interface SessionStart {
  path: string;
  json: unknown;
  before?: () => Promise<unknown>;
}

interface ConversationProps extends Who {
  start: SessionStart;
  session: string;
  problem: string;
  composer: RefObject<HTMLTextAreaElement | null>;
  onOpen: (id: string) => void;
  onChanged: () => void;
  onProblem: (problem: string) => void;
}

/** The messages of a session, and the field for the next one. */
export function Conversation({ project, csrf, skill, start, canWrite, session, problem, composer, onOpen, onChanged, onProblem }: ConversationProps) {
  const [turns, setTurns] = useState<TurnOfSession[]>([]), [state, setState] = useState<StreamState>({ phase: "connecting" }), [facts, setFacts] = useState<AgentSessionRead | null>(null);
  const written = turns.at(-1)?.live.length ?? 0, ended = turns.filter((turn) => turn.reply).length, scroller = useFollowing(`${turns.length} ${written} ${ended}`);
  useEffect(() => {
    setTurns([]);
    setState({ phase: "connecting" });
    if (!session) return undefined;
    return followSession(project, session, { onState: setState, onItem: (_, event, data) => setTurns((before) => withFrame(before, event, data)) });
  }, [project, session]);
  useEffect(() => {
    if (!session) { setFacts(null); return undefined; }
    let isGone = false;
    callApi<AgentSessionRead>("GET", `/v1/sessions/${session}`, { project }).then((found) => { if (!isGone) setFacts(found); }, () => {}); // the stream shows the error
    onChanged();
    return () => { isGone = true; };
  }, [project, session, turns.length, ended]);
  const act: Act = async (call) => { onProblem(""); try { return await call(); } catch (error) { onProblem((error as ApiError).detail); return null; } };
  const remove = async () => { if (await act(async () => { await callApi("DELETE", `/v1/sessions/${session}`, { project, csrf }); return true; })) { onOpen(""); onChanged(); } };
  return (
    <section className="chat-main" aria-label="Conversation">
      {session && facts && <header className="row chat-head">
        <button type="button" className="btn quiet small chat-back" onClick={() => onOpen("")}>All</button>
        <h2 className="cut grow">{facts.title || "New conversation"}</h2>
        {facts.is_draft && <span className="tag" title="All turns run the draft as it was when the conversation started">draft</span>}
        {facts.environment && facts.environment !== "production" && <span className="tag">{facts.environment}</span>}
        <span className="t3 num">{usd(facts.cost_micros)}</span>
        {canWrite && <Rename title={facts.title} onRename={async (title) => { setFacts(await callApi("PATCH", `/v1/sessions/${session}`, { project, csrf, json: { title } })); onChanged(); }} />}
        {canWrite && <Confirm label="Delete" kind="quiet small" title="Delete this conversation?" text="Its messages and jobs are deleted. This cannot be undone." confirm="Delete" onConfirm={remove} />}
      </header>}
      <Line state={state} />
      <div className="scroll grow chat-log" {...scroller} tabIndex={0} role="log" aria-label="Messages">
        {!session && <p className="t3 chat-none">Write a message to start a conversation with <b>{skill}</b>.</p>}
        <ol>{turns.map((turn) => <Turn key={turn.number} {...{ turn, project, csrf, canWrite }} onError={onProblem} />)}</ol>
      </div>
      {problem && <div className="note line-note" data-s="fail" role="alert">{problem}</div>}
      {canWrite && <Composer {...{ project, csrf, start, session, turns, act, onOpen }} field={composer} />}
    </section>
  );
}

function Rename({ title, onRename }: { title: string; onRename: (title: string) => Promise<void> }) {
  const field = useRef<HTMLInputElement>(null);
  return (
    <Dialog label="Rename" kind="quiet small" title="Rename the conversation" confirm="Rename" onConfirm={() => onRename(field.current?.value ?? title)}>
      <label className="col"><span className="cap">Title</span><input ref={field} className="in" defaultValue={title} maxLength={200} required autoFocus /></label>
    </Dialog>
  );
}

/** Run a request, and show its error. */
type Act = <Result>(call: () => Promise<Result>) => Promise<Result | null>;

interface ComposerProps extends Omit<Who, "canWrite" | "skill"> {
  start: SessionStart;
  session: string;
  turns: TurnOfSession[];
  act: Act;
  onOpen: (id: string) => void;
  field: RefObject<HTMLTextAreaElement | null>;
}

/** The field for the next message. Enter sends it, and Shift+Enter starts a new line. */
function Composer({ project, csrf, start, session, turns, act, onOpen, field }: ComposerProps) {
  const [text, setText] = useState(""), [inputs, setInputs] = useState(""), [hasInputs, setHasInputs] = useState(false), [isBusy, setBusy] = useState(false);
  const running = turns.find(isLive), isSending = useRef(false), slot = useRef(""), created = useRef("");
  const send = (whileRunning: "queue" | "interrupt") => act(async () => {
    if (isSending.current || !(text.trim() || inputs.trim())) return;
    let given: unknown;
    try { given = inputs.trim() ? JSON.parse(inputs) : {}; } catch (error) { throw { detail: `The inputs are not valid JSON: ${(error as Error).message}` }; }
    setBusy(true);
    isSending.current = true; // a second click can come before the button is disabled
    slot.current ||= newKey(); // after a lost connection, the same message is the same request
    try {
      if (!session) await start.before?.();
      const id = session || created.current || (await callApi<AgentSessionRead>("POST", start.path, { project, csrf, slot: slot.current, json: start.json })).id;
      created.current = session ? "" : id;
      try {
        await callApi("POST", `/v1/sessions/${id}/messages`, { project, csrf, slot: slot.current, json: { content: text, inputs: given, while_running: whileRunning } });
      } catch (error) {
        const isLost = (error as ApiError).code === "connection_lost";
        if (!isLost) slot.current = created.current = "";
        if (!session && !isLost) { // no conversation without a message
          await callApi("DELETE", `/v1/sessions/${id}`, { project, csrf }).catch(() => {});
        }
        throw error;
      }
      setText("");
      setInputs("");
      setHasInputs(false);
      slot.current = created.current = "";
      if (!session) onOpen(id);
    } finally { setBusy(false); isSending.current = false; }
  });
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send(event.ctrlKey || event.metaKey ? "interrupt" : "queue");
  };
  return (
    <form className="col chat-composer" onSubmit={(event) => { event.preventDefault(); send("queue"); }}>
      <textarea ref={field} className="in" rows={3} aria-label="Message" placeholder="Message" value={text} onChange={(event) => { slot.current = ""; setText(event.target.value); }} onKeyDown={onKeyDown} />
      {hasInputs && <textarea className="in mono" rows={3} aria-label="Inputs as JSON" placeholder='{"name": "value"}' value={inputs} onChange={(event) => setInputs(event.target.value)} />}
      <div className="row wrap">
        <button type="button" className="btn quiet small" aria-expanded={hasInputs} onClick={() => setHasInputs(!hasInputs)}>Inputs</button>
        <span className="t3 grow chat-hint">{running ? "A turn is running: the message is sent after it." : "Enter to send, Shift+Enter for a new line"}</span>
        {running && <button type="button" className="btn" onClick={() => act(() => callApi("POST", `/v1/sessions/${session}/cancel`, { project, csrf }))}>Stop</button>}
        {running && <button type="button" className="btn" disabled={isBusy || !text.trim()} onClick={() => send("interrupt")}>Interrupt and send</button>}
        <button className="btn pri" disabled={isBusy || !(text.trim() || inputs.trim())}>{isBusy && <span className="spin" />}{running ? "Queue" : "Send"}</button>
      </div>
    </form>
  );
}
