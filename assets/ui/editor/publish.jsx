import { useRef, useState } from "react";
import { Link } from "react-router";
import { callApi, read } from "../api";
import { Removed } from "../bundle";
import { Copy } from "../controls";
import { useNames } from "../names";
import { codeOf } from "../play/code";
import { Changes } from "../versions/changes";
import { encoded } from "../versions/comparison";
import { Gate } from "../versions/gate";

/** Codes of errors after which the dialog loads the changes again: another user changed the draft or the active version. */
const OUTDATED = new Set(["draft_changed", "active_version_changed"]);

/** What a new API key can do, by the name of the preset. */
const PRESETS = {
  "Run this skill": (skill) => ({ skill_allowlist: [skill] }),
  "Run all skills": () => ({ scopes: ["jobs:submit", "jobs:read_own", "jobs:write"] }),
  "Full access": () => ({}),
};

/** A dialog that shows the changes of a draft, publishes it, and shows the gate of the new version. */
export function Publish({ base, project, csrf, skillpack, problems, skill, canManage, beforeOpen, onPublished, label = "Publish draft…" }) {
  const dialog = useRef(null), [pending, setPending] = useState(null), [notes, setNotes] = useState(""), [failure, setFailure] = useState(""), [made, setMade] = useState(null), [isBusy, setBusy] = useState(false);
  const open = async () => {
    setFailure(""); setMade(null); setPending(null); setNotes("");
    dialog.current.showModal();
    try { await beforeOpen(); setPending(await callApi("GET", `${base}/diff`, { project })); } catch (error) { setFailure(error.detail); }
  };
  const publish = async (activate) => {
    setBusy(true); setFailure("");
    const seen = pending ? { revision: pending.revision, active_version: pending.base_version ?? 0 } : {};
    try { setMade(await callApi("POST", `${base}/publish`, { project, csrf, json: { notes, activate, ...seen } })); onPublished(); } catch (error) {
      setFailure(error.detail);
      if (OUTDATED.has(error.code)) await callApi("GET", `${base}/diff`, { project }).then(setPending, () => {});
    }
    setBusy(false);
  };
  const isNothing = pending && !pending.files.length;
  return (
    <>
      <button type="button" className="btn pri" onClick={open}>{label}</button>
      <dialog className="dlg wide-dlg" ref={dialog} aria-label="Publish draft" onClick={(event) => event.target === dialog.current && dialog.current.close()} onClose={() => setMade(null)}>
        <div className="in-dlg">
          {made ? <Published made={made} skill={skill} project={project} csrf={csrf} skillpack={skillpack} canManage={canManage} /> : (
            <>
              <h2>Publish draft</h2>
              {problems.length > 0 && <div className="note" data-s="fail" role="alert">Fix {problems.length} {problems.length === 1 ? "problem" : "problems"} to publish.</div>}
              {!pending && !failure && <p className="t3">Comparing with the active version…</p>}
              {isNothing && <p className="t2">No changes compared with the active version.</p>}
              {pending?.removed_skills.length > 0 && <div className="note" data-s="wait" role="alert"><Removed names={pending.removed_skills} /></div>}
              {pending && !isNothing && <Changes skills={pending.skills} files={pending.files} read={(file) => bothOf(file, { base, skillpack, version: pending.base_version, project })} />}
              {pending?.left_out.length > 0 && <p className="t2">Not included: {pending.left_out.map((path, index) => <span key={path}>{index > 0 && ", "}<span className="mono">{path}</span></span>)}. A notebook is published only if a file of its skill references it.</p>}
              <label className="col" style={{ gap: 4 }}><span className="strong">Release notes</span><textarea className="in" rows={2} maxLength={4000} placeholder="What changed in this version?" value={notes} onChange={(event) => setNotes(event.target.value)} /></label>
            </>
          )}
          {failure && <div className="note" data-s="fail" role="alert">{failure}</div>}
          <div className="acts">
            <button type="button" className="btn" onClick={() => dialog.current.close()}>{made ? "Close" : "Cancel"}</button>
            {!made && <><button type="button" className="btn" disabled={isBusy || problems.length > 0} onClick={() => publish(false)}>Publish without activating</button><button type="button" className="btn pri" disabled={isBusy || problems.length > 0} onClick={() => publish(true)}>Publish and activate</button></>}
          </div>
        </div>
      </dialog>
    </>
  );
}

/** The contents of a file in the active version and in the draft. */
function bothOf(file, { base, skillpack, version, project }) {
  const one = (bytes, url) => (bytes === null ? null : read(`${url}/files/${encoded(file.path)}`, { project }).then((file) => file.bytes));
  return Promise.all([one(file.base_bytes, `/v1/skillpacks/${skillpack}/deployments/${version}`), one(file.head_bytes, base)]);
}

function Published({ made, skill, project, csrf, skillpack, canManage }) {
  const [settled, setSettled] = useState(made.gate?.state ?? ""), [key, setKey] = useState(""), isActive = made.is_active || settled === "passed", isGating = settled === "gating";
  const named = useNames(project), name = named({ skill_name: skill?.name ?? "…", skillpack_id: made.skillpack_id });
  const { curl } = codeOf({ origin: location.origin, skill: name, inputs: skill?.examples?.[0]?.inputs ?? {} }), code = key ? `export PURAS_API_KEY=${key}\n${curl}` : curl;
  return (
    <>
      <h2>Version {made.version} is published{isActive ? " and active" : ""}</h2>
      {made.gate && <Gate project={project} csrf={csrf} skillpack={skillpack} deployment={made.id} canWrite canManage={canManage} onSettled={setSettled} />}
      {!made.gate && <p className="t2">{isActive ? "New jobs use this version. Running jobs keep their version." : "New jobs use the active version until you activate this one."}</p>}
      {isGating && <p className="t2">You can close this dialog: the gate continues to run, and <Link to={`/p/${project}/deployments?skillpack=${skillpack}`}>Deployments</Link> shows its result.</p>}
      {skill && isActive && <div className="copied"><div className="copy"><Copy text={code} /></div><pre className="code fold" tabIndex={0}>{code}</pre></div>}
      {skill && isActive && !key && <p className="t3">The environment variable PURAS_API_KEY must contain an API key.</p>}
      {skill && isActive && !key && (canManage ? <NewKey skill={name} project={project} csrf={csrf} onCreated={setKey} /> : <p className="t3">An admin of the project creates API keys.</p>)}
      {key && <div className="note" data-s="ok" role="status">API key created. Copy it now: it is shown only once. <Link to={`/p/${project}/settings/keys`}>View all keys</Link></div>}
    </>
  );
}

/** A form that creates an API key with one of the presets. */
function NewKey({ skill, project, csrf, onCreated }) {
  const [preset, setPreset] = useState(Object.keys(PRESETS)[0]), [failure, setFailure] = useState(""), [isBusy, setBusy] = useState(false);
  const create = async (event) => {
    event.preventDefault();
    setBusy(true); setFailure("");
    try { onCreated((await callApi("POST", "/v1/api-keys", { project, csrf, json: { name: `For ${skill}`, ...PRESETS[preset](skill) } })).key); } catch (error) { setFailure(error.detail); setBusy(false); }
  };
  return (
    <form className="row wrap" onSubmit={create}>
      <label className="row"><span className="label">Permissions</span><select className="in" value={preset} onChange={(event) => setPreset(event.target.value)}>{Object.keys(PRESETS).map((name) => <option key={name}>{name}</option>)}</select></label>
      <button className="btn" disabled={isBusy}>Create API key</button>
      {failure && <div className="note" data-s="fail" role="alert">{failure}</div>}
    </form>
  );
}
