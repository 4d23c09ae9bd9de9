// The form for a skill.yaml. It is loaded when the user opens it.
import { lazy, type ReactNode, Suspense, useEffect, useMemo, useState } from "react";
import type { ModelPrice, PricingRead } from "../../../clients/typescript/src/generated";
import { toolsOfSkill } from "../agent_tools";
import { callApi } from "../api";
import { Estimate, estimateUrl } from "../estimate";
import type { Schema } from "../schema_types";
import { Broken, type OnCode } from "./broken";
import type { FileProblem } from "./code";
import { type KeySchema, skillSchema } from "./completion";
import { Evals, evalPaths, Examples, examplePaths } from "./design_cases";
import { Fields, pathsIn } from "./design_fields";
import { Instructions } from "./design_instructions";
import { type Editing, FileProblems, type OnOpen, Section, SectionLinks, type SectionProps } from "./design_parts";
import { Guardrails, Memory, memoryPaths, railPaths } from "./design_safety";
import { focusValue } from "./design_place";
import { toolPaths, Tools } from "./design_tools";
import { Committed, placed, useClicksAfterCommits } from "./design_values";
import type { Caller, LoadedDraft } from "./draft";
import { type Edit, type EditedText, useYamlEdits } from "./yaml_edits";
import { type Mapping, mappingOf, type Path, textOf } from "./yaml_values";

const AgentGraph = lazy(() => import("../canvas/agent_graph"));
const SCHEMAS = { input_schema: "Inputs", output_schema: "Outputs" };
const KINDS: [RegExp, string][] = [[/\.md$/i, "Agent"], [/\.ya?ml$/i, "Flow"], [/\.py(:|$)/, "Function"]];
const LIMITS_OF_AGENTS = ["steps", "tokens"];
const MICROS = 1e6;

interface DesignProps extends Caller {
  path: string;
  /** Those of all files of the draft. */
  problems: FileProblem[];
  draft: LoadedDraft;
  skillpack: string;
  canWrite: boolean;
  /** A problem that the user has selected: its field gets the focus, and then `onSelected` is called. */
  selected: FileProblem | null;
  onSelected: () => void;
  onCode: OnCode;
  onOpen: OnOpen;
  /** Open the canvas of a flow, whose path is relative to the folder of the skill. */
  onFlow: (path: string) => void;
}

/** The form of the text of the skill.yaml at `path`. */
export default function Design({ path, text, problems, draft, base, skillpack, project, csrf, canWrite, selected, replace, onPending, onSelected, onCode, onOpen, onFlow }: DesignProps & EditedText) {
  const [schema, setSchema] = useState<KeySchema | null>(null), clicks = useClicksAfterCommits(), { found, failure, edit, undo } = useYamlEdits("/v1/skill-yaml/edit", { text, project, csrf, replace, onPending });
  useEffect(() => { skillSchema().then(setSchema); }, []);
  const isReady = Boolean(found && schema);
  useEffect(() => {
    if (!isReady || selected?.path !== path) return;
    onSelected();
    if (!focusValue(selected.keys ?? [])) onCode(selected.line);
  }, [isReady, selected]);
  const canUndo = canWrite && Boolean(undo), goBack = () => undo?.();
  if (!found || !schema) return failure ? <div className="note line-note" data-s="fail" role="alert">{failure}</div> : <p className="skeleton pad">Loading form…</p>;
  return (
    <div className="scroll design" tabIndex={0} role="region" aria-label="Design" {...clicks}>
      {failure && <div className="note row wrap" data-s="fail" role="alert"><span className="grow">{failure}</span><button type="button" className="btn small" onClick={() => onCode()}>Open code</button></div>}
      {found.document
        ? <Sections {...{ document: found.document, path, schema, problems, draft, base, skillpack, project, csrf, canWrite, edit, onCode, onOpen, onFlow, canUndo, goBack }} />
        : <Broken problems={found.problems} onCode={onCode} />}
    </div>
  );
}

interface SectionsProps extends Omit<DesignProps, "selected" | "onSelected"> {
  document: Mapping;
  schema: KeySchema;
  edit: Edit;
  canUndo: boolean;
  goBack: () => void;
}

function Sections({ document, path, schema, problems, draft, base, skillpack, project, csrf, canWrite, edit, onCode, onOpen, onFlow, canUndo, goBack }: SectionsProps) {
  const keys = schema.properties, limitKeys = keys.limits?.properties ?? {}, entrypoint = textOf(document.entrypoint), kind = KINDS.find(([form]) => form.test(entrypoint))?.[1] ?? "Unknown", isAgent = kind === "Agent";
  const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "", files = draft.view.files, skill = draft.check.skills.find((one) => one.path === folder && !one.parent_skill);
  const limits = Object.keys(limitKeys).filter((name) => isAgent || !LIMITS_OF_AGENTS.includes(name));
  const inFolder = problems.filter((one) => one.path !== path && one.path.startsWith(folder ? `${folder}/` : "")), ofPrompt = isAgent ? inFolder.filter((one) => one.path === `${folder ? `${folder}/` : ""}${entrypoint}`) : [];
  const ofCode = inFolder.filter((one) => one.path.endsWith(".py")), ofCases = inFolder.filter((one) => one.path.endsWith(".jsonl")), codeSection = isAgent ? "Tools" : "Basics";
  const paths: Record<string, Path[]> = {
    Basics: [["entrypoint"], ["title"], ["description"], ["timeout_s"], ["network"], ["lane"]],
    ...Object.fromEntries(Object.entries(SCHEMAS).map(([key, title]) => [title, [[key], ...pathsIn(document[key], [key])]])),
    ...(isAgent && { Tools: toolPaths(document), Model: [["model"]] }),
    Limits: [["limits"], ...limits.map((name): Path => ["limits", name])],
    Guardrails: railPaths(document), ...(isAgent && { Memory: memoryPaths(document) }), Examples: examplePaths(document), Evals: evalPaths(document),
  };
  const { at, others, countAt } = placed(problems.filter((one) => one.path === path), Object.values(paths).flat()), set = (place: Path) => (value: unknown) => edit([value === undefined ? { op: "remove", path: place } : { op: "set", path: place, value }]);
  const counts: Record<string, number> = Object.fromEntries(Object.entries(paths).map(([title, all]) => [title, all.reduce((sum, one) => sum + countAt(one), 0)])), order = isAgent ? ["Basics", "Inputs", "Outputs", "Instructions", "Tools", "Model", "Limits", "Guardrails", "Memory", "Examples", "Evals"] : Object.keys(paths);
  const countOf = (title: string) => counts[title] ?? 0;
  counts.Instructions = ofPrompt.length; counts[codeSection] = countOf(codeSection) + ofCode.length; counts.Evals = countOf("Evals") + ofCases.length;
  const field = (place: Path, own: Schema | undefined, value: unknown, label: string) => <Committed key={place.join(".")} path={place} name={label} schema={{ ...own, title: label }} value={value} error={at(place)} onCommit={set(place)} />;
  const shared: SectionProps = { document, folder, files, skill, skills: draft.check.skills, draft, base, skillpack, project, csrf, canWrite, isAgent, at, edit, onCode, onOpen, revision: draft.view.revision };
  const section = (title: string, children: ReactNode, path?: Path) => <Section key={title} title={title} path={path} count={countOf(title)} error={path && at(path)}>{children}</Section>;
  return (
    <>
      <SectionLinks sections={order.map((title): [string, number] => [title, countOf(title)])} />
      <fieldset className="col whole" disabled={!canWrite}>
        <legend className="hidden-label">skill.yaml</legend>
        <div className="row wrap"><span className="t2 grow">Changes are made in the text. Comments and other keys stay as they are.</span><button type="button" className="btn small" disabled={!canUndo} onClick={goBack}>Undo</button></div>
        {others.length > 0 && <ul className="note design-problems" data-s="fail" aria-label="Other problems">{others.map((one, index) => <li key={index}>{one.message} {one.line && <button type="button" className="btn quiet small" onClick={() => onCode(one.line)}>Line {one.line}</button>}</li>)}</ul>}
        {section("Basics", (
          <>
            {!isAgent && <FileProblems problems={ofCode} onOpen={onOpen} />}
            <p><span className="t2">{kind}: </span><span className="mono break">{entrypoint || "no entrypoint"}</span> {kind === "Flow" && <button type="button" className="btn small" onClick={() => onFlow(entrypoint)}>Open canvas</button>}{at(["entrypoint"]) && <span className="err block" role="alert">{at(["entrypoint"])}</span>}</p>
            {field(["title"], keys.title, document.title, "Title")}
            {field(["description"], { ...keys.description, type: "text" }, document.description, "Description")}
            <div className="three">
              {field(["timeout_s"], keys.timeout_s, document.timeout_s, "Timeout (seconds)")}
              <Network value={document.network} at={at} edit={edit} />
              {field(["lane"], { ...keys.lane, type: "string" }, document.lane, "Lane")}
            </div>
          </>
        ))}
        {Object.entries(SCHEMAS).map(([key, title]) => section(title, <Fields schema={document[key]} path={[key]} isResult={key === "output_schema"} at={at} edit={edit} onCode={onCode} />, [key]))}
        {isAgent && section("Instructions", <Instructions {...shared} problems={ofPrompt} />)}
        {isAgent && section("Tools", <><FileProblems problems={ofCode} onOpen={onOpen} /><Tools {...shared} /><ToolGraph document={document} /></>, ["tools"])}
        {isAgent && section("Model", <Model value={document.model} error={at(["model"])} project={project} onCommit={set(["model"])} />)}
        {section("Limits", <><div className="three">{limits.map((name) => field(["limits", name], limitKeys[name], mappingOf(document.limits)[name], LABELS[name] ?? name))}</div>{skill && <Estimate url={estimateUrl(base, skill.name)} project={project} stamp={draft.view.revision} />}</>, ["limits"])}
        {section("Guardrails", <Guardrails {...shared} />, ["rails"])}
        {isAgent && section("Memory", <Memory {...shared} />, ["memory"])}
        {section("Examples", <Examples {...shared} />, ["examples"])}
        {section("Evals", <><FileProblems problems={ofCases} onOpen={onOpen} /><Evals {...shared} /></>, ["evals"])}
      </fieldset>
    </>
  );
}

const LABELS: Record<string, string> = { steps: "Steps", tokens: "Tokens", cost_usd: "Cost (USD)", memory_mb: "Memory (MiB)", output_mb: "Result (MiB)" };

const NETWORKS: Record<string, string> = { public: "Every public host", none: "No host", hosts: "Only these hosts" };

/** The hosts that jobs may connect to. */
function Network({ value, at, edit }: Editing & { value: unknown }) {
  const path: Path = ["network"], isList = Array.isArray(value), error = at(path), choose = (kind: unknown) => edit([kind === undefined ? { op: "remove", path } : { op: "set", path, value: kind === "hosts" ? ["api.example.org"] : kind }]);
  return (
    <div className="col" style={{ gap: 8 }}>
      <Committed path={path} name="Network" schema={{ title: "Network", enum: Object.keys(NETWORKS), description: "Hosts that jobs may connect to." }} labels={NETWORKS} value={isList ? "hosts" : value ?? "public"} isRequired error={isList ? "" : error} onCommit={choose} />
      {isList && <Committed path={path} name="Hosts" schema={{ title: "Hosts", type: "array", items: { type: "string" } }} value={value} isRequired error={error} onCommit={(hosts) => edit([{ op: "set", path, value: hosts ?? "none" }])} />}
    </div>
  );
}

/** The tools of an agent as a graph. */
function ToolGraph({ document }: { document: Mapping }) {
  const [isShown, setShown] = useState(false), tools = useMemo(() => toolsOfSkill(document), [document]), model = useMemo(() => ({ name: textOf(document.model) }), [document]);
  if (!tools.length) return null;
  return (
    <>
      <div><button type="button" className="btn small" aria-expanded={isShown} onClick={() => setShown(!isShown)}>{isShown ? "Hide graph" : "Show graph"}</button></div>
      {isShown && <div className="design-graph"><Suspense fallback={<p className="skeleton pad">Loading graph…</p>}><AgentGraph name={typeof document.title === "string" ? document.title : "Agent"} model={model} tools={tools} columns={2} /></Suspense></div>}
    </>
  );
}

/** The language model, with the price and the context of each. */
interface ModelProps {
  value: unknown;
  error: string | undefined;
  project: string;
  onCommit: (value: unknown) => Promise<boolean>;
}

function Model({ value, error, project, onCommit }: ModelProps) {
  const [models, setModels] = useState<ModelPrice[]>([]);
  useEffect(() => { callApi<PricingRead>("GET", "/v1/pricing", { project }).then((prices) => setModels(prices.models), () => {}); }, [project]);
  if (Array.isArray(value)) return <Committed path={["model"]} name="Models" schema={{ title: "Models, in order", type: "array", items: { type: "string" } }} value={value} error={error} onCommit={onCommit} />;
  const known = models.find((one) => one.model === value), names = models.map((one) => one.model);
  return (
    <>
      <Committed path={["model"]} name="Model" schema={{ title: "Model", enum: value && !known ? [value, ...names] : names }} labels={Object.fromEntries(models.map((one) => [one.model, `${one.title} · ${rates(one)}`]))} value={value} error={error} onCommit={onCommit} />
      {known && <p className="t2">{known.model}: {rates(known)}, at most {known.max_output_tokens.toLocaleString("en-US")} tokens for each reply, {known.vision ? "reads images" : "does not read images"}.</p>}
      {!value && <p className="t3">Without a model, the default model of the instance is used.</p>}
    </>
  );
}

const rates = ({ context_tokens, per_million_tokens: price }: ModelPrice) => `${Math.round(context_tokens / 1000).toLocaleString("en-US")}k context, $${price.input_micros / MICROS} in and $${price.output_micros / MICROS} out for a million tokens`;
