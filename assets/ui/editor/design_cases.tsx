// The examples of a skill, and its evals: cases, graders, and the gate.
import type { Schema } from "../schema_types";
import { AddMenu, added, Cards, Check, differences, freeName, removed, type SectionProps, Value } from "./design_parts";
import { Committed } from "./design_values";
import type { SkillEdit } from "./yaml_edits";
import { isMapping, listOf, type Mapping, mappingOf, type Path, propertiesOf } from "./yaml_values";

const EXAMPLES: Path = ["examples"], EVALS: Path = ["evals"];
const KINDS: Record<string, string> = { schema: "Schema", exact_match: "Exact match", rubric: "Rubric (a model scores)", check: "Python function" };
const NEW_GRADERS: Record<string, { name: string; kind: string; criteria?: string; entrypoint?: string }> = {
  exact_match: { name: "same_result", kind: "exact_match" },
  rubric: { name: "quality", kind: "rubric", criteria: "The result is correct, complete and well written." },
  check: { name: "check", kind: "check", entrypoint: "checks.py:check" },
  schema: { name: "form", kind: "schema" },
};
const FILES = new Set<unknown>(["image", "video", "audio", "file"]);
/** The values with which required inputs of a type start. */
const STARTS = new Map<unknown, unknown>([["integer", 1], ["number", 1], ["boolean", false], ["object", {}], ["array", []]]);

export const examplePaths = (document: Mapping): Path[] => [EXAMPLES, ...listOf(document.examples).flatMap((_, index): Path[] => [[...EXAMPLES, index], ...["title", "description", "inputs", "outputs"].map((key): Path => [...EXAMPLES, index, key])])];
export const evalPaths = (document: Mapping): Path[] => {
  const graders = gradersPath(document.evals);
  return [EVALS, ["evals", "dataset"], ["evals", "gate"], ["evals", "gate", "threshold"], ["evals", "gate", "repeat"], graders, ...listOf(gradersOf(document.evals)).flatMap((_, index): Path[] => [[...graders, index], ...["name", "kind", "weight", "entrypoint", "criteria", "field"].map((key): Path => [...graders, index, key])])];
};

const gradersPath = (evals: unknown): Path => (Array.isArray(evals) ? EVALS : [...EVALS, "graders"]);
const gradersOf = (evals: unknown): unknown => (Array.isArray(evals) ? evals : mappingOf(evals)["graders"]);

/** A schema for a form of an example: files are written as paths or URLs. */
function formSchema(schema: unknown, title: string): Schema {
  if (!isMapping(schema)) return { type: "object", title };
  return { ...asTexts(schema), title, ...(!Object.keys(propertiesOf(schema)).length && { properties: undefined }) };
}

function asTexts(schema: Mapping): Mapping {
  const { type, items, properties } = schema, inner = (one: unknown) => (isMapping(one) ? asTexts(one) : one);
  return { ...schema, ...(FILES.has(type) && { type: "string" }), ...(isMapping(items) && { items: inner(items) }), ...(isMapping(properties) && { properties: Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, inner(field)])) }) };
}

export function Examples({ document, at, edit, onCode }: SectionProps) {
  const examples = listOf(document.examples), change = (path: Path, before: unknown) => (after: unknown) => (after === undefined && path.at(-1) === "outputs" ? edit([{ op: "remove", path }]) : edit(before === undefined ? [{ op: "set", path, value: after ?? {} }] : differences(path, before, after ?? {})));
  const add = () => edit([added(EXAMPLES, document.examples, { title: `Example ${examples.length + 1}`, inputs: startOf(document.input_schema) })]);
  return (
    <>
      {!examples.length && <p className="t3">No examples. Users run an example with one click, and simulated runs return its result.</p>}
      <Cards path={EXAMPLES} list={examples} noun="Example" titleOf={(example, index) => mappingOf(example).title ?? index + 1} at={at} edit={edit} onCode={onCode}>
        {(example, path) => (
          <>
            <Value {...{ at, edit }} path={[...path, "title"]} label="Title" schema={{ type: "string" }} value={example.title} />
            <Committed path={[...path, "inputs"]} name="inputs" schema={formSchema(document.input_schema, "Inputs")} value={example.inputs} error={at([...path, "inputs"])} onCommit={change([...path, "inputs"], example.inputs)} />
            <details>
              <summary>Result of a simulated run</summary>
              <Committed path={[...path, "outputs"]} name="outputs" schema={formSchema(document.output_schema, "Result")} value={example.outputs} error={at([...path, "outputs"])} onCommit={change([...path, "outputs"], example.outputs)} />
            </details>
          </>
        )}
      </Cards>
      <div><button type="button" className="btn small" onClick={add}>Add example</button></div>
    </>
  );
}

/** Inputs with a value for each required field. */
function startOf(schema: unknown): Mapping {
  const properties = propertiesOf(schema);
  return Object.fromEntries(listOf(mappingOf(schema).required).map(String).flatMap((name) => {
    const field = properties[name];
    return isMapping(field) ? [[name, field.default ?? listOf(field.enum)[0] ?? STARTS.get(field.type) ?? "Example"]] : [];
  }));
}

export function Evals({ document, folder, files, draft, canWrite, at, edit, onCode, onOpen }: SectionProps) {
  const evals = document.evals, graders = listOf(gradersOf(evals)), own = gradersPath(evals), prefix = folder ? `${folder}/` : "", values = { at, edit };
  const datasets = files.filter((one) => !one.is_deleted && one.path.startsWith(prefix) && one.path.endsWith(".jsonl")).map((one) => one.path.slice(prefix.length)), gate = isMapping(evals) ? evals.gate : undefined, dataset = isMapping(evals) ? evals.dataset : undefined, cases = datasets.find((one) => one === dataset);
  // A list of graders becomes a mapping when it gets cases.
  const setDataset = (name: unknown) => edit([Array.isArray(evals) ? { op: "set", path: EVALS, value: { dataset: name, graders: evals } } : name === undefined ? removedKey(evals, "dataset") : { op: "set", path: [...EVALS, "dataset"], value: name }]);
  const createCases = async () => {
    const made = listOf(document.examples).filter(isMapping).map(({ inputs, outputs }, index) => ({ id: `example-${index + 1}`, inputs, ...(outputs ? { expected: outputs } : {}) }));
    await draft.create({ [`${prefix}cases.jsonl`]: `${(made.length ? made : [{ id: "first", inputs: startOf(document.input_schema) }]).map((one) => JSON.stringify(one)).join("\n")}\n` });
    await setDataset("cases.jsonl");
  };
  const add = (kind: string) => { const made = NEW_GRADERS[kind]; if (made) edit([added(own, gradersOf(evals), { ...made, name: freeName(made.name, graders.map((one) => mappingOf(one).name)) })]); };
  const remove = (index: number) => edit([graders.length === 1 && isMapping(evals) ? removedKey(evals, "graders") : removed(own, graders, index)]);
  return (
    <>
      <p className="t2">Cases are runs with known good results. Graders score them, and a gate requires a score before a version becomes active.</p>
      <div className="row wrap">
        {datasets.length > 0 && <div className="grow"><Committed path={["evals", "dataset"]} name="Cases" schema={{ title: "Cases", enum: dataset && !cases ? [dataset, ...datasets] : datasets }} value={dataset} error={at(["evals", "dataset"])} onCommit={setDataset} /></div>}
        {!datasets.includes("cases.jsonl") && canWrite && <button type="button" className="btn small" onClick={createCases}>Create cases from the examples</button>}
        {cases && <button type="button" className="btn quiet small" onClick={() => onOpen(`${prefix}${cases}`)}>Open {cases}</button>}
      </div>
      <Cards path={own} list={graders} noun="Grader" titleOf={(one, index) => mappingOf(one).name ?? index + 1} at={at} edit={edit} onRemove={remove} onCode={onCode}>
        {(one, path) => (
          <>
            <div className="three">
              <Value {...values} path={[...path, "name"]} label="Name" schema={{ type: "string" }} value={one.name} isRequired />
              <Value {...values} path={[...path, "weight"]} label="Weight" schema={{ type: "number" }} value={one.weight} />
            </div>
            <p className="t2">{KINDS[String(one.kind)] ?? String(one.kind)}{at([...path, "kind"]) && <span className="err block">{at([...path, "kind"])}</span>}</p>
            {one.kind === "check" && <Value {...values} path={[...path, "entrypoint"]} label="Function" schema={{ type: "string", description: "FILE.py:FUNCTION, called with inputs and output." }} value={one.entrypoint} />}
            {one.kind === "rubric" && <Value {...values} path={[...path, "criteria"]} label="Criteria" schema={{ type: "text" }} value={one.criteria} isRequired />}
            {one.kind === "exact_match" && <Value {...values} path={[...path, "field"]} label="Compared value" schema={{ type: "string", description: "A path like items[0].name; the whole result if it is empty." }} value={one.field} />}
          </>
        )}
      </Cards>
      <div><AddMenu label="Add grader…" options={Object.entries(KINDS)} onPick={add} /></div>
      <Check checked={isMapping(gate)} disabled={!dataset} onToggle={(wanted) => edit([wanted ? { op: "set", path: [...EVALS, "gate"], value: { threshold: 90 } } : removedKey(evals, "gate")])}>A version must pass before it becomes active</Check>
      {at(["evals", "gate"]) && <div className="err" role="alert">{at(["evals", "gate"])}</div>}
      {!dataset && <p className="hint">A gate needs cases.</p>}
      {isMapping(gate) && <div className="three"><Value {...values} path={["evals", "gate", "threshold"]} label="Runs that must pass (%)" schema={{ type: "number", minimum: 0, maximum: 100 }} value={gate.threshold} isRequired /><Value {...values} path={["evals", "gate", "repeat"]} label="Runs of each case" schema={{ type: "integer", minimum: 1, maximum: 20 }} value={gate.repeat} /></div>}
    </>
  );
}

/** The edit that removes a key, and the mapping if it has no other one. */
const removedKey = (mapping: unknown, key: string): SkillEdit => ({ op: "remove", path: isMapping(mapping) && Object.keys(mapping).length > 1 ? [...EVALS, key] : EVALS });
