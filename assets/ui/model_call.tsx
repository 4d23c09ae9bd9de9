import { type ReactNode, useEffect, useState } from "react";
import type { ModelCallRead } from "../../clients/typescript/src/generated";
import { type ApiError, callApi } from "./api";
import { Copy } from "./controls";
import type { Payload } from "./job_events";
import { JsonTree } from "./json_tree";
import { Markdown } from "./markdown";
import { Json } from "./value";

/** A block of a message, whose fields depend on its type. */
interface Block {
  type: string;
  text?: string;
  thinking?: string;
  name?: string;
  input?: unknown;
  is_error?: boolean;
  tool_use_id?: string;
  content?: string | Block[];
  source?: { media_type?: string; data?: string };
}

export interface ModelMessage {
  role: string;
  content: string | Block[];
}

interface ModelTool {
  name: string;
  description?: string;
  input_schema?: unknown;
}

/** A call of a model, with some of its messages. */
export interface LoadedCall extends Omit<ModelCallRead, "messages" | "tools"> {
  messages: ModelMessage[];
  tools: ModelTool[];
}

const TABS = [["input", "Input"], ["output", "Output"], ["raw", "Raw"]] as const, PAGE = 20;
const ROLES: Record<string, string> = { user: "User", assistant: "Agent" };

export const downloadUrl = (project: string, job: string, step: number) => `/v1/jobs/${job}/model-calls/${step}/download?project=${encodeURIComponent(project)}`;

/** A call of a model in tabs: the input as it was sent, the reply, and both as JSON. The input is loaded when it is opened. */
export function ModelCall({ project, job, step, payload }: { project: string; job: string; step: number; payload: Payload | undefined }) {
  const [tab, setTab] = useState<"input" | "output" | "raw">(payload ? "output" : "input"), [call, failure, readEarlier] = useModelCall(project, job, step, tab !== "output");
  return (
    <section className="model-call" aria-label="Model call">
      <div className="seg" role="group" aria-label="Part of the call">{TABS.map(([id, label]) => <button key={id} type="button" aria-pressed={tab === id} onClick={() => setTab(id)}>{label}</button>)}</div>
      {tab === "output" && <Output payload={payload} />}
      {tab !== "output" && failure && <p className="note" data-s="fail" role="alert">{failure}</p>}
      {tab !== "output" && !call && !failure && <p className="skeleton">Loading input…</p>}
      {tab === "input" && call && <Input call={call} onEarlier={readEarlier} />}
      {tab === "raw" && call && <JsonTree value={rawOf(call)} name={`model-call-${step}`} label="Model call" />}
      {tab !== "output" && call && <p className="row wrap"><a href={downloadUrl(project, job, step)} download>Download the whole call</a><a href={`/p/${project}/prompts?job=${job}`}>Prompt version</a>{call.omitted_characters > 0 && <span className="t3">{call.omitted_characters.toLocaleString("en")} characters are not shown here.</span>}</p>}
    </section>
  );
}

/** A model call, loaded when `isOpen`, with a function that loads the messages before those that it has. */
export function useModelCall(project: string, job: string, step: number, isOpen: boolean): [LoadedCall | null, string, () => void] {
  const [found, setFound] = useState<{ call: LoadedCall | null; failure: string }>({ call: null, failure: "" }), url = `/v1/jobs/${job}/model-calls/${step}`;
  useEffect(() => setFound({ call: null, failure: "" }), [url, project]);
  useEffect(() => {
    if (!isOpen || found.call) return undefined;
    let isGone = false;
    callApi<LoadedCall>("GET", `${url}?limit=${PAGE}`, { project }).then((call) => { if (!isGone) setFound({ call, failure: "" }); }, (error: ApiError) => { if (!isGone) setFound({ call: null, failure: error.detail }); });
    return () => { isGone = true; };
  }, [url, project, isOpen]);
  const readEarlier = () => callApi<LoadedCall>("GET", `${url}?limit=${PAGE}&before=${found.call?.first_message ?? 0}`, { project }).then(
    (page) => setFound(({ call }) => ({ call: call && { ...call, first_message: page.first_message, messages: [...page.messages, ...call.messages] }, failure: "" })), (error: ApiError) => setFound(({ call }) => ({ call, failure: error.detail })));
  return [found.call, found.failure, readEarlier];
}

const rawOf = ({ job_id: _, first_message: first, omitted_characters: __, ...rest }: LoadedCall) => ({ ...rest, ...(first > 0 && { first_message: first }) });

function Output({ payload }: { payload: Payload | undefined }) {
  const blocks = (payload?.blocks ?? []) as Block[];
  if (!payload) return <p className="t2">The model did not reply to this call.</p>;
  if (payload.blocks_in) return <p className="t2">This reply is too large for the events. The tab Raw shows it.</p>;
  if (payload.blocks_withheld) return <p className="t2">A guardrail of the skill withholds the text of the model.</p>;
  return blocks.length ? <Blocks blocks={blocks} /> : <p className="t3">The reply is empty.</p>;
}

function Input({ call, onEarlier }: { call: LoadedCall; onEarlier: () => void }) {
  const limits = [call.max_tokens && `at most ${call.max_tokens.toLocaleString("en")} tokens`, call.forced_tool && `must call ${call.forced_tool}`, call.cache_ttl && `cache ${call.cache_ttl}`].filter(Boolean).join(" · ");
  return (
    <>
      <p className="t2"><span className="mono">{call.model}</span>{limits && ` · ${limits}`}</p>
      {call.notes.map((text) => <p key={text} className="note">{text}</p>)}
      <Part title="System" count={`${call.system.length.toLocaleString("en")} characters`} text={call.system}><Words text={call.system} /></Part>
      <Part title="Tools" count={call.tools.length} text={JSON.stringify(call.tools, null, 2)}>{call.tools.map((tool) => <Tool key={tool.name} tool={tool} />)}</Part>
      <h3>Messages <span className="t3">{call.message_count}</span></h3>
      {call.first_message > 0 && <button type="button" className="btn quiet small" onClick={onEarlier}>Show earlier messages ({call.first_message})</button>}
      {call.messages.map((message, index) => <Message key={call.first_message + index} message={message} />)}
    </>
  );
}

function Part({ title, count, text, children }: { title: string; count: ReactNode; text: string; children: ReactNode }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details className="model-part" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary><span className="strong">{title}</span> <span className="t3">{count}</span></summary>
      {isOpen && <div className="col" style={{ gap: 8 }}><div className="row"><span className="grow" /><Copy text={text} label={`Copy ${title.toLowerCase()}`} /></div>{children}</div>}
    </details>
  );
}

function Tool({ tool }: { tool: ModelTool }) {
  return (
    <details className="model-part">
      <summary><span className="mono strong">{tool.name}</span> <span className="t3">{String(tool.description ?? "").split("\n", 1)[0]}</span></summary>
      {tool.description && <p className="as-written">{tool.description}</p>}
      {tool.input_schema != null && <Json value={tool.input_schema} />}
    </details>
  );
}

export function Message({ message }: { message: ModelMessage }) {
  return <article className="model-message" data-role={message.role}><header className="cap">{ROLES[message.role] ?? message.role}</header><Blocks blocks={message.content} /></article>;
}

/** Blocks of a message: text as Markdown, calls and results as they are. */
export function Blocks({ blocks }: { blocks: string | Block[] }): ReactNode {
  if (typeof blocks === "string") return <Words text={blocks} />;
  return blocks.map((block, index) => <Shown key={index} block={block} />);
}

function Shown({ block }: { block: Block }) {
  if (block.type === "text") return <Words text={block.text ?? ""} />;
  if (block.type === "thinking") return <details className="model-part"><summary className="t3">Thinking</summary><p className="as-written t2">{block.thinking}</p></details>;
  if (block.type === "tool_use") return <div className="model-block"><span className="cap">Call <span className="mono strong">{block.name}</span></span><Json value={block.input ?? {}} /></div>;
  if (block.type === "tool_result")
    return (
      <div className="model-block" data-s={block.is_error ? "fail" : ""}>
        <span className="cap">
          {block.is_error ? "Error" : "Result"} <span className="mono">{block.tool_use_id}</span>
        </span>
        {typeof block.content === "string" ? (
          <pre className="code fold" data-s={block.is_error ? "fail" : ""} tabIndex={0}>
            {block.content || "Empty"}
          </pre>
        ) : (
          <Blocks blocks={block.content ?? []} />
        )}
      </div>
    );
  return <p className="tag">{[block.type, block.source?.media_type, block.source?.data].filter(Boolean).join(" · ")}</p>;
}

const Words = ({ text }: { text: string }) => <div className="prose markdown"><Markdown text={text} /></div>;
