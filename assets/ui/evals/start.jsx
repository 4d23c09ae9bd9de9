import { useEffect, useRef, useState } from "react";
import { ask } from "../api";
import { modelName, OWN_MODEL } from "./suites";

const FREE = ["recording", "puras/rehearsal"];
const HINTS = { [OWN_MODEL]: "as its jobs run", recording: "what a model answered in each case's earlier run; free", "puras/rehearsal": "plays the examples, no language model; free" };
const MOST_VERSIONS = 12;

/** Starts suites: one for each chosen version on each chosen model. */
export function Start({ project, csrf, skillpack, skill, active, canWrite, onStarted }) {
  const dialog = useRef(null), [versions, setVersions] = useState([]), [catalogue, setCatalogue] = useState([]), [chosen, setChosen] = useState([]), [models, setModels] = useState([OWN_MODEL]), [other, setOther] = useState(""), [repeat, setRepeat] = useState(1), [failures, setFailures] = useState([]), [isBusy, setBusy] = useState(false);
  useEffect(() => {
    ask("GET", `/v1/skillpacks/${skillpack}/deployments?limit=${MOST_VERSIONS}`, { project }).then((found) => setVersions(found.filter((one) => one.skills.includes(skill.name)).map((one) => one.version)), () => {});
    ask("GET", "/v1/pricing", { project }).then((found) => setCatalogue(found.models.map((one) => one.model)), () => {});
  }, [project, skillpack, skill.name, active]);
  const open = () => { setFailures([]); setChosen(active ? [active] : []); setModels([OWN_MODEL]); setOther(""); dialog.current.showModal(); };
  const flip = (list, one) => (list.includes(one) ? list.filter((kept) => kept !== one) : [...list, one]);
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
          <h2>Run the cases of {skill.name}</h2>
          <fieldset className="field"><legend className="label">Versions</legend><div className="boxes">{versions.map((version) => <label className="check" key={version}><input type="checkbox" checked={chosen.includes(version)} onChange={() => setChosen(flip(chosen, version))} /><span>v{version}{version === active ? " (active)" : ""}</span></label>)}</div></fieldset>
          {skill.isAgent && <fieldset className="field"><legend className="label">Models</legend>{[OWN_MODEL, ...FREE].map((model) => <label className="check" key={model}><input type="checkbox" checked={models.includes(model)} onChange={() => setModels(flip(models, model))} /><span>{modelName(model)} <span className="t3">{HINTS[model]}</span></span></label>)}
            <label className="row"><span className="t2">and</span><input className="in" list="catalogue" placeholder="another model" aria-label="Another model" value={other} onChange={(event) => setOther(event.target.value)} /><datalist id="catalogue">{catalogue.map((model) => <option key={model} value={model} />)}</datalist></label></fieldset>}
          <label className="row"><span className="label">How often each case</span><input className="in" style={{ width: 72 }} type="number" min={1} max={20} value={repeat} onChange={(event) => setRepeat(Number(event.target.value))} /></label>
          <p className="t3">Each run is a job of the project: it is billed, and budgets hold for it. At most 20 of a suite are in the queue at once, behind the other jobs.</p>
          {failures.length > 0 && <div className="note" data-s="fail" role="alert">{failures.map((one) => <div key={one}>{one}</div>)}</div>}
          <div className="acts"><button type="button" className="btn" onClick={() => dialog.current.close()}>Not now</button><button className="btn pri" disabled={isBusy || !suites}>{isBusy ? "Starting…" : suites === 1 ? "Run 1 suite" : `Run ${suites} suites`}</button></div>
        </form>
      </dialog>
    </>
  );
}

/** Start one suite; an own model is none that is named. */
export const startOne = ({ project, csrf, skillpack, skill, version, model, repeat = 1 }) =>
  ask("POST", `/v1/skillpacks/${skillpack}/evals`, { project, csrf, json: { skill, version, repeat, ...(model === OWN_MODEL ? {} : { model }) } });
