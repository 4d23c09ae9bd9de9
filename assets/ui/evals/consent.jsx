import { useEffect, useState } from "react";
import { ask } from "../api";
import { Json } from "../value";
import { isLive } from "./suites";

const MOST = 200;

/** The calls that runs of a suite wait for somebody's consent to, by job; read again with the suite while it runs. */
export function useQuestions({ suite, project }) {
  const [questions, setQuestions] = useState(new Map()), waits = isLive(suite) && suite.waiting_runs > 0;
  useEffect(() => {
    if (!waits) { setQuestions((before) => (before.size ? new Map() : before)); return undefined; }
    let isGone = false;
    ask("GET", `/v1/approvals?status=pending&limit=${MOST}`, { project }).then((found) => isGone || setQuestions(Map.groupBy(found, (one) => one.job_id)), () => {}); // asked again with the next reading
    return () => { isGone = true; };
  }, [waits && suite, project]);
  return questions;
}

/** What one run asks, with both answers; `onAnswered` once one was given. */
export function Questions({ questions, project, csrf, canWrite, onAnswered, onError }) {
  const [isBusy, setBusy] = useState(false);
  const answer = async (one, verb) => {
    setBusy(true);
    try { await ask("POST", `/v1/approvals/${one.id}/${verb}`, { project, csrf, json: {} }); onAnswered(); } catch (error) { onError(error.detail); }
    setBusy(false);
  };
  return (
    <div className="col questions" role="group" aria-label="Calls that wait for consent">
      {questions.map((one) => (
        <div key={one.id} className="col">
          <div className="row wrap">
            <span className="grow">It wants to call <b className="mono">{one.tool}</b></span>
            {canWrite && <><button type="button" className="btn small" disabled={isBusy} onClick={() => answer(one, "deny")}>Deny</button><button type="button" className="btn pri small" disabled={isBusy} onClick={() => answer(one, "approve")}>Approve</button></>}
          </div>
          <Json value={one.input} />
        </div>
      ))}
    </div>
  );
}
