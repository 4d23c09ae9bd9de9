import { useEffect, useRef, useState } from "react";
import { ask } from "../api";

const OVER = ["succeeded", "failed", "cancelled"];

/** Asks whether several jobs should be cancelled or run again, does it one by one, and says how far it is. */
export function Bulk({ kind, jobs, project, csrf, onClose, onDone }) {
  const dialog = useRef(null), yes = useRef(null), [done, setDone] = useState(0), [failures, setFailures] = useState([]), [isBusy, setBusy] = useState(false), stopped = useRef(false);
  useEffect(() => { dialog.current.showModal(); if (kind === "replay") yes.current?.focus(); return () => { stopped.current = true; }; }, []);
  const fitting = kind === "cancel" ? jobs.filter((job) => !OVER.includes(job.status)) : jobs, isOver = !isBusy && done > 0;
  const go = async (event) => {
    event.preventDefault();
    setBusy(true);
    for (const [index, job] of fitting.entries()) {
      if (stopped.current) break;
      try { await ask("POST", `/v1/jobs/${job.id}/${kind}`, { project, csrf, headers: kind === "replay" ? { "Idempotency-Key": `list-${job.id}-${begun}` } : {} }); } catch (error) { setFailures((before) => [...before, `${job.id.slice(0, 8)}: ${error.detail}`]); }
      setDone(index + 1);
    }
    setBusy(false);
  };
  const begun = useRef(String(Date.now())).current, what = `${fitting.length} ${fitting.length === 1 ? "job" : "jobs"}`;
  const title = kind === "cancel" ? `Cancel ${what}?` : `Run ${what} again?`;
  const close = () => { dialog.current.close(); onClose(); if (isOver) onDone(); };
  return (
    <dialog className="dlg" ref={dialog} aria-label={title} onCancel={(event) => { event.preventDefault(); close(); }}>
      <form className="in-dlg" onSubmit={go}>
        <h2>{title}</h2>
        {kind === "cancel" ? <p className="t2">They end within seconds, with all that they have started. What they have done stays done.{fitting.length < jobs.length && ` ${jobs.length - fitting.length} of the chosen have ended already.`}</p> : <p className="t2">Each becomes a new job with the same inputs on the same version, and is paid like any other.</p>}
        {(isBusy || done > 0) && <><div className="progress" role="progressbar" aria-label="Progress" aria-valuenow={done} aria-valuemin={0} aria-valuemax={fitting.length}><i style={{ width: `${(100 * done) / Math.max(1, fitting.length)}%` }} /></div><p className="t3" role="status">{done} of {fitting.length}{failures.length > 0 && `, ${failures.length} refused`}</p></>}
        {failures.length > 0 && <div className="note" data-s="fail" role="alert">{failures.slice(0, 3).map((one) => <p key={one}>{one}</p>)}{failures.length > 3 && <p>and {failures.length - 3} more</p>}</div>}
        <div className="acts">
          {!isOver && <button type="button" className="btn" onClick={close}>{isBusy ? "Stop here" : "Keep it as it is"}</button>}
          {isOver ? <button type="button" className="btn pri" onClick={close}>Done</button> : <button className={`btn ${kind === "cancel" ? "danger" : "pri"}`} disabled={isBusy || !fitting.length} ref={yes}>{kind === "cancel" ? `Cancel ${what}` : `Replay ${what}`}</button>}
        </div>
      </form>
    </dialog>
  );
}
