import { useCallback, useEffect, useRef, useState } from "react";
import { Link } from "react-router";
import { callApi } from "../api";
import { Confirm } from "../controls";
import { shortId } from "../format";
import { Json } from "../value";

const MAX_CASES = 200, LAST_JOBS = 20, MAX_EXAMINED = 200;
const short = (value) => JSON.stringify(value) ?? "";

/** `[cases, refresh]`: the cases that a suite of the skill would run; null until they are loaded. */
export function useCases({ project, skillpack, skill, onError }) {
  const [cases, setCases] = useState(null), [round, setRound] = useState(0);
  useEffect(() => {
    let isGone = false;
    setCases(null);
    callApi("GET", `/v1/skillpacks/${skillpack}/evals/dataset?skill=${encodeURIComponent(skill)}&limit=${MAX_CASES}`, { project }).then((found) => isGone || setCases(found), (error) => { if (!isGone) { setCases([]); onError(error.detail); } });
    return () => { isGone = true; };
  }, [project, skillpack, skill, round]);
  return [cases, useCallback(() => setRound((before) => before + 1), [])];
}

/** The cases of a skill as a table: those of the version's dataset, and those saved from jobs. */
export function Cases({ cases, skill, project, csrf, canWrite, onChanged, onError }) {
  const [open, setOpen] = useState(null);
  if (cases === null) return <p className="t3">Loading cases…</p>;
  const remove = (one) => callApi("DELETE", `/v1/eval-cases/${one.kept_id}`, { project, csrf }).then(onChanged, (error) => onError(error.detail));
  return (
    <section aria-label="Cases" className="col" style={{ gap: 12 }}>
      {!cases.length && <p className="t2">No cases yet. A case consists of inputs and an expected output. Create cases from finished jobs, or write a dataset with one JSON object per line, <span className="mono">{"{\"inputs\": {…}, \"expected\": {…}}"}</span>, and reference it in skill.yaml as <span className="mono">evals.dataset</span>.</p>}
      {cases.length > 0 && <div className="pane wide" tabIndex={0} role="region" aria-label="Case table">
        <table className="tbl" aria-label="Cases">
          <thead><tr><th scope="col" style={{ width: "20%" }}>Case</th><th scope="col" style={{ width: "32%" }}>Inputs</th><th scope="col" style={{ width: "26%" }}>Expected</th><th scope="col" style={{ width: "13%" }}>Source</th><th scope="col" style={{ width: "9%" }}><span className="hidden-label">Actions</span></th></tr></thead>
          <tbody>{cases.map((one) => (
            <tr key={one.case_id}>
              <td><button type="button" className="plain-link mono cut" aria-label={`Open case ${one.case_id}`} onClick={() => setOpen(one)}>{one.case_id}</button> {one.tags.map((tag) => <span className="tag" key={tag}>{tag}</span>)}</td>
              <td className="mono t2">{short(one.inputs)}</td>
              <td className="mono t2">{one.has_expected ? short(one.expected) : <span className="t3">None</span>}</td>
              <td>{one.kept_id === null ? <span className="t2">dataset</span> : one.source_job_id ? <Link to={`/p/${project}/jobs/${one.source_job_id}`}>job</Link> : <span className="t2">job</span>}</td>
              <td className="num">{canWrite && one.kept_id && <Confirm label="Delete" kind="quiet small danger" title={`Delete case ${one.case_id}?`} text="Existing suites keep their results." confirm="Delete case" onConfirm={() => remove(one)} />}</td>
            </tr>
          ))}</tbody>
        </table>
      </div>}
      {cases.length === MAX_CASES && <p className="t3">The first {MAX_CASES} cases of {skill}.</p>}
      {open && <CaseDialog one={open} onClose={() => setOpen(null)} />}
    </section>
  );
}

function CaseDialog({ one, onClose }) {
  const dialog = useRef(null);
  useEffect(() => dialog.current.showModal(), [one]);
  return (
    <dialog className="dlg broad" ref={dialog} aria-label={`Case ${one.case_id}`} onClose={onClose} onClick={(event) => event.target === dialog.current && dialog.current.close()}>
      <div className="in-dlg"><h2 className="break">{one.case_id}</h2><div className="cap">Inputs</div><Json value={one.inputs} /><div className="cap">Expected</div>{one.has_expected ? <Json value={one.expected} /> : <p className="t2">None. Graders that compare with the expected output are skipped.</p>}
        <div className="acts"><button type="button" className="btn" onClick={() => dialog.current.close()}>Close</button></div></div>
    </dialog>
  );
}

/** A dialog that creates cases from recent jobs of the skill: their inputs, with their results as the expected outputs. */
export function FromJobs({ skill, packId, known, project, csrf, isFirst, onCreated }) {
  const dialog = useRef(null), [jobs, setJobs] = useState(null), [chosen, setChosen] = useState([]), [failures, setFailures] = useState([]), [isBusy, setBusy] = useState(false);
  const open = async () => {
    setJobs(null); setFailures([]);
    dialog.current.showModal();
    try {
      const found = await callApi("GET", `/v1/jobs?skill=${encodeURIComponent(skill)}&status=succeeded&limit=${MAX_EXAMINED}`, { project });
      const fresh = found.filter((job) => job.skillpack_id === packId && job.source !== "eval" && !known.includes(job.id)).slice(0, LAST_JOBS); // jobs of suites are cases already
      setJobs(fresh);
      setChosen(fresh.map((job) => job.id));
    } catch (error) { setJobs([]); setFailures([error.detail]); }
  };
  const create = async (event) => {
    event.preventDefault();
    setBusy(true);
    const errors = [];
    for (const id of chosen) await callApi("POST", `/v1/jobs/${id}/eval-case`, { project, csrf, json: {} }).catch((error) => errors.push(`${shortId(id)}: ${error.detail}`));
    setBusy(false);
    setFailures(errors);
    onCreated();
    if (!errors.length) dialog.current.close();
  };
  const flip = (id) => setChosen(chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id]);
  return (
    <>
      <button type="button" className={`btn ${isFirst ? "pri" : ""}`} onClick={open}>{isFirst ? `Create cases from the last ${LAST_JOBS} jobs…` : "Create cases from jobs…"}</button>
      <dialog className="dlg wide-dlg" ref={dialog} aria-label="Create cases from jobs" onClick={(event) => event.target === dialog.current && dialog.current.close()}>
        <form className="in-dlg" onSubmit={create}>
          <h2>Create cases from recent jobs of {skill}</h2>
          <p className="t2">Select jobs with correct results. The result of a job becomes the expected output of its case. Values of secrets are redacted.</p>
          {jobs === null && <p className="t3">Loading jobs…</p>}
          {jobs?.length === 0 && <p className="t2">There are no succeeded jobs that are not cases yet. Run the skill first.</p>}
          {jobs?.length > 0 && <ul className="picked" tabIndex={0} aria-label="Jobs">{jobs.map((job) => <li key={job.id}><label className="check"><input type="checkbox" checked={chosen.includes(job.id)} onChange={() => flip(job.id)} /><span className="mono t3">{shortId(job.id)}</span><span className="mono cut" title={short(job.inputs)}>{short(job.inputs)}</span><span aria-hidden="true">→</span><span className="mono cut t2" title={short(job.result)}>{short(job.result)}</span></label></li>)}</ul>}
          {failures.length > 0 && <div className="note" data-s="fail" role="alert">{failures.map((one) => <div key={one}>{one}</div>)}</div>}
          <div className="acts"><button type="button" className="btn" onClick={() => dialog.current.close()}>Cancel</button><button className="btn pri" disabled={isBusy || !jobs || !chosen.length}>{isBusy ? "Creating…" : chosen.length === 1 ? "Create 1 case" : `Create ${chosen.length} cases`}</button></div>
        </form>
      </dialog>
    </>
  );
}
