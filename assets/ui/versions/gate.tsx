import { useEffect, useRef, useState } from "react";
import { Link } from "react-router";
import type { Comparison, DeploymentRead, EvalRunRead, GateRead, SuiteRead } from "../../../clients/typescript/src/generated";
import { type ApiError, callApi } from "../api";
import { Confirm } from "../controls";

const REFRESH_MS = 1000;
const MAX_RUNS_SHOWN = 5;

interface Props {
  project: string;
  csrf: string;
  skillpack: string;
  deployment: string;
  canWrite: boolean;
  canManage: boolean;
  onSettled?: (state: string) => void;
}

/** The gate of a version, updated live: its suites with their progress, and the result: the version became active, or the runs that
 *  did not pass are shown. `onSettled(state)` is called when the gate has a result. */
export function Gate({ project, csrf, skillpack, deployment, canWrite, canManage, onSettled }: Props) {
  const [version, setVersion] = useState<DeploymentRead | null>(null), [suites, setSuites] = useState<SuiteRead[]>([]), [failure, setFailure] = useState(""), [round, setRound] = useState(0);
  const call = useRef(onSettled), url = `/v1/skillpacks/${skillpack}/deployments/${deployment}`;
  call.current = onSettled;
  useEffect(() => {
    let timer = 0, isGone = false;
    const load = async () => {
      try {
        const found = await callApi<DeploymentRead>("GET", url, { project });
        const running = await Promise.all((found.gate?.suites ?? []).map((id) => callApi<SuiteRead>("GET", `/v1/evals/${id}`, { project }).catch(() => null)));
        if (isGone) return;
        setVersion(found);
        setSuites(running.filter((suite) => suite !== null));
        if (found.gate?.state === "gating") timer = window.setTimeout(load, REFRESH_MS);
        else call.current?.(found.gate?.state ?? "");
      } catch (error) {
        if (isGone) return;
        setFailure((error as ApiError).detail ?? "The request failed. Try again.");
        timer = window.setTimeout(load, 5 * REFRESH_MS);
      }
    };
    load();
    return () => { isGone = true; clearTimeout(timer); };
  }, [url, project, round]);
  const activate = async (query: string) => {
    setFailure("");
    try { await callApi("POST", `${url}/activate${query}`, { project, csrf }); setRound((before) => before + 1); } catch (error) { setFailure((error as ApiError).detail); }
  };
  if (!version) return <p className="t3" role="status">{failure || "Loading the gate…"}</p>;
  const gate = version.gate;
  if (!gate) return null;
  const where = (suite: SuiteRead) => `/p/${project}/evals?skillpack=${skillpack}&skill=${encodeURIComponent(suite.skill_name)}&suite=${suite.id}`;
  return (
    <div className="gate" data-s={gate.state}>
      <p className="strong" role="status">{summaryOf(gate, version)}</p>
      {gate.reason && <p className={gate.state === "refused" ? "fail-text break" : "t2 break"}>{gate.reason}</p>}
      <ul aria-label="Suites of the gate">{suites.map((suite) => <Suite key={suite.id} suite={suite} isRefused={gate.state === "refused"} project={project} skillpack={skillpack} href={where(suite)} />)}</ul>
      {failure && <div className="note" data-s="fail" role="alert">{failure}</div>}
      {(gate.state === "refused" || gate.state === "superseded") && !version.is_active && canWrite && (
        <>
          {gate.state === "refused" && <p className="t2">Fix the skill and publish it again. If the runs used a language model, running the gate again may be enough.{canManage && " An admin can activate the version anyway. The audit log records this."}</p>}
          <div className="row wrap">
            <button type="button" className="btn" onClick={() => activate("")}>Run gate again</button>
            {canManage && <Confirm label="Activate without gate…" title={`Activate v${version.version} without its gate?`} text="Its suites have not passed. New jobs will use this version. The audit log records who activated it." confirm="Activate anyway" kind="danger" onConfirm={() => activate("?force=true")} />}
          </div>
        </>
      )}
    </div>
  );
}

function summaryOf(gate: GateRead, { version, is_active: isActive }: DeploymentRead) {
  if (gate.state === "gating") return `The suites of v${version} are running. The version becomes active when they pass.`;
  if (gate.state === "passed") return isActive ? `v${version} passed its gate and is active.` : `v${version} passed its gate.`;
  if (isActive) return `v${version} is active, but did not pass its gate.`;
  return gate.state === "refused" ? `The gate rejected v${version}. The active version is unchanged.` : `The gate of v${version} was stopped.`;
}

function Suite({ suite, isRefused, project, skillpack, href }: { suite: SuiteRead; isRefused: boolean; project: string; skillpack: string; href: string }) {
  const isOver = suite.finished_at !== null, share = suite.total_runs ? (100 * (suite.completed_runs ?? 0)) / suite.total_runs : 0;
  return (
    <li>
      <div className="row wrap">
        <span className="strong">{suite.skill_name}</span>
        <span className="t2 num">{suite.completed_runs} of {suite.total_runs} runs · {suite.passed_runs} passed{suite.threshold === null ? "" : ` · ${suite.threshold} % required`}</span>
        {!isOver && (suite.waiting_runs ?? 0) > 0 && <span className="tag" data-s="wait">{suite.waiting_runs} awaiting approval</span>}
        {isOver && <span className="tag" data-s={suite.gate_passed ? "ok" : "fail"}>{suite.gate_passed ? "passed" : suite.status === "succeeded" ? "too few passed" : suite.status === "cancelled" ? "canceled" : suite.status}</span>}
        {suite.label && <span className="tag" title="No language model was used">{suite.label}</span>}
        <span className="grow" /><Link to={href}>View runs</Link>
      </div>
      {!isOver && <div className="progress" role="progressbar" aria-label={`Runs of ${suite.skill_name}`} aria-valuenow={Math.round(share)} aria-valuemin={0} aria-valuemax={100}><i style={{ width: `${share}%` }} /></div>}
      {suite.waiting_reason && <p className="t2">Waiting: {suite.waiting_reason}</p>}
      {isOver && isRefused && <FailedRuns suite={suite} project={project} skillpack={skillpack} />}
    </li>
  );
}

/** The runs of a suite that did not pass, with a tag for cases that passed in the suite before. */
function FailedRuns({ suite, project, skillpack }: { suite: SuiteRead; project: string; skillpack: string }) {
  const [runs, setRuns] = useState<EvalRunRead[]>([]), [broken, setBroken] = useState<string[]>([]);
  useEffect(() => {
    callApi<EvalRunRead[]>("GET", `/v1/evals/${suite.id}/cases?limit=200`, { project }).then((all) => setRuns(all.filter((run) => !run.passed)), () => {});
    callApi<Comparison>("GET", `/v1/skillpacks/${skillpack}/evals/diff?skill=${encodeURIComponent(suite.skill_name)}&head=${suite.id}`, { project }).then((found) => setBroken(found.broken_cases), () => {}); // there may be nothing to compare with
  }, [suite.id, project, skillpack]);
  if (!runs.length) return null;
  return (
    <ul className="against" aria-label={`Runs of ${suite.skill_name} that did not pass`}>
      {runs.slice(0, MAX_RUNS_SHOWN).map((run) => <li key={run.number}><span className="mono">{run.case_id}</span>{broken.includes(run.case_id) && <span className="tag" data-s="fail">passed before</span>}<span className="t2 break">{whyNot(run)}</span></li>)}
      {runs.length > MAX_RUNS_SHOWN && <li className="t3">and {runs.length - MAX_RUNS_SHOWN} more</li>}
    </ul>
  );
}

interface GraderResult {
  name: string;
  passed?: boolean | null;
  detail?: string;
  score?: number | null;
}

/** Why a run did not pass: its error, otherwise the details of the graders that it did not pass. */
export function whyNot(run: Pick<EvalRunRead, "error" | "graders">): string {
  if (run.error) return run.error;
  const failed = ((run.graders ?? []) as unknown as GraderResult[]).filter((one) => one.passed === false);
  return failed.map((one) => `${one.name}: ${one.detail || `scored ${Math.round(100 * (one.score ?? 0))}`}`).join("; ") || "no grader scored it";
}
