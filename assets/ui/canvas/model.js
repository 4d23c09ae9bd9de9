// The steps of a flow as a tree, the names that their expressions can read, and new steps.

export const KINDS = ["skill", "prompt", "python", "switch", "parallel", "approval", "wait", "emit"];
export const KIND_LABELS = { skill: "Skill", prompt: "Prompt", python: "Function", switch: "Switch", parallel: "Parallel", approval: "Approval", wait: "Wait", emit: "Emit event", inputs: "Inputs", output: "Result", agent: "Agent", mcp: "MCP server", builtin: "Built-in tool", tool: "Tool" };
export const CALLS = new Set(["skill", "prompt", "python"]);
const MAX_FIELD_DEPTH = 2;
const LONE = /^\s*\$\{\{\s*([A-Za-z_][\w.]*)\s*\}\}\s*$/;

export const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
export const isList = (schema) => schema?.type === "array";
export const kindOf = (step) => KINDS.find((kind) => kind in step) ?? "unknown";
export const asExpression = (source) => `\${{ ${source} }}`;

/** The label of a step. */
export const titleOf = ({ step, name }) => (typeof step.title === "string" && step.title) || name || "Step without an ID";

/** The tree of a flow.yaml: `{steps, byId}`. Each entry has its step, node ID, path, blocks, and the entries around it. */
export function treeOf(document) {
  const byId = new Map();
  const read = (list, path, block) => (Array.isArray(list) ? list : []).map((value, index) => {
    const step = isObject(value) ? value : {}, name = typeof step.id === "string" ? step.id : "", own = [...path, index];
    const id = name && !byId.has(`s:${name}`) ? `s:${name}` : `s:${own.join(".")}`;
    const entry = { id, name, step, kind: kindOf(step), path: own, index, block, blocks: [] };
    byId.set(id, entry);
    entry.blocks = blocksOf(step).map(({ keys, label, value: inner, canRemove }) => {
      const found = { id: `b:${id}:${keys.join(".")}`, label, owner: entry, path: [...own, ...keys], canRemove, parts: keys.length > 1 ? [...own, keys[0], keys[1]] : [...own, keys[0]], steps: [] };
      found.steps = read(inner, found.path, found);
      return found;
    });
    return entry;
  });
  const root = { id: "root", label: "", owner: null, path: ["steps"], steps: [] };
  root.steps = read(document?.steps, ["steps"], root);
  return { root, byId };
}

function blocksOf(step) {
  const cases = Array.isArray(step.switch) ? step.switch : [], branches = Array.isArray(step.parallel) ? step.parallel : [];
  return [
    ...cases.map((one, index) => ({ keys: ["switch", index, "steps"], label: `If ${textOf(one?.when)}`, value: one?.steps, canRemove: cases.length > 1 })),
    ...("default" in step || cases.length ? [{ keys: ["default"], label: "Otherwise", value: step.default, canRemove: false }] : []),
    ...branches.map((one, index) => ({ keys: ["parallel", index, "steps"], label: `Branch ${index + 1}`, value: one?.steps, canRemove: branches.length > 1 })),
  ];
}

const textOf = (value) => (typeof value === "string" ? value.replace(/^\s*\$\{\{\s*|\s*\}\}\s*$/g, "") : String(value));

/** The steps in the order in which they are written. */
export function* walk(steps) {
  for (const one of steps) {
    yield one;
    for (const block of one.blocks) yield* walk(block.steps);
  }
}

/** The edits of a flow whose steps were those of `tree`, for its newest values: earlier edits may have moved the steps meanwhile. Edits of
 *  steps that no longer exist are left out. */
export function rebased(edits, tree, document) {
  const newest = treeOf(document), entries = [...walk(tree.root.steps)];
  const follow = (path) => {
    const inner = entries.filter((one) => one.path.length <= path.length && one.path.every((key, index) => path[index] === key)).at(-1);
    if (!inner) return path;
    const now = newest.byId.get(inner.id);
    return now ? [...now.path, ...path.slice(inner.path.length)] : null;
  };
  const sizeOf = (path) => path.reduce((value, key) => value?.[key], document)?.length ?? 0;
  return edits.flatMap((edit) => {
    const at = Object.fromEntries(["path", "to", "schema_path"].filter((key) => Array.isArray(edit[key])).map((key) => [key, follow(edit[key])]));
    if (Object.values(at).includes(null)) return [];
    const list = { insert_step: at.path, move_step: at.to }[edit.op], isInside = edit.op === "move_step" && at.path.slice(0, -1).join(".") === at.to.join(".");
    return [{ ...edit, ...at, ...(list && edits.length === 1 && { index: Math.min(edit.index, sizeOf(list) - (isInside ? 1 : 0)) }) }];
  });
}

/** One line about what a step does. */
export function summaryOf({ step, kind }) {
  const value = step[kind];
  if (kind === "wait") return value?.event?.type ? `event ${value.event.type}` : String(value?.duration ?? value?.until ?? "");
  if (kind === "approval") return String(value?.message ?? "");
  if (kind === "emit") return String(value?.type ?? "");
  return typeof value === "string" ? value.split("\n")[0] : "";
}

/** The expressions that a step at `entry` can read, or the result of the flow without one: `[{source, schema}]`. `facts` are
 *  `{inputs, skills}`: the schema of the inputs, and the skills by name. */
export function namesAt(tree, entry, facts) {
  const names = fieldsOf("inputs", facts.inputs ?? {}, 0).slice(1), own = entry?.step.for_each === undefined ? [] : [{ source: "item", schema: itemOf(tree, entry, facts) }, { source: "index", schema: { type: "integer" } }];
  for (const one of stepsBefore(tree, entry)) names.push(...fieldsOf(`steps.${one.name}`, resultOf(one, facts), 0));
  return [...own.flatMap(({ source, schema }) => fieldsOf(source, schema, 0)), ...names];
}

/** The steps whose results can be read at a step: the ones before it, with those inside them. */
function stepsBefore(tree, entry) {
  if (!entry) return [...walk(tree.root.steps)].filter((one) => one.name);
  const around = entry.block.owner ? stepsBefore(tree, entry.block.owner) : [];
  return [...around, ...walk(entry.block.steps.slice(0, entry.index))].filter((one) => one.name);
}

function fieldsOf(source, schema, depth) {
  const fields = depth < MAX_FIELD_DEPTH ? Object.entries(schema?.properties ?? {}) : [];
  return [{ source, schema: schema ?? {} }, ...fields.flatMap(([name, field]) => (/^[A-Za-z_]\w*$/.test(name) ? fieldsOf(`${source}.${name}`, field, depth + 1) : []))];
}

/** The schema of the result of a step. */
export function resultOf({ step, kind }, { skills }) {
  const one = resultOfOne(step, kind, skills);
  return step.for_each === undefined ? one : { type: "array", items: step.on_error === "continue" ? { type: "object", properties: { status: { type: "string" }, result: one, error: {} } } : one };
}

function resultOfOne(step, kind, skills) {
  const string = { type: "string" };
  if (kind === "skill") return skills.get(step.skill)?.output_schema ?? {};
  if (kind === "prompt" || kind === "python") return step.output_schema ?? {};
  if (kind === "approval") return { type: "object", properties: { approved: { type: "boolean" }, decided_by: string, reason: string, ...(step.approval?.form && { form: step.approval.form }) } };
  if (kind === "wait" && step.wait?.event) return { type: "object", properties: { data: {}, id: string, type: string } };
  if (kind === "emit") return { type: "object", properties: { id: string } };
  return {};
}

/** The schema of the elements of a step with `for_each`. */
function itemOf(tree, entry, facts) {
  const source = typeof entry.step.for_each === "string" ? LONE.exec(entry.step.for_each)?.[1] : null;
  if (!source) return {};
  const [first, ...rest] = source.split("."), found = first === "steps" ? tree.byId.get(`s:${rest[0]}`) : null;
  const start = found ? resultOf(found, facts) : facts.inputs, keys = found ? rest.slice(1) : rest;
  return keys.reduce((schema, key) => schema?.properties?.[key], start)?.items ?? {};
}

const TEXTS = new Set(["string", "text"]);

/** Whether a value of one schema may be valid for another. */
export const compatible = ({ type: given } = {}, { type: wanted } = {}) => !given || !wanted || given === wanted || (TEXTS.has(given) && TEXTS.has(wanted)) || (given === "integer" && wanted === "number");

/** Inputs for a skill: those with a name of the same name and type. */
export function mappedInputs(schema, names) {
  const required = Object.entries(schema?.properties ?? {}).filter(([name]) => schema.required?.includes(name) ?? true), items = names.filter(({ source }) => source === "item" || source.startsWith("item."));
  const found = required.map(([name, field]) => {
    const same = [...items, ...names].find((one) => one.source.split(".").at(-1) === name && one.source !== "item" && compatible(one.schema, field));
    const lone = same ?? (items.length && required.length === 1 && compatible(items[0].schema, field) ? items[0] : null);
    return lone && [name, asExpression(lone.source)];
  });
  return Object.fromEntries(found.filter(Boolean));
}

/** An ID that no step has. */
export function unusedId(taken, wanted) {
  const base = wanted.toLowerCase().replace(/[^a-z0-9_]+/g, "_").replace(/^(\d)/, "_$1").replace(/^_+$/, "") || "step";
  for (let count = 1; ; count += 1) {
    const name = count === 1 ? base : `${base}_${count}`;
    if (!taken.has(name)) return name;
  }
}

/** A new step of a kind, or of `for_each`, at a place whose expressions can read `names`. */
export function newStep(kind, { taken, names, skills, skill: wanted }) {
  const skill = wanted ?? skills.keys().next().value ?? "", inputsOf = (more) => mappedInputs(skills.get(skill)?.input_schema, [...more, ...names]);
  const list = names.find((one) => isList(one.schema)), id = (name) => unusedId(taken, name), last = skill.split("/").at(-1);
  const items = fieldsOf("item", list?.schema.items ?? {}, 0);
  if (kind === "for_each") return { id: id(last ? `each_${last}` : "each"), for_each: list ? asExpression(list.source) : [], skill, inputs: inputsOf(items) };
  if (kind === "skill") return { id: id(last || "call"), skill, inputs: inputsOf([]) };
  const text = { type: "object", properties: { text: { type: "string" } } };
  return {
    prompt: { id: id("ask"), prompt: "Describe the task.", inputs: {}, output_schema: text },
    python: { id: id("call"), python: "tools.py:run", inputs: {}, output_schema: text },
    switch: { id: id("choice"), switch: [{ when: true, steps: [] }] },
    parallel: { id: id("both"), parallel: [{ steps: [] }, { steps: [] }] },
    approval: { id: id("approve"), approval: { message: "Continue?" } },
    wait: { id: id("pause"), wait: { duration: "1m" } },
    emit: { id: id("announce"), emit: { type: "flow.done", data: {} } },
  }[kind];
}

/** Copies of steps with IDs that no step of the flow has. Expressions of the copies that read another copy have its new ID. */
export function copiesOf(steps, taken) {
  const ids = new Map(), used = new Set(taken);
  const collect = (value) => walkValues(value, (one) => { if (isObject(one) && typeof one.id === "string" && kindOf(one) !== "unknown") { const id = unusedId(used, one.id); used.add(id); ids.set(one.id, id); } });
  steps.forEach(collect);
  const change = (value) => {
    if (typeof value === "string") return value.includes("${{") ? value.replace(/\bsteps\.([A-Za-z_]\w*)/g, (whole, name) => (ids.has(name) ? `steps.${ids.get(name)}` : whole)) : value;
    if (Array.isArray(value)) return value.map(change);
    if (!isObject(value)) return value;
    const isStep = typeof value.id === "string" && kindOf(value) !== "unknown";
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, isStep && key === "id" ? ids.get(one) : change(one)]));
  };
  return steps.map(change);
}

function walkValues(value, visit) {
  visit(value);
  if (value !== null && typeof value === "object") Object.values(value).forEach((one) => walkValues(one, visit));
}

/** The parts of a step that can read a value, for a connection from another node: `[{keys, label, schema}]`. */
export function readersOf({ step, kind, path }, { skills }) {
  const inputs = kind === "skill" ? Object.entries(skills.get(step.skill)?.input_schema?.properties ?? {}) : Object.entries(step.inputs ?? {}).map(([name]) => [name, {}]);
  const each = CALLS.has(kind) ? [{ keys: [...path, "for_each"], label: "List to run for each element of", schema: { type: "array" } }] : [];
  const lone = { approval: ["approval", "message"], emit: ["emit", "data", "value"], prompt: ["inputs", "value"], python: ["inputs", "value"] }[kind];
  return [
    ...inputs.map(([name, schema]) => ({ keys: [...path, "inputs", name], label: `Input ${name}`, schema, isSet: step.inputs?.[name] !== undefined })),
    ...each,
    ...(lone && !(kind !== "approval" && inputs.length) ? [{ keys: [...path, ...lone], label: kind === "approval" ? "Message" : "A new value", schema: {}, isText: kind === "approval" }] : []),
    { keys: [...path, "if"], label: "Condition", schema: { type: "boolean" } },
  ];
}
