import { useState } from "react";
import { callApi } from "./api";
import { Json } from "./value";

/** The pending approvals of one job, with their buttons; `onDecided` is called with the ID of a decided one. */
export function Approvals({ approvals, project, csrf, canWrite, onDecided, onError }) {
  const [isBusy, setBusy] = useState(false);
  const decide = async (one, verb) => {
    setBusy(true);
    try { await callApi("POST", `/v1/approvals/${one.id}/${verb}`, { project, csrf, json: {} }); onDecided(one.id); } catch (error) { onError(error.detail); }
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
