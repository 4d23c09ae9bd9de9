import { PendingApprovals } from "../approvals";
import { usd } from "../format";
import { Markdown } from "../markdown";
import { Json } from "../value";
import { isLive, type Message, type Step as StepOfAgent, stepsBefore, textOfReply, type Turn as TurnOfSession } from "./turns";

const WAITS: Partial<Record<string, string>> = { queued: "Waiting", running: "Working", waiting: "Awaiting approval" };
const ENDS: Partial<Record<string, string>> = { failed: "Failed", cancelled: "Canceled" };

interface Props {
  turn: TurnOfSession;
  project: string;
  csrf: string;
  canWrite: boolean;
  onError: (detail: string) => void;
}

/** One message, what the agent does, and its reply. */
export function Turn({ turn, project, csrf, canWrite, onError }: Props) {
  const files = turn.message.content.filter((block) => block.type !== "text"), text = turn.message.content.filter((block) => block.type === "text").map((block) => block.text).join("\n");
  return (
    <li className="chat-turn">
      <article className="chat-user" aria-label="You">
        {text && <p className="as-written">{text}</p>}
        {!text && <Json value={turn.message.inputs} />}
        {files.map((file, at) => <span key={at} className="tag">{file.drive_path ?? file.url ?? file.media_type ?? file.type}</span>)}
      </article>
      <article className="chat-agent" aria-label="Agent" aria-busy={isLive(turn)}>
        {turn.isSimulated && <span className="tag" title="No language model ran.">simulated</span>}
        {stepsBefore(turn).map((step) => <Step key={step.step} step={step} />)}
        {turn.live && <p className="as-written">{turn.live}</p>}
        {turn.status === "waiting" && <PendingApprovals job={turn.jobId} changes={turn.approvals} project={project} csrf={csrf} canWrite={canWrite} onError={onError} />}
        {turn.reply && <Reply turn={turn} reply={turn.reply} />}
        <footer className="row wrap t3">
          {isLive(turn) && <><span className="spin" aria-hidden="true" /><span>{WAITS[turn.status]}</span></>}
          {turn.reply && <span>{usd(turn.reply.cost_micros)}</span>}
          {turn.reply?.version && <span>version {turn.reply.version}</span>}
          <a href={`/p/${project}/jobs/${turn.jobId}`} aria-label={`Job of turn ${turn.number}`}>Job</a>
        </footer>
      </article>
    </li>
  );
}

function Step({ step }: { step: StepOfAgent }) {
  return (
    <>
      {step.text.trim() && <div className="prose markdown"><Markdown text={step.text} /></div>}
      {step.calls.map((call) => (
        <details key={call.tool_use_id} className="chat-call">
          <summary><span className="mono">{call.name}</span> <span className="t3">{call.label ?? ""}</span>{call.state === "fail" && <span className="tag" data-s="fail">failed</span>}{!call.state && <span className="t3">…</span>}</summary>
          <Json value={call.input ?? {}} />
        </details>
      ))}
    </>
  );
}

function Reply({ turn, reply }: { turn: TurnOfSession; reply: Message }) {
  const text = textOfReply(turn), isResult = reply.result !== null && typeof reply.result === "object" && Object.keys(reply.result).length > 1;
  return (
    <>
      {isResult ? <Json value={reply.result} /> : text && <div className="prose markdown"><Markdown text={text} /></div>}
      {reply.interrupted && <p className="t3">The reply was interrupted.</p>}
      {reply.status !== "succeeded" && <p className="note" data-s={reply.status === "failed" ? "fail" : ""} role={reply.status === "failed" ? "alert" : "status"}>{ENDS[reply.status]}{reply.error ? `: ${reply.error}` : ""}</p>}
    </>
  );
}
