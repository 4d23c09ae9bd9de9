import { useEffect, useState } from "react";
import { Link } from "react-router";
import type { JobRead } from "../../../clients/typescript/src/generated";
import { callApi } from "../api";
import { EventList } from "../events";
import { usd } from "../format";
import type { JobEvent } from "../job_events";
import { LiveCost, LiveProgress } from "../live";
import { Simulated } from "../simulated";
import { useEvents } from "../stream";
import { Elapsed, Pulse } from "../time";
import { Transcript } from "../transcript";
import { Json, Value } from "../value";
import { type Choices, DRAFT, type NoSkill, type PlaySkill } from "./choices";
import { Model } from "./model";
import { RunInNotebook } from "./notebook";
import { Prompt } from "./prompt";
import type { ColumnState, Refusal as RefusedRun } from "./url_state";

type Status = JobRead["status"];
export type View = "steps" | "result" | "json";

interface Caller {
  project: string;
  csrf: string;
  skill: string;
  skillpack: string;
  canWrite: boolean;
}

interface ColumnProps extends Caller {
  column: ColumnState;
  number: number;
  /** Whether there are other columns. */
  isMany: boolean;
  choices: Choices;
  view: View;
  /** The paths at which the results differ. */
  marks: ReadonlySet<string>;
  onChange: (changes: Partial<ColumnState>) => void;
  onRun: () => void;
  onRemove: () => void;
  onEnded: (job: JobRead) => void;
}

const OVER = new Set<string | undefined>(["succeeded", "failed", "cancelled"]);
const STATES: Partial<Record<string, Status>> = { requeued: "queued", resumed: "running", started: "running", waiting: "waiting", queued: "queued", succeeded: "succeeded", failed: "failed", cancelled: "cancelled" };
const WORDS: Record<Status, string> = { queued: "Queued", running: "Running", waiting: "Waiting", succeeded: "Succeeded", failed: "Failed", cancelled: "Canceled" };
const REFRESH_S = 2;

/** One column: its version, model and prompt, and its run, updated live. */
export function Column({ column, number, isMany, choices, view, marks, project, csrf, skill, skillpack, canWrite, onChange, onRun, onRemove, onEnded }: ColumnProps) {
  const src = column.job ? `${project}/${column.job}` : "", [events] = useEvents(src), [job, setJob] = useState<JobRead | null>(null);
  const own: Partial<PlaySkill | NoSkill> = choices.skills[column.version] ?? {}, shown = job?.id === column.job ? job : null, state = shown && OVER.has(shown.status) ? shown.status : stateOf(events), isOver = OVER.has(state);
  const refresh = () => callApi<JobRead>("GET", `/v1/jobs/${column.job}`, { project }).then((found) => { setJob(found); if (OVER.has(found.status)) onEnded(found); }, () => {});
  useEffect(() => { if (column.job) refresh(); }, [column.job, isOver, state === "waiting"]);
  return (
    <article className="column-of-play" aria-label={`Column ${number}`}>
      <div className="column-head">
        <div className="row">
          <Version column={column} choices={choices} canWrite={canWrite} number={number} onChange={onChange} />
          <span className="grow" />
          {isMany && <>{canWrite && <button type="button" className="btn icon" aria-label={`Run column ${number}`} title="Run only this column" onClick={onRun}><svg viewBox="0 0 24 24" fill="currentColor" aria-hidden="true"><path d="M7 4l13 8-13 8z" /></svg></button>}<button type="button" className="btn quiet icon" aria-label={`Remove column ${number}`} onClick={onRemove}>✕</button></>}
        </div>
        {own.is_agentic && <div className="row"><Model label={`Model of column ${number}`} model={column.model} models={choices.models} own={own.model} onPick={(model) => onChange({ model, ...RESET })} />{canWrite && <Prompt {...{ project, csrf, skill, skillpack, number }} version={column.version} edit={column.prompt} onChange={(prompt) => onChange({ prompt, ...RESET })} />}</div>}
      </div>
      {own.failure && <div className="note line-note" data-s="fail" role="alert">{own.failure}</div>}
      {column.refusal && <Refusal refusal={column.refusal} project={project} />}
      {column.job ? <Run {...{ src, state, project, skillpack, canWrite, view, marks, own, events }} job={shown} jobId={column.job} onRefresh={refresh} /> : !column.refusal && <EmptyColumn own={own} isMany={isMany} />}
    </article>
  );
}

export const RESET: Pick<ColumnState, "job" | "refusal"> = { job: "", refusal: null };

function Version({ column, choices, canWrite, number, onChange }: Pick<ColumnProps, "column" | "choices" | "canWrite" | "number" | "onChange">) {
  return (
    <select className="in" aria-label={`Version of column ${number}`} value={column.version} onChange={(event) => onChange({ version: event.target.value, prompt: null, ...RESET })}>
      <option value="">{choices.active ? `v${choices.active} (active)` : "Active version"}</option>
      {choices.versions.filter((one) => one.version !== choices.active || column.version === String(one.version)).map((one) => <option key={one.id} value={String(one.version)}>{`v${one.version}${one.notes ? ` · ${one.notes.slice(0, 40)}` : ""}`}</option>)}
      {canWrite && <option value={DRAFT}>Draft</option>}
    </select>
  );
}

function EmptyColumn({ own, isMany }: { own: Partial<PlaySkill | NoSkill>; isMany: boolean }) {
  return (
    <div className="col nothing">
      <p className="t2">Fill in the form and run the skill. Its steps appear here while it runs.</p>
      <p className="t3">{isMany ? "Differences between the results are highlighted." : "A run is a normal job. Click Compare… to run another version, model or prompt alongside it."}</p>
      {own.version && <span className="tag">{`v${own.version}`}</span>}
    </div>
  );
}

/** Why the job was not submitted; if the wallet is too low, its balance and how to add credit. */
function Refusal({ refusal, project }: { refusal: RefusedRun; project: string }) {
  const { balance_micros: balance, reserved_micros: reserved = 0 } = refusal, isMoney = balance != null;
  return (
    <div className="note line-note" data-s={isMoney ? "wait" : "fail"} role="alert">
      <p>{refusal.detail ?? "The request failed. Try again."}</p>
      {isMoney && <p>Balance: {usd(balance)}{reserved > 0 && ` (${usd(reserved)} reserved)`}. An operator of the instance adds credit with <span className="mono">puras-studio topup {project} 5</span>. <Link to={`/p/${project}/usage`}>Usage and wallet</Link></p>}
      {refusal.code === "budget_reached" && <p><Link to={`/p/${project}/usage`}>Budgets of the project</Link></p>}
      {(refusal.errors ?? []).filter((one) => !one.path.startsWith("inputs.")).slice(0, 5).map((one, index) => <p key={index}><span className="mono">{one.path}</span> {one.message}</p>)}
    </div>
  );
}

interface RunProps extends Pick<ColumnProps, "project" | "skillpack" | "canWrite" | "view" | "marks"> {
  src: string;
  state: Status;
  /** The job, as soon as it is loaded. */
  job: JobRead | null;
  jobId: string;
  own: Partial<PlaySkill | NoSkill>;
  events: JobEvent[];
  onRefresh: () => void;
}

function Run({ src, state, job, jobId, project, skillpack, canWrite, view, marks, own, events, onRefresh }: RunProps) {
  const isOver = OVER.has(state), hasResult = job?.status === "succeeded", isSteps = view === "steps" || !hasResult;
  const started = events.find((event) => event.type === "started"), last = events.at(-1);
  const reason = state === "queued" ? job?.waiting_reason ?? "" : "";
  return (
    <>
      {state === "queued" && <Pulse seconds={REFRESH_S} onTick={onRefresh} />}
      <div className="row column-state">
        <span className="st big" data-s={state} role="status"><b><i />{WORDS[state]}</b><em className="cut" title={reason}>{reason}</em></span>
        <span className="grow" />{canWrite && isOver && <RunInNotebook project={project} skillpack={skillpack} job={jobId} />}<Link to={`/p/${project}/jobs/${jobId}`}>Open the job</Link>
      </div>
      {state === "waiting" && <div className="note line-note" data-s="wait" role="status">A tool call awaits your approval. <Link to={`/p/${project}/jobs/${jobId}`}>Approve or reject it in the job</Link></div>}
      <Simulated job={job} />
      {job?.error && <div className="note line-note" data-s="fail" role="alert">{job.error_code && <span className="mono strong">{job.error_code} · </span>}{job.error}</div>}
      <LiveProgress src={src} isOver={OVER.has(job?.status)} />
      {isSteps && (own.is_agentic ? <Transcript src={src} /> : <EventList src={src} />)}
      {!isSteps && <div className="scroll grow pad" tabIndex={0} role="region" aria-label="Result">{view === "json" ? <Json value={job.result} marks={marks} /> : <Value value={job.result} schema={own.output_schema} project={project} outputs={job.outputs} marks={marks} />}</div>}
      <dl className="column-foot">
        <div><dt>Cost</dt><dd><LiveCost src={src} charged={job ? usd(job.cost_micros) : ""} isOver={OVER.has(job?.status)} /></dd></div>
        <div><dt>Duration</dt><dd><Elapsed start={started?.ts ?? ""} end={isOver ? job?.finished_at ?? last?.ts ?? "" : ""} /></dd></div>
        {own.is_agentic && <div><dt>Tokens</dt><dd className="num">{tokensOf(events)}</dd></div>}
      </dl>
    </>
  );
}

function stateOf(events: JobEvent[]): Status {
  const last = events.findLast((event) => event.type in STATES);
  return (last && STATES[last.type]) ?? "queued";
}

function tokensOf(events: JobEvent[]) {
  const replies = events.filter((event) => event.type === "model_response");
  if (!replies.length) return "None";
  return replies.reduce((sum, { payload: p }) => sum + (p.input_tokens ?? 0) + (p.output_tokens ?? 0), 0).toLocaleString("en");
}
