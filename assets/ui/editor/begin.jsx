import { useEffect, useRef, useState } from "react";
import { ask } from "../api";

const AGENT = (title) => ({
  "skill.yaml": `entrypoint: prompt.md\ntitle: ${title}\ndescription: Says what it does in one sentence.\ninput_schema:\n  type: object\n  properties:\n    text: {type: text, description: What it works on}\n  required: [text]\noutput_schema:\n  type: object\n  properties:\n    answer: {type: text}\nexamples:\n  - title: A first try\n    inputs: {text: "Owls hunt at night."}\n    outputs: {answer: "Something about owls."}\nlimits: {steps: 20, cost_usd: 0.25}\n`,
  "prompt.md": `# ${title}\n\nSay here, in plain words, what the agent should do with \`text\`, step by step, and what a good answer looks like.\n`,
});
const TOOL = `tools:\n  - name: count_words\n    description: Counts the words of a text.\n    entrypoint: tools.py:count_words\n    input_schema: {type: object, properties: {text: {type: string}}, required: [text]}\n    output_schema: {type: object, properties: {words: {type: integer}}}\n    read_only: true\n`;
const KINDS = {
  agent: { label: "Agent", hint: "a prompt that works with tools", files: AGENT },
  "agent-tool": { label: "Agent with a Python tool", hint: "a prompt, and a function that it may call", files: (title) => ({ ...AGENT(title), "skill.yaml": AGENT(title)["skill.yaml"] + TOOL, "tools.py": "def count_words(text):\n    return {\"words\": len(text.split())}\n" }) },
  function: { label: "Function", hint: "Python, called with the inputs", files: (title) => ({ "skill.yaml": `entrypoint: main.py:run\ntitle: ${title}\ndescription: Says what it does in one sentence.\ninput_schema:\n  type: object\n  properties:\n    name: {type: string}\n  required: [name]\noutput_schema:\n  type: object\n  properties:\n    greeting: {type: string}\nexamples:\n  - inputs: {name: Ada}\n`, "main.py": "def run(name):\n    return {\"greeting\": f\"Hello, {name}!\"}\n" }) },
  plain: { label: "Agent Skill", hint: "one SKILL.md, as other programs read it too", files: (title, name) => ({ "SKILL.md": `---\nname: ${name}\ndescription: Says what it does and when to use it.\n---\n\n# ${title}\n\nWhat to do, step by step.\n` }) },
};

const MOST_FILES = 200;
const LEFT_OUT = /(^|\/)(\.[^/]*|__pycache__|node_modules)(\/|$)/;

/** The files of a folder by the paths that they get: below `skills/`, whichever folder around that was chosen. */
function placed(files) {
  const known = files.filter((one) => !LEFT_OUT.test(one.webkitRelativePath)).map((one) => [one.webkitRelativePath, one]);
  const isAround = known.some(([path]) => path.split("/")[1] === "skills");
  return Object.fromEntries(known.filter(([path]) => !isAround || path.split("/")[1] === "skills").map(([path, one]) => [isAround ? path.slice(path.indexOf("/") + 1) : path.startsWith("skills/") ? path : `skills/${path}`, one]));
}

/** How a working copy gets its first files, and further ones: a new skill, a template, a zip, a folder. */
export function Begin({ draft, project, isFirst = false, onCreated }) {
  const dialog = useRef(null), file = useRef(null), folder = useRef(null), [name, setName] = useState(""), [kind, setKind] = useState("agent"), [templates, setTemplates] = useState([]), [failure, setFailure] = useState("");
  const slug = name.trim().toLowerCase().replace(/[^a-z0-9_-]+/g, "-").replace(/^-+|-+$/g, "");
  const open = () => { setFailure(""); setName(""); dialog.current.showModal(); };
  useEffect(() => { ask("GET", "/v1/templates", { project }).then(setTemplates, () => {}); }, [project]);
  const create = async (event) => {
    event.preventDefault();
    const isTaken = draft.view.files.some((one) => !one.is_deleted && one.path.startsWith(`skills/${slug}/`));
    if (!slug || isTaken) { setFailure(isTaken ? `There is a skill ${slug} already. Choose another name.` : "Give the skill a name with letters or digits."); return; }
    dialog.current.close();
    const files = Object.entries(KINDS[kind].files(name.trim(), slug)).map(([path, text]) => [`skills/${slug}/${path}`, text]);
    await draft.create(Object.fromEntries(files));
    onCreated(files[0][0]);
  };
  const bring = async (found) => {
    const first = Object.keys(found).find((path) => /(^|\/)(skill\.yaml|SKILL\.md)$/.test(path)), taken = Object.keys(found).find((path) => draft.view.files.some((one) => !one.is_deleted && one.path === path));
    if (!first) return setFailure("This folder holds no skill: none of its files is a skill.yaml or a SKILL.md. Choose the folder of a skill, or the one with the folder skills in it.");
    if (taken) return setFailure(`${taken} is there already. Rename or delete it first, or bring a zip, which takes the place of everything.`);
    if (Object.keys(found).length > MOST_FILES) return setFailure(`These are more than ${MOST_FILES} files. Bring them as a zip.`);
    dialog.current.close();
    await draft.create(found);
    return onCreated(first);
  };
  return (
    <>
      <button type="button" className={isFirst ? "btn pri" : "btn"} onClick={open}>New skill…</button>
      <dialog className="dlg broad" ref={dialog} aria-label="New skill" onClick={(event) => event.target === dialog.current && dialog.current.close()}>
        <form className="in-dlg" onSubmit={create}>
          <h2>New skill</h2>
          <label className="col" style={{ gap: 4 }}><span className="strong">Name</span><input className="in" autoFocus value={name} maxLength={64} placeholder="Summarize a page" onChange={(event) => setName(event.target.value)} />{slug && slug !== name && <span className="t3">Callers write <span className="mono">{slug}</span></span>}</label>
          <fieldset className="field"><legend className="label">Kind</legend>{Object.entries(KINDS).map(([id, one]) => <label className="check" key={id}><input type="radio" name="kind" checked={kind === id} onChange={() => setKind(id)} /><span>{one.label} <span className="t3">{one.hint}</span></span></label>)}</fieldset>
          {failure && <div className="note" data-s="fail" role="alert">{failure}</div>}
          <div className="acts"><button type="button" className="btn" onClick={() => dialog.current.close()}>Not now</button><button className="btn pri">Create</button></div>
          <div className="or"><span className="strong">Or begin with</span>
            {templates.map((one) => <button key={one.name} type="button" className="chip" title={one.description} onClick={() => { dialog.current.close(); draft.reset({ template: one.name }); }}>{one.title}: {one.skills.join(", ")}</button>)}
            <button type="button" className="chip" onClick={() => file.current.click()}>a zip of skills</button>
            <button type="button" className="chip" onClick={() => folder.current.click()}>a folder of skills</button>
            <input ref={folder} type="file" webkitdirectory="" hidden aria-label="A folder of skills" onChange={(event) => { const found = placed([...event.target.files]); event.target.value = ""; bring(found); }} />
            <input ref={file} type="file" accept=".zip" hidden onChange={(event) => { dialog.current.close(); if (event.target.files[0]) draft.bring(event.target.files[0]); event.target.value = ""; }} />
          </div>
        </form>
      </dialog>
    </>
  );
}
