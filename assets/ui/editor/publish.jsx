import { useRef, useState } from "react";
import { Link } from "react-router";
import { ask, read } from "../api";
import { Removed } from "../bundle";
import { Copy } from "../controls";
import { useNames } from "../names";
import { codeOf } from "../play/code";
import { Changes } from "../versions/changes";
import { encoded } from "../versions/comparison";
import { Gate } from "../versions/gate";

/** Somebody was faster: what would be published is not what was looked at. */
const OVERTAKEN = new Set(["draft_changed", "active_version_changed"]);

/** What a publish would change, the publish, and the gate that it may have to pass. */
export function Publish({ base, project, csrf, skillpack, problems, skill, canManage, beforeOpen, onPublished, label = "Publish…" }) {
  const dialog = useRef(null), [pending, setPending] = useState(null), [notes, setNotes] = useState(""), [failure, setFailure] = useState(""), [made, setMade] = useState(null), [isBusy, setBusy] = useState(false);
  const open = async () => {
    setFailure(""); setMade(null); setPending(null); setNotes("");
    dialog.current.showModal();
    try { await beforeOpen(); setPending(await ask("GET", `${base}/diff`, { project })); } catch (error) { setFailure(error.detail); }
  };
  const publish = async (activate) => {
    setBusy(true); setFailure("");
    const seen = pending ? { revision: pending.revision, active_version: pending.base_version ?? 0 } : {};
    try { setMade(await ask("POST", `${base}/publish`, { project, csrf, json: { notes, activate, ...seen } })); onPublished(); } catch (error) {
      setFailure(error.detail);
      if (OVERTAKEN.has(error.code)) await ask("GET", `${base}/diff`, { project }).then(setPending, () => {});
    }
    setBusy(false);
  };
  const isNothing = pending && !pending.files.length;
  return (
    <>
      <button type="button" className="btn pri" onClick={open}>{label}</button>
      <dialog className="dlg wide-dlg" ref={dialog} aria-label="Publish" onClick={(event) => event.target === dialog.current && dialog.current.close()} onClose={() => setMade(null)}>
        <div className="in-dlg">
          {made ? <Made made={made} skill={skill} project={project} csrf={csrf} skillpack={skillpack} canManage={canManage} /> : (
            <>
              <h2>Publish the working copy</h2>
              {problems.length > 0 && <div className="note" data-s="fail" role="alert">{problems.length} {problems.length === 1 ? "problem has" : "problems have"} to be mended first.</div>}
              {!pending && !failure && <p className="t3">Comparing with the active version…</p>}
              {isNothing && <p className="t2">Nothing differs from the active version.</p>}
              {pending?.removed_skills.length > 0 && <div className="note" data-s="wait" role="alert"><Removed names={pending.removed_skills} /></div>}
              {pending && !isNothing && <Changes skills={pending.skills} files={pending.files} read={(file) => bothOf(file, { base, skillpack, version: pending.base_version, project })} />}
              {pending?.left_out.length > 0 && <p className="t2">Not published: {pending.left_out.map((path, index) => <span key={path}>{index > 0 && ", "}<span className="mono">{path}</span></span>)}. A notebook is part of a version only where a file of its skill names it.</p>}
              <label className="col" style={{ gap: 4 }}><span className="strong">Notes</span><textarea className="in" rows={2} maxLength={4000} placeholder="What is new?" value={notes} onChange={(event) => setNotes(event.target.value)} /></label>
            </>
          )}
          {failure && <div className="note" data-s="fail" role="alert">{failure}</div>}
          <div className="acts">
            <button type="button" className="btn" onClick={() => dialog.current.close()}>{made ? "Close" : "Not now"}</button>
            {!made && <><button type="button" className="btn" disabled={isBusy || problems.length > 0} onClick={() => publish(false)}>Publish only</button><button type="button" className="btn pri" disabled={isBusy || problems.length > 0} onClick={() => publish(true)}>Publish and activate</button></>}
          </div>
        </div>
      </dialog>
    </>
  );
}

/** A file as the active version and as the working copy have it. */
function bothOf(file, { base, skillpack, version, project }) {
  const one = (bytes, address) => (bytes === null ? null : read(`${address}/files/${encoded(file.path)}`, { project }).then((answer) => answer.bytes));
  return Promise.all([one(file.base_bytes, `/v1/skillpacks/${skillpack}/deployments/${version}`), one(file.head_bytes, base)]);
}

function Made({ made, skill, project, csrf, skillpack, canManage }) {
  const [settled, setSettled] = useState(made.gate?.state ?? ""), isActive = made.is_active || settled === "passed", isGating = settled === "gating";
  const named = useNames(project), name = named({ skill_name: skill?.name ?? "…", skillpack_id: made.skillpack_id });
  const { curl } = codeOf({ origin: location.origin, skill: name, inputs: skill?.examples?.[0]?.inputs ?? {} });
  return (
    <>
      <h2>Version {made.version} is published{isActive ? " and active" : ""}</h2>
      {made.gate && <Gate project={project} csrf={csrf} skillpack={skillpack} deployment={made.id} canWrite canManage={canManage} onSettled={setSettled} />}
      {!made.gate && <p className="t2">{isActive ? "New jobs get it from now on; jobs that run stay on their version." : "New jobs stay on the active version until you activate this one."}</p>}
      {isGating && <p className="t2">You need not wait here: it goes on by itself, and <Link to={`/p/${project}/deployments?skillpack=${skillpack}`}>Deployments</Link> says how it ended.</p>}
      {skill && isActive && <div className="copied"><div className="copy"><Copy text={curl} /></div><pre className="code fold" tabIndex={0}>{curl}</pre></div>}
      {skill && isActive && <p className="t3">The key stands in the environment as PURAS_API_KEY. <a href={`/p/${project}/settings/keys`}>Make one</a></p>}
    </>
  );
}
