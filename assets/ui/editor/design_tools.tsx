// The tools of an agent: built-in ones, functions, skills, and MCP servers.
import { type FormEvent, useEffect, useRef, useState } from "react";
import type { ApiToolsRead, DraftFunctionRead } from "../../../clients/typescript/src/generated";
import { hostOf } from "../agent_tools";
import { callApi, messageOf } from "../api";
import { ALWAYS, GROUPS, NAMES } from "./builtin_tools";
import { Fields } from "./design_fields";
import { McpServer } from "./design_mcp";
import { AddMenu, added, Cards, Check, Flag, freeName, removed, type SectionProps, Value } from "./design_parts";
import { FromApi, NO_API } from "./from_api";
import type { Edit, SkillEdit } from "./yaml_edits";
import { isMapping, listOf, type Mapping, type Path } from "./yaml_values";

const PATH: Path = ["tools"], ALLOWED: Path = ["allowed_tools"], DISABLE_BASH: Path = ["disable_bash"];

/** The names by which a list of allowed tools refers to an entry. */
const namesOf = (tool: unknown): unknown[] => (!isMapping(tool) ? [] : tool.builtin ? [tool.builtin] : tool.mcp ? listOf(tool.allow) : tool.name ? [tool.name] : []);

/** The paths of the values that the section shows. */
export const toolPaths = (document: Mapping): Path[] => [PATH, ALLOWED, DISABLE_BASH, ...listOf(document.tools).flatMap((_, index): Path[] => [[...PATH, index], ...["name", "description", "entrypoint", "skill", "mcp", "headers", "allow", "confirm", "read_only", "idempotent", "input_schema", "output_schema"].map((key): Path => [...PATH, index, key])])];

export function Tools(props: SectionProps) {
  const { document, at, edit, onCode } = props, tools = listOf(document.tools), allowed = listOf(document.allowed_tools), [found, failure] = useFunctions(props), newest = useRef(-1);
  const add = (tool: Mapping) => edit([added(PATH, document.tools, tool), ...(allowed.length ? namesOf(tool).filter((name) => !allowed.includes(name)).map((name, index): SkillEdit => ({ op: "set", path: [...ALLOWED, allowed.length + index], value: name })) : [])]);
  const addNew = (tool: Mapping) => { newest.current = tools.length; return add(tool); };
  const remove = (index: number) => edit([removed(PATH, tools, index), ...disallowed(allowed, namesOf(tools[index]))]);
  const rename = (index: number, former: unknown) => (name: unknown) => edit([[...PATH, index, "name"], ...(allowed.includes(former) ? [[...ALLOWED, allowed.indexOf(former)]] : [])].map((path): SkillEdit => ({ op: "set", path, value: String(name ?? "") })));
  return (
    <>
      <Cards path={PATH} list={tools} noun="Tool" titleOf={titleOf} at={at} edit={edit} onRemove={remove} onCode={onCode}>
        {(tool, path, index) => <OneTool {...{ ...props, tool, path, found, allowed, isNew: index === newest.current, onRename: rename(index, tool.name) }} />}
      </Cards>
      {!tools.length && <p className="t3">No tools of its own. The agent can use the built-in tools below.</p>}
      <Adding {...props} found={found} taken={tools.flatMap(namesOf)} onAdd={addNew} />
      {failure && <div className="err" role="alert">{failure}</div>}
      <BuiltIn {...props} tools={tools} allowed={allowed} />
    </>
  );
}

const titleOf = (tool: unknown, index: number) => (!isMapping(tool) ? index + 1 : tool.name ?? (tool.builtin ? "python" : tool.mcp === undefined ? index + 1 : hostOf(String(tool.mcp)) || "MCP server"));

const disallowed = (allowed: unknown[], names: unknown[]) => allowed.map((name, index) => ({ name, index })).filter(({ name }) => names.includes(name)).toReversed().map(({ index }): SkillEdit => (allowed.length === 1 ? { op: "remove", path: ALLOWED } : { op: "remove", path: [...ALLOWED, index] }));

/** The functions of the bundle, read again whenever a Python file was saved. */
function useFunctions({ base, folder, project, revision }: SectionProps): [found: DraftFunctionRead[], failure: string] {
  const [found, setFound] = useState<DraftFunctionRead[]>([]), [failure, setFailure] = useState("");
  useEffect(() => {
    let isOutdated = false;
    callApi<DraftFunctionRead[]>("GET", `${base}/functions?folder=${encodeURIComponent(folder)}`, { project }).then((all) => { if (!isOutdated) { setFound(all); setFailure(""); } }, (error: unknown) => { if (!isOutdated) setFailure(messageOf(error)); });
    return () => { isOutdated = true; };
  }, [base, folder, project, revision]);
  return [found, failure];
}

interface AddingProps extends SectionProps {
  found: DraftFunctionRead[];
  /** The names of tools. */
  taken: unknown[];
}

/** The menus that add a tool. */
function Adding({ onAdd, ...props }: AddingProps & { onAdd: (tool: Mapping) => void }) {
  const { found, taken, folder, skills, skill, document } = props;
  const inFolder = (one: DraftFunctionRead) => `${one.path.slice(folder ? folder.length + 1 : 0)}:${one.name}`, own = new Set(listOf(document.tools).filter(isMapping).map((tool) => tool.entrypoint));
  const functions = found.filter((one) => !own.has(inFolder(one))), others = skills.filter((one) => one.name !== skill?.name && (!one.parent_skill || one.parent_skill === skill?.name));
  const ofFunction = (text: string) => {
    const one = functions.find((each) => inFolder(each) === text);
    if (one) onAdd({ name: freeName(one.name, taken), description: one.description || `Calls ${one.name}.`, entrypoint: text, input_schema: one.input_schema, output_schema: one.output_schema });
  };
  const ofSkill = (name: string) => {
    const short = name.split("/").at(-1)!, one = others.find((each) => each.name === name);
    onAdd({ name: freeName(short.replaceAll("-", "_"), taken), skill: short, ...(one?.description && { description: one.description }) });
  };
  return (
    <div className="row wrap">
      <AddMenu label={functions.length ? "Add function…" : "No functions to add"} options={functions.map((one): [string, string] => [inFolder(one), `${one.signature} · ${inFolder(one).split(":")[0]}`])} onPick={ofFunction} />
      <AddMenu label={others.length ? "Add skill…" : "No other skills to add"} options={others.map((one): [string, string] => [one.name, one.title ? `${one.title} (${one.name})` : one.name])} onPick={ofSkill} />
      <button type="button" className="btn" onClick={() => onAdd({ mcp: "" })}>Add MCP server</button>
      <AddFromApi {...props} />
      {!taken.includes("python") && <button type="button" className="btn" onClick={() => onAdd({ builtin: "python" })}>Add Python kernel</button>}
    </div>
  );
}

/** A dialog that adds tools for the operations of an API, with their functions in a new file. */
function AddFromApi({ project, csrf, folder, files, draft, taken, edit }: AddingProps) {
  const dialog = useRef<HTMLDialogElement>(null), [isOpen, setOpen] = useState(false), [api, setApi] = useState(NO_API), [failure, setFailure] = useState("");
  const open = () => { setFailure(""); setOpen(true); dialog.current?.showModal(); };
  const add = async (event: FormEvent) => {
    event.preventDefault();
    event.stopPropagation();
    if (!api.operations.length) { setFailure("Paste a curl command or an OpenAPI document, and select at least one operation."); return; }
    const prefix = folder ? `${folder}/` : "", names = files.filter((one) => !one.is_deleted).map((one) => one.path), file = `${freeName("api", names.filter((path) => path.startsWith(prefix) && path.endsWith(".py")).map((path) => path.slice(prefix.length, -3)))}.py`;
    try {
      const made = await callApi<ApiToolsRead>("POST", "/v1/api-tools", { project, csrf, json: { ...api, file } }), clash = made.tools.find((tool) => taken.includes(tool.name));
      if (clash) { setFailure(`The skill already has a tool ${String(clash.name)}. Rename it first, or do not select this operation.`); return; }
      await draft.create({ [`${prefix}${file}`]: made.files[file] ?? "" });
      if (await addAll(edit, made)) dialog.current?.close(); else setFailure("The tools cannot be added to this skill.yaml in the form. Add them in the code.");
    } catch (error) { setFailure(messageOf(error)); }
  };
  return (
    <>
      <button type="button" className="btn" onClick={open}>Add from an API…</button>
      <dialog className="dlg broad" ref={dialog} aria-label="Add tools from an API" onClose={() => setOpen(false)}>
        <form className="in-dlg" onSubmit={add}>
          <h2>Add tools from an API</h2>
          {isOpen && <FromApi project={project} csrf={csrf} onChange={setApi} />}
          {failure && <div className="note" data-s="fail" role="alert">{failure}</div>}
          <div className="acts"><button type="button" className="btn" onClick={() => dialog.current?.close()}>Cancel</button><button className="btn pri">Add tools</button></div>
        </form>
      </dialog>
    </>
  );
}

const MAX_ADDED = 15; // of one request
const appended = (path: Path, list: unknown, values: unknown[]): SkillEdit[] => (Array.isArray(list) ? values.map((value, index) => ({ op: "set", path: [...path, list.length + index], value })) : [{ op: "set", path, value: values }]);

/** Add tools, allow them where tools are listed, and allow their hosts where hosts are. Resolves to whether all of it was written. */
async function addAll(edit: Edit, { tools, hosts }: ApiToolsRead) {
  for (let start = 0; start < tools.length; start += MAX_ADDED) {
    const some = tools.slice(start, start + MAX_ADDED), names = some.map((tool) => tool.name);
    if (!await edit((document) => appended(PATH, document.tools, some))) return false;
    if (!await edit((document) => (listOf(document.allowed_tools).length ? appended(ALLOWED, document.allowed_tools, names) : []))) return false;
  }
  return edit(({ network }) => {
    const missing = hosts.filter((host) => !listOf(network).includes(host));
    return missing.length && (Array.isArray(network) || network === "none") ? appended(["network"], network, missing) : [];
  });
}

interface OneToolProps extends SectionProps {
  tool: Mapping;
  path: Path;
  found: DraftFunctionRead[];
  /** The user has just added it. */
  isNew: boolean;
  onRename: (name: unknown) => Promise<boolean>;
}

function OneTool(props: OneToolProps) {
  const { tool, path, at, edit, onRename, found, folder, onOpen } = props, values = { at, edit };
  const flags = <div className="row wrap"><Flag {...values} path={[...path, "confirm"]} label="Needs approval" value={tool.confirm} />{!tool.builtin && <><Flag {...values} path={[...path, "read_only"]} label="Only reads" value={tool.read_only} /><Flag {...values} path={[...path, "idempotent"]} label="Can be repeated" value={tool.idempotent} /></>}</div>;
  if (tool.builtin) return <><p className="t2">A Python kernel that keeps its variables between calls. It has no secrets, and the network of the skill.</p>{flags}</>;
  const [file = "", name] = String(tool.entrypoint ?? "").split(":"), code = `${folder ? `${folder}/` : ""}${file}`, known = found.find((one) => one.path === code && one.name === name);
  return (
    <>
      {tool.mcp === undefined && <Value {...values} edit={([change]) => onRename(change?.op === "set" ? change.value : undefined)} path={[...path, "name"]} label="Name" schema={{ type: "string" }} value={tool.name} isRequired />}
      {tool.entrypoint !== undefined && <p className="break"><span className="mono">{known ? known.signature : String(tool.entrypoint)}</span> <button type="button" className="btn quiet small" onClick={() => onOpen(code, known?.line)}>Open {file}</button></p>}
      {tool.skill !== undefined && <p className="t2">Runs the skill <span className="mono">{String(tool.skill)}</span> as a subjob, with the inputs of that skill.</p>}
      {["entrypoint", "skill"].map((key) => at([...path, key]) && <div key={key} className="err" role="alert">{at([...path, key])}</div>)}
      {tool.mcp !== undefined && <McpServer {...props} />}
      <Value {...values} path={[...path, "description"]} label="Description for the model" schema={{ type: "text" }} value={tool.description} />
      {flags}
      {tool.entrypoint !== undefined && ["input_schema", "output_schema"].map((key) => (
        <details key={key}>
          <summary>{key === "input_schema" ? "Arguments" : "Result"}{at([...path, key]) && <span className="err block">{at([...path, key])}</span>}</summary>
          <Fields schema={tool[key]} path={[...path, key]} isResult={key === "output_schema"} at={at} edit={edit} onCode={props.onCode} />
        </details>
      ))}
    </>
  );
}

const isOn = (document: Mapping, name: string) => (!listOf(document.allowed_tools).length || listOf(document.allowed_tools).includes(name)) && !(name === "bash" && document.disable_bash);

/** The edits that switch a built-in tool on or off. */
const switched = (name: string, wanted: boolean) => (document: Mapping): SkillEdit[] => {
  const allowed = listOf(document.allowed_tools), tools = listOf(document.tools);
  if (isOn(document, name) === wanted) return [];
  if (!wanted && name === "bash" && !allowed.length) return [{ op: "set", path: DISABLE_BASH, value: true }];
  if (!wanted && allowed.length) return disallowed(allowed, [name]);
  if (!wanted) return [{ op: "set", path: ALLOWED, value: [...NAMES.filter((one) => one !== name), ALWAYS, ...tools.flatMap(namesOf)] }];
  const enabled: SkillEdit[] = name === "bash" && document.disable_bash ? [{ op: "remove", path: DISABLE_BASH }] : [];
  if (!allowed.length || allowed.includes(name)) return enabled;
  const isAll = [...NAMES, ...tools.flatMap(namesOf)].every((one) => one === name || allowed.includes(one));
  return [...enabled, isAll ? { op: "remove", path: ALLOWED } : { op: "set", path: [...ALLOWED, allowed.length], value: name }];
};

/** Check boxes for the built-in tools. Without a list of allowed tools, all of them are on. */
function BuiltIn({ document, tools, allowed, at, edit }: SectionProps & { tools: unknown[]; allowed: unknown[] }) {
  const isOpen = tools.some((tool) => isMapping(tool) && tool.mcp && !Array.isArray(tool.allow)), off = NAMES.filter((name) => !isOn(document, name)).length;
  const isFixed = (name: string) => isOpen && !allowed.length && name !== "bash";
  return (
    <details className="design-field" open={off > 0 || undefined}>
      <summary>Built-in tools: {NAMES.length - off} of {NAMES.length} on</summary>
      {isOpen && !allowed.length && <p className="t2">To switch single tools off, first choose the tools of each MCP server: the list of allowed tools must name them.</p>}
      {[ALLOWED, DISABLE_BASH].map((path) => at(path) && <div key={path.join(".")} className="err" role="alert">{at(path)}</div>)}
      {GROUPS.map(([title, rows]) => (
        <fieldset key={title} className="design-words">
          <legend>{title}</legend>
          {rows.map(([name, text, effects]) => <Check key={name} checked={isOn(document, name)} disabled={isFixed(name)} onToggle={(wanted) => edit(switched(name, wanted))}><span><span className="mono">{name}</span> <span className="t2">{text}</span> {effects.map((effect) => <span key={effect} className="tag">{effect}</span>)}</span></Check>)}
        </fieldset>
      ))}
    </details>
  );
}
