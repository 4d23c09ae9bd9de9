// The steps of a flow as a tree, the names that their expressions can read, and new steps.
import type { FlowEdit } from "../editor/yaml_edits";
import { isMapping, listOf, type Mapping, mappingOf, type Path, propertiesOf, startsWith, textOf, valueAt } from "../editor/yaml_values";
import type { Schema } from "../schema_types";

/** A step of a flow, and its place. */
export interface Entry {
  /** The ID of its node. */
  id: string;
  /** The ID of the step; empty if it has none. */
  name: string;
  step: Mapping;
  kind: string;
  path: Path;
  /** Its index in the block that contains it. */
  index: number;
  block: Block;
  blocks: Block[];
}

/** A list of steps: those of the flow, of a case, or of a branch. */
export interface Block {
  id: string;
  label: string;
  /** The step that contains it; null for the steps of the flow. */
  owner: Entry | null;
  path: Path;
  /** The path of the case or the branch, which `canRemove` from the flow. */
  parts?: Path;
  canRemove?: boolean;
  steps: Entry[];
}

export interface Tree {
  root: Block;
  byId: Map<string, Entry>;
}

/** Where a step would be inserted: the path of a list, and an index in it. */
export interface StepPlace {
  path: Path;
  index: number;
}

/** What the canvas reads of a skill that a flow can call. */
export interface FlowSkill {
  name: string;
  /** The folder. */
  path: string;
  entrypoint: string;
  title?: string | null;
  description?: string;
  input_schema?: Schema;
  output_schema?: Schema;
}

/** The schemas of the flow, and the skills that it can call by name. */
export interface Facts {
  inputs?: Schema;
  outputs?: Schema;
  skills: Map<string, FlowSkill>;
}

/** An expression that can be read, and the schema of its value. */
export interface Name {
  source: string;
  schema: Schema;
}

/** A part of a step that can read a value. */
export interface Reader {
  keys: Path;
  label: string;
  schema: Schema;
  isSet?: boolean;
  /** Expressions are part of the text. */
  isText?: boolean;
}

/** A place whose expressions can read the results of the steps before it. */
type Reading = Pick<Entry, "step" | "block" | "index">;

export const KINDS = ["skill", "prompt", "python", "switch", "parallel", "approval", "wait", "emit"];
export const KIND_LABELS: Record<string, string> = { skill: "Skill", prompt: "Prompt", python: "Function", switch: "Switch", parallel: "Parallel", approval: "Approval", wait: "Wait", emit: "Emit event", inputs: "Inputs", output: "Result", agent: "Agent", mcp: "MCP server", builtin: "Built-in tool", tool: "Tool" };
export const CALLS = new Set(["skill", "prompt", "python"]);
const MAX_FIELD_DEPTH = 2;
const LONE = /^\s*\$\{\{\s*([A-Za-z_][\w.]*)\s*\}\}\s*$/;

const isList = (schema: Schema) => schema.type === "array";
const kindOf = (step: Mapping) => KINDS.find((kind) => kind in step) ?? "unknown";
export const asExpression = (source: string) => `\${{ ${source} }}`;

/** The label of a step. */
export const titleOf = ({ step, name }: Pick<Entry, "step" | "name">) => textOf(step.title) || name || "Step without an ID";

/** The tree of a flow.yaml. */
export function treeOf(document: Mapping): Tree {
  const byId = new Map<string, Entry>();
  const read = (list: unknown, path: Path, block: Block): Entry[] => listOf(list).map((value, index) => {
    const step = mappingOf(value), name = textOf(step.id), own = [...path, index];
    const id = name && !byId.has(`s:${name}`) ? `s:${name}` : `s:${own.join(".")}`;
    const entry: Entry = { id, name, step, kind: kindOf(step), path: own, index, block, blocks: [] };
    byId.set(id, entry);
    entry.blocks = blocksOf(step).map(({ keys, label, value: inner, canRemove }) => {
      const found: Block = { id: `b:${id}:${keys.join(".")}`, label, owner: entry, path: [...own, ...keys], canRemove, parts: [...own, ...keys.slice(0, 2)], steps: [] };
      found.steps = read(inner, found.path, found);
      return found;
    });
    return entry;
  });
  const root: Block = { id: "root", label: "", owner: null, path: ["steps"], steps: [] };
  root.steps = read(document.steps, ["steps"], root);
  return { root, byId };
}

function blocksOf(step: Mapping): { keys: Path; label: string; value: unknown; canRemove: boolean }[] {
  const cases = listOf(step.switch).map(mappingOf), branches = listOf(step.parallel).map(mappingOf);
  return [
    ...cases.map((one, index) => ({ keys: ["switch", index, "steps"], label: `If ${bareOf(one.when)}`, value: one.steps, canRemove: cases.length > 1 })),
    ...("default" in step || cases.length ? [{ keys: ["default"], label: "Otherwise", value: step.default, canRemove: false }] : []),
    ...branches.map((one, index) => ({ keys: ["parallel", index, "steps"], label: `Branch ${index + 1}`, value: one.steps, canRemove: branches.length > 1 })),
  ];
}

/** The text of an expression without its marks. */
const bareOf = (value: unknown) => (typeof value === "string" ? value.replace(/^\s*\$\{\{\s*|\s*\}\}\s*$/g, "") : String(value));

/** The steps in the order in which they are written. */
export function* walk(steps: Entry[]): Generator<Entry, void> {
  for (const one of steps) {
    yield one;
    for (const block of one.blocks) yield* walk(block.steps);
  }
}

/** The edits of a flow whose steps were those of `tree`, for its newest values: earlier edits may have moved the steps meanwhile. Edits of
 *  steps that no longer exist are left out. */
export function rebased(edits: FlowEdit[], tree: Tree, document: Mapping): FlowEdit[] {
  const newest = treeOf(document), entries = [...walk(tree.root.steps)];
  const follow = (path: Path): Path | null => {
    const inner = entries.filter((one) => startsWith(path, one.path)).at(-1);
    if (!inner) return path;
    const now = newest.byId.get(inner.id);
    return now ? [...now.path, ...path.slice(inner.path.length)] : null;
  };
  // The list may be shorter now. Edits that belong together keep their indexes, since each changes the list for the next one.
  const within = (index: number, list: Path, leaving = 0) => (edits.length === 1 ? Math.min(index, listOf(valueAt(document, list)).length - leaving) : index);
  return edits.flatMap((edit): FlowEdit[] => {
    const path = follow("schema_path" in edit ? edit.schema_path : edit.path), to = edit.op === "move_step" ? follow(edit.to) : null;
    if (!path) return [];
    if ("schema_path" in edit) return [{ ...edit, schema_path: path }];
    if (edit.op === "insert_step") return [{ ...edit, path, index: within(edit.index, path) }];
    if (edit.op !== "move_step") return [{ ...edit, path }];
    return to ? [{ ...edit, path, to, index: within(edit.index, to, path.slice(0, -1).join(".") === to.join(".") ? 1 : 0) }] : [];
  });
}

/** One line about what a step does. */
export function summaryOf({ step, kind }: Pick<Entry, "step" | "kind">) {
  const value = step[kind], { event, duration, until, message, type } = mappingOf(value), awaited = mappingOf(event).type;
  if (kind === "wait") return awaited ? `event ${String(awaited)}` : String(duration ?? until ?? "");
  if (kind === "approval") return String(message ?? "");
  if (kind === "emit") return String(type ?? "");
  return textOf(value).split("\n")[0] ?? "";
}

/** The expressions that a step at `entry` can read, or the result of the flow without one. */
export function namesAt(tree: Tree, entry: Reading | null, facts: Facts): Name[] {
  const names = fieldsOf("inputs", facts.inputs, 0).slice(1), own: Name[] = entry?.step.for_each === undefined ? [] : [{ source: "item", schema: itemOf(tree, entry, facts) }, { source: "index", schema: { type: "integer" } }];
  for (const one of stepsBefore(tree, entry)) names.push(...fieldsOf(`steps.${one.name}`, resultOf(one, facts), 0));
  return [...own.flatMap(({ source, schema }) => fieldsOf(source, schema, 0)), ...names];
}

/** The steps whose results can be read at a step: the ones before it, with those inside them. */
function stepsBefore(tree: Tree, entry: Omit<Reading, "step"> | null): Entry[] {
  if (!entry) return [...walk(tree.root.steps)].filter((one) => one.name);
  const around = entry.block.owner ? stepsBefore(tree, entry.block.owner) : [];
  return [...around, ...walk(entry.block.steps.slice(0, entry.index))].filter((one) => one.name);
}

function fieldsOf(source: string, schema: unknown, depth: number): Name[] {
  const fields = depth < MAX_FIELD_DEPTH ? Object.entries(propertiesOf(schema)) : [];
  return [{ source, schema: mappingOf(schema) }, ...fields.flatMap(([name, field]) => (/^[A-Za-z_]\w*$/.test(name) ? fieldsOf(`${source}.${name}`, field, depth + 1) : []))];
}

/** The schema of the result of a step. */
function resultOf({ step, kind }: Pick<Entry, "step" | "kind">, { skills }: Facts): Schema {
  const one = resultOfOne(step, kind, skills);
  return step.for_each === undefined ? one : { type: "array", items: step.on_error === "continue" ? { type: "object", properties: { status: { type: "string" }, result: one, error: {} } } : one };
}

function resultOfOne(step: Mapping, kind: string, skills: Facts["skills"]): Schema {
  const string = { type: "string" }, { form } = mappingOf(step.approval);
  if (kind === "skill") return skills.get(textOf(step.skill))?.output_schema ?? {};
  if (kind === "prompt" || kind === "python") return mappingOf(step.output_schema);
  if (kind === "approval") return { type: "object", properties: { approved: { type: "boolean" }, decided_by: string, reason: string, ...(form ? { form: mappingOf(form) } : {}) } };
  if (kind === "wait" && mappingOf(step.wait).event) return { type: "object", properties: { data: {}, id: string, type: string } };
  if (kind === "emit") return { type: "object", properties: { id: string } };
  return {};
}

/** The schema of the elements of a step with `for_each`. */
function itemOf(tree: Tree, { step }: Pick<Entry, "step">, facts: Facts): Schema {
  const source = LONE.exec(textOf(step.for_each))?.[1];
  if (!source) return {};
  const [first, ...rest] = source.split("."), found = first === "steps" ? tree.byId.get(`s:${rest[0]}`) : null;
  const start = found ? resultOf(found, facts) : facts.inputs, keys = found ? rest.slice(1) : rest;
  return mappingOf(mappingOf(keys.reduce<unknown>((schema, key) => propertiesOf(schema)[key], start)).items);
}

const TEXTS = new Set<unknown>(["string", "text"]);

/** Whether a value of one schema may be valid for another. */
export const compatible = ({ type: given }: Schema, { type: wanted }: Schema) => !given || !wanted || given === wanted || (TEXTS.has(given) && TEXTS.has(wanted)) || (given === "integer" && wanted === "number");

/** Inputs for a skill: those with a name of the same name and type. */
function mappedInputs(schema: Schema | undefined, names: Name[]): Mapping {
  const required = Object.entries(propertiesOf(schema)).filter(([name]) => !Array.isArray(schema?.required) || schema.required.includes(name)), items = names.filter(({ source }) => source === "item" || source.startsWith("item."));
  const found = required.flatMap(([name, field]): [string, string][] => {
    const wanted = mappingOf(field), same = [...items, ...names].find((one) => one.source.split(".").at(-1) === name && one.source !== "item" && compatible(one.schema, wanted));
    const first = items[0], lone = same ?? (first && required.length === 1 && compatible(first.schema, wanted) ? first : null);
    return lone ? [[name, asExpression(lone.source)]] : [];
  });
  return Object.fromEntries(found);
}

const validId = (wanted: string) => wanted.toLowerCase().replace(/[^a-z0-9_]+/g, "_").replace(/^(\d)/, "_$1").replace(/^_+$/, "") || "step";

/** The ID of a step that runs a skill, unless the user chooses another one. */
function idFor(skill: string, isEach: boolean) {
  const last = skill.split("/").at(-1);
  return isEach ? (last ? `each_${last}` : "each") : last || "call";
}

/** An ID that no step has. */
function unusedId(taken: Set<string>, wanted: string) {
  const base = validId(wanted);
  for (let count = 1; ; count += 1) {
    const name = count === 1 ? base : `${base}_${count}`;
    if (!taken.has(name)) return name;
  }
}

interface NewStep {
  /** The IDs of the steps of the flow. */
  taken: Set<string>;
  names: Name[];
  skills: Facts["skills"];
  /** The name of the skill; the first one if it is missing. */
  skill?: string;
  /** The result that the reviewer of an approval sees. */
  shown?: string;
}

/** The result of the last step before a place that always runs: the data that a new approval shows. */
export function resultBefore(block: Block, index: number): string | undefined {
  const found = block.steps.slice(0, index).findLast(({ kind, name, step }) => CALLS.has(kind) && name && step.if === undefined);
  if (found) return `steps.${found.name}`;
  return block.owner ? resultBefore(block.owner.block, block.owner.index) : undefined;
}

/** A new step of a kind, or of `for_each`, at a place whose expressions can read `names`. */
export function newStep(kind: string, { taken, names, skills, skill: wanted, shown }: NewStep): Mapping {
  const skill = wanted ?? skills.keys().next().value ?? "", inputsOf = (more: Name[]) => mappedInputs(skills.get(skill)?.input_schema, [...more, ...names]);
  const list = names.find((one) => isList(one.schema)), id = (name: string) => unusedId(taken, name);
  const items = fieldsOf("item", list?.schema.items ?? {}, 0);
  if (kind === "for_each") return { id: id(idFor(skill, true)), for_each: list ? asExpression(list.source) : [], skill, inputs: inputsOf(items) };
  if (kind === "skill") return { id: id(idFor(skill, false)), skill, inputs: inputsOf([]) };
  const text = { type: "object", properties: { text: { type: "string" } } };
  const steps: Record<string, Mapping> = {
    prompt: { id: id("ask"), prompt: "Describe the task.", inputs: {}, output_schema: text },
    python: { id: id("call"), python: "tools.py:run", inputs: {}, output_schema: text },
    switch: { id: id("choice"), switch: [{ when: true, steps: [] }] },
    parallel: { id: id("both"), parallel: [{ steps: [] }, { steps: [] }] },
    approval: { id: id("approve"), approval: { message: "Continue?", ...(shown && { show: asExpression(shown) }) } },
    wait: { id: id("pause"), wait: { duration: "1m" } },
    emit: { id: id("announce"), emit: { type: "flow.done", data: {} } },
  };
  return steps[kind] ?? { id: id("step") };
}

/** The edits that choose another skill for a step, and the new ID of the step: it follows the skill until the user changes it. Inputs that
 *  only the former skill has are removed, and those that the new one requires are added. */
export function skillEdits(tree: Tree, entry: Entry, facts: Facts, skill: string): { edits: FlowEdit[]; id: string } {
  const { step, name, path } = entry, former = textOf(step.skill), others = new Set([...walk(tree.root.steps)].map((one) => one.name).filter((one) => one !== name));
  const isEach = [true, false].find((one) => name.replace(/_\d+$/, "") === validId(idFor(former, one)) || name === validId(idFor(former, one)));
  const id = isEach === undefined ? name : unusedId(others, idFor(skill, isEach)), inputs = [...path, "inputs"], given = mappingOf(step.inputs);
  const schema = facts.skills.get(skill)?.input_schema, fields = propertiesOf(schema), removed = Object.keys(propertiesOf(facts.skills.get(former)?.input_schema)).filter((one) => schema && one in given && !(one in fields));
  const added = Object.entries(mappedInputs(schema, namesAt(tree, entry, facts))).filter(([one]) => given[one] === undefined);
  return {
    id,
    edits: [
      { op: "set", path: [...path, "skill"], value: skill },
      ...added.map(([one, value]): FlowEdit => ({ op: "set", path: [...inputs, one], value })),
      ...removed.map((one): FlowEdit => ({ op: "remove", path: [...inputs, one] })),
      ...(id === name ? [] : [{ op: "rename_step", path, to: id } satisfies FlowEdit]),
    ],
  };
}

/** The fields of the result of a flow that only return inputs, with what a new step returns instead: a value of the same type. */
export function resultsOf(document: Mapping, step: Mapping, facts: Facts): FlowEdit[] {
  const kind = kindOf(step), returned = CALLS.has(kind) ? fieldsOf(`steps.${textOf(step.id)}`, resultOf({ step, kind }, facts), 0) : [];
  return Object.entries(mappingOf(document.output)).flatMap(([name, value]): FlowEdit[] => {
    const { type } = mappingOf(propertiesOf(facts.outputs)[name]), alike = returned.filter((one) => type && one.schema.type === type);
    const found = alike.find(({ source }) => source.split(".").at(-1) === name) ?? alike[0], read = LONE.exec(textOf(value))?.[1] ?? "";
    return found && read.startsWith("inputs.") ? [{ op: "set", path: ["output", name], value: asExpression(found.source) }] : [];
  });
}

/** Copies of steps with IDs that no step of the flow has. Expressions of the copies that read another copy have its new ID. */
export function copiesOf(steps: Mapping[], taken: Set<string>): Mapping[] {
  const ids = new Map<string, string>(), used = new Set(taken);
  const collect = (value: unknown) => walkValues(value, (one) => { if (isMapping(one) && typeof one.id === "string" && kindOf(one) !== "unknown") { const id = unusedId(used, one.id); used.add(id); ids.set(one.id, id); } });
  steps.forEach(collect);
  const change = (value: unknown): unknown => {
    if (typeof value === "string") return value.includes("${{") ? value.replace(/\bsteps\.([A-Za-z_]\w*)/g, (whole, name: string) => (ids.has(name) ? `steps.${ids.get(name)}` : whole)) : value;
    if (Array.isArray(value)) return value.map(change);
    return isMapping(value) ? changed(value) : value;
  };
  const changed = (value: Mapping): Mapping => {
    const isStep = typeof value.id === "string" && kindOf(value) !== "unknown";
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, isStep && key === "id" ? ids.get(String(one)) : change(one)]));
  };
  return steps.map(changed);
}

function walkValues(value: unknown, visit: (value: unknown) => void) {
  visit(value);
  if (value !== null && typeof value === "object") Object.values(value).forEach((one) => walkValues(one, visit));
}

/** The part of a step of each kind that reads a value if the step has no inputs. */
const LONE_READERS: Record<string, Path> = { approval: ["approval", "message"], emit: ["emit", "data", "value"], prompt: ["inputs", "value"], python: ["inputs", "value"] };

/** The parts of a step that can read a value, for a connection from another node. */
export function readersOf({ step, kind, path }: Entry, { skills }: Facts): Reader[] {
  const given = mappingOf(step.inputs), inputs: [string, unknown][] = kind === "skill" ? Object.entries(propertiesOf(skills.get(textOf(step.skill))?.input_schema)) : Object.keys(given).map((name) => [name, {}]);
  const each = CALLS.has(kind) ? [{ keys: [...path, "for_each"], label: "List to run for each element of", schema: { type: "array" } }] : [];
  const lone = LONE_READERS[kind];
  return [
    ...inputs.map(([name, schema]) => ({ keys: [...path, "inputs", name], label: `Input ${name}`, schema: mappingOf(schema), isSet: given[name] !== undefined })),
    ...each,
    ...(kind === "approval" ? [{ keys: [...path, "approval", "show"], label: "Data to review", schema: {}, isSet: mappingOf(step.approval).show !== undefined }] : []),
    ...(lone && !(kind !== "approval" && inputs.length) ? [{ keys: [...path, ...lone], label: kind === "approval" ? "Message" : "A new value", schema: {}, isText: kind === "approval" }] : []),
    { keys: [...path, "if"], label: "Condition", schema: { type: "boolean" } },
  ];
}
