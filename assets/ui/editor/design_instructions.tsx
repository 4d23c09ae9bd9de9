// The prompt of an agent: its text, a preview, the estimated tokens, and references to inputs, secrets and files.
import { useEffect, useRef, useState } from "react";
import { Markdown } from "../markdown";
import type { FileProblem } from "./code";
import { useSecrets } from "./design_mcp";
import { AddMenu, type SectionProps } from "./design_parts";
import { isMapping, listOf, mappingOf, propertiesOf } from "./yaml_values";

const BYTES_PER_TOKEN = 3; // as workers estimate the length of a prompt
const FRONT_MATTER = /^\ufeff?---[ \t]*\r?\n[\s\S]*?\r?\n---[ \t]*(\r?\n|$)/;

/** About how many tokens a text has, without its front matter. */
const tokensOf = (text: string) => Math.ceil(new TextEncoder().encode(text.replace(FRONT_MATTER, "")).length / BYTES_PER_TOKEN);

export function Instructions({ document, folder, files, draft, canWrite, problems, project, skillpack }: SectionProps & { problems: FileProblem[] }) {
  const entrypoint = String(document.entrypoint), path = `${folder ? `${folder}/` : ""}${entrypoint}`, isThere = files.some((one) => one.path === path && !one.is_deleted), file = draft.open[path], area = useRef<HTMLTextAreaElement>(null), [isRead, setRead] = useState(false);
  const secrets = useSecrets({ project, skillpack });
  useEffect(() => { if (isThere && !file) draft.load(path); }, [path, isThere]);
  if (!isThere) return <div className="row wrap"><p className="t2"><span className="mono">{entrypoint}</span> does not exist.</p>{canWrite && <button type="button" className="btn" onClick={() => draft.create({ [path]: "# Task\n\nDescribe what the agent does, and what a good result looks like.\n" })}>Create {entrypoint}</button>}</div>;
  if (!file || file.isBinary) return <p className="t3">{file ? "This file is not text." : "Loading prompt…"}</p>;
  const insert = (text: string) => {
    const from = area.current?.selectionStart ?? 0, to = area.current?.selectionEnd ?? 0, next = `${file.text.slice(0, from)}${text}${file.text.slice(to)}`;
    draft.edit(path, next);
    requestAnimationFrame(() => { area.current?.focus(); area.current?.setSelectionRange(from + text.length, from + text.length); });
  };
  const quoted = (name: unknown) => `\`${name}\``, references = files.filter((one) => !one.is_deleted && one.path.startsWith(folder ? `${folder}/` : "") && one.path !== path && !/(^|\/)skill\.yaml$/.test(one.path)).map((one) => one.path.slice(folder ? folder.length + 1 : 0));
  const options: [string, string][] = [
    ...Object.entries(propertiesOf(document.input_schema)).map(([name, field]): [string, string] => [quoted(name), `Input ${name}${mappingOf(field).type ? ` (${mappingOf(field).type})` : ""}`]),
    ...listOf(document.tools).filter(isMapping).filter((tool) => tool.name).map((tool): [string, string] => [quoted(tool.name), `Tool ${tool.name}`]),
    ...references.map((name): [string, string] => [quoted(name), `File ${name}`]),
    ...secrets.map((name): [string, string] => [quoted(name), `Secret ${name} (only its name)`]),
  ];
  return (
    <>
      <div className="row wrap">
        <div className="seg" role="group" aria-label="View of the prompt"><button type="button" aria-pressed={!isRead} onClick={() => setRead(false)}>Write</button><button type="button" aria-pressed={isRead} onClick={() => setRead(true)}>Preview</button></div>
        {!isRead && <AddMenu label="Insert…" options={options} onPick={insert} />}
        <span className="grow" /><span className="t2 num" role="status">About {tokensOf(file.text).toLocaleString("en-US")} tokens</span>
      </div>
      {isRead ? <div className="prose markdown design-prompt" tabIndex={0} role="region" aria-label="Preview of the prompt"><Markdown text={file.text.replace(FRONT_MATTER, "")} /></div>
        : <textarea ref={area} className="in code" rows={14} aria-label={`Prompt in ${entrypoint}`} aria-invalid={problems.length > 0} readOnly={!canWrite} spellCheck value={file.text} onChange={(event) => draft.edit(path, event.target.value)} />}
      {problems.map((one, index) => <div key={index} className="err" role="alert">{one.line ? `Line ${one.line}: ` : ""}{one.message}</div>)}
      <p className="hint">The agent receives the inputs by name with their values. Values of secrets never reach the model: its functions and MCP servers read them.</p>
    </>
  );
}
