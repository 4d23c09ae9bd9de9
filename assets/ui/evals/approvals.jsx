import { useEffect, useState } from "react";
import { callApi } from "../api";
import { Json } from "../value";
import { isLive } from "./suites";

const MAX_APPROVALS = 200;

/** The pending approvals of the runs of a suite, by job; loaded again with the suite while it runs. */
export function useApprovals({ suite, project }) {
  const [approvals, setApprovals] = useState(new Map()), waits = isLive(suite) && suite.waiting_runs > 0;
  useEffect(() => {
    if (!waits) { setApprovals((before) => (before.size ? new Map() : before)); return undefined; }
    let isGone = false;
    callApi("GET", `/v1/approvals?status=pending&limit=${MAX_APPROVALS}`, { project }).then((found) => isGone || setApprovals(Map.groupBy(found, (one) => one.job_id)), () => {}); // loaded again with the next refresh
    return () => { isGone = true; };
  }, [waits && suite, project]);
  return approvals;
}

/** The pending approvals of one run, with their buttons; `onDecided` is called after a decision. */
export function Approvals({ approvals, project, csrf, canWrite, onDecided, onError }) {
  const [isBusy, setBusy] = useState(false);
  const decide = async (one, verb) => {
    setBusy(true);
    try { await callApi("POST", `/v1/approvals/${one.id}/${verb}`, { project, csrf, json: {} }); onDecided(); } catch (error) { onError(error.detail); }
    setBusy(false);
  };
  return (
    <div className="col questions" role="group" aria-label="Calls awaiting approval">
      {approvals.map((one) => (
        <div key={one.id} className="col">
          <div className="row wrap">
            <span className="grow">The agent wants to call <b className="mono">{one.tool}</b></span>
            {canWrite && <><button type="button" className="btn small" disabled={isBusy} onClick={() => decide(one, "deny")}>Reject</button><button type="button" className="btn pri small" disabled={isBusy} onClick={() => decide(one, "approve")}>Approve</button></>}
          </div>
          <Json value={one.input} />
        </div>
      ))}
    </div>
  );
}
