import { type FormEvent, useEffect, useId, useRef, useState } from "react";
import { Link } from "react-router";
import type { ApiKeyCreated, DeploymentRead, DraftCheckRead, DraftProblemRead, FileChangeRead, PendingChangesRead, ScopesRead, Skill, SuiteRead } from "../../../clients/typescript/src/generated";
import { callApi, errorCodeOf, encoded, messageOf, read } from "../api";
import { Removed } from "../bundle";
import { Copy } from "../controls";
import { amountOf, estimateUrl, useEstimate } from "../estimate";
import { useNames } from "../names";
import { PRODUCTION } from "../play/choices";
import { codeOf } from "../play/code";
import { Changes } from "../versions/changes";
import { Gate } from "../versions/gate";
import type { Caller, DraftCheck } from "./draft";

const ONLY_SKILL = "skill", OWN_SCOPES = "";
const ENVIRONMENTS: Record<string, string> = { production: "Production", staging: "Staging", development: "Development" };

const MAX_SHOWN = 8;
/** Codes of errors after which the dialog loads the changes again: another user changed the draft or the active version. */
const OUTDATED = new Set<string | undefined>(["draft_changed", "active_version_changed"]);

/** The project, the skillpack, and what the user may do. */
interface Access {
  project: string;
  csrf: string;
  skillpack: string;
  canManage: boolean;
}

interface Props extends Access {
  base: string;
  /** Those of the draft, until the dialog has validated it. */
  problems: DraftProblemRead[];
  /** The skill whose call is shown after the publication. */
  skill: Skill | null | undefined;
  beforeOpen: () => Promise<unknown>;
  onPublished: () => void;
  label?: string;
}

/** The new version. It is active, or its gate decides. */
type Made = DeploymentRead & { isActive: boolean };

/** A dialog that shows the changes of a draft, publishes it, and shows the gate of the new version. */
export function Publish({ base, project, csrf, skillpack, problems, skill, canManage, beforeOpen, onPublished, label = "Publish draft…" }: Props) {
  const dialog = useRef<HTMLDialogElement>(null), [pending, setPending] = useState<PendingChangesRead | null>(null), [check, setCheck] = useState<DraftCheck | null>(null), [notes, setNotes] = useState(""), [failure, setFailure] = useState(""), [made, setMade] = useState<Made | null>(null), [isBusy, setBusy] = useState(false), [environment, setEnvironment] = useState<string>(PRODUCTION);
  const readChanges = (one: string) => callApi<PendingChangesRead>("GET", `${base}/diff?environment=${one}`, { project });
  const open = async () => {
    setFailure(""); setMade(null); setPending(null); setCheck(null); setNotes("");
    dialog.current?.showModal();
    try {
      await beforeOpen();
      const [changes, checked] = await Promise.all([readChanges(environment), callApi<DraftCheck>("GET", `${base}/check`, { project })]);
      setPending(changes); setCheck(checked);
    } catch (error) { setFailure(messageOf(error)); }
  };
  const pick = async (one: string) => {
    setEnvironment(one); setFailure(""); setPending(null); setBusy(true);
    try { setPending(await readChanges(one)); } catch (error) { setFailure(messageOf(error)); }
    setBusy(false);
  };
  const publish = async (activate: boolean) => {
    setBusy(true); setFailure("");
    const seen = pending ? { revision: pending.revision, active_version: pending.base_version ?? 0 } : {};
    try { const version = await callApi<DeploymentRead>("POST", `${base}/publish`, { project, csrf, json: { notes, activate, environment, ...seen } }); setMade({ ...version, isActive: version.is_active || (activate && !isProduction) }); onPublished(); } catch (error) {
      setFailure(messageOf(error));
      if (OUTDATED.has(errorCodeOf(error))) await readChanges(environment).then(setPending, () => {});
    }
    setBusy(false);
  };
  const isNothing = pending && !pending.files.length, found = check?.problems ?? problems, isProduction = environment === PRODUCTION, gated = isProduction ? check?.skills.filter((one) => one.eval_gate && !one.parent_skill) ?? [] : [];
  return (
    <>
      <button type="button" className="btn pri" onClick={open}>{label}</button>
      <dialog className="dlg wide-dlg" ref={dialog} aria-label="Publish draft" onClick={(event) => event.target === dialog.current && dialog.current?.close()} onClose={() => setMade(null)}>
        <div className="in-dlg">
          {made ? <Published made={made} environment={environment} skill={skill} project={project} csrf={csrf} skillpack={skillpack} canManage={canManage} /> : (
            <>
              <h2>Publish draft</h2>
              {!pending && !failure && <p className="t3">Comparing with the active version…</p>}
              {isNothing && <p className="t2">No changes compared with the active version.</p>}
              {pending && pending.removed_skills.length > 0 && <div className="note" data-s="wait" role="alert"><Removed names={pending.removed_skills} /></div>}
              {pending && !isNothing && <Changes skills={pending.skills} files={pending.files} read={(file) => bothOf(file, { base, skillpack, version: pending.base_version, project })} />}
              {pending && pending.excluded_files.length > 0 && <p className="t2">Not included: {pending.excluded_files.map((path, index) => <span key={path}>{index > 0 && ", "}<span className="mono">{path}</span></span>)}. A notebook is published only if a file of its skill references it.</p>}
              {check && <Checks check={check} />}
              {pending && check && check.skills.length > 0 && <Costs skills={check.skills.filter((one) => !one.parent_skill)} base={base} project={project} revision={pending.revision} />}
              {check && gated.length > 0 && <Gates skills={gated} project={project} skillpack={skillpack} />}
              <label className="col" style={{ gap: 4 }}><span className="strong">Release notes</span><textarea className="in" rows={2} maxLength={4000} placeholder="What changed in this version?" value={notes} onChange={(event) => setNotes(event.target.value)} /></label>
              <div className="col" style={{ gap: 4 }}>
                <label className="row"><span className="strong">Environment</span><select className="in fit" value={environment} disabled={isBusy} onChange={(event) => pick(event.target.value)}>{Object.entries(ENVIRONMENTS).map(([one, title]) => <option key={one} value={one}>{title}</option>)}</select></label>
                <p className="t3">{environment === PRODUCTION ? "New jobs use the version as soon as it is active. To try it first, activate it in development or staging." : "The version becomes active there only. Promote it to production afterwards, on the page Deployments."}</p>
              </div>
            </>
          )}
          {failure && <div className="note" data-s="fail" role="alert">{failure}</div>}
          <div className="acts">
            <button type="button" className="btn" onClick={() => dialog.current?.close()}>{made ? "Close" : "Cancel"}</button>
            {!made && <><button type="button" className="btn" disabled={isBusy || found.length > 0} onClick={() => publish(false)}>Publish without activating</button><button type="button" className="btn pri" disabled={isBusy || found.length > 0} onClick={() => publish(true)}>{gated.length ? "Publish and run gate" : "Publish and activate"}</button></>}
          </div>
        </div>
      </dialog>
    </>
  );
}

/** The result of the validation: problems prevent the publication, warnings do not. */
function Checks({ check }: { check: Pick<DraftCheckRead, "problems" | "warnings"> }) {
  const { problems, warnings } = check, line = (one: DraftProblemRead, index: number) => <li key={index}><span className="mono">{one.path}{one.line ? `:${one.line}` : ""}</span> {one.message}</li>;
  return (
    <section aria-label="Checks" className="col" style={{ gap: 4 }}>
      <h3>Checks</h3>
      {problems.length > 0 && <div className="note" data-s="fail" role="alert">Fix {problems.length} {problems.length === 1 ? "problem" : "problems"} to publish.</div>}
      {!problems.length && <p className="t2"><span className="tag" data-s="ok">passed</span> The draft has no problems{warnings.length ? ` and ${warnings.length} ${warnings.length === 1 ? "warning" : "warnings"}` : ""}.</p>}
      {problems.length + warnings.length > 0 && <ul className="against">{[...problems, ...warnings].slice(0, MAX_SHOWN).map(line)}{problems.length + warnings.length > MAX_SHOWN && <li className="t3">and {problems.length + warnings.length - MAX_SHOWN} more</li>}</ul>}
    </section>
  );
}

/** The expected cost of one run of each skill. */
function Costs({ skills, base, project, revision }: { skills: Skill[]; base: string; project: string; revision: number }) {
  return (
    <section aria-label="Cost of a run" className="col" style={{ gap: 4 }}>
      <h3>Cost of a run</h3>
      <ul className="against">{skills.slice(0, MAX_SHOWN).map(({ name }) => <CostOf key={name} {...{ name, base, project, revision }} />)}{skills.length > MAX_SHOWN && <li className="t3">and {skills.length - MAX_SHOWN} more skills</li>}</ul>
    </section>
  );
}

function CostOf({ name, base, project, revision }: { name: string; base: string; project: string; revision: number }) {
  const found = useEstimate(estimateUrl(base, name), { project, stamp: revision });
  return <li><span className="strong">{name}</span> {found ? <><span className="num">{amountOf(found)}</span>{found.basis !== "free" && <span className="t3"> {found.explanation}</span>}</> : <span className="t3">…</span>}</li>;
}

/** The gates that a version has to pass before it becomes active, with the last suite of each skill. */
function Gates({ skills, project, skillpack }: { skills: Skill[]; project: string; skillpack: string }) {
  const [last, setLast] = useState<Record<string, SuiteRead | null>>({});
  useEffect(() => {
    for (const { name } of skills) {
      callApi<SuiteRead[]>("GET", `/v1/skillpacks/${skillpack}/evals?skill=${encodeURIComponent(name)}&limit=20`, { project }).then((found) => setLast((all) => ({ ...all, [name]: found.find((one) => one.status === "succeeded") ?? null })), () => {});
    }
  }, [skills, project, skillpack]);
  return (
    <section aria-label="Eval gate" className="col" style={{ gap: 4 }}>
      <h3>Eval gate</h3>
      <p className="t2">The version becomes active after these evals have passed. Until then, new jobs use the active version.</p>
      <ul className="against">
        {skills.map(({ name, eval_gate: gate }) => {
          const suite = last[name];
          return <li key={name}><span className="strong">{name}</span> <span className="t2">{gate?.threshold} % of its runs must pass; each case runs {gate?.repeat === 1 ? "once" : `${gate?.repeat} times`}.{suite && ` Last suite: v${suite.version}, ${suite.pass_rate_pct} % passed.`}{suite === null && " No suite has run yet."}</span></li>;
        })}
      </ul>
    </section>
  );
}

/** The contents of a file in the active version and in the draft. */
function bothOf(file: FileChangeRead, { base, skillpack, version, project }: Omit<Caller, "csrf"> & { skillpack: string; version: number | null }) {
  const one = (bytes: number | null, url: string) => (bytes === null ? null : read(`${url}/files/${encoded(file.path)}`, { project }).then((content) => content.bytes));
  return Promise.all([one(file.base_bytes, `/v1/skillpacks/${skillpack}/deployments/${version}`), one(file.head_bytes, base)]);
}

interface PublishedProps extends Access, Pick<Props, "skill"> {
  made: Made;
  environment: string;
}

function Published({ made, environment, skill, project, csrf, skillpack, canManage }: PublishedProps) {
  const [settled, setSettled] = useState<string>(made.gate?.state ?? ""), [key, setKey] = useState(""), isActive = made.isActive || settled === "passed", isGating = settled === "gating";
  const deployments = <Link to={`/p/${project}/deployments?skillpack=${skillpack}`}>Deployments</Link>;
  const named = useNames(project), name = named({ skill_name: skill?.name ?? "…", skillpack_id: made.skillpack_id, prompt: null });
  const { curl } = codeOf({ origin: location.origin, skill: name, environment, inputs: skill?.examples?.[0]?.inputs ?? {} }), code = key ? `export PURAS_API_KEY=${key}\n${curl}` : curl;
  return (
    <>
      <h2>Version {made.version} is published{isActive ? " and active" : ""}</h2>
      {made.gate && <Gate project={project} csrf={csrf} skillpack={skillpack} deployment={made.id} canWrite canManage={canManage} onSettled={setSettled} />}
      {!made.gate && <p className="t2">{textOf(isActive, environment)} {(!isActive || environment !== PRODUCTION) && <>To {isActive ? "promote" : "activate"} it, open {deployments}.</>}</p>}
      {isGating && <p className="t2">You can close this dialog: the gate continues to run, and {deployments} shows its result.</p>}
      {skill && isActive && <div className="copied"><div className="copy"><Copy text={code} /></div><pre className="code fold" tabIndex={0}>{code}</pre></div>}
      {skill && isActive && !key && <p className="t3">The environment variable PURAS_API_KEY must contain an API key of {ENVIRONMENTS[environment]}. Keys of other environments cannot run this request.</p>}
      {skill && isActive && !key && (canManage ? <NewKey skill={name} environment={environment} project={project} csrf={csrf} onCreated={setKey} /> : <p className="t3">An admin of the project creates API keys.</p>)}
      {key && <div className="note" data-s="ok" role="status">API key of {ENVIRONMENTS[environment]} created. Copy it now: it is shown only once. <Link to={`/p/${project}/settings/keys`}>View all keys</Link></div>}
    </>
  );
}

function textOf(isActive: boolean, environment: string) {
  if (!isActive) return "New jobs use the active version until you activate this one.";
  return environment === PRODUCTION ? "New jobs use this version. Running jobs keep their version." : `New jobs of ${environment} use this version. Production does not change.`;
}

/** A form that creates an API key, in the environment of the version: for this skill only, with the scopes of a preset, or with single ones. */
interface NewKeyProps {
  /** The full name of the skill. */
  skill: string;
  environment: string;
  project: string;
  csrf: string;
  onCreated: (key: string) => void;
}

/** The scopes and presets for a key of an environment: some scopes concern what all environments share. */
function scopesIn(environment: string, { scopes, presets }: ScopesRead): ScopesRead {
  const offered = scopes.filter((one) => environment === PRODUCTION || !one.production_only), has = (name: string) => offered.some((one) => one.name === name);
  return { scopes: offered, presets: presets.map((one) => ({ ...one, scopes: one.scopes.filter(has) })).filter((one, index) => one.scopes.length > 0 || presets[index]?.scopes.length === 0) };
}

function NewKey({ skill, environment, project, csrf, onCreated }: NewKeyProps) {
  const [known, setKnown] = useState<ScopesRead>({ scopes: [], presets: [] }), [preset, setPreset] = useState(ONLY_SKILL), [scopes, setScopes] = useState<string[]>([]), [failure, setFailure] = useState(""), [isBusy, setBusy] = useState(false), hint = useId();
  useEffect(() => { callApi<ScopesRead>("GET", "/v1/api-keys/scopes", { project }).then((all) => setKnown(scopesIn(environment, all)), (error: unknown) => setFailure(messageOf(error))); }, [project, environment]);
  const chosen = known.presets.find((one) => one.name === preset), pick = (name: string) => { setPreset(name); setScopes(known.presets.find((one) => one.name === name)?.scopes ?? scopes); };
  const of = `A key of ${ENVIRONMENTS[environment]}. `, text = preset === ONLY_SKILL ? `Run ${skill}, and read and cancel its own jobs.` : chosen?.description ?? "The scopes that are selected below.";
  const create = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true); setFailure("");
    const permissions = preset === ONLY_SKILL ? { skill_allowlist: [skill] } : { scopes };
    try { onCreated((await callApi<ApiKeyCreated>("POST", "/v1/api-keys", { project, csrf, json: { name: `For ${skill}`, environment, ...permissions } })).key); } catch (error) { setFailure(messageOf(error)); setBusy(false); }
  };
  const toggle = (name: string) => { setPreset(OWN_SCOPES); setScopes(scopes.includes(name) ? scopes.filter((one) => one !== name) : [...scopes, name]); };
  return (
    <form className="col" style={{ gap: 8 }} onSubmit={create}>
      <div className="row wrap">
        <label className="row"><span className="label">Permissions</span><select className="in" value={preset} aria-describedby={hint} onChange={(event) => pick(event.target.value)}><option value={ONLY_SKILL}>Run this skill</option>{known.presets.map((one) => <option key={one.name} value={one.name}>{one.title}</option>)}<option value={OWN_SCOPES}>Selected scopes</option></select></label>
        <button className="btn" disabled={isBusy || (preset === OWN_SCOPES && !scopes.length)}>Create API key</button>
      </div>
      <p className="t2" id={hint}>{of}{text}</p>
      <details open={preset === OWN_SCOPES || undefined}>
        <summary>Advanced: single scopes</summary>
        <div className="boxes">{known.scopes.map((one) => <label className="check" key={one.name} title={one.description}><input type="checkbox" checked={scopes.includes(one.name)} onChange={() => toggle(one.name)} /><span className="mono">{one.name}</span></label>)}</div>
      </details>
      {failure && <div className="note" data-s="fail" role="alert">{failure}</div>}
    </form>
  );
}
