import { useEffect, useRef, useState } from "react";
import { callApi } from "../api";
import { shortId } from "../format";

const OVER = ["succeeded", "failed", "cancelled"];

/** A dialog that cancels or replays several jobs one by one and shows the progress. */
export function Bulk({ kind, jobs, project, csrf, onClose, onDone }) {
  const dialog = useRef(null), yes = useRef(null), [done, setDone] = useState(0), [failures, setFailures] = useState([]), [isBusy, setBusy] = useState(false), stopped = useRef(false);
  useEffect(() => { dialog.current.showModal(); if (kind === "replay") yes.current?.focus(); return () => { stopped.current = true; }; }, []);
  const eligible = kind === "cancel" ? jobs.filter((job) => !OVER.includes(job.status)) : jobs, isOver = !isBusy && done > 0;
  const go = async (event) => {
    event.preventDefault();
    setBusy(true);
    for (const [index, job] of eligible.entries()) {
      if (stopped.current) break;
      try { await callApi("POST", `/v1/jobs/${job.id}/${kind}`, { project, csrf, headers: kind === "replay" ? { "Idempotency-Key": `list-${job.id}-${openedAt}` } : {} }); } catch (error) { setFailures((before) => [...before, `${shortId(job.id)}: ${error.detail}`]); }
      setDone(index + 1);
    }
    setBusy(false);
  };
  const openedAt = useRef(String(Date.now())).current, what = `${eligible.length} ${eligible.length === 1 ? "job" : "jobs"}`;
  const title = kind === "cancel" ? `Cancel ${what}?` : `Replay ${what}?`;
  const close = () => { dialog.current.close(); onClose(); if (isOver) onDone(); };
  return (
    <dialog className="dlg" ref={dialog} aria-label={title} onCancel={(event) => { event.preventDefault(); close(); }}>
      <form className="in-dlg" onSubmit={go}>
        <h2>{title}</h2>
        {kind === "cancel" ? <p className="t2">The jobs and their subjobs stop within seconds. What they have already done is not undone.{eligible.length < jobs.length && ` ${jobs.length - eligible.length} of the selected jobs have already ended.`}</p> : <p className="t2">Each replay is a new job with the same inputs on the same version. It is billed like any other job.</p>}
        {(isBusy || done > 0) && <><div className="progress" role="progressbar" aria-label="Progress" aria-valuenow={done} aria-valuemin={0} aria-valuemax={eligible.length}><i style={{ width: `${(100 * done) / Math.max(1, eligible.length)}%` }} /></div><p className="t3" role="status">{done} of {eligible.length}{failures.length > 0 && `, ${failures.length} failed`}</p></>}
        {failures.length > 0 && <div className="note" data-s="fail" role="alert">{failures.slice(0, 3).map((one) => <p key={one}>{one}</p>)}{failures.length > 3 && <p>and {failures.length - 3} more</p>}</div>}
        <div className="acts">
          {!isOver && <button type="button" className="btn" onClick={close}>{isBusy ? "Stop" : kind === "cancel" ? "Go back" : "Cancel"}</button>}
          {isOver ? <button type="button" className="btn pri" onClick={close}>Done</button> : <button className={`btn ${kind === "cancel" ? "danger" : "pri"}`} disabled={isBusy || !eligible.length} ref={yes}>{kind === "cancel" ? `Cancel ${what}` : `Replay ${what}`}</button>}
        </div>
      </form>
    </dialog>
  );
}
