import { type FormEvent, useEffect, useRef, useState } from "react";
import type { ApiToolsRead, DraftRead, TemplateRead } from "../../../clients/typescript/src/generated";
import { callApi, messageOf } from "../api";
import { skillYamls } from "./agent_skills";
import type { Caller, LoadedDraft } from "./draft";
import { FromApi, NO_API } from "./from_api";

/** A type of skills; `files(title, name)` are the texts of a new one by path. Those of an API come from the server. */
interface Kind {
  label: string;
  hint: string;
  files?: (title: string, name: string) => Record<string, string>;
}

interface Props extends Caller {
  draft: LoadedDraft;
  isFirst?: boolean;
  /** Open the first file of a new skill. `isWrittenHere`: the user has not uploaded it. */
  onCreated: (path: string, isWrittenHere?: boolean) => void;
  /** Ask the assistant to build a skill; missing if it is not available. */
  onDescribe?: ((asked: { task: string }) => void) | null;
}

const AGENT = (title: string) => ({
  "skill.yaml": `entrypoint: prompt.md\ntitle: ${title}\ndescription: One line about what the skill does.\ninput_schema:\n  type: object\n  properties:\n    text: {type: text, description: The text to process}\n  required: [text]\noutput_schema:\n  type: object\n  properties:\n    answer: {type: text}\nexamples:\n  - title: First example\n    inputs: {text: "Owls hunt at night."}\n    outputs: {answer: "An answer about owls."}\nlimits: {steps: 20, cost_usd: 0.25}\n`,
  "prompt.md": `# ${title}\n\nDescribe, step by step, what the agent does with \`text\`, and what a good answer looks like.\n`,
});
const TOOL = `tools:\n  - name: count_words\n    description: Counts the words of a text.\n    entrypoint: tools.py:count_words\n    input_schema: {type: object, properties: {text: {type: string}}, required: [text]}\n    output_schema: {type: object, properties: {words: {type: integer}}}\n    read_only: true\n`;
const KINDS: Record<string, Kind> = {
  agent: { label: "Agent", hint: "A prompt that can call tools", files: AGENT },
  "agent-tool": {
    label: "Agent with a Python tool",
    hint: "A prompt and a Python function that it can call",
    files: (title) => ({
      ...AGENT(title),
      "skill.yaml": AGENT(title)["skill.yaml"] + TOOL,
      "tools.py": 'def count_words(text):\n    return {"words": len(text.split())}\n',
    }),
  },
  function: {
    label: "Function",
    hint: "A Python function that gets the inputs",
    files: (title) => ({
      "skill.yaml": `entrypoint: main.py:run\ntitle: ${title}\ndescription: One line about what the skill does.\ninput_schema:\n  type: object\n  properties:\n    name: {type: string}\n  required: [name]\noutput_schema:\n  type: object\n  properties:\n    greeting: {type: string}\nexamples:\n  - inputs: {name: Ada}\n`,
      "main.py": 'def run(name):\n    return {"greeting": f"Hello, {name}!"}\n',
    }),
  },
  api: { label: "Agent with tools for an API", hint: "From a curl command or an OpenAPI document" },
  flow: {
    label: "Flow",
    hint: "Steps that run skills, wait for approvals, and combine results",
    files: (title) => ({
      "flow.yaml":
        "# Add steps here or on the canvas. Until then, the result consists of the inputs.\nsteps: []\noutput:\n  results: ${{ inputs.items }}\n",
      "skill.yaml": `entrypoint: flow.yaml\ntitle: ${title}\ndescription: One line about what the flow does.\ninput_schema:\n  type: object\n  properties:\n    items: {type: array, items: {type: string}}\n  required: [items]\noutput_schema:\n  type: object\n  properties:\n    results: {type: array}\n`,
    }),
  },
  plain: {
    label: "Agent Skill",
    hint: "One SKILL.md file in the open Agent Skills format",
    files: (title, name) => ({
      "SKILL.md": `---\nname: ${name}\ndescription: Describe what the skill does and when to use it.\n---\n\n# ${title}\n\nInstructions, step by step.\n`,
    }),
  },
};

const isSkill = (path: string) => /(^|\/)(skill\.yaml|SKILL\.md)$/.test(path);
const MAX_FILES = 200;
const IGNORED = /(^|\/)(\.[^/]*|__pycache__|node_modules)(\/|$)/;

/** The files of a selected folder by their paths in the draft: below `skills/`, also if a parent or a single skill was selected. */
function placed(files: File[]): Record<string, File> {
  const known = files.filter((one) => !IGNORED.test(one.webkitRelativePath)).map((one): [string, File] => [one.webkitRelativePath, one]);
  const isParent = known.some(([path]) => path.split("/")[1] === "skills");
  return Object.fromEntries(known.filter(([path]) => !isParent || path.split("/")[1] === "skills").map(([path, one]) => [isParent ? path.slice(path.indexOf("/") + 1) : path.startsWith("skills/") ? path : `skills/${path}`, one]));
}

/** Whether a link has asked for a new skill. The URL no longer has it afterwards, so that a reload does not open the dialog again. */
function takeNew() {
  const url = new URL(location.href), isNew = url.searchParams.has("new");
  url.searchParams.delete("new");
  if (isNew) history.replaceState(history.state, "", url);
  return isNew;
}

/** A dialog that adds files to a draft: a new skill, a template, a ZIP file, or a folder. */
export function NewSkill({ draft, base, project, csrf, isFirst = false, onCreated, onDescribe }: Props) {
  const dialog = useRef<HTMLDialogElement>(null), file = useRef<HTMLInputElement>(null), folder = useRef<HTMLInputElement>(null), [name, setName] = useState(""), [kind, setKind] = useState("agent"), [templates, setTemplates] = useState<TemplateRead[]>([]), [failure, setFailure] = useState(""), [api, setApi] = useState(NO_API), [isComplete, setComplete] = useState(true);
  const slug = name.trim().toLowerCase().replace(/[^a-z0-9_-]+/g, "-").replace(/^-+|-+$/g, "");
  const open = () => { setFailure(""); setName(""); dialog.current?.showModal(); };
  useEffect(() => { if (takeNew()) open(); }, []);
  useEffect(() => { callApi<TemplateRead[]>("GET", "/v1/templates", { project }).then(setTemplates, () => {}); }, [project]);
  const create = async (event: FormEvent) => {
    event.preventDefault();
    const isTaken = draft.view.files.some((one) => !one.is_deleted && one.path.startsWith(`skills/${slug}/`));
    if (!slug || isTaken) { setFailure(isTaken ? `A skill named ${slug} already exists. Choose another name.` : "Enter a name with letters or digits."); return; }
    if (kind === "api" && !api.operations.length) { setFailure("Paste a curl command or an OpenAPI document, and select at least one operation."); return; }
    try {
      const texts = kind === "api" ? (await callApi<ApiToolsRead>("POST", "/v1/api-tools", { project, csrf, json: { ...api, title: name.trim() } })).files : KINDS[kind]?.files?.(name.trim(), slug) ?? {};
      const files = Object.fromEntries(Object.entries(texts).map(([path, text]) => [`skills/${slug}/${path}`, text])), first = Object.keys(files)[0];
      dialog.current?.close();
      await draft.create(files);
      if (first) onCreated(first, true);
    } catch (error) { setFailure(messageOf(error)); }
  };
  const addFiles = async (found: Record<string, File>) => {
    const first = Object.keys(found).find(isSkill), taken = Object.keys(found).find((path) => draft.view.files.some((one) => !one.is_deleted && one.path === path));
    if (!first) return setFailure("This folder contains no skill: it has no skill.yaml and no SKILL.md. Select the folder of a skill, or a folder that contains a skills folder.");
    if (taken) return setFailure(`${taken} already exists. Rename or delete it first, or upload a ZIP file, which replaces all files.`);
    if (Object.keys(found).length > MAX_FILES) return setFailure(`The folder has more than ${MAX_FILES} files. Upload it as a ZIP file.`);
    dialog.current?.close();
    await draft.create(found);
    return complete(Object.keys(found), first);
  };
  const upload = async (file: File) => {
    const before = new Set(draft.view.files.map((one) => one.path));
    dialog.current?.close();
    await draft.upload(file);
    const fresh = await callApi<DraftRead>("GET", base, { project }).catch(() => null), added = (fresh?.files ?? []).filter((one) => !one.is_deleted && !before.has(one.path)).map((one) => one.path);
    await complete(added, added.find((path) => isSkill(path)));
  };
  // Add a skill.yaml to each new Agent Skill, and open the first skill.
  const complete = async (paths: string[], first: string | undefined) => {
    const folders = new Set(paths.filter((path) => path.endsWith("/SKILL.md")).map((path) => path.slice(0, path.lastIndexOf("/"))));
    const made: Record<string, string> = isComplete && folders.size ? await skillYamls({ base, project, csrf, folders }).catch(() => ({})) : {};
    if (Object.keys(made).length) await draft.create(made);
    const opened = Object.keys(made)[0] ?? first;
    if (opened) onCreated(opened);
  };
  return (
    <>
      <button type="button" className={isFirst ? "btn pri" : "btn"} onClick={open}>New skill…</button>
      <dialog className="dlg broad" ref={dialog} aria-label="New skill" onClick={(event) => event.target === dialog.current && dialog.current?.close()}>
        <form className="in-dlg" onSubmit={create}>
          <h2>New skill</h2>
          <label className="col" style={{ gap: 4 }}><span className="strong">Name</span><input className="in" autoFocus value={name} maxLength={64} placeholder="Summarize a page" onChange={(event) => setName(event.target.value)} />{slug && slug !== name && <span className="t3">Name in the API: <span className="mono">{slug}</span></span>}</label>
          <fieldset className="field"><legend className="label">Type</legend>{Object.entries(KINDS).map(([id, one]) => <label className="check" key={id}><input type="radio" name="kind" checked={kind === id} onChange={() => setKind(id)} /><span>{one.label} <span className="t3">{one.hint}</span></span></label>)}</fieldset>
          {kind === "api" && <FromApi project={project} csrf={csrf} onChange={setApi} />}
          {failure && <div className="note" data-s="fail" role="alert">{failure}</div>}
          <div className="acts"><button type="button" className="btn" onClick={() => dialog.current?.close()}>Cancel</button><button className="btn pri">Create skill</button></div>
          <div className="or"><span className="strong">Or start from</span>
            {onDescribe && <button type="button" className="chip" onClick={() => { dialog.current?.close(); onDescribe({ task: name.trim() ? `Build a skill named ${name.trim()} that ` : "Build a skill that " }); }}>A description</button>}
            {templates.map((one) => <button key={one.name} type="button" className="chip" title={one.description} onClick={() => { dialog.current?.close(); draft.reset({ template: one.name }); }}>{one.title}: {one.skills.join(", ")}</button>)}
            <button type="button" className="chip" onClick={() => file.current?.click()}>ZIP file</button>
            <button type="button" className="chip" onClick={() => folder.current?.click()}>Folder</button>
            <input ref={folder} type="file" {...{ webkitdirectory: "" }} hidden aria-label="Folder of skills" onChange={(event) => { const found = placed([...(event.target.files ?? [])]); event.target.value = ""; addFiles(found); }} />
            <input ref={file} type="file" accept=".zip" hidden aria-label="ZIP file of skills" onChange={(event) => { const one = event.target.files?.[0]; event.target.value = ""; if (one) upload(one); }} />
            <label className="check"><input type="checkbox" checked={isComplete} onChange={(event) => setComplete(event.target.checked)} />Add a skill.yaml to Agent Skills, so that Design can edit them</label>
          </div>
        </form>
      </dialog>
    </>
  );
}
