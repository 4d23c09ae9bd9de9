import { useCallback, useEffect, useState } from "react";
import { Link } from "react-router";
import { callApi } from "../api";
import { Tabs } from "../controls";
import { Cases, FromJobs, useCases } from "./cases";
import { Gates } from "./gates";
import { Insights } from "./insights";
import { FromCode } from "../snippets";
import { Matrix, Trend } from "./matrix";
import { Runs } from "./runs";
import { Start, startOne } from "./start";
import { useSuites } from "./suites";

const TABS = [{ id: "suites", label: "Suites" }, { id: "cases", label: "Cases" }, { id: "gate", label: "Gate and baseline" }, { id: "findings", label: "Insights" }];

/** The evals of a skillpack: its skills, and the suites, the cases, the gate and the insights of the selected skill. */
export function Evals({ project, csrf, skillpack, canWrite, push, suite }) {
  const [pack, setPack] = useState(null), [notice, setNotice] = useState(""), [chosen, setChosen] = useState(""), [tab, setTab] = useState("");
  useEffect(() => {
    const query = new URLSearchParams(location.search);
    setChosen(query.get("skill") ?? "");
    setTab(TABS.some((one) => one.id === query.get("tab")) ? query.get("tab") : "suites");
    read(project, skillpack).then(setPack, (error) => setNotice(error.detail));
  }, [project, skillpack]);
  if (!pack) return notice ? <Notice text={notice} /> : <p className="skeleton">Loading skills…</p>;
  if (!pack.skills.length) return <NoSkills project={project} skillpack={skillpack} push={canWrite && push} />;
  const skill = pack.skills.find((one) => one.name === chosen) ?? pack.skills.find((one) => one.graders.length) ?? pack.skills[0];
  const pick = (name) => { setChosen(name); writeUrl({ skill: name, suite: null }); };
  return (
    <div className="evals">
      <nav className="skills" aria-label="Skills">{pack.skills.map((one) => <button key={one.name} type="button" aria-pressed={one === skill} onClick={() => pick(one.name)}><span className="cut grow">{one.name}</span>{one.gate ? <span className="tag">gate</span> : !one.graders.length && <span className="t3">no graders</span>}</button>)}</nav>
      <div className="col grow" style={{ minHeight: 0 }}>
        <Notice text={notice} onClose={() => setNotice("")} />
        <Tabs items={TABS} current={tab} label="Evals" param="tab" onPick={setTab} />
        <div className="scroll grow column" role="tabpanel" aria-label={TABS.find((one) => one.id === tab)?.label} tabIndex={0} style={{ gap: 20, maxWidth: 1240 }}>
          {skill.graders.length || tab === "findings" ? <Skill key={skill.name} {...{ project, csrf, skillpack, canWrite, skill, pack, tab, setTab }} code={suite && codeFor(suite, skill)} onError={setNotice} /> : <NoGraders skill={skill} project={project} skillpack={skillpack} code={canWrite && suite && codeFor(suite, skill)} />}
        </div>
      </div>
    </div>
  );
}

function Skill({ project, csrf, skillpack, canWrite, skill, pack, tab, setTab, code, onError }) {
  const [suites, refresh] = useSuites({ project, skillpack, skill: skill.graders.length ? skill.name : "", onError }), [cases, refreshCases] = useCases({ project, skillpack, skill: skill.name, onError });
  const [current, setCurrent] = useState(() => new URLSearchParams(location.search).get("suite")), session = { project, csrf, skillpack };
  const pick = useCallback((id) => { setCurrent(id); setTab("suites"); writeUrl({ suite: id, tab: "suites" }); }, [setTab]);
  const run = ({ version, model }) => startOne({ ...session, skill: skill.name, version, model }).then(refresh, (error) => onError(error.detail));
  if (tab === "findings") return <Insights skill={skill.name} project={project} skillpack={skillpack} />;
  const fromJobs = canWrite && cases && <FromJobs skill={skill.name} packId={pack.id} known={cases.map((one) => one.source_job_id)} project={project} csrf={csrf} isFirst={!cases.length} onCreated={refreshCases} />;
  if (tab === "cases") return <><div className="row wrap"><h2 className="grow">Cases of {skill.name}</h2>{fromJobs}</div><Cases cases={cases} skill={skill.name} project={project} csrf={csrf} canWrite={canWrite} onChanged={refreshCases} onError={onError} /></>;
  if (suites === null) return <p className="t3">Loading suites…</p>;
  if (tab === "gate") return <Gates skill={skill} suites={suites} project={project} skillpack={skillpack} onPick={pick} />;
  const suite = suites.find((one) => one.id === current) ?? suites[0];
  return (
    <>
      <div className="row wrap"><h2 className="grow">Suites of {skill.name}</h2>{fromJobs}{cases?.length > 0 && <Start {...session} skill={skill} active={pack.version} canWrite={canWrite} onStarted={refresh} />}</div>
      {cases?.length === 0 && <p className="t2">A suite runs the skill on each case as a job, and graders score the results. There are no cases yet: create some from finished jobs, or write a dataset.</p>}
      {(suites.length > 0 || cases?.length > 0) && <Matrix suites={suites} active={pack.version} isAgent={skill.isAgent} current={suite?.id} canWrite={canWrite && cases?.length > 0} onPick={pick} onRun={run} />}
      <Trend suites={suites} isAgent={skill.isAgent} />
      {suite && <Runs suite={suite} suites={suites} isAgent={skill.isAgent} project={project} csrf={csrf} skillpack={skillpack} canWrite={canWrite} onChanged={refresh} onError={onError} />}
      {!suites.length && canWrite && code && <div style={{ maxWidth: 680 }}><FromCode texts={code} /></div>}
    </>
  );
}

/** The empty state of a skillpack without a published version. */
function NoSkills({ project, skillpack, push }) {
  return (
    <div className="scroll grow pad none-yet">
      <div className="col" style={{ gap: 14 }}>
        <div><h2>No skills to evaluate yet</h2>
          <p className="t2">Evals measure the quality of the skills of a version. A skill runs on its cases, graders score the results, and a gate prevents the activation of a worse version. To start, publish a version.</p></div>
        <div><Link className="btn pri" to={`/p/${project}/editor?skillpack=${skillpack}`}>Open the editor</Link></div>
        {push && <FromCode texts={push} />}
      </div>
    </div>
  );
}

const ANY_SKILL = "any-skill"; // the placeholder of studio/first_snippets.py
const codeFor = (texts, skill) => Object.fromEntries(Object.entries(texts).map(([language, text]) => [language, text.replaceAll(ANY_SKILL, skill.name)]));

function NoGraders({ skill, project, skillpack, code }) {
  const yaml = "evals:\n  dataset: cases.jsonl\n  graders:\n    - {name: form, kind: schema}\n    - {name: right, kind: exact_match}\n";
  return (
    <div className="col" style={{ gap: 10, maxWidth: 640 }}>
      <h2>{skill.name} has no graders</h2>
      <p className="t2">Graders score a run: your own function, a language model with a rubric, a comparison with the expected output, or the schema. They score every job, and the runs of suites before a version becomes active. Add them to skill.yaml:</p>
      <pre className="code" tabIndex={0}>{yaml}</pre>
      <div><Link className="btn pri" to={`/p/${project}/editor?skillpack=${skillpack}`}>Open the editor</Link></div>
      {code && <><p className="t2">After a version with graders is active, you can run its cases here.</p><FromCode texts={code} /></>}
    </div>
  );
}

const Notice = ({ text, onClose }) => (text ? <div className="note line-note row" data-s="fail" role="alert"><span className="grow">{text}</span>{onClose && <button type="button" className="btn quiet small" onClick={onClose}>Dismiss</button>}</div> : null);

/** The skills of the active version, with their graders and gates. */
async function read(project, skillpack) {
  const pack = await callApi("GET", `/v1/skillpacks/${skillpack}`, { project });
  if (!pack.active_deployment_id) return { id: pack.id, version: null, skills: [] };
  const active = await callApi("GET", `/v1/deployments/${pack.active_deployment_id}`, { project });
  const skills = active.manifest.skills.filter((one) => !one.parent_skill).map((one) => ({ name: one.name, isAgent: one.is_agentic, graders: one.evals, gate: one.eval_gate }));
  return { id: pack.id, version: active.version, skills };
}

/** Write the selection to the URL, without a navigation. */
function writeUrl(facts) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(facts)) if (value) url.searchParams.set(name, value); else url.searchParams.delete(name);
  history.replaceState(history.state, "", url);
}
