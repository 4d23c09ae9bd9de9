import { useEffect, useRef, useState } from "react";
import { callApi } from "../api";
import { modelName, OWN_MODEL } from "./suites";

const FREE_MODELS = ["recording", "puras/rehearsal"];
const HINTS = { [OWN_MODEL]: "as in regular jobs", recording: "model replies from an earlier run of each case; free", "puras/rehearsal": "returns the examples, without a language model; free" };
const MAX_VERSIONS = 12;

/** A dialog that starts suites: one for each selected version and model. */
export function Start({ project, csrf, skillpack, skill, active, canWrite, onStarted }) {
  const dialog = useRef(null), [versions, setVersions] = useState([]), [catalog, setCatalog] = useState([]), [chosen, setChosen] = useState([]), [models, setModels] = useState([OWN_MODEL]), [other, setOther] = useState(""), [repeat, setRepeat] = useState(1), [failures, setFailures] = useState([]), [isBusy, setBusy] = useState(false);
  useEffect(() => {
    callApi("GET", `/v1/skillpacks/${skillpack}/deployments?limit=${MAX_VERSIONS}`, { project }).then((found) => setVersions(found.filter((one) => one.skills.includes(skill.name)).map((one) => one.version)), () => {});
    callApi("GET", "/v1/pricing", { project }).then((found) => setCatalog(found.models.map((one) => one.model)), () => {});
  }, [project, skillpack, skill.name, active]);
  const open = () => { setFailures([]); setChosen(active ? [active] : []); setModels([OWN_MODEL]); setOther(""); dialog.current.showModal(); };
  const flip = (list, one) => (list.includes(one) ? list.filter((other) => other !== one) : [...list, one]);
  const wanted = skill.isAgent ? [...models, ...(other.trim() ? [other.trim()] : [])] : [OWN_MODEL], suites = chosen.length * wanted.length;
  const start = async (event) => {
    event.preventDefault();
    setBusy(true);
    const refused = [];
    for (const version of chosen) for (const model of wanted) {
      try { await startOne({ project, csrf, skillpack, skill: skill.name, version, model, repeat }); onStarted(); } catch (error) { refused.push(`v${version} on ${modelName(model)}: ${error.detail}`); }
    }
    setBusy(false);
    setFailures(refused);
    if (!refused.length) dialog.current.close();
  };
  if (!canWrite) return null;
  return (
    <>
      <button type="button" className="btn pri" data-key="r" disabled={!skill.graders.length} onClick={open}>Run suites…</button>
      <dialog className="dlg" ref={dialog} aria-label="Run suites" onClick={(event) => event.target === dialog.current && dialog.current.close()}>
        <form className="in-dlg" onSubmit={start}>
          <h2>Run suites of {skill.name}</h2>
          <fieldset className="field"><legend className="label">Versions</legend><div className="boxes">{versions.map((version) => <label className="check" key={version}><input type="checkbox" checked={chosen.includes(version)} onChange={() => setChosen(flip(chosen, version))} /><span>v{version}{version === active ? " (active)" : ""}</span></label>)}</div></fieldset>
          {skill.isAgent && <fieldset className="field"><legend className="label">Models</legend>{[OWN_MODEL, ...FREE_MODELS].map((model) => <label className="check" key={model}><input type="checkbox" checked={models.includes(model)} onChange={() => setModels(flip(models, model))} /><span>{modelName(model)} <span className="t3">{HINTS[model]}</span></span></label>)}
            <label className="row"><span className="t2">Other</span><input className="in" list="catalog" placeholder="Model ID" aria-label="Another model" value={other} onChange={(event) => setOther(event.target.value)} /><datalist id="catalog">{catalog.map((model) => <option key={model} value={model} />)}</datalist></label></fieldset>}
          <label className="row"><span className="label">Runs per case</span><input className="in" style={{ width: 72 }} type="number" min={1} max={20} value={repeat} onChange={(event) => setRepeat(Number(event.target.value))} /></label>
          <p className="t3">Each run is a job of the project: it is billed, and budgets apply. At most 20 jobs of a suite are queued at the same time, after the other jobs of the project.</p>
          {failures.length > 0 && <div className="note" data-s="fail" role="alert">{failures.map((one) => <div key={one}>{one}</div>)}</div>}
          <div className="acts"><button type="button" className="btn" onClick={() => dialog.current.close()}>Cancel</button><button className="btn pri" disabled={isBusy || !suites}>{isBusy ? "Starting…" : suites === 1 ? "Run 1 suite" : `Run ${suites} suites`}</button></div>
        </form>
      </dialog>
    </>
  );
}

/** Start one suite; without a model in the request, the default model of the skill is used. */
export const startOne = ({ project, csrf, skillpack, skill, version, model, repeat = 1 }) =>
  callApi("POST", `/v1/skillpacks/${skillpack}/evals`, { project, csrf, json: { skill, version, repeat, ...(model === OWN_MODEL ? {} : { model }) } });
