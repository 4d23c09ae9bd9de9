import { useCallback, useEffect, useRef, useState } from "react";
import { Link } from "react-router";
import { ask } from "../api";
import { Confirm } from "../controls";
import { Json } from "../value";

const MOST_CASES = 200, LAST_JOBS = 20, MOST_LOOKED_AT = 200;
const short = (value) => JSON.stringify(value) ?? "";

/** `[cases, refresh]` that a suite of the skill would run; null before they are known. */
export function useCases({ project, skillpack, skill, onError }) {
  const [cases, setCases] = useState(null), [round, setRound] = useState(0);
  useEffect(() => {
    let isGone = false;
    setCases(null);
    ask("GET", `/v1/skillpacks/${skillpack}/evals/dataset?skill=${encodeURIComponent(skill)}&limit=${MOST_CASES}`, { project }).then((found) => isGone || setCases(found), (error) => { if (!isGone) { setCases([]); onError(error.detail); } });
    return () => { isGone = true; };
  }, [project, skillpack, skill, round]);
  return [cases, useCallback(() => setRound((before) => before + 1), [])];
}

/** The cases of a skill as a table: those of the version's dataset, and those that were kept here. */
export function Cases({ cases, skill, project, csrf, canWrite, onChanged, onError }) {
  const [open, setOpen] = useState(null);
  if (cases === null) return <p className="t3">Reading the cases…</p>;
  const remove = (one) => ask("DELETE", `/v1/eval-cases/${one.kept_id}`, { project, csrf }).then(onChanged, (error) => onError(error.detail));
  return (
    <section aria-label="Cases" className="col" style={{ gap: 12 }}>
      {!cases.length && <p className="t2">No case yet. A case is inputs, and what is expected of them. Take them from jobs that have run, or write a dataset, one JSON object per line: <span className="mono">{"{\"inputs\": {…}, \"expected\": {…}}"}</span>, and name it in skill.yaml as <span className="mono">evals.dataset</span>.</p>}
      {cases.length > 0 && <div className="pane wide" tabIndex={0} role="region" aria-label="Cases as a table">
        <table className="tbl" aria-label="Cases">
          <thead><tr><th scope="col" style={{ width: "20%" }}>Case</th><th scope="col" style={{ width: "32%" }}>Inputs</th><th scope="col" style={{ width: "26%" }}>Expected</th><th scope="col" style={{ width: "13%" }}>From</th><th scope="col" style={{ width: "9%" }}><span className="hidden-label">Action</span></th></tr></thead>
          <tbody>{cases.map((one) => (
            <tr key={one.case_id}>
              <td><button type="button" className="plain-link mono cut" aria-label={`Open the case ${one.case_id}`} onClick={() => setOpen(one)}>{one.case_id}</button> {one.tags.map((tag) => <span className="tag" key={tag}>{tag}</span>)}</td>
              <td className="mono t2">{short(one.inputs)}</td>
              <td className="mono t2">{one.has_expected ? short(one.expected) : <span className="t3">nothing</span>}</td>
              <td>{one.kept_id === null ? <span className="t2">dataset</span> : one.source_job_id ? <Link to={`/p/${project}/jobs/${one.source_job_id}`}>a job</Link> : <span className="t2">a job</span>}</td>
              <td className="num">{canWrite && one.kept_id && <Confirm label="Delete" kind="quiet small danger" title={`Delete the case ${one.case_id}?`} text="Suites that have run it keep what they have." confirm="Delete it" onConfirm={() => remove(one)} />}</td>
            </tr>
          ))}</tbody>
        </table>
      </div>}
      {cases.length === MOST_CASES && <p className="t3">The first {MOST_CASES} cases of {skill}.</p>}
      {open && <Opened one={open} onClose={() => setOpen(null)} />}
    </section>
  );
}

function Opened({ one, onClose }) {
  const dialog = useRef(null);
  useEffect(() => dialog.current.showModal(), [one]);
  return (
    <dialog className="dlg broad" ref={dialog} aria-label={`Case ${one.case_id}`} onClose={onClose} onClick={(event) => event.target === dialog.current && dialog.current.close()}>
      <div className="in-dlg"><h2 className="break">{one.case_id}</h2><div className="cap">Inputs</div><Json value={one.inputs} /><div className="cap">Expected</div>{one.has_expected ? <Json value={one.expected} /> : <p className="t2">Nothing: graders that compare are skipped.</p>}
        <div className="acts"><button type="button" className="btn" onClick={() => dialog.current.close()}>Close</button></div></div>
    </dialog>
  );
}

/** Makes cases of the skill's last jobs: their inputs, and their results as what is expected from then on. */
export function FromJobs({ skill, packId, known, project, csrf, isFirst, onKept }) {
  const dialog = useRef(null), [jobs, setJobs] = useState(null), [chosen, setChosen] = useState([]), [failures, setFailures] = useState([]), [isBusy, setBusy] = useState(false);
  const open = async () => {
    setJobs(null); setFailures([]);
    dialog.current.showModal();
    try {
      const found = await ask("GET", `/v1/jobs?skill=${encodeURIComponent(skill)}&status=succeeded&limit=${MOST_LOOKED_AT}`, { project });
      const fresh = found.filter((job) => job.skillpack_id === packId && job.source !== "eval" && !known.includes(job.id)).slice(0, LAST_JOBS); // suites run many jobs, which are cases already
      setJobs(fresh);
      setChosen(fresh.map((job) => job.id));
    } catch (error) { setJobs([]); setFailures([error.detail]); }
  };
  const keep = async (event) => {
    event.preventDefault();
    setBusy(true);
    const refused = [];
    for (const id of chosen) await ask("POST", `/v1/jobs/${id}/eval-case`, { project, csrf, json: {} }).catch((error) => refused.push(`${id.slice(0, 8)}: ${error.detail}`));
    setBusy(false);
    setFailures(refused);
    onKept();
    if (!refused.length) dialog.current.close();
  };
  const flip = (id) => setChosen(chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id]);
  return (
    <>
      <button type="button" className={`btn ${isFirst ? "pri" : ""}`} onClick={open}>{isFirst ? `Make cases from the last ${LAST_JOBS} jobs…` : "Cases from jobs…"}</button>
      <dialog className="dlg wide-dlg" ref={dialog} aria-label="Cases from jobs" onClick={(event) => event.target === dialog.current && dialog.current.close()}>
        <form className="in-dlg" onSubmit={keep}>
          <h2>Cases from the last jobs of {skill}</h2>
          <p className="t2">Take those whose result is right: it is what is expected from then on. Secrets of the project are left out.</p>
          {jobs === null && <p className="t3">Reading the jobs…</p>}
          {jobs?.length === 0 && <p className="t2">No job of it has succeeded that is not a case yet. Run it first.</p>}
          {jobs?.length > 0 && <ul className="picked" tabIndex={0} aria-label="Jobs">{jobs.map((job) => <li key={job.id}><label className="check"><input type="checkbox" checked={chosen.includes(job.id)} onChange={() => flip(job.id)} /><span className="mono t3">{job.id.slice(0, 8)}</span><span className="mono cut" title={short(job.inputs)}>{short(job.inputs)}</span><span aria-hidden="true">→</span><span className="mono cut t2" title={short(job.result)}>{short(job.result)}</span></label></li>)}</ul>}
          {failures.length > 0 && <div className="note" data-s="fail" role="alert">{failures.map((one) => <div key={one}>{one}</div>)}</div>}
          <div className="acts"><button type="button" className="btn" onClick={() => dialog.current.close()}>Not now</button><button className="btn pri" disabled={isBusy || !jobs || !chosen.length}>{isBusy ? "Keeping…" : chosen.length === 1 ? "Keep 1 case" : `Keep ${chosen.length} cases`}</button></div>
        </form>
      </dialog>
    </>
  );
}
