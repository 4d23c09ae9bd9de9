import { useEffect, useRef, useState } from "react";
import { Link } from "react-router";
import type { JobRead } from "../../../clients/typescript/src/generated";
import { callApi } from "../api";
import { EventList } from "../events";
import { usd } from "../format";
import type { JobEvent } from "../job_events";
import { LiveCost, LiveProgress } from "../live";
import type { Schema } from "../schema_types";
import { Simulated } from "../simulated";
import { useEvents } from "../stream";
import { Elapsed, Pulse } from "../time";
import { Transcript } from "../transcript";
import { Json, Value } from "../value";
import { addFinished, useDifferences } from "./finished";
import { RunInNotebook } from "./notebook";

type Status = JobRead["status"];
type View = "steps" | "result" | "json";

interface Props {
  project: string;
  skillpack: string;
  /** The ID of the job. */
  job: string;
  /** The IDs of the jobs of all columns, whose results are compared. */
  jobs: string[];
  view: View;
  isAgent: boolean;
  outputSchema: Schema;
  canWrite: boolean;
  /** Receives the ID of the job after it has ended. */
  onEnded?: (job: string) => void;
}

const OVER = new Set<string | undefined>(["succeeded", "failed", "cancelled"]);
const STATES: Partial<Record<string, Status>> = { requeued: "queued", resumed: "running", started: "running", waiting: "waiting", queued: "queued", succeeded: "succeeded", failed: "failed", cancelled: "cancelled" };
const WORDS: Record<Status, string> = { queued: "Queued", running: "Running", waiting: "Waiting", succeeded: "Succeeded", failed: "Failed", cancelled: "Canceled" };
const REFRESH_S = 2;

/** The run of one column, updated live. */
export function ColumnRun({ project, skillpack, job: id, jobs, view, isAgent, outputSchema, canWrite, onEnded }: Props) {
  const src = `${project}/${id}`, [events] = useEvents(src), [job, setJob] = useState<JobRead | null>(null), { marks } = useDifferences(jobs);
  const state = job && OVER.has(job.status) ? job.status : stateOf(events), isOver = OVER.has(state), call = useRef(onEnded);
  call.current = onEnded;
  const refresh = () => callApi<JobRead>("GET", `/v1/jobs/${id}`, { project }).then((found) => {
    setJob(found);
    if (!OVER.has(found.status)) return;
    addFinished(found);
    call.current?.(found.id);
  }, () => {});
  useEffect(() => { refresh(); }, [id, isOver, state === "waiting"]);
  const hasResult = job?.status === "succeeded", isSteps = view === "steps" || !hasResult;
  const started = events.find((event) => event.type === "started"), last = events.at(-1);
  const reason = state === "queued" ? job?.waiting_reason ?? "" : "";
  return (
    <>
      {state === "queued" && <Pulse seconds={REFRESH_S} onTick={refresh} />}
      <div className="row column-state">
        <span className="st big" data-s={state} role="status"><b><i />{WORDS[state]}</b><em className="cut" title={reason}>{reason}</em></span>
        <span className="grow" />{canWrite && isOver && <RunInNotebook project={project} skillpack={skillpack} job={id} />}<Link to={`/p/${project}/jobs/${id}`}>Open the job</Link>
      </div>
      {state === "waiting" && <div className="note line-note" data-s="wait" role="status">A tool call awaits your approval. <Link to={`/p/${project}/jobs/${id}`}>Approve or reject it in the job</Link></div>}
      <Simulated job={job} />
      {job?.error && <div className="note line-note" data-s="fail" role="alert">{job.error_code && <span className="mono strong">{job.error_code} · </span>}{job.error}</div>}
      <LiveProgress src={src} isOver={OVER.has(job?.status)} />
      {isSteps && (isAgent ? <Transcript src={src} /> : <EventList src={src} />)}
      {!isSteps && <div className="scroll grow pad" tabIndex={0} role="region" aria-label="Result">{view === "json" ? <Json value={job.result} marks={marks} /> : <Value value={job.result} schema={outputSchema} project={project} outputs={job.outputs} marks={marks} />}</div>}
      <dl className="column-foot">
        <div><dt>Cost</dt><dd><LiveCost src={src} charged={job ? usd(job.cost_micros) : ""} isOver={OVER.has(job?.status)} /></dd></div>
        <div><dt>Duration</dt><dd><Elapsed start={started?.ts ?? ""} end={isOver ? job?.finished_at ?? last?.ts ?? "" : ""} /></dd></div>
        {isAgent && <div><dt>Tokens</dt><dd className="num">{tokensOf(events)}</dd></div>}
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
