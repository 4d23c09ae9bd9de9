import { useRef, useState } from "react";
import { useNavigate } from "react-router";
import { callApi } from "./api";

/** The state of a dialog that forks a job: the job that it forks, the changes to it, and the request. `choices` loads what the dialog offers. */
export function useFork({ project, csrf, job, choices }) {
  const dialog = useRef(null), navigate = useNavigate(), [original, setOriginal] = useState(null), [changes, setChanges] = useState({});
  const [failure, setFailure] = useState(null), [isBusy, setBusy] = useState(false), [isOpen, setOpen] = useState(false);
  const change = (key, value) => setChanges((before) => ({ ...before, [key]: value }));
  const open = async () => {
    setChanges({}); setFailure(null); setOpen(true);
    dialog.current.showModal();
    try {
      const found = await callApi("GET", `/v1/jobs/${job}`, { project });
      setOriginal({ inputs: JSON.stringify(found.inputs, null, 2), version: found.deployment_version });
      await choices(found);
    } catch (error) { setFailure(error); }
  };
  /** Send the request, and open the new job. `body` is called with the changes and the original. */
  const submit = async (event, body, query = "") => {
    event.preventDefault();
    setFailure(null);
    setBusy(true);
    try {
      const made = await callApi("POST", `/v1/jobs/${job}/fork`, { project, csrf, json: body(changes, original) });
      dialog.current.close();
      navigate(`/p/${project}/jobs/${made.id}${query}`);
    } catch (error) { setFailure(error.detail ? error : { detail: error.message }); }
    setBusy(false);
  };
  return { dialog, original, changes, change, failure, isBusy, isOpen, open, close: () => setOpen(false), submit };
}

/** The versions of the skill of a job; none if they cannot be read. */
export const versionsOf = async (found, project) =>
  found.deployment_id ? await callApi("GET", `/v1/skillpacks/${found.skillpack_id}/deployments?limit=100`, { project }).catch(() => []) : [];

export function VersionField({ label, versions, fork: { original, changes, change } }) {
  if (!versions.length) return null;
  return (
    <label className="field"><span className="label">{label}</span>
      <select className="in" value={changes.version ?? ""} onChange={(event) => change("version", event.target.value)}>
        <option value="">{original?.version ? `v${original.version} (same version)` : "Same version"}</option>
        {versions.map((one) => <option key={one.id} value={one.version}>{`v${one.version}${one.is_active ? " (active)" : ""}`}</option>)}
      </select>
    </label>
  );
}

export function InputsField({ fork: { original, changes, change }, children }) {
  return (
    <details className="fork-step">
      <summary><span className="strong">Inputs</span>{changes.inputs !== undefined && <span className="tag">changed</span>}</summary>
      {original && <textarea className="in code" rows={8} aria-label="Inputs as JSON" spellCheck={false} value={changes.inputs ?? original.inputs} onChange={(event) => change("inputs", event.target.value)} />}
      {children}
    </details>
  );
}

export function ForkProblem({ failure }) {
  return failure && <div className="note" data-s="fail" role="alert">{failure.detail}{(failure.errors ?? []).slice(0, 3).map((one, index) => <p key={index}><span className="mono">{one.path}</span> {one.message}</p>)}</div>;
}

/** The fields of the request that every fork has. */
export function sharedFields(changes, original) {
  const body = {};
  if (changes.version) body.version = Number(changes.version);
  if (changes.inputs !== undefined && changes.inputs !== original.inputs) body.inputs = parsed(changes.inputs, "The inputs are");
  return body;
}

export function parsed(text, what) {
  try { return JSON.parse(text); } catch (error) { throw { detail: `${what} not valid JSON: ${error.message}` }; }
}
