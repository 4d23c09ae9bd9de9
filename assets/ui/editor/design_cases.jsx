// The examples of a skill, and its evals: cases, graders, and the gate.
import { added, Cards, Check, differences, freeName, isMapping, listOf, removed, AddMenu, Value } from "./design_parts";
import { Committed } from "./design_values";

const EXAMPLES = ["examples"], EVALS = ["evals"];
const KINDS = { schema: "Schema", exact_match: "Exact match", rubric: "Rubric (a model scores)", check: "Python function" };
const NEW_GRADERS = {
  exact_match: { name: "same_result", kind: "exact_match" },
  rubric: { name: "quality", kind: "rubric", criteria: "The result is correct, complete and well written." },
  check: { name: "check", kind: "check", entrypoint: "checks.py:check" },
  schema: { name: "form", kind: "schema" },
};
const FILES = new Set(["image", "video", "audio", "file"]);

export const examplePaths = (document) => [EXAMPLES, ...listOf(document.examples).flatMap((_, index) => [[...EXAMPLES, index], ...["title", "description", "inputs", "outputs"].map((key) => [...EXAMPLES, index, key])])];
export const evalPaths = (document) => {
  const graders = gradersPath(document.evals);
  return [EVALS, ["evals", "dataset"], ["evals", "gate"], ["evals", "gate", "threshold"], ["evals", "gate", "repeat"], graders, ...listOf(gradersOf(document.evals)).flatMap((_, index) => [[...graders, index], ...["name", "kind", "weight", "entrypoint", "criteria", "field"].map((key) => [...graders, index, key])])];
};

const gradersPath = (evals) => (Array.isArray(evals) ? EVALS : [...EVALS, "graders"]);
const gradersOf = (evals) => (Array.isArray(evals) ? evals : evals?.graders);

/** A schema for a form of an example: files are written as paths or URLs. */
function formSchema(schema, title) {
  if (!isMapping(schema)) return { type: "object", title };
  const plain = (one) => (!isMapping(one) ? one : { ...one, ...(FILES.has(one.type) && { type: "string" }), ...(isMapping(one.items) && { items: plain(one.items) }), ...(isMapping(one.properties) && { properties: Object.fromEntries(Object.entries(one.properties).map(([name, field]) => [name, plain(field)])) }) });
  const made = plain(schema);
  return { ...made, title, ...(!Object.keys(made.properties ?? {}).length && { properties: undefined }) };
}

export function Examples({ document, at, edit, onCode }) {
  const examples = listOf(document.examples), change = (path, before) => (after) => (after === undefined && path.at(-1) === "outputs" ? edit([{ op: "remove", path }]) : edit(before === undefined ? [{ op: "set", path, value: after ?? {} }] : differences(path, before, after ?? {})));
  const add = () => edit([added(EXAMPLES, document.examples, { title: `Example ${examples.length + 1}`, inputs: startOf(document.input_schema) })]);
  return (
    <>
      {!examples.length && <p className="t3">No examples. Users run an example with one click, and simulated runs return its result.</p>}
      <Cards path={EXAMPLES} list={examples} noun="Example" titleOf={(example, index) => example?.title ?? index + 1} at={at} edit={edit} onCode={onCode}>
        {(example, path) => (
          <>
            <Value {...{ at, edit }} path={[...path, "title"]} label="Title" schema={{ type: "string" }} value={example.title} />
            <Committed name="inputs" schema={formSchema(document.input_schema, "Inputs")} value={example.inputs} error={at([...path, "inputs"])} onCommit={change([...path, "inputs"], example.inputs)} />
            <details>
              <summary>Result of a simulated run</summary>
              <Committed name="outputs" schema={formSchema(document.output_schema, "Result")} value={example.outputs} error={at([...path, "outputs"])} onCommit={change([...path, "outputs"], example.outputs)} />
            </details>
          </>
        )}
      </Cards>
      <div><button type="button" className="btn small" onClick={add}>Add example</button></div>
    </>
  );
}

/** Inputs with a value for each required field. */
function startOf(schema) {
  const properties = isMapping(schema?.properties) ? schema.properties : {}, values = { integer: 1, number: 1, boolean: false, object: {}, array: [] };
  return Object.fromEntries(listOf(schema?.required).filter((name) => isMapping(properties[name])).map((name) => [name, properties[name].default ?? properties[name].enum?.[0] ?? values[properties[name].type] ?? "Example"]));
}

export function Evals({ document, folder, files, draft, canWrite, at, edit, onCode, onOpen }) {
  const evals = document.evals, graders = listOf(gradersOf(evals)), own = gradersPath(evals), prefix = folder ? `${folder}/` : "", values = { at, edit };
  const datasets = files.filter((one) => !one.is_deleted && one.path.startsWith(prefix) && one.path.endsWith(".jsonl")).map((one) => one.path.slice(prefix.length)), gate = isMapping(evals) ? evals.gate : undefined, dataset = isMapping(evals) ? evals.dataset : undefined;
  // A list of graders becomes a mapping when it gets cases.
  const setDataset = (name) => edit([Array.isArray(evals) ? { op: "set", path: EVALS, value: { dataset: name, graders: evals } } : name === undefined ? removedKey(evals, "dataset") : { op: "set", path: [...EVALS, "dataset"], value: name }]);
  const createCases = async () => {
    const cases = listOf(document.examples).filter(isMapping).map(({ inputs, outputs }, index) => ({ id: `example-${index + 1}`, inputs, ...(outputs && { expected: outputs }) }));
    await draft.create({ [`${prefix}cases.jsonl`]: `${(cases.length ? cases : [{ id: "first", inputs: startOf(document.input_schema) }]).map((one) => JSON.stringify(one)).join("\n")}\n` });
    await setDataset("cases.jsonl");
  };
  const add = (kind) => edit([added(own, gradersOf(evals), { ...NEW_GRADERS[kind], name: freeName(NEW_GRADERS[kind].name, graders.map((one) => one?.name)) })]);
  const remove = (index) => edit([graders.length === 1 && isMapping(evals) ? removedKey(evals, "graders") : removed(own, graders, index)]);
  return (
    <>
      <p className="t2">Cases are runs with known good results. Graders score them, and a gate requires a score before a version becomes active.</p>
      <div className="row wrap">
        {datasets.length > 0 && <div className="grow"><Committed name="Cases" schema={{ title: "Cases", enum: dataset && !datasets.includes(dataset) ? [dataset, ...datasets] : datasets }} value={dataset} error={at(["evals", "dataset"])} onCommit={setDataset} /></div>}
        {!datasets.includes("cases.jsonl") && canWrite && <button type="button" className="btn small" onClick={createCases}>Create cases from the examples</button>}
        {dataset && datasets.includes(dataset) && <button type="button" className="btn quiet small" onClick={() => onOpen(`${prefix}${dataset}`)}>Open {dataset}</button>}
      </div>
      <Cards path={own} list={graders} noun="Grader" titleOf={(one, index) => one?.name ?? index + 1} at={at} edit={edit} onRemove={remove} onCode={onCode}>
        {(one, path) => (
          <>
            <div className="three">
              <Value {...values} path={[...path, "name"]} label="Name" schema={{ type: "string" }} value={one.name} isRequired />
              <Value {...values} path={[...path, "weight"]} label="Weight" schema={{ type: "number" }} value={one.weight} />
            </div>
            <p className="t2">{KINDS[one.kind] ?? String(one.kind)}{at([...path, "kind"]) && <span className="err block">{at([...path, "kind"])}</span>}</p>
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
const removedKey = (mapping, key) => ({ op: "remove", path: isMapping(mapping) && Object.keys(mapping).length > 1 ? [...EVALS, key] : EVALS });
