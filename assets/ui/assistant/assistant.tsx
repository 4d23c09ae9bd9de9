import { type FormEvent, useEffect, useMemo, useRef, useState } from "react";
import type { AssistantCreate, AssistantRead, DraftProblemRead, JobRead } from "../../../clients/typescript/src/generated";
import { type ApiError, callApi } from "../api";
import { EventList } from "../events";
import { shortId } from "../format";
import { LiveCost } from "../live";
import { type LanguageModel, modelsOf } from "../play/choices";
import { Model } from "../play/model";
import { useEvents } from "../stream";
import { type Asked, forgetUrl, toFix } from "./asked";
import { Proposal, type ProposalDraft, proposalOf, type Write } from "./proposal";

interface Caller {
  project: string;
  csrf: string;
}

interface StartProps extends Caller {
  /** URL of the draft in the API. */
  base: string;
  /** The open skill. */
  skill?: { name: string } | null;
  /** The path of the open file. */
  file?: string | null;
  problem?: DraftProblemRead;
  /** A task that another part of the page fills in. */
  asked: Asked | null;
  /** Save the open files, which the assistant copies. */
  beforeRun: () => Promise<unknown>;
}

interface Props extends StartProps {
  skillpack: string;
  draft: ProposalDraft;
  write: Write;
}

const SIMULATED = "puras/rehearsal";
const DEFAULT_FAMILY = "claude/"; // of the default model of an instance, unless its operator names another one
const DEFAULT_BUDGET = "1.00", MAX_BUDGET = 20; // as in backend/skills/assistant/skill.py
const STATES: Record<string, string> = { succeeded: "Proposal ready", failed: "Failed", cancelled: "Stopped" };

/** The assistant of a draft: a task, its progress, and the proposed changes. */
export default function Assistant({ base, project, csrf, skillpack, skill, file, problem, asked, draft, write, beforeRun }: Props) {
  const [models, setModels] = useState<LanguageModel[] | null>(null), slot = `assistant:${project}/${skillpack}`, [job, setJob] = useState(() => (asked ? "" : sessionStorage.getItem(slot) ?? ""));
  useEffect(() => { modelsOf(project).then(setModels, () => setModels([])); }, [project]);
  useEffect(() => { if (asked) setJob(""); }, [asked]);
  const show = (id: string) => { setJob(id); if (id) sessionStorage.setItem(slot, id); else sessionStorage.removeItem(slot); if (id) forgetUrl(); };
  if (models === null) return <p className="skeleton pad">Loading the assistant…</p>;
  const usable = models.filter((one) => one.hasKey && one.slug !== SIMULATED);
  if (!usable.length) return <p className="pad t2">The assistant needs a language model. <a href={`/p/${project}/settings/providers`}>Add an API key of a provider</a>.</p>;
  if (job) return <Run key={job} {...{ job, project, csrf, draft, write }} onNew={() => show("")} onContinued={show} />;
  return <Start {...{ base, project, csrf, skill, file, problem, asked, models: usable, beforeRun }} onStarted={show} />;
}

/** The form that starts it. */
function Start({ base, project, csrf, skill, file, problem, asked, models, beforeRun, onStarted }: StartProps & { models: LanguageModel[]; onStarted: (job: string) => void }) {
  const [task, setTask] = useState(asked?.task ?? ""), [context, setContext] = useState<Omit<Asked, "task">>(asked ?? {}), [model, setModel] = useState(() => (models.some((one) => one.slug.startsWith(DEFAULT_FAMILY)) ? "" : models[0]?.slug ?? "")), [budget, setBudget] = useState(DEFAULT_BUDGET);
  const [isBusy, setBusy] = useState(false), [failure, setFailure] = useState(""), field = useRef<HTMLTextAreaElement>(null), usd = Number(budget), isValid = usd > 0 && usd <= MAX_BUDGET;
  useEffect(() => { if (asked) { setTask(asked.task); setContext(asked); } field.current?.focus(); }, [asked]);
  const suggest = (text: string, more: Omit<Asked, "task"> = {}) => { setTask(text); setContext(more); field.current?.focus(); };
  const start = async (event: { preventDefault: () => void }) => {
    event.preventDefault();
    if (isBusy || !isValid || !task.trim()) return;
    setBusy(true); setFailure("");
    try {
      await beforeRun();
      const named = { ...(skill && { skill: skill.name }), ...(file && { file }), ...(context.problem && { problem: context.problem }), ...(context.job_id && { job_id: context.job_id }) };
      const json: AssistantCreate = { task: task.trim(), budget_usd: usd, ...(model && { model }), ...named }, made = await callApi<AssistantRead>("POST", `${base}/assistant`, { project, csrf, json });
      onStarted(made.job_id);
    } catch (error) { setFailure((error as ApiError).detail ?? "The request failed. Try again."); setBusy(false); }
  };
  return (
    <form className="col scroll grow pad assistant" onSubmit={start}>
      <label className="col" style={{ gap: 4 }}><span className="strong">What should the assistant do?</span>
        <textarea ref={field} className="in" rows={5} maxLength={20_000} value={task} placeholder="Build a skill that…" onChange={(event) => setTask(event.target.value)} onKeyDown={(event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) start(event); }} /></label>
      <div className="row wrap" style={{ gap: 6 }} role="group" aria-label="Suggestions">
        <button type="button" className="chip" onClick={() => suggest("Build a skill that ")}>Build a skill that…</button>
        {problem && <button type="button" className="chip" onClick={() => suggest(toFix(problem).task, toFix(problem))}>Fix this problem</button>}
        {skill && <button type="button" className="chip" onClick={() => suggest(`Explain the last failure of ${skill.name}.`)}>Explain the last failure</button>}
        {skill && <button type="button" className="chip" onClick={() => suggest(`Write eval cases for ${skill.name} from its jobs.`)}>Write eval cases from its jobs</button>}
        <button type="button" className="chip" onClick={() => suggest("Make a tool for this API:\n")}>Make a tool for this API</button>
      </div>
      {(context.problem || context.job_id) && <p className="t2 break">{context.problem ? `Problem: ${context.problem}` : <>Job: <a className="mono" href={`/p/${project}/jobs/${context.job_id}`}>{shortId(context.job_id ?? "")}</a></>} <button type="button" className="btn quiet small" onClick={() => setContext({})}>Remove</button></p>}
      <div className="row wrap" style={{ gap: 12, alignItems: "end" }}>
        <label className="col" style={{ gap: 4 }}><span className="label">Model</span><Model label="Model of the assistant" model={model} models={models} own="" onPick={setModel} /></label>
        <label className="col" style={{ gap: 4 }}><span className="label">Budget (USD)</span><input className="in num" style={{ width: 96 }} inputMode="decimal" value={budget} aria-invalid={!isValid} onChange={(event) => setBudget(event.target.value)} /></label>
        <button className="btn pri" disabled={isBusy || !isValid || !task.trim()}>{isBusy && <span className="spin" />}Start</button>
      </div>
      <p className="t3">{isValid ? `It costs at most $${usd.toFixed(2)}, including the runs that it starts.` : `Enter a budget of at most $${MAX_BUDGET}.`} It works on a copy of the draft, without secrets, internet and drive. You decide which changes are applied.</p>
      {failure && <div className="note" data-s="fail" role="alert">{failure}</div>}
    </form>
  );
}

/** The progress of one run, then its proposal. */
interface RunProps extends Caller, Pick<Props, "draft" | "write"> {
  job: string;
  onNew: () => void;
  onContinued: (job: string) => void;
}

function Run({ job, project, csrf, draft, write, onNew, onContinued }: RunProps) {
  const src = `${project}/${job}`, [events] = useEvents(src), [ended, setEnded] = useState<JobRead | null>(null), [failure, setFailure] = useState(""), [isStopping, setStopping] = useState(false), [more, setMore] = useState("");
  const last = events.findLast((event) => event.type in STATES)?.type, isOver = Boolean(last), result = useMemo(() => (ended?.status === "succeeded" ? proposalOf(ended.result) : null), [ended]);
  useEffect(() => { if (isOver) callApi<JobRead>("GET", `/v1/jobs/${job}`, { project }).then(setEnded, (error: ApiError) => setFailure(error.detail)); }, [isOver, job, project]);
  const stop = async () => {
    setStopping(true);
    try { await callApi("POST", `/v1/jobs/${job}/cancel`, { project, csrf }); } catch (error) { setFailure((error as ApiError).detail); setStopping(false); }
  };
  const ask = async (event: FormEvent) => {
    event.preventDefault();
    if (!more.trim()) return;
    try { onContinued((await callApi<JobRead>("POST", `/v1/jobs/${job}/continue`, { project, csrf, json: { inputs: { task: more.trim() } } })).id); } catch (error) { setFailure((error as ApiError).detail ?? "The request failed. Try again."); }
  };
  return (
    <div className="col grow" style={{ minHeight: 0 }}>
      <div className="row wrap chips">
        <span className="strong" role="status">{last ? STATES[last] : isStopping ? "Stopping" : "Working"}</span><LiveCost src={src} charged={ended ? `$${ended.cost_usd}` : ""} isOver={Boolean(ended)} />
        <span className="grow" /><a href={`/p/${project}/jobs/${job}`}>Open the job</a>
        {isOver ? <button type="button" className="btn small" onClick={onNew}>New task</button> : <button type="button" className="btn small danger" disabled={isStopping} onClick={stop}>Stop</button>}
      </div>
      {failure && <div className="note line-note" data-s="fail" role="alert">{failure}</div>}
      {ended?.error && <div className="note line-note" data-s="fail" role="alert">{ended.error}</div>}
      {!isOver && <EventList src={src} />}
      {result && <Proposal key={job} {...{ result, draft, write }} />}
      {isOver && ended && !result && <EventList src={src} />}
      {result && <form className="row chips assistant-more" onSubmit={ask}><input className="in grow" value={more} aria-label="Ask for changes" placeholder="Ask for changes…" maxLength={20_000} onChange={(event) => setMore(event.target.value)} /><button className="btn" disabled={!more.trim()}>Send</button></form>}
    </div>
  );
}
