import { useCallback, useEffect, useState } from "react";
import { Link } from "react-router";
import { ask } from "../api";
import { Tabs } from "../controls";
import { Cases, FromJobs, useCases } from "./cases";
import { Findings } from "./findings";
import { Gates } from "./gates";
import { FromCode } from "../snippets";
import { Matrix, Trend } from "./matrix";
import { Runs } from "./runs";
import { Start, startOne } from "./start";
import { useSuites } from "./suites";

const TABS = [{ id: "suites", label: "Suites" }, { id: "cases", label: "Cases" }, { id: "gate", label: "Gate and baseline" }, { id: "findings", label: "Findings" }];

/** The evals of a skillpack: its skills, and of one of them the suites, the cases, the gate, and what its jobs say. */
export function Evals({ project, csrf, skillpack, canWrite, push, suite }) {
  const [pack, setPack] = useState(null), [notice, setNotice] = useState(""), [chosen, setChosen] = useState(""), [tab, setTab] = useState("");
  useEffect(() => {
    const asked = new URLSearchParams(location.search);
    setChosen(asked.get("skill") ?? "");
    setTab(TABS.some((one) => one.id === asked.get("tab")) ? asked.get("tab") : "suites");
    read(project, skillpack).then(setPack, (error) => setNotice(error.detail));
  }, [project, skillpack]);
  if (!pack) return notice ? <Notice text={notice} /> : <p className="skeleton">Reading the skills…</p>;
  if (!pack.skills.length) return <NoSkills project={project} skillpack={skillpack} push={canWrite && push} />;
  const skill = pack.skills.find((one) => one.name === chosen) ?? pack.skills.find((one) => one.graders.length) ?? pack.skills[0];
  const pick = (name) => { setChosen(name); address({ skill: name, suite: null }); };
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
  const pick = useCallback((id) => { setCurrent(id); setTab("suites"); address({ suite: id, tab: "suites" }); }, [setTab]);
  const run = ({ version, model }) => startOne({ ...session, skill: skill.name, version, model }).then(refresh, (error) => onError(error.detail));
  if (tab === "findings") return <Findings skill={skill.name} project={project} skillpack={skillpack} />;
  const fromJobs = canWrite && cases && <FromJobs skill={skill.name} packId={pack.id} known={cases.map((one) => one.source_job_id)} project={project} csrf={csrf} isFirst={!cases.length} onKept={refreshCases} />;
  if (tab === "cases") return <><div className="row wrap"><h2 className="grow">Cases of {skill.name}</h2>{fromJobs}</div><Cases cases={cases} skill={skill.name} project={project} csrf={csrf} canWrite={canWrite} onChanged={refreshCases} onError={onError} /></>;
  if (suites === null) return <p className="t3">Reading the suites…</p>;
  if (tab === "gate") return <Gates skill={skill} suites={suites} project={project} skillpack={skillpack} onPick={pick} />;
  const suite = suites.find((one) => one.id === current) ?? suites[0];
  return (
    <>
      <div className="row wrap"><h2 className="grow">Suites of {skill.name}</h2>{fromJobs}{cases?.length > 0 && <Start {...session} skill={skill} active={pack.version} canWrite={canWrite} onStarted={refresh} />}</div>
      {cases?.length === 0 && <p className="t2">A suite runs the skill on its cases, each as a job, and has every result judged by its graders. There is no case yet: take some from jobs that have run, or write a dataset.</p>}
      {(suites.length > 0 || cases?.length > 0) && <Matrix suites={suites} active={pack.version} isAgent={skill.isAgent} current={suite?.id} canWrite={canWrite && cases?.length > 0} onPick={pick} onRun={run} />}
      <Trend suites={suites} isAgent={skill.isAgent} />
      {suite && <Runs suite={suite} suites={suites} isAgent={skill.isAgent} project={project} csrf={csrf} skillpack={skillpack} canWrite={canWrite} onChanged={refresh} onError={onError} />}
      {!suites.length && canWrite && code && <div style={{ maxWidth: 680 }}><FromCode texts={code} /></div>}
    </>
  );
}

/** The page before anything is published: what it is for, and how the first version comes. */
function NoSkills({ project, skillpack, push }) {
  return (
    <div className="scroll grow pad none-yet">
      <div className="col" style={{ gap: 14 }}>
        <div><h2>There is no skill to judge yet</h2>
          <p className="t2">Evals say how good the skills of a version are: each runs on its cases, graders score what comes out, and a gate keeps a version that is worse from becoming the active one. They begin with a version that is published.</p></div>
        <div><Link className="btn pri" to={`/p/${project}/editor?skillpack=${skillpack}`}>Open the editor</Link></div>
        {push && <FromCode texts={push} />}
      </div>
    </div>
  );
}

const ANY_SKILL = "any-skill"; // as studio/first_calls.py writes it
const codeFor = (texts, skill) => Object.fromEntries(Object.entries(texts).map(([language, text]) => [language, text.replaceAll(ANY_SKILL, skill.name)]));

function NoGraders({ skill, project, skillpack, code }) {
  const yaml = "evals:\n  dataset: cases.jsonl\n  graders:\n    - {name: form, kind: schema}\n    - {name: right, kind: exact_match}\n";
  return (
    <div className="col" style={{ gap: 10, maxWidth: 640 }}>
      <h2>{skill.name} has no graders</h2>
      <p className="t2">Graders say how good a run is: a function of yours, a language model with a rubric, what was expected, or the schema. They score every job, and suites of cases before a version is used. Add them to skill.yaml:</p>
      <pre className="code" tabIndex={0}>{yaml}</pre>
      <div><Link className="btn pri" to={`/p/${project}/editor?skillpack=${skillpack}`}>Open the editor</Link></div>
      {code && <><p className="t2">Once a version with graders is active, its cases are run here with one button.</p><FromCode texts={code} /></>}
    </div>
  );
}

const Notice = ({ text, onClose }) => (text ? <div className="note line-note row" data-s="fail" role="alert"><span className="grow">{text}</span>{onClose && <button type="button" className="btn quiet small" onClick={onClose}>Dismiss</button>}</div> : null);

/** The active version's skills as evals see them. */
async function read(project, skillpack) {
  const pack = await ask("GET", `/v1/skillpacks/${skillpack}`, { project });
  if (!pack.active_deployment_id) return { id: pack.id, version: null, skills: [] };
  const active = await ask("GET", `/v1/deployments/${pack.active_deployment_id}`, { project });
  const skills = active.manifest.skills.filter((one) => !one.parent_skill).map((one) => ({ name: one.name, isAgent: one.is_agentic, graders: one.evals, gate: one.eval_gate }));
  return { id: pack.id, version: active.version, skills };
}

/** Names what is shown in the address, without a visit. */
function address(facts) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(facts)) if (value) url.searchParams.set(name, value); else url.searchParams.delete(name);
  history.replaceState(history.state, "", url);
}
