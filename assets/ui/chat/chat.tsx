import { type RefObject, useEffect, useMemo, useRef, useState } from "react";
import type { AgentSessionRead, SkillRead } from "../../../clients/typescript/src/generated";
import { type ApiError, callApi } from "../api";
import { Confirm } from "../controls";
import { Dialog } from "../dialog";
import { usd } from "../format";
import type { Schema } from "../schema_types";
import { Line, useFollowing } from "../stream";
import { type Act, Composer, type SessionStart } from "./composer";
import { followSession, type StreamState } from "./session_stream";
import { Turn } from "./turn";
import { type Turn as TurnOfSession, withFrame } from "./turns";

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
  const [session, setSession] = useState(given), [problem, setProblem] = useState(""), composer = useRef<HTMLTextAreaElement>(null), seen = useRef(started), schema = useInputSchema(project, skill, environment);
  useEffect(() => { setSession(given); setProblem(""); }, [given]);
  useEffect(() => { if (started !== seen.current) composer.current?.focus(); seen.current = started; }, [started]);
  const open = (id: string) => { setProblem(""); setSession(id); onOpen?.(id); }; // a second message must not wait for the state of the page
  const start = useMemo(() => ({ path: "/v1/sessions", json: { skill, environment } }), [skill, environment]);
  return <Conversation {...{ project, csrf, skill, start, schema, canWrite, session, problem, composer }} onOpen={open} onChanged={() => onChanged?.()} onProblem={setProblem} />;
}

/** The input schema of the active version of an agent; null as long as it is unknown. */
function useInputSchema(project: string, skill: string, environment: string) {
  const [schema, setSchema] = useState<Schema | null>(null);
  useEffect(() => {
    let isGone = false;
    setSchema(null);
    callApi<SkillRead>("GET", `/v1/skills/${skill.split("/").map(encodeURIComponent).join("/")}?${new URLSearchParams({ environment })}`, { project }).then((found) => { if (!isGone) setSchema(found.input_schema); }, () => {}); // the inputs can be written as JSON
    return () => { isGone = true; };
  }, [project, skill, environment]);
  return schema;
}

interface ConversationProps extends Who {
  start: SessionStart;
  /** The input schema of the agent; null as long as it is unknown. */
  schema: Schema | null;
  session: string;
  problem: string;
  composer: RefObject<HTMLTextAreaElement | null>;
  onOpen: (id: string) => void;
  onChanged: () => void;
  onProblem: (problem: string) => void;
}

/** The messages of a session, and the field for the next one. */
export function Conversation({ project, csrf, skill, start, schema, canWrite, session, problem, composer, onOpen, onChanged, onProblem }: ConversationProps) {
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
      {canWrite && <Composer {...{ project, csrf, start, schema, session, turns, act, onOpen }} field={composer} />}
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
