import { type FormEvent, useRef, useState } from "react";
import type { JobShareCreated, JobShareRead } from "../../clients/typescript/src/generated";
import { type ApiError, callApi } from "./api";
import { Copy } from "./controls";
import { ago } from "./format";

const HOURS: [number, string][] = [[1, "1 hour"], [24, "1 day"], [72, "3 days"], [168, "7 days"], [720, "30 days"]];

/** A button with a dialog that creates, lists and revokes links to a page that shows the job without signing in. */
export function ShareJob({ project, job, csrf }: { project: string; job: string; csrf: string }) {
  const dialog = useRef<HTMLDialogElement>(null), [hours, setHours] = useState(72), [links, setLinks] = useState<JobShareRead[]>([]), [made, setMade] = useState<JobShareCreated | null>(null), [failure, setFailure] = useState(""), [isBusy, setBusy] = useState(false);
  const path = `/v1/jobs/${job}/shares`;
  const attempt = async (work: () => Promise<void>) => {
    setBusy(true);
    setFailure("");
    try { await work(); setLinks(await callApi("GET", path, { project })); } catch (error) { setFailure((error as ApiError).detail); } finally { setBusy(false); }
  };
  const open = () => { setMade(null); setLinks([]); dialog.current?.showModal(); attempt(async () => {}); };
  const create = (event: FormEvent) => { event.preventDefault(); attempt(async () => setMade(await callApi("POST", path, { project, csrf, json: { expires_in_hours: hours } }))); };
  const revoke = (id: string) => attempt(async () => { await callApi("DELETE", `${path}/${id}`, { project, csrf }); if (made?.id === id) setMade(null); });
  return (
    <>
      <button type="button" className="btn" title="Share this job by a link" onClick={open}>Share…</button>
      <dialog className="dlg" ref={dialog} aria-label="Share this job">
        <form className="in-dlg" onSubmit={create}>
          <h2>Share this job</h2>
          <p className="t2">Everyone with the link sees the status, the error, the result and the timeline, without signing in. The inputs, the log and the calls of models are not shown, but a result can repeat parts of the inputs.</p>
          {made && <div className="row"><input className="in grow mono" readOnly aria-label="Link" value={made.url} onFocus={(event) => event.target.select()} /><Copy text={made.url} label="Copy link" /></div>}
          {made && <p className="t3">Copy the link now: it is not shown again.</p>}
          <label className="row">Expires after<select className="in" style={{ width: "auto" }} value={hours} onChange={(event) => setHours(Number(event.target.value))}>{HOURS.map(([value, label]) => <option key={value} value={value}>{label}</option>)}</select></label>
          {links.length > 0 && <ul className="shares" aria-label="Links">{links.map((link) => <li key={link.id} className="row"><span className="grow">{link.created_by}<span className="t3"> · expires {ago(Date.parse(link.expires_at))}</span></span><button type="button" className="btn quiet small" disabled={isBusy} onClick={() => revoke(link.id)}>Revoke</button></li>)}</ul>}
          {failure && <div className="note" data-s="fail" role="alert">{failure}</div>}
          <div className="acts"><button type="button" className="btn" onClick={() => dialog.current?.close()}>Close</button><button className="btn pri" disabled={isBusy}>Create link</button></div>
        </form>
      </dialog>
    </>
  );
}
