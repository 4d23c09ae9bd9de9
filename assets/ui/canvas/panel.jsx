// The forms next to the canvas: for the selected step, for the inputs and the result of the flow, for a new step, and for a connection.
import { useId, useState } from "react";
import { Fields, pathsIn } from "../editor/design_fields";
import { Committed, placed } from "../editor/design_values";
import { Expression } from "./expression";
import { CALLS, compatible, isObject, KIND_LABELS, KINDS, namesAt, readersOf, titleOf } from "./model";

const KIND_HINTS = { for_each: "Runs a skill for each element of a list", skill: "Runs a skill", prompt: "Runs an agent for one task", python: "Calls a function of the folder", switch: "Runs the first case whose condition is true", parallel: "Runs branches at the same time", approval: "Waits for a decision of a user", wait: "Waits for a time or an event", emit: "Sends an event" };
const ON_ERROR = { enum: ["fail", "continue"], title: "After a failure" };
const WAITS = { duration: ["Duration", "Such as 90s, 15m, 2h or 3d"], until: ["Until", "Such as 2026-01-31T09:00:00Z"], event: ["Event type", "The type of the event to wait for"] };

/** The kinds of steps, and the skills of the pack. `place` is where the step is added. */
export function Palette({ place, skills, onAdd, onCancel }) {
  const start = (event, value) => { event.dataTransfer.setData("application/x-puras-step", JSON.stringify(value)); event.dataTransfer.effectAllowed = "copy"; };
  const item = (kind, label, hint, skill) => <li key={`${kind} ${skill ?? ""}`}><button type="button" draggable onDragStart={(event) => start(event, { kind, skill })} onClick={() => onAdd(kind, skill)}><span className="strong">{label}</span><span className="t2">{hint}</span></button></li>;
  return (
    <>
      <div className="row"><h2 className="grow">{place ? "Add step" : "Steps"}</h2>{place && <button type="button" className="btn quiet small" onClick={onCancel}>Cancel</button>}</div>
      <p className="t3">{place ? "Choose what the new step does." : "Select a step to edit it. Choose a kind, or drag it to its place."}</p>
      <ul className="cv-palette" aria-label="Kinds of steps">{item("for_each", "For each", KIND_HINTS.for_each)}{KINDS.map((kind) => item(kind, KIND_LABELS[kind], KIND_HINTS[kind]))}</ul>
      {skills.length > 0 && <><h2>Skills of this pack</h2><ul className="cv-palette" aria-label="Skills of this pack">{skills.map(([name, one]) => item("skill", name, one.title ?? one.description ?? "", name))}</ul></>}
    </>
  );
}

/** The form of one step. */
export function StepForm({ tree, entry, facts, problems, canWrite, edit, onCode, onRenamed, packs }) {
  const { step, kind, path } = entry, names = namesAt(tree, entry, facts), before = names.filter(({ source }) => !/^(item|index)\b/.test(source));
  const inputs = inputsOf(entry, facts), fields = fieldsOf(entry), schemas = [[...path, "output_schema"], [...path, "approval", "form"]];
  const shown = [[...path, "id"], [...path, "title"], [...path, "if"], ...fields.map((one) => [...path, ...one.keys]), ...inputs.map(([name]) => [...path, "inputs", name]), [...path, kind], ...schemas.flatMap((own) => pathsIn(valueAt(step, own.slice(path.length)), own)), ...schemas];
  const inner = entry.blocks.flatMap((block) => block.steps.map((one) => one.path)), startsWith = (keys, start) => start.every((key, index) => keys?.[index] === key);
  const { at, others } = placed(problems.filter(({ keys }) => startsWith(keys, path) && !inner.some((one) => startsWith(keys, one))), shown);
  const set = (keys) => (value) => edit([value === undefined ? { op: "remove", path: [...path, ...keys] } : { op: "set", path: [...path, ...keys], value }]);
  const rename = async (value) => { const to = String(value ?? ""), isDone = await edit([step.id === undefined ? { op: "set", path: [...path, "id"], value: to } : { op: "rename_step", path, to }]); if (isDone) onRenamed(to); return isDone; };
  const expression = (keys, label, more = {}) => <Expression key={`${entry.id} ${keys.join(".")}`} label={label} value={valueAt(step, keys)} names={names} error={at([...path, ...keys])} readOnly={!canWrite} onCommit={set(keys)} {...more} />;
  const plain = (keys, schema, more = {}) => <Committed key={`${entry.id} ${keys.join(".")}`} name={schema.title} schema={schema} value={valueAt(step, keys)} error={at([...path, ...keys])} onCommit={set(keys)} {...more} />;
  const draw = ({ keys, label, schema, isExpression, ...more }) => (isExpression ? expression(keys, label, { schema, ...more, names: more.isOutside ? before : names }) : plain(keys, { ...schema, title: label }));
  return (
    <fieldset className="col whole sf" disabled={!canWrite} style={{ border: 0, padding: 0, margin: 0, gap: 12 }}>
      <legend className="hidden-label">Step {entry.name}</legend>
      <div className="row"><h2 className="grow">{titleOf(entry)}</h2><span className="tag">{KIND_LABELS[kind] ?? "Empty"}</span></div>
      {others.length > 0 && <ul className="note design-problems" data-s="fail" aria-label="Problems of the step" style={{ margin: 0 }}>{others.map((one, index) => <li key={index}>{one.message}</li>)}</ul>}
      {kind === "skill" && <SkillField value={step.skill} error={at([...path, "skill"])} facts={facts} packs={packs} onCommit={set(["skill"])} />}
      {fields.map(draw)}
      {kind === "skill" && inputs.map(([name, schema, isRequired]) => expression(["inputs", name], name, { schema, isRequired }))}
      {(kind === "prompt" || kind === "python") && <NamedInputs {...{ inputs, expression, edit, path }} />}
      {kind === "emit" && <NamedInputs isData inputs={Object.keys(step.emit?.data ?? {}).map((name) => [name, {}])} {...{ expression, edit, path }} />}
      {(kind === "prompt" || kind === "python") && <Part title="Result"><Fields schema={step.output_schema} path={[...path, "output_schema"]} isResult at={at} edit={edit} onCode={onCode} /></Part>}
      {kind === "approval" && <Part title="Form of the reviewer"><Fields schema={step.approval?.form} path={[...path, "approval", "form"]} at={at} edit={edit} onCode={onCode} /></Part>}
      {expression(["if"], "Condition", { hint: "The step is skipped if it is false.", names: before })}
      <Committed key={`${entry.id} id`} name="ID" schema={{ title: "ID", type: "string", description: "Expressions that read the step are changed too." }} value={step.id} error={at([...path, "id"])} onCommit={rename} />
      {plain(["title"], { title: "Title", type: "string" })}
    </fieldset>
  );
}

function Part({ title, children }) { return <section className="col" style={{ gap: 8 }}><h2>{title}</h2>{children}</section>; }

const valueAt = (value, keys) => keys.reduce((found, key) => found?.[key], value);

/** The fields of a step apart from its inputs. */
function fieldsOf({ step, kind }) {
  const text = { type: "string" }, number = { type: "integer" }, isEach = step.for_each !== undefined;
  const own = {
    prompt: [{ keys: ["prompt"], label: "Task", isExpression: true, isText: true, isLong: true, isRequired: true }, { keys: ["model"], label: "Model", schema: text }],
    python: [{ keys: ["python"], label: "Function", schema: { ...text, examples: ["tools.py:run"] } }],
    switch: (Array.isArray(step.switch) ? step.switch : []).map((_, index) => ({ keys: ["switch", index, "when"], label: `Condition of case ${index + 1}`, schema: { type: "boolean" }, isExpression: true, isRequired: true })),
    approval: [{ keys: ["approval", "message"], label: "Message", isExpression: true, isText: true, isLong: true, isRequired: true }, { keys: ["approval", "reviewers"], label: "Reviewers", schema: { type: "array", items: text, description: "E-mail addresses, or roles such as admin" } }, { keys: ["approval", "expires_after"], label: "Expires after", schema: text }],
    wait: isObject(step.wait?.event)
      ? [{ keys: ["wait", "event", "type"], label: "Event type", isExpression: true, isText: true, isRequired: true }, { keys: ["wait", "event", "match"], label: "Match", schema: { type: "boolean" }, isExpression: true, hint: "Such as ${{ event.data.order == inputs.order }}" }, { keys: ["timeout"], label: "Timeout", schema: text }]
      : Object.entries(WAITS).filter(([key]) => key !== "event" && (key in (step.wait ?? {}) || (key === "duration" && !("until" in (step.wait ?? {}))))).map(([key, [label, hint]]) => ({ keys: ["wait", key], label, hint, schema: text, isExpression: true, isRequired: true })),
    emit: [{ keys: ["emit", "type"], label: "Event type", isExpression: true, isText: true, isRequired: true }],
  }[kind] ?? [];
  if (!CALLS.has(kind)) return own;
  const isSimple = step.retries === undefined || typeof step.retries === "number";
  return [
    ...own,
    { keys: ["for_each"], label: "For each", schema: { type: "array" }, isExpression: true, isOutside: true, hint: "A list: the step runs for each element, which is item." },
    ...(isEach ? [{ keys: ["concurrency"], label: "Elements at the same time", schema: number }, { keys: ["on_error"], label: ON_ERROR.title, schema: ON_ERROR }] : []),
    ...(isSimple ? [{ keys: ["retries"], label: "Retries", schema: number }] : []),
    { keys: ["timeout"], label: "Timeout", schema: { ...text, description: "Such as 90s, 15m or 2h" } },
  ];
}

/** The inputs of a step: `[name, schema, isRequired]`. */
function inputsOf({ step, kind }, { skills }) {
  const schema = kind === "skill" ? skills.get(step.skill)?.input_schema : null, given = Object.keys(step.inputs ?? {}), known = Object.entries(schema?.properties ?? {});
  return [...known.map(([name, field]) => [name, isObject(field) ? field : {}, Boolean(schema.required?.includes(name))]), ...given.filter((name) => !known.some(([one]) => one === name)).map((name) => [name, {}, false])];
}

function SkillField({ value, error, facts, packs, onCommit }) {
  const id = useId(), own = [...facts.skills], names = [...own.map(([name]) => name), ...packs], titleOf = ({ title }) => (title ? ` (${title})` : "");
  return (
    <div className="col" style={{ gap: 5 }}>
      <label className="label" htmlFor={id}>Skill</label>
      <select id={id} className="in" style={{ width: "100%" }} value={value ?? ""} aria-invalid={Boolean(error)} onChange={(event) => onCommit(event.target.value)}>
        {!names.includes(value) && <option value={value ?? ""}>{value || "Select a skill"}</option>}
        {own.map(([name, one]) => <option key={name} value={name}>{name}{titleOf(one)}</option>)}
        {packs.length > 0 && <optgroup label="Active skills of the project">{packs.map((name) => <option key={name} value={name}>{name}</option>)}</optgroup>}
      </select>
      {error && <div className="err" role="alert">{error}</div>}
    </div>
  );
}

/** Inputs with names that the user chooses. */
function NamedInputs({ inputs, expression, edit, path, isData = false }) {
  const [name, setName] = useState(""), keys = isData ? ["emit", "data"] : ["inputs"], isValid = /^\S.*$/.test(name) && !inputs.some(([one]) => one === name);
  const add = async () => { if (isValid && (await edit([{ op: "set", path: [...path, ...keys, name], value: "" }]))) setName(""); };
  return (
    <Part title={isData ? "Data" : "Inputs"}>
      {inputs.map(([one, schema]) => <div key={one} className="row" style={{ alignItems: "start" }}><div className="grow">{expression([...keys, one], one, { schema })}</div><button type="button" className="btn quiet icon" aria-label={`Remove ${one}`} onClick={() => edit([{ op: "remove", path: [...path, ...keys, one] }])}>✕</button></div>)}
      <div className="row"><input className="in grow" aria-label={isData ? "Name of a new value" : "Name of a new input"} placeholder="Name" value={name} onChange={(event) => setName(event.target.value)} onKeyDown={(event) => { if (event.key === "Enter") { event.preventDefault(); add(); } }} /><button type="button" className="btn small" disabled={!isValid} onClick={add}>Add</button></div>
    </Part>
  );
}

/** The result of the flow: one expression for each field of its output schema. */
export function ResultForm({ document, tree, facts, problems, canWrite, edit }) {
  const names = namesAt(tree, null, facts), { output } = document, fields = Object.entries(facts.outputs?.properties ?? {}), given = Object.keys(isObject(output) ? output : {});
  const all = [...fields, ...given.filter((name) => !fields.some(([one]) => one === name)).map((name) => [name, {}])];
  const { at, others } = placed(problems.filter(({ keys }) => keys?.[0] === "output"), all.map(([name]) => ["output", name]));
  const set = (path) => (value) => edit([value === undefined ? { op: "remove", path } : { op: "set", path, value }]);
  const isWhole = output !== undefined && !isObject(output);
  return (
    <div className="col sf" style={{ gap: 12 }}>
      <h2>Result</h2>
      <p className="t3">{output === undefined ? "Without values, the result is that of the last step." : "What the flow returns."}</p>
      {others.length > 0 && <ul className="note design-problems" data-s="fail" aria-label="Problems of the result" style={{ margin: 0 }}>{others.map((one, index) => <li key={index}>{one.message}</li>)}</ul>}
      {isWhole ? <Expression label="Result" value={output} names={names} readOnly={!canWrite} onCommit={set(["output"])} /> : all.map(([name, schema]) => <Expression key={name} label={name} schema={schema} value={output?.[name]} names={names} error={at(["output", name])} readOnly={!canWrite} onCommit={set(["output", name])} />)}
    </div>
  );
}

/** The inputs of the flow, which its skill.yaml defines. */
export function InputsView({ schema, onEdit }) {
  const fields = Object.entries(schema?.properties ?? {});
  return (
    <>
      <h2>Inputs</h2>
      {fields.length ? <dl className="kv">{fields.map(([name, field]) => <div key={name} style={{ display: "contents" }}><dt className="mono">{name}</dt><dd>{field.type ?? "any"}{schema.required?.includes(name) ? "" : ", optional"}</dd></div>)}</dl> : <p className="t2">The flow has no inputs.</p>}
      {onEdit && <div><button type="button" className="btn" onClick={onEdit}>Edit in Design</button></div>}
    </>
  );
}

/** A connection from one node to another: which value of the first one is used where. */
export function ConnectForm({ from, to, tree, facts, document, edit, onDone }) {
  const target = tree.byId.get(to), names = namesAt(tree, target ?? null, facts), prefix = from === "inputs" ? "inputs." : `steps.${tree.byId.get(from).name}`;
  const values = names.filter(({ source }) => source === prefix || source.startsWith(from === "inputs" ? prefix : `${prefix}.`));
  const readers = target ? readersOf(target, facts) : Object.entries(facts.outputs?.properties ?? {}).map(([name, schema]) => ({ keys: ["output", name], label: `Result ${name}`, schema, isSet: document.output?.[name] !== undefined }));
  const best = bestOf(values, readers), [value, setValue] = useState(best.value), [reader, setReader] = useState(best.reader);
  const label = target ? titleOf(target) : "Result";
  if (!values.length || !readers.length) return <><p className="note" role="alert" data-s="fail">{values.length ? `${label} has no part that reads a value.` : `${label} cannot read this result: it runs before it, or in another branch. Move one of them first.`}</p><div><button type="button" className="btn" onClick={onDone}>Close</button></div></>;
  const connect = async () => {
    const { keys, isText } = readers[reader], expression = `\${{ ${values[value].source} }}`, former = isText ? valueAt(document, keys) : "";
    if (await edit([{ op: "set", path: keys, value: former ? `${former} ${expression}` : expression }])) onDone();
  };
  return (
    <form className="col sf" style={{ gap: 12 }} onSubmit={(event) => { event.preventDefault(); connect(); }}>
      <h2>Connect to {label}</h2>
      <label className="col" style={{ gap: 5 }}><span className="label">Value</span><select className="in" autoFocus value={value} onChange={(event) => setValue(Number(event.target.value))}>{values.map((one, index) => <option key={one.source} value={index}>{one.source}{one.schema?.type ? ` (${one.schema.type})` : ""}</option>)}</select></label>
      <label className="col" style={{ gap: 5 }}><span className="label">Use as</span><select className="in" value={reader} onChange={(event) => setReader(Number(event.target.value))}>{readers.map((one, index) => <option key={one.keys.join(".")} value={index}>{one.label}</option>)}</select></label>
      <div className="acts row"><button type="button" className="btn" onClick={onDone}>Cancel</button><button className="btn pri">Connect</button></div>
    </form>
  );
}

/** The first free part, and the value with its name or its type. */
function bestOf(values, readers) {
  const free = readers.findIndex((one) => !one.isSet && values.some((value) => value.schema?.type && value.schema.type === one.schema.type)), reader = Math.max(0, free >= 0 ? free : readers.findIndex((one) => !one.isSet));
  const wanted = readers[reader], same = values.findIndex((one) => one.source.split(".").at(-1) === wanted?.keys.at(-1)), typed = values.findIndex((one) => one.schema?.type && one.schema.type === wanted?.schema.type), fitting = values.findIndex((one) => compatible(one.schema, wanted?.schema));
  return { reader, value: Math.max(0, [same, typed, fitting].find((one) => one >= 0) ?? 0) };
}
