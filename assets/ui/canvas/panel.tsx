// The forms next to the canvas: for the selected step, for the inputs and the result of the flow, for a new step, and for a connection.
import { type DragEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";
import type { OnCode } from "../editor/broken";
import type { FileProblem } from "../editor/code";
import { Fields, pathsIn } from "../editor/design_fields";
import { Committed, placed } from "../editor/design_values";
import type { FlowEdit, Write } from "../editor/yaml_edits";
import { isMapping, listOf, type Mapping, mappingOf, type Path, propertiesOf, startsWith, textOf, valueAt } from "../editor/yaml_values";
import type { Schema } from "../schema_types";
import { Expression, labelOf } from "./expression";
import { asExpression, CALLS, compatible, type Entry, type Facts, type FlowSkill, KIND_LABELS, KINDS, type Name, namesAt, type Reader, readersOf, skillEdits, type StepPlace, titleOf, type Tree } from "./model";

/** What each form gets. */
interface FormProps {
  tree: Tree;
  facts: Facts;
  edit: Write<FlowEdit>;
}

/** A field of a step, apart from its inputs. */
interface StepField {
  keys: Path;
  label: string;
  schema?: Schema;
  isExpression?: boolean;
  /** Its expression cannot read the element of the step. */
  isOutside?: boolean;
  isText?: boolean;
  isLong?: boolean;
  isRequired?: boolean;
  hint?: string;
}

/** An input of a step. */
interface Input {
  name: string;
  schema: Schema;
  isRequired?: boolean;
}

/** A field for an expression at keys of the step. */
type DrawExpression = (keys: Path, label: string, more?: Partial<Parameters<typeof Expression>[0]>) => ReactNode;

const KIND_HINTS: Record<string, string> = {
  for_each: "Runs a skill for each element of a list",
  skill: "Runs a skill",
  prompt: "Runs an agent for one task",
  python: "Calls a function of the folder",
  switch: "Runs the first case whose condition is true",
  parallel: "Runs branches at the same time",
  approval: "Waits for a decision of a user",
  wait: "Waits for a time or an event",
  emit: "Sends an event",
};
const WAITS: Record<string, [label: string, hint: string]> = { duration: ["Duration", "Such as 90s, 15m, 2h or 3d"], until: ["Until", "Such as 2026-01-31T09:00:00Z"] };

/** The type of the data of a step that is dragged to the canvas. */
export const STEP_TYPE = "application/x-puras-step";

/** A step that is dragged to the canvas. */
export interface DraggedStep {
  kind: string;
  skill?: string;
}

interface PaletteProps {
  /** Where the step is added; null if the user drags it. */
  place: StepPlace | null;
  skills: [name: string, skill: FlowSkill][];
  onAdd: (kind: string, skill?: string) => void;
  onCancel: () => void;
}

/** The kinds of steps, and the skills of the pack. */
export function Palette({ place, skills, onAdd, onCancel }: PaletteProps) {
  const start = (event: DragEvent, value: DraggedStep) => { event.dataTransfer.setData(STEP_TYPE, JSON.stringify(value)); event.dataTransfer.effectAllowed = "copy"; };
  const item = (kind: string, label: string, hint: string, skill?: string) => <li key={`${kind} ${skill ?? ""}`}><button type="button" draggable onDragStart={(event) => start(event, { kind, skill })} onClick={() => onAdd(kind, skill)}><span className="strong">{label}</span><span className="t2">{hint}</span></button></li>;
  return (
    <>
      <div className="row"><h2 className="grow">{place ? "Add step" : "Steps"}</h2>{place && <button type="button" className="btn quiet small" onClick={onCancel}>Cancel</button>}</div>
      <p className="t3">{place ? "Choose what the new step does." : "Select a step to edit it. Choose a kind, or drag it to its place."}</p>
      <ul className="cv-palette" aria-label="Kinds of steps">{["for_each", ...KINDS].map((kind) => item(kind, KIND_LABELS[kind] ?? "For each", KIND_HINTS[kind] ?? ""))}</ul>
      {skills.length > 0 && <><h2>Skills of this pack</h2><ul className="cv-palette" aria-label="Skills of this pack">{skills.map(([name, one]) => item("skill", name, one.title ?? one.description ?? "", name))}</ul></>}
    </>
  );
}

interface StepFormProps extends FormProps {
  entry: Entry;
  problems: FileProblem[];
  canWrite: boolean;
  onCode: OnCode;
  onRenamed: (id: string) => void;
  /** The names of the active skills of other packs. */
  packs: string[];
}

/** The form of one step. */
export function StepForm({ tree, entry, facts, problems, canWrite, edit, onCode, onRenamed, packs }: StepFormProps) {
  const { step, kind, path } = entry, names = namesAt(tree, entry, facts), before = names.filter(({ source }) => !/^(item|index)\b/.test(source));
  const inputs = inputsOf(entry, facts), fields = fieldsOf(entry), schemas: Path[] = [[...path, "output_schema"], [...path, "approval", "form"]];
  const shown: Path[] = [[...path, "id"], [...path, "title"], [...path, "if"], ...fields.map((one) => [...path, ...one.keys]), ...inputs.map(({ name }) => [...path, "inputs", name]), [...path, kind], ...schemas.flatMap((own) => pathsIn(valueAt(step, own.slice(path.length)), own)), ...schemas];
  const inner = entry.blocks.flatMap((block) => block.steps.map((one) => one.path));
  const withExpression: Path[] = [[...path, "if"], ...fields.filter((one) => one.isExpression).map((one) => [...path, ...one.keys]), ...inputs.map(({ name }) => [...path, "inputs", name])];
  const { errors, warnings } = bySeverity(problems.filter(({ keys }) => startsWith(keys, path) && !inner.some((one) => startsWith(keys, one)))), { at, others } = placed(errors, shown), warned = placed(warnings, withExpression);
  const set = (keys: Path) => setter(edit, [...path, ...keys]);
  const rename = async (value: unknown) => { const to = String(value ?? ""), isDone = await edit([step.id === undefined ? { op: "set", path: [...path, "id"], value: to } : { op: "rename_step", path, to }]); if (isDone) onRenamed(to); return isDone; };
  const pick = async (skill: string) => {
    const { edits, id } = skillEdits(tree, entry, facts, skill);
    if (!(await edit(edits)) || id === entry.name) return;
    picked = id;
    onRenamed(id);
  };
  const expression: DrawExpression = (keys, label, more) => <Expression key={`${entry.id} ${keys.join(".")}`} label={label} value={valueAt(step, keys)} names={names} error={at([...path, ...keys])} warning={warned.at([...path, ...keys])} readOnly={!canWrite} onCommit={set(keys)} {...more} />;
  const plain = (keys: Path, label: string, schema?: Schema) => <Committed key={`${entry.id} ${keys.join(".")}`} name={label} schema={{ ...schema, title: label }} value={valueAt(step, keys)} error={at([...path, ...keys])} onCommit={set(keys)} />;
  const draw = ({ keys, label, schema, isExpression, isOutside, ...more }: StepField) => (isExpression ? expression(keys, label, { schema, ...more, names: isOutside ? before : names }) : plain(keys, label, schema));
  return (
    <fieldset className="col whole sf" disabled={!canWrite} style={{ position: "relative", border: 0, padding: 0, margin: 0, gap: 12 }}>
      <legend className="hidden-label">Step {entry.name}</legend>
      <div className="row"><h2 className="grow">{titleOf(entry)}</h2><span className="tag">{KIND_LABELS[kind] ?? "Empty"}</span></div>
      <Messages of="step" errors={others} warnings={warned.others} />
      {kind === "skill" && <SkillField value={textOf(step.skill)} error={at([...path, "skill"])} {...{ facts, packs }} step={entry.name} onPick={pick} />}
      {fields.map(draw)}
      {kind === "skill" && inputs.map(({ name, schema, isRequired }) => expression(["inputs", name], name, { schema, isRequired }))}
      {(kind === "prompt" || kind === "python") && <NamedInputs {...{ inputs, expression, edit, path }} />}
      {kind === "emit" && <NamedInputs isData inputs={Object.keys(mappingOf(mappingOf(step.emit).data)).map((name) => ({ name, schema: {} }))} {...{ expression, edit, path }} />}
      {(kind === "prompt" || kind === "python") && <Part title="Result"><Fields schema={step.output_schema} path={[...path, "output_schema"]} isResult at={at} edit={edit} onCode={onCode} /></Part>}
      {kind === "approval" && <Part title="Form of the reviewer"><Fields schema={mappingOf(step.approval).form} path={[...path, "approval", "form"]} at={at} edit={edit} onCode={onCode} /></Part>}
      {expression(["if"], "Condition", { hint: "The step is skipped if it is false.", names: before })}
      <Committed key={`${entry.id} id`} name="ID" schema={{ title: "ID", type: "string", description: "Expressions that read the step are changed too." }} value={step.id} error={at([...path, "id"])} onCommit={rename} />
      {plain(["title"], "Title", { type: "string" })}
    </fieldset>
  );
}

/** The edit that writes a value at a path, and removes a cleared one. */
const setter = (edit: Write<FlowEdit>, path: Path) => (value: unknown) => edit([value === undefined ? { op: "remove", path } : { op: "set", path, value }]);

/** Problems by their severity. */
const bySeverity = (problems: FileProblem[]) => ({ errors: problems.filter((one) => one.severity === "error"), warnings: problems.filter((one) => one.severity === "warning") });

/** The problems and warnings that no field shows. */
function Messages({ of, errors, warnings }: { of: string; errors: FileProblem[]; warnings: FileProblem[] }) {
  const list = (label: string, state: string, shown: FileProblem[]) => shown.length > 0 && <ul className="note design-problems" data-s={state} aria-label={`${label} of the ${of}`} style={{ margin: 0 }}>{shown.map((one, index) => <li key={index}>{one.message}</li>)}</ul>;
  return <>{list("Problems", "fail", errors)}{list("Warnings", "wait", warnings)}</>;
}

function Part({ title, children }: { title: string; children: ReactNode }) { return <section className="col" style={{ gap: 8 }}><h2>{title}</h2>{children}</section>; }

/** The fields of a step apart from its inputs. */
function fieldsOf({ step, kind }: Entry): StepField[] {
  const text: Schema = { type: "string" }, number: Schema = { type: "integer" }, isEach = step.for_each !== undefined, wait = mappingOf(step.wait);
  const byKind: Record<string, StepField[]> = {
    prompt: [{ keys: ["prompt"], label: "Task", isExpression: true, isText: true, isLong: true, isRequired: true }, { keys: ["model"], label: "Model", schema: text }],
    python: [{ keys: ["python"], label: "Function", schema: { ...text, examples: ["tools.py:run"] } }],
    switch: listOf(step.switch).map((_, index) => ({ keys: ["switch", index, "when"], label: `Condition of case ${index + 1}`, schema: { type: "boolean" }, isExpression: true, isRequired: true })),
    approval: [{ keys: ["approval", "message"], label: "Message", isExpression: true, isText: true, isLong: true, isRequired: true }, { keys: ["approval", "show"], label: "Data to review", schema: {}, isExpression: true, hint: "Shown below the message, such as the result of a step" }, { keys: ["approval", "reviewers"], label: "Reviewers", schema: { type: "array", items: text, description: "E-mail addresses, or roles such as admin" } }, { keys: ["approval", "expires_after"], label: "Expires after", schema: { ...text, description: "Such as 2h or 3d. By default the limit of the instance, which is 30 minutes unless the operator has changed it" } }],
    wait: isMapping(wait.event)
      ? [{ keys: ["wait", "event", "type"], label: "Event type", isExpression: true, isText: true, isRequired: true }, { keys: ["wait", "event", "match"], label: "Match", schema: { type: "boolean" }, isExpression: true, hint: "Such as ${{ event.data.order == inputs.order }}" }, { keys: ["timeout"], label: "Timeout", schema: text }]
      : Object.entries(WAITS).filter(([key]) => key in wait || (key === "duration" && !("until" in wait))).map(([key, [label, hint]]) => ({ keys: ["wait", key], label, hint, schema: text, isExpression: true, isRequired: true })),
    emit: [{ keys: ["emit", "type"], label: "Event type", isExpression: true, isText: true, isRequired: true }],
  }, own = byKind[kind] ?? [];
  if (!CALLS.has(kind)) return own;
  const isSimple = step.retries === undefined || typeof step.retries === "number";
  return [
    ...own,
    { keys: ["for_each"], label: "For each", schema: { type: "array" }, isExpression: true, isOutside: true, hint: "A list: the step runs for each element, which is item." },
    ...(isEach ? [{ keys: ["concurrency"], label: "Elements at the same time", schema: number }, { keys: ["on_error"], label: "After a failure", schema: { enum: ["fail", "continue"] } }] : []),
    ...(isSimple ? [{ keys: ["retries"], label: "Retries", schema: number }] : []),
    { keys: ["timeout"], label: "Timeout", schema: { ...text, description: "Such as 90s, 15m or 2h" } },
  ];
}

/** The inputs of a step. */
function inputsOf({ step, kind }: Entry, { skills }: Facts): Input[] {
  const schema = kind === "skill" ? skills.get(textOf(step.skill))?.input_schema : undefined, known = inputsIn(schema);
  return [...known, ...Object.keys(mappingOf(step.inputs)).filter((name) => !known.some((one) => one.name === name)).map((name) => ({ name, schema: {} }))];
}

/** The fields of a schema. */
function inputsIn(schema: Schema | undefined): Input[] {
  const required = listOf(schema?.required);
  return Object.entries(propertiesOf(schema)).map(([name, field]) => ({ name, schema: mappingOf(field), isRequired: required.includes(name) }));
}

let picked = ""; // the step that was renamed because the user chose a skill: its new form keeps the focus

interface SkillFieldProps {
  /** The ID of the step. */
  step: string;
  value: string;
  error: string | undefined;
  facts: Facts;
  packs: string[];
  onPick: (skill: string) => void;
}

function SkillField({ step, value, error, facts, packs, onPick }: SkillFieldProps) {
  const id = useId(), box = useRef<HTMLSelectElement>(null), own = [...facts.skills], names = [...own.map(([name]) => name), ...packs], inBrackets = ({ title }: FlowSkill) => (title ? ` (${title})` : "");
  useEffect(() => { if (picked === step) { picked = ""; box.current?.focus(); } }, []);
  return (
    <div className="col" style={{ gap: 5 }}>
      <label className="label" htmlFor={id}>Skill</label>
      <select id={id} ref={box} className="in" style={{ width: "100%" }} value={value} aria-invalid={Boolean(error)} onChange={(event) => onPick(event.target.value)}>
        {!names.includes(value) && <option value={value}>{value || "Select a skill"}</option>}
        {own.map(([name, one]) => <option key={name} value={name}>{name}{inBrackets(one)}</option>)}
        {packs.length > 0 && <optgroup label="Active skills of the project">{packs.map((name) => <option key={name} value={name}>{name}</option>)}</optgroup>}
      </select>
      {error && <div className="err" role="alert">{error}</div>}
    </div>
  );
}

/** Inputs with names that the user chooses. */
function NamedInputs({ inputs, expression, edit, path, isData = false }: { inputs: Input[]; expression: DrawExpression; edit: Write<FlowEdit>; path: Path; isData?: boolean }) {
  const [name, setName] = useState(""), keys: Path = isData ? ["emit", "data"] : ["inputs"], isValid = /^\S.*$/.test(name) && !inputs.some((one) => one.name === name);
  const add = async () => { if (isValid && (await edit([{ op: "set", path: [...path, ...keys, name], value: "" }]))) setName(""); };
  return (
    <Part title={isData ? "Data" : "Inputs"}>
      {inputs.map(({ name: one, schema }) => <div key={one} className="row" style={{ alignItems: "start" }}><div className="grow">{expression([...keys, one], one, { schema })}</div><button type="button" className="btn quiet icon" aria-label={`Remove ${one}`} onClick={() => edit([{ op: "remove", path: [...path, ...keys, one] }])}>✕</button></div>)}
      <div className="row"><input className="in grow" aria-label={isData ? "Name of a new value" : "Name of a new input"} placeholder="Name" value={name} onChange={(event) => setName(event.target.value)} onKeyDown={(event) => { if (event.key === "Enter") { event.preventDefault(); add(); } }} /><button type="button" className="btn small" disabled={!isValid} onClick={add}>Add</button></div>
    </Part>
  );
}

/** The result of the flow: one expression for each field of its output schema. */
export function ResultForm({ document, tree, facts, problems, canWrite, edit }: FormProps & { document: Mapping; problems: FileProblem[]; canWrite: boolean }) {
  const names = namesAt(tree, null, facts), { output } = document, values = mappingOf(output), fields = inputsIn(facts.outputs);
  const all = [...fields, ...Object.keys(values).filter((name) => !fields.some((one) => one.name === name)).map((name): Input => ({ name, schema: {} }))];
  const { errors, warnings } = bySeverity(problems.filter(({ keys }) => keys?.[0] === "output")), shown = all.map(({ name }): Path => ["output", name]), { at, others } = placed(errors, shown), warned = placed(warnings, shown);
  const isWhole = output !== undefined && !isMapping(output);
  return (
    <div className="col sf" style={{ gap: 12 }}>
      <h2>Result</h2>
      <p className="t3">{output === undefined ? "Without values, the result is that of the last step." : "What the flow returns."}</p>
      <Messages of="result" errors={others} warnings={warned.others} />
      {isWhole ? <Expression label="Result" value={output} names={names} readOnly={!canWrite} onCommit={setter(edit, ["output"])} /> : all.map(({ name, schema }) => <Expression key={name} label={name} schema={schema} value={values[name]} names={names} error={at(["output", name])} warning={warned.at(["output", name])} readOnly={!canWrite} onCommit={setter(edit, ["output", name])} />)}
    </div>
  );
}

/** The inputs of the flow, which its skill.yaml defines. */
export function InputsView({ schema, onEdit }: { schema: Schema | undefined; onEdit: (() => void) | null }) {
  const fields = inputsIn(schema);
  return (
    <>
      <h2>Inputs</h2>
      {fields.length ? <dl className="kv">{fields.map(({ name, schema: field, isRequired }) => <div key={name} style={{ display: "contents" }}><dt className="mono">{name}</dt><dd>{field.type ?? "any"}{isRequired ? "" : ", optional"}</dd></div>)}</dl> : <p className="t2">The flow has no inputs.</p>}
      {onEdit && <div><button type="button" className="btn" onClick={onEdit}>Edit in Design</button></div>}
    </>
  );
}

interface ConnectFormProps extends FormProps {
  /** The IDs of the nodes. */
  from: string;
  to: string;
  document: Mapping;
  onDone: () => void;
}

/** A connection from one node to another: which value of the first one is used where. */
export function ConnectForm({ from, to, tree, facts, document, edit, onDone }: ConnectFormProps) {
  const target = tree.byId.get(to), names = namesAt(tree, target ?? null, facts), prefix = from === "inputs" ? "inputs." : `steps.${tree.byId.get(from)?.name ?? ""}`;
  const values = names.filter(({ source }) => source === prefix || source.startsWith(from === "inputs" ? prefix : `${prefix}.`));
  const readers: Reader[] = target ? readersOf(target, facts) : inputsIn(facts.outputs).map(({ name, schema }) => ({ keys: ["output", name], label: `Result ${name}`, schema, isSet: mappingOf(document.output)[name] !== undefined }));
  const best = bestOf(values, readers), [value, setValue] = useState(best.value), [reader, setReader] = useState(best.reader);
  const label = target ? titleOf(target) : "Result";
  if (!values.length || !readers.length) return <><p className="note" role="alert" data-s="fail">{values.length ? `${label} has no part that reads a value.` : `${label} cannot read this result: it runs before it, or in another branch. Move one of them first.`}</p><div><button type="button" className="btn" onClick={onDone}>Close</button></div></>;
  const connect = async () => {
    const into = readers[reader], from = values[value];
    if (!into || !from) return;
    const expression = asExpression(from.source), former = into.isText ? valueAt(document, into.keys) : "";
    if (await edit([{ op: "set", path: into.keys, value: former ? `${String(former)} ${expression}` : expression }])) onDone();
  };
  return (
    <form className="col sf" style={{ gap: 12 }} onSubmit={(event) => { event.preventDefault(); connect(); }}>
      <h2>Connect to {label}</h2>
      <label className="col" style={{ gap: 5 }}><span className="label">Value</span><select className="in" autoFocus value={value} onChange={(event) => setValue(Number(event.target.value))}>{values.map((one, index) => <option key={one.source} value={index}>{labelOf(one)}</option>)}</select></label>
      <label className="col" style={{ gap: 5 }}><span className="label">Use as</span><select className="in" value={reader} onChange={(event) => setReader(Number(event.target.value))}>{readers.map((one, index) => <option key={one.keys.join(".")} value={index}>{one.label}</option>)}</select></label>
      <div className="acts row"><button type="button" className="btn" onClick={onDone}>Cancel</button><button className="btn pri">Connect</button></div>
    </form>
  );
}

/** The first free part, and the value with its name or its type. */
function bestOf(values: Name[], readers: Reader[]) {
  const free = readers.findIndex((one) => !one.isSet && values.some((value) => value.schema.type && value.schema.type === one.schema.type)), reader = Math.max(0, free >= 0 ? free : readers.findIndex((one) => !one.isSet));
  const wanted = readers[reader], same = values.findIndex((one) => one.source.split(".").at(-1) === wanted?.keys.at(-1)), typed = values.findIndex((one) => one.schema.type && one.schema.type === wanted?.schema.type), fitting = values.findIndex((one) => compatible(one.schema, wanted?.schema ?? {}));
  return { reader, value: Math.max(0, [same, typed, fitting].find((one) => one >= 0) ?? 0) };
}
