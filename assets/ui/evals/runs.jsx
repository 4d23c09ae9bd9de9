import { useEffect, useState } from "react";
import { Link } from "react-router";
import { callApi } from "../api";
import { Confirm } from "../controls";
import { duration, usd } from "../format";
import { Json } from "../value";
import { Diff } from "../versions/diff";
import { whyNot } from "../versions/gate";
import { Approvals } from "../approvals";
import { useApprovals } from "./approvals";
import { awaitingApproval, baseOf, difference, isLive, statusOf, suiteName } from "./suites";

const MAX_RUNS = 200;
const FILTERS = [["all", "All"], ["against", "Not passed"], ["worse", "Regressions"]];

/** One suite: its numbers compared with another suite, and every run with both outputs. */
export function Runs({ suite, suites, isAgent, project, csrf, skillpack, canWrite, onChanged, onError }) {
  const [chosen, setChosen] = useState(null), [runs, setRuns] = useState([]), [filter, setFilter] = useState("all"), [compared, setCompared] = useState(null);
  const base = chosen === "" ? null : suites.find((one) => one.id === chosen) ?? baseOf(suites, suite), session = { project, csrf }, approvals = useApprovals({ suite, project });
  useEffect(() => setChosen(null), [suite.id]);
  useEffect(() => {
    let isGone = false;
    callApi("GET", `/v1/evals/${suite.id}/cases?limit=${MAX_RUNS}${base ? `&base=${base.id}` : ""}`, session).then((found) => isGone || setRuns(found), (error) => isGone || onError(error.detail));
    return () => { isGone = true; };
  }, [suite.id, suite.completed_runs, suite.waiting_runs, suite.status, base?.id, project]);
  useEffect(() => {
    setCompared(null);
    if (!base || suite.status !== "succeeded") return undefined;
    let isGone = false;
    callApi("GET", `/v1/skillpacks/${skillpack}/evals/diff?skill=${encodeURIComponent(suite.skill_name)}&base=${base.id}&head=${suite.id}`, session).then((found) => isGone || setCompared(found), () => {}); // optional: the numbers are shown without it
    return () => { isGone = true; };
  }, [suite.id, suite.status, base?.id, project]);
  const act = (path) => callApi("POST", `/v1/evals/${suite.id}/${path}`, session).then(onChanged, (error) => onError(error.detail));
  const shown = runs.filter((run) => filter === "all" || (filter === "against" ? run.passed === false || run.error : isWorse(run)));
  return (
    <section aria-label="Suite" className="col" style={{ gap: 12 }}>
      <div className="row wrap">
        <h2>{suiteName(suite, isAgent)}</h2>{suite.waiting_runs > 0 && isLive(suite) ? <span className="st" data-s="waiting"><b><i />{awaitingApproval(suite.waiting_runs)}</b></span> : <span className="t3">{statusOf(suite)}</span>}<span className="t3">{suite.repeat > 1 ? ` · each case ${suite.repeat} times` : ""}</span><span className="grow" />
        {canWrite && isLive(suite) && <Confirm label="Cancel…" title="Cancel this suite?" text="Unfinished jobs of the suite are canceled. Finished runs are kept." confirm="Cancel suite" kind="danger" onConfirm={() => act("cancel")} />}
        {canWrite && suite.status === "succeeded" && !suite.is_baseline && <Confirm label="Set as baseline…" title="Set this suite as the baseline?" text={`Review the outputs of the suite first. Gates will reject versions of ${suite.skill_name} that are worse than this suite.`} confirm="Set baseline" onConfirm={() => act("baseline")} />}
      </div>
      {suite.error && <div className="note" data-s="fail" role="alert">{suite.error}</div>}
      <Numbers suite={suite} base={base} />
      {compared && <Verdict compared={compared} />}
      <div className="row wrap">
        <div className="seg" role="group" aria-label="Filter runs">{FILTERS.map(([id, label]) => <button key={id} type="button" aria-pressed={filter === id} onClick={() => setFilter(id)}>{label}</button>)}</div>
        <span className="grow" />
        <label className="row"><span className="t2">Compare with</span><select className="in" value={base?.id ?? ""} onChange={(event) => setChosen(event.target.value)}><option value="">None</option>{suites.filter((one) => one.id !== suite.id && one.finished_at).map((one) => <option key={one.id} value={one.id}>{suiteName(one, isAgent)}, {one.mean_score ?? "–"}{one.is_baseline ? " (baseline)" : ""}</option>)}</select></label>
      </div>
      <ul className="runs" aria-label="Runs">{shown.map((run) => <Run key={run.number} run={run} base={base} project={project}>{approvals.has(run.job_id) && <Approvals approvals={approvals.get(run.job_id)} project={project} csrf={csrf} canWrite={canWrite} onDecided={onChanged} onError={onError} />}</Run>)}</ul>
      {!shown.length && <p className="t2">{runs.length ? "No matching runs." : "No runs yet. The first jobs are being submitted."}</p>}
      {suite.total_runs > MAX_RUNS && <p className="t3">The first {MAX_RUNS} of {suite.total_runs} runs; the rest: <span className="mono">GET /v1/evals/{suite.id}/cases</span></p>}
    </section>
  );
}

const isWorse = (run) => Boolean(run.base) && ((run.base.passed && run.passed === false) || (run.score ?? 101) < (run.base.score ?? 0));

function Numbers({ suite, base }) {
  const rows = [
    ["Mean score", suite.mean_score ?? "–", difference(suite.mean_score, base?.mean_score)],
    ["Passed", suite.pass_rate_pct === null ? "–" : `${suite.pass_rate_pct} %`, difference(suite.pass_rate_pct, base?.pass_rate_pct)],
    ["Mean cost per run", suite.mean_cost_micros === null ? "–" : usd(suite.mean_cost_micros), base?.mean_cost_micros != null && suite.mean_cost_micros !== null && base.mean_cost_micros !== suite.mean_cost_micros ? `vs ${usd(base.mean_cost_micros)}` : ""],
    ["Mean duration", suite.mean_latency_ms === null ? "–" : duration(suite.mean_latency_ms), base?.mean_latency_ms != null && suite.mean_latency_ms !== null ? `vs ${duration(base.mean_latency_ms)}` : ""],
  ];
  return (
    <dl className="numbers">
      {rows.map(([name, value, by]) => <div key={name}><dt>{name}</dt><dd className="num">{value} {by && <span className={`by ${by.startsWith("−") ? "fail-text" : "t3"}`}>{by}</span>}</dd></div>)}
      {suite.graders.map((one) => <div key={one.name}><dt>{one.name} <span className="t3">{one.kind}</span></dt><dd className="num">{one.mean_score === null ? "skipped" : Math.round(1000 * one.mean_score) / 10}</dd></div>)}
    </dl>
  );
}

function Verdict({ compared: { regressed, base, broken_cases: broken, fixed_cases: fixed } }) {
  const compared = `v${base.version}${base.is_baseline ? " (baseline)" : ""}`;
  return (
    <div className="note" data-s={regressed ? "fail" : "ok"} role="status">
      <span className="strong">{regressed ? `Regressions vs ${compared}.` : `No regressions vs ${compared}.`}</span>
      {broken.length > 0 && <span> Passed before, fails now: {broken.slice(0, 10).join(", ")}{broken.length > 10 ? " …" : ""}.</span>}
      {fixed.length > 0 && <span> Failed before, passes now: {fixed.slice(0, 10).join(", ")}{fixed.length > 10 ? " …" : ""}.</span>}
    </div>
  );
}

/** `[state, text]`; a run without a job has not started, and one whose job is `waiting` awaits an approval. */
function stateOf(run) {
  if (run.passed) return ["succeeded", "Passed"];
  if (run.error || run.status === "gone") return ["failed", "No result"];
  if (run.passed === false) return ["failed", "Not passed"];
  if (!run.job_id || run.status === "queued") return ["queued", "Queued"];
  return run.status === "waiting" ? ["waiting", "Awaiting approval"] : ["running", "Running"];
}

function Run({ run, base, project, children }) {
  const [isOpen, setOpen] = useState(false), [state, word] = stateOf(run);
  return (
    <li>
      <button type="button" className="row" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <span className="t3" aria-hidden="true">{isOpen ? "▾" : "▸"}</span><span className="st" data-s={state}><b><i />{word}</b></span>
        <span className="mono">{run.case_id}{run.round > 1 ? ` #${run.round}` : ""}</span>{isWorse(run) && <span className="tag" data-s="fail">regression</span>}
        <span className="t2 cut grow">{run.passed ? "" : state === "failed" ? whyNot(run) : ""}</span>
        <span className="num">{run.score ?? ""}{run.base && <span className="t3"> {difference(run.score, run.base.score, 0)}</span>}</span>
      </button>
      {children}
      {isOpen && <RunDetails run={run} base={base} project={project} />}
    </li>
  );
}

function RunDetails({ run, base, project }) {
  return (
    <div className="opened">
      <div className="side-by-side">
        {run.base && <figure><figcaption className="cap">Output of v{base?.version}{run.base.score === null ? "" : `, score ${run.base.score}`}</figcaption><Outcome outcome={run.base} project={project} /></figure>}
        <figure><figcaption className="cap">Output of this run{run.score === null ? "" : `, score ${run.score}`}</figcaption><Outcome outcome={run} project={project} /></figure>
        {run.has_expected && <figure><figcaption className="cap">Expected</figcaption><Json value={run.expected} /></figure>}
      </div>
      {run.base && run.base.output != null && run.output != null && <details><summary>Differences</summary><Diff before={JSON.stringify(run.base.output, null, 2)} after={JSON.stringify(run.output, null, 2)} label={`Output differences of ${run.case_id}`} /></details>}
      {run.graders.length > 0 && <ul className="problems">{run.graders.map((one) => <li key={one.name}><span><span className="strong">{one.name}</span> <span className={one.passed === false ? "fail-text" : "t3"}>{one.skipped ? "skipped" : `${one.passed ? "passed" : "not passed"}, ${Math.round(100 * one.score)}`}</span></span><span className="break">{one.detail}</span></li>)}</ul>}
      <details><summary>Inputs</summary><Json value={run.inputs} /></details>
      <p className="t3">{usd(run.cost_micros)}{run.latency_ms === null ? "" : ` · ${duration(run.latency_ms)}`}</p>
    </div>
  );
}

function Outcome({ outcome, project }) {
  return (
    <>
      {outcome.error ? <p className="fail-text break">{outcome.error}</p> : <Json value={outcome.output} />}
      {outcome.job_id ? <Link to={`/p/${project}/jobs/${outcome.job_id}`}>Open the job</Link> : outcome.status === "gone" && <span className="t3">The job is no longer stored.</span>}
    </>
  );
}
