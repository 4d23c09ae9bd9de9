// An MCP server among the tools of an agent: its URL, its headers with secrets, and the tools that it offers now.
import { useEffect, useRef, useState } from "react";
import type { McpToolRead, SecretRead } from "../../../clients/typescript/src/generated";
import { callApi, messageOf } from "../api";
import { AddMenu, Check, type SectionProps, Value } from "./design_parts";
import { Committed } from "./design_values";
import type { Edit, SkillEdit } from "./yaml_edits";
import { listOf, type Mapping, mappingOf, type Path, valueAt } from "./yaml_values";

/** The names of the secrets of the project and the skillpack; none if the user may not list them. */
export function useSecrets({ project, skillpack }: Pick<SectionProps, "project" | "skillpack">) {
  const [names, setNames] = useState<string[]>([]);
  useEffect(() => {
    const all = ["/v1/secrets", `/v1/skillpacks/${skillpack}/secrets`].map((url) => callApi<SecretRead[]>("GET", url, { project }).catch(() => []));
    Promise.all(all).then((found) => setNames([...new Set(found.flat().map((one) => one.name))].toSorted()));
  }, [project, skillpack]);
  return names;
}

/** A tool at a path of the document. */
interface ToolAt {
  tool: Mapping;
  path: Path;
}

/** `isNew`: the user has just added it, so that the URL gets the focus. */
export function McpServer({ tool, path, isNew, at, edit, base, project, csrf, skillpack }: SectionProps & ToolAt & { isNew: boolean }) {
  const url = useRef<HTMLDivElement>(null);
  useEffect(() => { if (isNew) url.current?.querySelector("input")?.focus(); }, []);
  const secrets = useSecrets({ project, skillpack }), headers = mappingOf(tool.headers), names = Object.keys(headers);
  const [offered, setOffered] = useState<McpToolRead[] | null>(null), [failure, setFailure] = useState(""), [isBusy, setBusy] = useState(false);
  const connect = async () => {
    setBusy(true); setFailure("");
    try { setOffered(await callApi<McpToolRead[]>("POST", `${base}/mcp-tools`, { project, csrf, json: { url: String(tool.mcp), headers } })); } catch (error) { setFailure(messageOf(error)); setOffered(null); }
    setBusy(false);
  };
  const setHeader = (name: string, value: unknown) => edit([{ op: "set", path: [...path, "headers", name], value }]);
  const removeHeader = (name: string) => edit([{ op: "remove", path: [...path, "headers", ...(names.length > 1 ? [name] : [])] }]);
  return (
    <>
      <div ref={url}><Value at={at} edit={([change]) => edit([{ op: "set", path: [...path, "mcp"], value: change?.op === "set" ? change.value : "" }])} path={[...path, "mcp"]} label="URL of the MCP server" schema={{ type: "string", examples: ["https://mcp.example.org/mcp"] }} value={tool.mcp} isRequired /></div>
      <fieldset className="design-words">
        <legend>Headers</legend>
        {names.map((name) => (
          <div className="row wrap" key={name}>
            <span className="mono">{name}</span>
            <div className="header-value"><Committed name={name} schema={{ type: "string", title: `Value of ${name}` }} isBare value={headers[name]} onCommit={(value) => (value === undefined ? removeHeader(name) : setHeader(name, value))} /></div>
            {secrets.length > 0 && <AddMenu label="Use secret…" options={secrets.map((one): [string, string] => [one, one])} onPick={(one) => setHeader(name, name.toLowerCase() === "authorization" ? `Bearer \${secret:${one}}` : `\${secret:${one}}`)} />}
            <button type="button" className="btn quiet icon" aria-label={`Remove header ${name}`} onClick={() => removeHeader(name)}>✕</button>
          </div>
        ))}
        {at([...path, "headers"]) && <div className="err" role="alert">{at([...path, "headers"])}</div>}
        <div className="row wrap">{["Authorization", "X-Api-Key"].filter((name) => !names.includes(name)).map((name) => <button key={name} type="button" className="btn small" onClick={() => setHeader(name, `${name === "Authorization" ? "Bearer " : ""}\${secret:${secrets[0] ?? "MCP_TOKEN"}}`)}>Add {name}</button>)}</div>
        <div className="hint">A header names a secret; its value is inserted when a run connects, and is never in the bundle.</div>
      </fieldset>
      <div className="row wrap"><button type="button" className="btn" disabled={isBusy} aria-busy={isBusy} onClick={connect}>{isBusy && <span className="spin" />}{offered ? "List tools again" : "List its tools"}</button>{!offered && <span className="t2">{Array.isArray(tool.allow) ? `The agent may use: ${tool.allow.join(", ") || "none"}` : "The agent may use all of its tools."}</span>}</div>
      {failure && <div className="note" data-s="fail" role="alert">{failure}</div>}
      {at([...path, "allow"]) && <div className="err" role="alert">{at([...path, "allow"])}</div>}
      {offered && <Offered {...{ offered, tool, path, edit }} />}
    </>
  );
}

/** The tools that a server offers, and which of them the agent may use. */
function Offered({ offered, tool, path, edit }: ToolAt & { offered: McpToolRead[]; edit: Edit }) {
  const names = offered.filter((one) => one.is_usable).map((one) => one.name), chosen = Array.isArray(tool.allow) ? listOf(tool.allow) : null, isOn = (name: string) => (chosen ? chosen.includes(name) : names.includes(name)), missing = (chosen ?? []).map(String).filter((name) => !offered.some((one) => one.name === name));
  const toggle = (name: string) => (wanted: boolean) => edit((document): SkillEdit[] => {
    const before = valueAt(document, [...path, "allow"]), allowed = listOf(document.allowed_tools), all = [...offered.map((one) => one.name), ...missing];
    const next = all.filter((one) => (one === name ? wanted : Array.isArray(before) ? before.includes(one) : names.includes(one))), isAll = names.every((one) => next.includes(one)) && next.length === names.length && !allowed.length;
    const listed: unknown[] = wanted ? [...new Set([...allowed, name])] : allowed.filter((one) => one !== name);
    return [isAll ? { op: "remove", path: [...path, "allow"] } : { op: "set", path: [...path, "allow"], value: next }, ...(allowed.length ? [{ op: "set", path: ["allowed_tools"], value: listed } satisfies SkillEdit] : [])];
  });
  return (
    <fieldset className="design-words">
      <legend role="status">
        {offered.length} {offered.length === 1 ? "tool" : "tools"}
      </legend>
      {offered.map((one) => (
        <Check
          key={one.name}
          checked={isOn(one.name)}
          disabled={!one.is_usable && !isOn(one.name)}
          onToggle={toggle(one.name)}
        >
          <span>
            <span className="mono">{one.name}</span> <span className="t2 break">{one.description}</span>{" "}
            {one.read_only && <span className="tag">reads</span>}
            {!one.is_usable && (
              <span className="tag" data-s="fail">
                its schema cannot be used
              </span>
            )}
          </span>
        </Check>
      ))}
      {missing.map((name) => (
        <Check key={name} checked onToggle={toggle(name)}>
          <span>
            <span className="mono">{name}</span>{" "}
            <span className="tag" data-s="wait">
              not offered now
            </span>
          </span>
        </Check>
      ))}
    </fieldset>
  );
}
