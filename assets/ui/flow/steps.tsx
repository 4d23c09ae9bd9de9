import { type CSSProperties, lazy, type ReactNode, Suspense, useCallback, useEffect, useRef, useState } from "react";
import { Link } from "react-router";
import type { ElementCounts, JobStepRead } from "../../../clients/typescript/src/generated";
import { type ApiError, callApi, list } from "../api";
import { shortId, usd } from "../format";
import { Line, useEvents, useNow } from "../stream";
import { Json } from "../value";
import { RunFromHere } from "./run_from_here";
import { countsOf, Status, took, WORDS } from "./step_facts";

const JobCanvas = lazy(() => import("../canvas/job_canvas"));
const PAGE = 50, MAX_STEPS = 200, PAUSE_MS = 1_500; // while a flow runs, its steps are loaded at most this often
const HAS_RESULT = new Set<string>(["skill", "prompt", "python", "approval", "wait"]);

interface Props {
  /** `project/job`. */
  src: string;
  csrf: string;
  isOver: boolean;
  canFork: boolean;
}

/** The job of a step; `version` is another number whenever there are new events. */
interface OfJob {
  project: string;
  job: string;
  version: number;
}

/** The steps of a flow, updated live. Elements of a step are loaded page by page when it is opened. */
export function FlowSteps({ src, csrf, isOver, canFork }: Props) {
  const [project = "", job = ""] = src.split("/"), [events, state] = useEvents(src), { steps, failure } = useSteps(project, job, events.length, isOver);
  const now = useNow(!isOver, 1_000), [open, setOpen] = useState<string | null>(null), [isCanvas, setCanvas] = useState(false);
  if (failure) return <div className="note" data-s="fail" role="alert">{failure}</div>;
  if (!steps) return <p className="skeleton">Loading steps…</p>;
  const depths = depthsOf(steps), more = (step: JobStepRead) => canFork && <RunFromHere step={step} steps={steps} project={project} csrf={csrf} job={job} />;
  const views = <div className="seg" role="group" aria-label="View"><button type="button" aria-pressed={!isCanvas} onClick={() => setCanvas(false)}>List</button><button type="button" aria-pressed={isCanvas} onClick={() => setCanvas(true)}>Canvas</button></div>;
  if (isCanvas) {
    return (
      <div className="col grow" style={{ minHeight: 0 }}>
        <div className="row wrap flow-views">{views}<Line state={state} /></div>
        <Suspense fallback={<p className="skeleton pad">Loading canvas…</p>}><JobCanvas steps={steps} now={now} detailsOf={(step) => <Details step={step} project={project} job={job} version={events.length}>{more(step)}</Details>} /></Suspense>
      </div>
    );
  }
  return (
    <div className="scroll grow pad" tabIndex={0} role="region" aria-label="Steps">
      <div className="row wrap flow-views">{views}<Line state={state} /></div>
      <ul className="runs flow-steps" aria-label="Steps of the flow">
        {steps.map((step) => (
          <Step key={step.name} step={step} depth={depths.get(step.name) ?? 0} now={now} isOpen={open === step.name} onToggle={() => setOpen(open === step.name ? null : step.name)} project={project} job={job} version={events.length}>
            {more(step)}
          </Step>
        ))}
      </ul>
    </div>
  );
}

/** The steps of a job, which are loaded again after new events; the last time when the job has ended. */
function useSteps(project: string, job: string, version: number, isOver: boolean) {
  const [found, setFound] = useState<{ steps: JobStepRead[] | null; failure: string }>({ steps: null, failure: "" }), last = useRef(-PAUSE_MS);
  useEffect(() => {
    let isGone = false;
    const read = () => {
      last.current = performance.now();
      callApi<JobStepRead[]>("GET", `/v1/jobs/${job}/steps?limit=${MAX_STEPS}`, { project }).then((steps) => isGone || setFound({ steps, failure: "" }), (error: ApiError) => isGone || setFound((before) => ({ ...before, failure: before.steps ? "" : error.detail })));
    };
    const timer = setTimeout(read, isOver ? 0 : Math.max(0, last.current + PAUSE_MS - performance.now()));
    return () => { isGone = true; clearTimeout(timer); };
  }, [project, job, version, isOver]);
  return found;
}

/** How many steps contain each step. */
function depthsOf(steps: JobStepRead[]) {
  const depths = new Map<string, number>();
  for (const { name, parent } of steps) depths.set(name, parent ? (depths.get(parent) ?? 0) + 1 : 0);
  return depths;
}

interface StepProps extends OfJob {
  step: JobStepRead;
  depth: number;
  now: number;
  isOpen: boolean;
  onToggle: () => void;
  children: ReactNode;
}

function Step({ step, depth, now, isOpen, onToggle, project, job, version, children }: StepProps) {
  return (
    <li style={{ "--depth": depth } as CSSProperties} data-step={step.name}>
      <button type="button" className="row wrap" aria-expanded={isOpen} onClick={onToggle}>
        <span className="t3" aria-hidden="true">{isOpen ? "▾" : "▸"}</span>
        <Status status={step.status} />
        <span className="strong break">{step.title ?? step.name}</span>
        <span className="t3">{step.kind}</span>
        {step.is_copied && <span className="tag">copied</span>}
        {step.is_edited && <span className="tag" data-s="wait">edited</span>}
        {step.elements && <span className="t2">{countsOf(step.elements)}</span>}
        <span className="grow" />
        <span className="num t2">{took(step, now)}</span>
        <span className="num">{step.cost_micros ? usd(step.cost_micros) : ""}</span>
      </button>
      {step.error && <p className="fail-text break flow-error">{step.error}</p>}
      {isOpen && <div className="opened"><Details {...{ step, project, job, version }}>{children}</Details></div>}
    </li>
  );
}

/** The job and the result of a step. */
function Details({ step, project, job, version, children }: OfJob & { step: JobStepRead; children: ReactNode }) {
  return (
    <>
      <div className="row wrap">
        <span className="mono t2">{step.name}</span>
        {step.child_job_id && <Link to={`/p/${project}/jobs/${step.child_job_id}`}>Open job {shortId(step.child_job_id)}</Link>}
        {step.tries > 1 && <span className="t3">{step.tries} tries</span>}
        <span className="grow" />
        {children}
      </div>
      {step.elements && <Elements step={step} counts={step.elements} project={project} job={job} version={version} />}
      {!step.elements && step.status === "succeeded" && HAS_RESULT.has(step.kind) && <Result step={step} />}
    </>
  );
}

function Result({ step }: { step: JobStepRead }) {
  return step.has_long_result ? <p className="t2">The result is too large to show here. Open the job of the step to see it.</p> : <Json value={step.result} />;
}

const FILTERS = ["failed", "running", "succeeded", "cancelled"] as const;

/** Add the rows of a page to those that are shown. */
type Merge = (shown: JobStepRead[], fresh: JobStepRead[]) => JobStepRead[];

/** The elements of a step, failed ones first: pages of them with one status, or of all. */
function Elements({ step, counts, project, job, version }: OfJob & { step: JobStepRead; counts: ElementCounts }) {
  const [filter, setFilter] = useState(counts.failed ? "failed" : ""), [rows, setRows] = useState<JobStepRead[] | null>(null), [next, setNext] = useState<string | null>(null), [failure, setFailure] = useState("");
  const path = `/v1/jobs/${job}/steps?step=${encodeURIComponent(step.name)}&limit=${PAGE}${filter && `&status=${filter}`}`;
  const read = useCallback((from: string, merge: Merge) => list<JobStepRead>(from, { project }).then((page) => { setRows((before) => merge(before ?? [], page.rows)); setNext((before) => (from === path || before === from ? page.next : before)); setFailure(""); }, (error: ApiError) => setFailure(error.detail)), [project, path]);
  useEffect(() => { setRows(null); setNext(null); read(path, (_, fresh) => fresh); }, [path]);
  const isLive = counts.running > 0;
  useEffect(() => {
    if (!isLive) return undefined;
    const timer = setTimeout(() => list<JobStepRead>(path, { project }).then(({ rows: fresh }) => setRows((before) => merged(before ?? [], fresh)), () => {}), PAUSE_MS); // the first page only
    return () => clearTimeout(timer);
  }, [version, isLive]);
  const filters: [status: string, label: string][] = [["", "All"], ...FILTERS.filter((status) => counts[status]).map((status): [string, string] => [status, `${WORDS[status]} (${counts[status].toLocaleString("en")})`])];
  return (
    <div className="col" style={{ gap: 8 }}>
      <div className="seg" role="group" aria-label="Filter elements">{filters.map(([id, label]) => <button key={id} type="button" aria-pressed={filter === id} onClick={() => setFilter(id)}>{label}</button>)}</div>
      {failure && <div className="note" data-s="fail" role="alert">{failure}</div>}
      {!rows && !failure && <p className="skeleton">Loading elements…</p>}
      {rows?.length === 0 && <p className="t2">{step.is_copied || step.is_edited ? "The elements were not copied. The original job has them." : "No elements."}</p>}
      {rows && rows.length > 0 && <ul className="flow-elements" aria-label={`Elements of ${step.name}`}>{rows.map((one) => <Element key={one.item} element={one} project={project} />)}</ul>}
      {next && <button type="button" className="btn" style={{ alignSelf: "flex-start" }} onClick={() => read(next, (before, fresh) => [...before, ...fresh])}>Show more</button>}
    </div>
  );
}

/** The rows, with the fresh ones instead of those that they replace. */
const merged: Merge = (rows, fresh) => {
  const known = new Map(rows.map((row) => [row.item, row]));
  for (const row of fresh) known.set(row.item, row);
  return [...known.values()].toSorted((one, other) => (one.item ?? 0) - (other.item ?? 0));
};

function Element({ element, project }: { element: JobStepRead; project: string }) {
  return (
    <li className="row wrap">
      <span className="num t3">{(element.item ?? 0) + 1}</span>
      <Status status={element.status} />
      {element.child_job_id && <Link className="mono" to={`/p/${project}/jobs/${element.child_job_id}`}>{shortId(element.child_job_id)}</Link>}
      {element.is_copied && <span className="tag">copied</span>}
      <span className="t2 cut grow">{element.error ?? (element.result == null ? "" : JSON.stringify(element.result).slice(0, 200))}</span>
      <span className="num t2">{took(element, Date.now())}</span>
      <span className="num">{element.cost_micros ? usd(element.cost_micros) : ""}</span>
    </li>
  );
}
