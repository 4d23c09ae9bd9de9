import { useEffect, useRef, useState } from "react";
import { Link } from "react-router";
import { ask } from "../api";
import { Confirm } from "../controls";

const LOOK_EVERY_MS = 1000;
const MOST_RUNS_TOLD = 5;

/** How a version stands with the gates of its skills, as it happens: which suites run, how far they are, and in the end whether it
 *  became the active version, or which runs stand against it and what to do. `onSettled(state)` is called once it is decided. */
export function Gate({ project, csrf, skillpack, deployment, canWrite, canManage, onSettled }) {
  const [version, setVersion] = useState(null), [suites, setSuites] = useState([]), [failure, setFailure] = useState(""), [round, setRound] = useState(0);
  const call = useRef(onSettled), address = `/v1/skillpacks/${skillpack}/deployments/${deployment}`;
  call.current = onSettled;
  useEffect(() => {
    let timer = 0, isGone = false;
    const look = async () => {
      try {
        const found = await ask("GET", address, { project });
        const running = await Promise.all((found.gate?.suites ?? []).map((id) => ask("GET", `/v1/evals/${id}`, { project }).catch(() => null)));
        if (isGone) return;
        setVersion(found);
        setSuites(running.filter(Boolean));
        if (found.gate?.state === "gating") timer = setTimeout(look, LOOK_EVERY_MS);
        else call.current?.(found.gate?.state ?? "");
      } catch (error) {
        if (isGone) return;
        setFailure(error.detail ?? "That did not work.");
        timer = setTimeout(look, 5 * LOOK_EVERY_MS);
      }
    };
    look();
    return () => { isGone = true; clearTimeout(timer); };
  }, [address, project, round]);
  const activate = async (query) => {
    setFailure("");
    try { await ask("POST", `${address}/activate${query}`, { project, csrf }); setRound((before) => before + 1); } catch (error) { setFailure(error.detail); }
  };
  if (!version) return <p className="t3" role="status">{failure || "Asking how its suites are…"}</p>;
  const gate = version.gate;
  if (!gate) return null;
  const where = (suite) => `/p/${project}/evals?skillpack=${skillpack}&skill=${encodeURIComponent(suite.skill_name)}&suite=${suite.id}`;
  return (
    <div className="gate" data-s={gate.state}>
      <p className="strong" role="status">{told(gate, version)}</p>
      {gate.reason && <p className={gate.state === "refused" ? "fail-text break" : "t2 break"}>{gate.reason}</p>}
      <ul aria-label="Suites of the gate">{suites.map((suite) => <Suite key={suite.id} suite={suite} isRefused={gate.state === "refused"} project={project} skillpack={skillpack} href={where(suite)} />)}</ul>
      {failure && <div className="note" data-s="fail" role="alert">{failure}</div>}
      {(gate.state === "refused" || gate.state === "superseded") && !version.is_active && canWrite && (
        <>
          {gate.state === "refused" && <p className="t2">Mend the skill and publish it again. Where a model answered, trying again may be enough: the same cases are run anew.{canManage && " An admin can activate it all the same; the audit says so."}</p>}
          <div className="row wrap">
            <button type="button" className="btn" onClick={() => activate("")}>Run the gate again</button>
            {canManage && <Confirm label="Activate without its gates" title={`Activate v${version.version} without its gates?`} text="Its suites have not passed. New jobs get it all the same, and the audit says who did it." confirm="Activate it" kind="danger" onConfirm={() => activate("?force=true")} />}
          </div>
        </>
      )}
    </div>
  );
}

function told(gate, { version, is_active: isActive }) {
  if (gate.state === "gating") return `The suites of v${version} run. It becomes the active version when they have passed.`;
  if (gate.state === "passed") return isActive ? `v${version} has passed its gate and is the active version.` : `v${version} has passed its gate.`;
  if (isActive) return `v${version} is active without having passed its gate.`;
  return gate.state === "refused" ? `The gate refused v${version}. The active version stays what it was.` : `v${version} does not wait for its gate any more.`;
}

function Suite({ suite, isRefused, project, skillpack, href }) {
  const isOver = suite.finished_at !== null, share = suite.total_runs ? (100 * suite.completed_runs) / suite.total_runs : 0;
  return (
    <li>
      <div className="row wrap">
        <span className="strong">{suite.skill_name}</span>
        <span className="t2 num">{suite.completed_runs} of {suite.total_runs} runs · {suite.passed_runs} passed{suite.threshold === null ? "" : ` · ${suite.threshold} % have to`}</span>
        {!isOver && suite.waiting_runs > 0 && <span className="tag" data-s="wait">{suite.waiting_runs === 1 ? "1 waits" : `${suite.waiting_runs} wait`} for consent</span>}
        {isOver && <span className="tag" data-s={suite.gate_passed ? "ok" : "fail"}>{suite.gate_passed ? "enough passed" : suite.status === "succeeded" ? "too few passed" : suite.status}</span>}
        {suite.label && <span className="tag" title="No language model answered">{suite.label}</span>}
        <span className="grow" /><Link to={href}>See its runs</Link>
      </div>
      {!isOver && <div className="progress" role="progressbar" aria-label={`Runs of ${suite.skill_name}`} aria-valuenow={Math.round(share)} aria-valuemin={0} aria-valuemax={100}><i style={{ width: `${share}%` }} /></div>}
      {suite.waiting_reason && <p className="t2">It waits: {suite.waiting_reason}</p>}
      {isOver && isRefused && <Against suite={suite} project={project} skillpack={skillpack} />}
    </li>
  );
}

/** The runs of a suite that did not pass, and the cases that did in the suite before it. */
function Against({ suite, project, skillpack }) {
  const [runs, setRuns] = useState([]), [broken, setBroken] = useState([]);
  useEffect(() => {
    ask("GET", `/v1/evals/${suite.id}/cases?limit=200`, { project }).then((all) => setRuns(all.filter((run) => !run.passed)), () => {});
    ask("GET", `/v1/skillpacks/${skillpack}/evals/diff?skill=${encodeURIComponent(suite.skill_name)}&head=${suite.id}`, { project }).then((found) => setBroken(found.broken_cases), () => {}); // there may be nothing to compare with
  }, [suite.id, project, skillpack]);
  if (!runs.length) return null;
  return (
    <ul className="against" aria-label={`Runs of ${suite.skill_name} that did not pass`}>
      {runs.slice(0, MOST_RUNS_TOLD).map((run) => <li key={run.number}><span className="mono">{run.case_id}</span>{broken.includes(run.case_id) && <span className="tag" data-s="fail">passed before</span>}<span className="t2 break">{whyNot(run)}</span></li>)}
      {runs.length > MOST_RUNS_TOLD && <li className="t3">and {runs.length - MOST_RUNS_TOLD} more</li>}
    </ul>
  );
}

/** What stands against a run: its error, else what the graders said that it did not pass. */
export function whyNot(run) {
  if (run.error) return run.error;
  const against = (run.graders ?? []).filter((one) => one.passed === false);
  return against.map((one) => `${one.name}: ${one.detail || `scored ${Math.round(100 * (one.score ?? 0))}`}`).join("; ") || "no grader judged it";
}
