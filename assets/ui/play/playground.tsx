import { type CSSProperties, type KeyboardEvent as ReactKeyboardEvent, useEffect, useMemo, useRef, useState } from "react";
import type { JobRead } from "../../../clients/typescript/src/generated";
import { type ApiError, callApi } from "../api";
import { Estimate, estimateUrl } from "../estimate";
import { SchemaForm } from "../form";
import type { Schema } from "../schema_types";
import { type ColumnState, MAX_COLUMNS, readUrl, type Refusal, writeUrl } from "./url_state";
import { DRAFT, type Environment, type NoSkill, path, type PlaySkill, PRODUCTION, submit, useChoices } from "./choices";
import { Column, type View } from "./column";
import { differing } from "./differ";
import { InputsInNotebook } from "./notebook";
import { SaveMenu } from "./save_menu";

type Values = Record<string, unknown>;
type KeyedColumn = ColumnState & { key: number };

interface Props {
  project: string;
  csrf: string;
  skill: string;
  skillpack: string;
  fullName: string;
  canWrite: boolean;
}

const INPUTS = "inputs.";
const VIEWS: [View, string][] = [["steps", "Steps"], ["result", "Result"], ["json", "JSON"]];
const ATTACHMENTS: Schema = { type: "array", title: "Attachments", description: "Files that the model can read.", items: { type: "file" } };
let made = 0;
const column = (state: Partial<ColumnState>): KeyedColumn => ({ version: "", model: "", job: "", prompt: null, refusal: null, ...state, key: (made += 1) });

const ENVIRONMENTS: Environment[] = ["development", "staging", PRODUCTION];
const environmentNamed = (name: string | null) => ENVIRONMENTS.find((one) => one === name) ?? PRODUCTION;

function writeEnvironment(name: Environment) {
  const url = new URL(location.href);
  if (name === PRODUCTION) url.searchParams.delete("environment"); else url.searchParams.set("environment", name);
  history.replaceState(history.state, "", url);
}

/** A skill with one form, run in up to four columns side by side, each with its own version, model or prompt. */
export function Playground({ project, csrf, skill, skillpack, fullName, canWrite }: Props) {
  const [columns, setColumns] = useState<KeyedColumn[]>([]), [form, setForm] = useState<{ value: Values; rev: number }>({ value: {}, rev: 0 }), [errors, setErrors] = useState<Record<string, string>>({}), [problem, setProblem] = useState("");
  const [view, setView] = useState<View>("result"), [ended, setEnded] = useState<Partial<Record<string, JobRead>>>({}), inputs = useRef<Values>({}), started = useRef(new Set<number>()), session = { project, csrf };
  const [environment, setEnvironment] = useState(() => environmentNamed(new URLSearchParams(location.search).get("environment")));
  const choices = useChoices({ project, skill, skillpack, environment, canWrite }), first = choices.skills[columns[0]?.version ?? ""];
  const fill = (value: Values) => { inputs.current = value; setForm((before) => ({ value, rev: before.rev + 1 })); setErrors({}); };

  useEffect(() => {
    const saved = readUrl(location.search), source = saved.columns.find((one) => one.job)?.job || saved.from;
    setColumns(saved.columns.map(column));
    if (source) callApi<JobRead>("GET", `/v1/jobs/${source}`, { project }).then((job) => fill(job.inputs), (failure: ApiError) => setProblem(failure.detail));
  }, [project, skill, skillpack]);
  useEffect(() => { if (columns.length) writeUrl(columns); columns.forEach((one) => choices.load(one.version)); }, [columns]);

  const change = (key: number, changes: Partial<ColumnState>) => {
    if ("version" in changes) fill(inputs.current); // another version may have another form; keep the inputs
    setColumns((before) => before.map((one) => (one.key === key ? { ...one, ...changes } : one)));
  };
  const refuse = (key: number, refusal: Refusal) => {
    const ofFields = (refusal.errors ?? []).filter((one) => one.path.startsWith(INPUTS));
    setErrors((before) => ({ ...before, ...Object.fromEntries(ofFields.map((one) => [one.path.slice(INPUTS.length), one.message])) }));
    change(key, { refusal });
  };
  const run = async (one: KeyedColumn) => {
    if (started.current.has(one.key)) return;
    started.current.add(one.key);
    change(one.key, { job: "", refusal: null });
    setProblem("");
    try {
      const job = await submit(one, { ...session, skill, skillpack, environment, active: choices.active, inputs: inputs.current });
      change(one.key, { job });
    } catch (refusal) { refuse(one.key, refusal as Refusal); }
    started.current.delete(one.key);
  };
  const isBusy = columns.some((one) => one.job && !ended[one.job]), isMany = columns.length > 1;
  const runAll = () => { if (isBusy || !canWrite) return; setErrors({}); columns.forEach(run); };
  const latest = useRef(runAll);
  latest.current = runAll;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Enter" || !(event.metaKey || event.ctrlKey) || event.defaultPrevented || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      latest.current();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);

  const results = columns.map((one) => ended[one.job]).filter((job) => job !== undefined).filter((job) => job.status === "succeeded");
  const marks = useMemo(() => differing(results.map((job) => job.result)), [results.map((job) => job.id).join()]);
  const [firstColumn] = columns;
  if (!firstColumn || !first) return <p className="skeleton">Loading…</p>;
  const remove = (key: number) => setColumns((before) => before.filter((one) => one.key !== key));
  return (
    <div className="play">
      <section aria-label="Inputs">
        <Head skill={first} name={fullName} problem={problem || first.failure} onPick={fill} />
        {first.failure === undefined && <SchemaForm schema={schemaOf(first)} value={form.value} rev={form.rev} errors={errors} project={project} csrf={csrf} canRun={canWrite} busy={isBusy} label={isMany ? "Run all" : "Run"} note={isMany ? null : <Estimate isShort url={estimateOf(firstColumn, { skill, skillpack, environment })} project={project} stamp={Object.keys(ended).length} />} onChange={(value) => { inputs.current = value; }} onRun={runAll} />}
      </section>
      <section aria-label="Run">
        <div className="pane-head" style={{ fontWeight: 400 }}>
          <div className="seg" role="tablist" aria-label="View">{VIEWS.map(([id, label]) => <button key={id} type="button" role="tab" aria-selected={view === id} tabIndex={view === id ? 0 : -1} onClick={() => setView(id)} onKeyDown={(event) => turn(event, setView)}>{label}</button>)}</div>
          {choices.environments.length > 1 && <select className="in" style={{ maxWidth: 130 }} aria-label="Environment" value={environment} onChange={(event) => { const name = environmentNamed(event.target.value); setEnvironment(name); writeEnvironment(name); fill(inputs.current); }}>{choices.environments.map((name) => <option key={name} value={name}>{name}</option>)}</select>}
          <button type="button" className="btn" disabled={columns.length >= MAX_COLUMNS} title={columns.length >= MAX_COLUMNS ? "At most 4 columns" : "Add a column"} onClick={() => setColumns((before) => [...before, column({ version: before.at(-1)?.version ?? "", model: before.at(-1)?.model ?? "" })])}>Compare…</button>
          {results.length > 1 && <span className="t2 cut" role="status">{marks.size ? `${marks.size} ${marks.size === 1 ? "value differs" : "values differ"}` : "The results are identical"}</span>}
          <div className="row keep">
            <SaveMenu {...{ project, csrf, skill, skillpack, fullName, canWrite, columns, ended }} schema={first.input_schema} inputsNow={() => inputs.current} onExample={() => choices.reload("draft")} />
            {canWrite && <InputsInNotebook {...{ project, csrf, skill, skillpack }} inputsNow={() => inputs.current} onError={setProblem} />}
          </div>
        </div>
        <div className="columns" style={{ "--count": columns.length } as CSSProperties}>
          {columns.map((one, index) => (
            <Column key={one.key} column={one} number={index + 1} isMany={isMany} choices={choices} view={view} marks={marks} {...{ project, csrf, skill, skillpack, canWrite }}
              onChange={(facts) => change(one.key, facts)} onRun={() => { setErrors({}); run(one); }} onRemove={() => remove(one.key)} onEnded={(job) => setEnded((before) => ({ ...before, [job.id]: job }))} />
          ))}
        </div>
      </section>
    </div>
  );
}

/** The URL of the estimate for a column; none if the column has a model or a prompt of its own. */
function estimateOf({ version, model, prompt }: ColumnState, { skill, skillpack, environment }: Pick<Props, "skill" | "skillpack"> & { environment: Environment }) {
  if (model || prompt) return "";
  if (version === DRAFT) return estimateUrl(`/v1/skillpacks/${skillpack}/drafts`, skill);
  return `/v1/cost-estimates/${path(skill)}?skillpack=${skillpack}${version ? `&version=${version}` : `&environment=${environment}`}`;
}

/** The input schema of a skill; an agent also accepts attachments if its schema does not declare them. */
function schemaOf(skill: PlaySkill): Schema {
  const schema: Schema = skill.input_schema;
  if (!skill.is_agentic || schema.properties?.attachments) return schema;
  return { ...schema, properties: { ...schema.properties, attachments: ATTACHMENTS } };
}

function turn(event: ReactKeyboardEvent<HTMLElement>, setView: (view: View) => void) {
  const move = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0, tabs = [...(event.currentTarget.parentElement?.querySelectorAll<HTMLElement>("[role=tab]") ?? [])];
  if (!move) return;
  event.preventDefault();
  const at = (tabs.indexOf(event.currentTarget) + move + tabs.length) % tabs.length;
  tabs[at]?.focus();
  setView(VIEWS[at]?.[0] ?? "result");
}

function Head({ skill, name, problem, onPick }: { skill: PlaySkill | NoSkill; name: string; problem: string | undefined; onPick: (inputs: Values) => void }) {
  const examples = skill.examples ?? [];
  return (
    <div className="head" style={{ borderBottom: "1px solid var(--line)" }}>
      <h1 className="cut">{skill.title || name}</h1>
      {skill.description && <p className="t2 three-lines" title={skill.description} style={{ marginTop: 4 }}>{skill.description}</p>}
      {examples.length > 0 && <div className="row wrap" style={{ marginTop: 10, gap: 6 }}>
        <span className="cap">Examples</span>
        {examples.map((one, index) => <button key={index} type="button" className="chip cut" title={one.description} onClick={() => onPick(one.inputs)}>{one.title || `Example ${index + 1}`}</button>)}
      </div>}
      {problem && <div className="note" data-s="fail" role="alert" style={{ marginTop: 10 }}>{problem}</div>}
    </div>
  );
}
