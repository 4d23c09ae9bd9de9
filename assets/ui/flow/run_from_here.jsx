import { useEffect, useRef, useState } from "react";
import { useNavigate } from "react-router";
import { callApi } from "../api";

const NO_RESULT = new Set(["approval", "switch", "parallel"]); // decisions belong to reviewers, and blocks have no result of their own

/** A button that forks the job of a flow at a step, with a dialog to change the inputs, the version and the results of earlier steps. */
export function RunFromHere({ step, steps, project, csrf, job }) {
  const dialog = useRef(null), navigate = useNavigate(), [original, setOriginal] = useState(null), [versions, setVersions] = useState([]);
  const [changes, setChanges] = useState({}), [keeps, setKeeps] = useState(false), [failure, setFailure] = useState(null), [isBusy, setBusy] = useState(false), [isOpen, setOpen] = useState(false);
  const earlier = steps.filter((one) => one.position < step.position && !NO_RESULT.has(one.kind) && one.started_at), label = step.title ?? step.name;
  const canKeep = Boolean(step.elements?.succeeded), hasApproval = steps.some((one) => one.position < step.position && one.kind === "approval" && one.status === "succeeded");
  const change = (key, value) => setChanges((before) => ({ ...before, [key]: value }));
  const open = async () => {
    setChanges({}); setFailure(null); setKeeps(canKeep && step.status !== "succeeded"); setOpen(true);
    dialog.current.showModal();
    try {
      const found = await callApi("GET", `/v1/jobs/${job}`, { project });
      setOriginal({ inputs: JSON.stringify(found.inputs, null, 2), version: found.deployment_version });
      if (found.deployment_id) setVersions(await callApi("GET", `/v1/skillpacks/${found.skillpack_id}/deployments?limit=100`, { project }).catch(() => []));
    } catch (error) { setFailure(error); }
  };
  const fork = async (event) => {
    event.preventDefault();
    setFailure(null);
    setBusy(true);
    try {
      const made = await callApi("POST", `/v1/jobs/${job}/fork`, { project, csrf, json: requestBody(step, changes, original, keeps) });
      dialog.current.close();
      navigate(`/p/${project}/jobs/${made.id}?tab=steps`);
    } catch (error) { setFailure(error.detail ? error : { detail: error.message }); }
    setBusy(false);
  };
  return (
    <>
      <button type="button" className="btn small" aria-label={`Run from ${label}`} onClick={open}>Run from here…</button>
      <dialog className="dlg wide-dlg" ref={dialog} aria-label={`Run from ${label}`} onClose={() => setOpen(false)}>
        {isOpen && <form className="in-dlg" onSubmit={fork}>
          <h2>Run from {label}</h2>
          <p className="t2">A new job starts with the stored results of the steps before this one. They cost nothing, and no jobs are started for them. This step and all later ones run again.</p>
          {hasApproval && <p className="t3">If you change inputs or results, approvals before this step are requested again.</p>}
          <div className="fork-steps" tabIndex={-1}>
            {versions.length > 0 && <label className="field"><span className="label">Version</span>
              <select className="in" value={changes.version ?? ""} onChange={(event) => change("version", event.target.value)}>
                <option value="">{original?.version ? `v${original.version} (same version)` : "Same version"}</option>
                {versions.map((one) => <option key={one.id} value={one.version}>{`v${one.version}${one.is_active ? " (active)" : ""}`}</option>)}
              </select>
            </label>}
            {canKeep && <label className="check"><input type="checkbox" checked={keeps} onChange={(event) => setKeeps(event.target.checked)} />Keep the {step.elements.succeeded.toLocaleString("en")} succeeded elements of this step</label>}
            <details className="fork-step">
              <summary><span className="strong">Inputs</span>{changes.inputs !== undefined && <span className="tag">changed</span>}</summary>
              {original && <textarea className="in code" rows={8} aria-label="Inputs as JSON" spellCheck={false} value={changes.inputs ?? original.inputs} onChange={(event) => change("inputs", event.target.value)} />}
            </details>
            {earlier.toReversed().map((one) => <Earlier key={one.name} step={one} project={project} job={job} value={changes[`result:${one.name}`]} onChange={(value) => change(`result:${one.name}`, value)} />)}
          </div>
          {failure && <div className="note" data-s="fail" role="alert">{failure.detail}{(failure.errors ?? []).slice(0, 3).map((one, index) => <p key={index}><span className="mono">{one.path}</span> {one.message}</p>)}</div>}
          <div className="acts">
            <button type="button" className="btn" onClick={() => dialog.current.close()}>Cancel</button>
            <button className="btn pri" disabled={!original || isBusy}>Run</button>
          </div>
        </form>}
      </dialog>
    </>
  );
}

/** The result of an earlier step. A long one is loaded when it is opened. */
function Earlier({ step, project, job, value, onChange }) {
  const [isShown, setShown] = useState(false), [whole, setWhole] = useState(null), [failure, setFailure] = useState("");
  const isMissing = step.has_long_result && !step.elements;
  useEffect(() => {
    if (!isShown || !isMissing || whole) return;
    callApi("GET", `/v1/jobs/${job}/steps?step=${encodeURIComponent(step.name)}`, { project }).then(([found]) => setWhole(found), (error) => setFailure(error.detail));
  }, [isShown]);
  const known = whole ?? (isMissing ? null : step), isTooLarge = step.has_long_result && step.elements;
  return (
    <details className="fork-step" onToggle={(event) => setShown(event.currentTarget.open)}>
      <summary><span className="strong">Result of {step.title ?? step.name}</span>{value !== undefined && <span className="tag">changed</span>}</summary>
      {failure && <div className="note" data-s="fail" role="alert">{failure}</div>}
      {isTooLarge && <p className="t2">The result is too large to change here. Send it to <span className="mono">POST /v1/jobs/{job}/fork</span> instead.</p>}
      {!isTooLarge && known && <textarea className="in code" rows={8} aria-label={`Result of ${step.name} as JSON`} spellCheck={false} value={value ?? JSON.stringify(known.result, null, 2)} onChange={(event) => onChange(event.target.value)} />}
      {!known && !failure && <p className="t3">Loading result…</p>}
    </details>
  );
}

/** The body of the request: only what was changed. */
function requestBody(step, changes, original, keeps) {
  const body = { step: step.name }, edits = [];
  for (const [key, value] of Object.entries(changes)) {
    if (key === "version") { if (value) body.version = Number(value); }
    else if (key === "inputs") { if (value !== original.inputs) body.inputs = parsed(value, "The inputs are"); }
    else edits.push({ step: key.slice("result:".length), result: parsed(value, `The result of ${key.slice("result:".length)} is`) });
  }
  if (edits.length) body.edits = edits;
  if (keeps) body.keep_elements = true;
  return body;
}

function parsed(text, what) {
  try { return JSON.parse(text); } catch (error) { throw { detail: `${what} not valid JSON: ${error.message}` }; }
}
