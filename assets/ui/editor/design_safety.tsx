// The guardrails of a skill, and the memory of an agent.
import { AddMenu, added, Cards, Check, Flag, freeName, type SectionProps, Value, Words } from "./design_parts";
import type { Edit, SkillEdit } from "./yaml_edits";
import { isMapping, listOf, type Mapping, mappingOf, type Path, propertiesOf } from "./yaml_values";

const RAILS: Path = ["rails"], MEMORY: Path = ["memory"];
const POINTS: [point: string, label: string][] = [["input", "Inputs"], ["output", "Result"], ["tool", "Tool calls"], ["retrieval", "Results of tools"]];
const ACTIONS: Record<string, string> = { block: "Block", redact: "Redact", approve: "Require approval", flag: "Record only" };
const PII: Record<string, string> = { email: "Email addresses", phone: "Phone numbers", iban: "Bank accounts (IBAN)", card: "Payment cards", us_ssn: "US SSN", uk_nino: "UK NINO", es_nif: "ES NIF", fr_nir: "FR NIR", pl_pesel: "PL PESEL", br_cpf: "BR CPF", de_steuer_id: "DE Steuer-ID", it_cf: "IT CF" };
/** The tests of guardrails, with the value of a new one. */
const TESTS: Record<string, { label: string; name: string; start: unknown }> = {
  pii: { label: "Personal data", name: "personal_data", start: ["email", "phone"] },
  words: { label: "Words", name: "words", start: ["confidential"] },
  pattern: { label: "Regular expression", name: "pattern", start: "(?i)internal use only" },
  schema: { label: "Schema", name: "schema", start: { type: "object" } },
  entrypoint: { label: "Python function", name: "check", start: "guardrails.py:check" },
};

export const railPaths = (document: Mapping): Path[] => [RAILS, ...listOf(document.rails).flatMap((_, index): Path[] => [[...RAILS, index], ...["name", "on", "action", "message", "tools", ...Object.keys(TESTS)].map((key): Path => [...RAILS, index, key])])];
export const memoryPaths = (document: Mapping): Path[] => [MEMORY, ...(isMapping(document.memory) ? ["scope", "digest", "keys", "read_only"].map((key): Path => [...MEMORY, key]) : [])];

export function Guardrails({ document, isAgent, at, edit, onCode }: SectionProps) {
  const rails = listOf(document.rails), points = POINTS.filter(([name]) => isAgent || ["input", "output"].includes(name));
  const add = (test: string) => { const made = TESTS[test]; if (made) edit([added(RAILS, document.rails, { name: freeName(made.name, rails.map((rail) => mappingOf(rail).name)), on: test === "schema" ? ["output"] : ["input"], [test]: made.start, action: "block" })]); };
  return (
    <>
      {!rails.length && <p className="t3">No guardrails. A guardrail blocks, redacts or flags inputs, results or tool calls.</p>}
      <Cards path={RAILS} list={rails} noun="Guardrail" titleOf={(rail, index) => mappingOf(rail).name ?? index + 1} at={at} edit={edit} onCode={onCode}>
        {(rail, path) => <Rail {...{ rail, path, points, at, edit, onCode }} />}
      </Cards>
      <div><AddMenu label="Add guardrail…" options={Object.entries(TESTS).map(([test, one]): [string, string] => [test, one.label])} onPick={add} /></div>
    </>
  );
}

interface RailProps extends Pick<SectionProps, "at" | "edit" | "onCode"> {
  rail: Mapping;
  path: Path;
  points: typeof POINTS;
}

function Rail({ rail, path, points, at, edit, onCode }: RailProps) {
  const values = { at, edit }, own = (key: string) => [...path, key], test = Object.keys(TESTS).find((key) => rail[key] !== undefined), concernsTools = [rail.on].flat().some((point) => point === "tool" || point === "retrieval");
  const label = TESTS[test ?? ""]?.label ?? "No test";
  return (
    <>
      <div className="three">
        <Value {...values} path={own("name")} label="Name" schema={{ type: "string" }} value={rail.name} isRequired />
        <Value {...values} path={own("action")} label="Action" schema={{ enum: Object.keys(ACTIONS) }} labels={ACTIONS} value={rail.action ?? "block"} isRequired />
      </div>
      <Words {...values} path={own("on")} label="Checks" options={points} value={rail.on} />
      {test === "pii" && <Words {...values} path={own("pii")} label={label} options={Object.entries(PII)} value={rail.pii} />}
      {test === "words" && <Value {...values} path={own("words")} label={label} schema={{ type: "array", items: { type: "string" } }} value={rail.words} />}
      {test === "pattern" && <Value {...values} path={own("pattern")} label={label} isRequired schema={{ type: "string", description: "RE2 syntax. Matching text does not pass." }} value={rail.pattern} />}
      {test === "entrypoint" && <Value {...values} path={own("entrypoint")} label={label} schema={{ type: "string", description: "FILE.py:FUNCTION in the folder of the skill." }} value={rail.entrypoint} />}
      {(!test || test === "schema") && <p className="t2">{label}. {at(own("schema"))} <button type="button" className="btn quiet small" onClick={() => onCode()}>Edit in code</button></p>}
      {concernsTools && <Value {...values} path={own("tools")} label="Tools" schema={{ type: "array", items: { type: "string" }, description: "All tools if the list is empty." }} value={rail.tools} />}
      <Value {...values} path={own("message")} label="Message" schema={{ type: "string", description: "Shown to the caller or the model about a value that does not pass." }} value={rail.message} />
    </>
  );
}

export function Memory({ document, at, edit }: SectionProps) {
  const value = document.memory, memory = mappingOf(value), isOn = value === true || isMapping(value), inputs = Object.keys(propertiesOf(document.input_schema));
  // A change of `memory: true` makes a mapping of it.
  const write: Edit = (edits) => edit((newest) => (typeof edits === "function" ? edits(newest) : edits).flatMap((change): SkillEdit[] => {
    if (isMapping(newest.memory)) return [change];
    return change.op === "set" ? [{ op: "set", path: MEMORY, value: { [String(change.path[1])]: change.value } }] : [];
  }));
  const values = { at, edit: write };
  return (
    <>
      <Check checked={isOn} onToggle={(wanted) => edit([wanted ? { op: "set", path: MEMORY, value: true } : { op: "remove", path: MEMORY }])}>The agent can search and store records in the memory of the project</Check>
      {isOn && (
        <>
          <Value {...values} path={[...MEMORY, "scope"]} label="Records without a key belong to" schema={{ enum: ["skillpack", "workspace"] }} labels={{ skillpack: "This skillpack", workspace: "The whole project" }} value={memory.scope ?? "skillpack"} isRequired />
          <Flag {...values} path={[...MEMORY, "digest"]} label="Give each run the records about its inputs" value={memory.digest} />
          <Flag {...values} path={[...MEMORY, "read_only"]} label="Only read: the agent stores and deletes nothing" value={memory.read_only} />
          {inputs.length > 0 && Boolean(memory.digest) && <Words {...values} path={[...MEMORY, "keys"]} label="Inputs that identify the subject of a run" options={inputs.map((name): [string, string] => [name, name])} value={memory.keys} />}
        </>
      )}
    </>
  );
}
