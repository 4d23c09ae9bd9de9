// The source of a skill with tools for an API: a curl command, or an OpenAPI document.
import { useEffect, useRef, useState } from "react";
import type { ApiOperationRead, ApiToolsCreate, ApiToolsRead } from "../../../clients/typescript/src/generated";
import { callApi, messageOf } from "../api";

const READ_AFTER_MS = 400;
const MAX_TOOLS = 50;

/** The source, and the names of the operations that become tools. */
export type ApiChoice = Required<Pick<ApiToolsCreate, "source" | "operations">>;

export const NO_API: ApiChoice = { source: "", operations: [] };

interface Props {
  project: string;
  csrf: string;
  onChange: (choice: ApiChoice) => void;
}

/** A text field for the source, and the operations that can become tools. `onChange` gets the choice of the user. */
export function FromApi({ project, csrf, onChange }: Props) {
  const [source, setSource] = useState(""), [found, setFound] = useState<ApiOperationRead[] | null>(null), [chosen, setChosen] = useState<string[]>([]), [failure, setFailure] = useState(""), file = useRef<HTMLInputElement>(null);
  useEffect(() => {
    setFound(null); setFailure("");
    if (!source.trim()) return undefined;
    let isOutdated = false;
    const timer = setTimeout(() => callApi<ApiToolsRead>("POST", "/v1/api-tools", { project, csrf, json: { source } }).then(({ operations }) => {
      if (isOutdated) return;
      setFound(operations);
      setChosen(operations.filter((one) => !one.problem).slice(0, operations.length > MAX_TOOLS ? 0 : MAX_TOOLS).map((one) => one.name));
    }, (error: unknown) => isOutdated || setFailure(messageOf(error))), READ_AFTER_MS);
    return () => { isOutdated = true; clearTimeout(timer); };
  }, [source, project, csrf]);
  useEffect(() => onChange({ source, operations: found ? chosen : [] }), [source, found, chosen]);
  const toggle = (name: string) => setChosen(chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name]);
  const secrets = [...new Set((found ?? []).filter((one) => chosen.includes(one.name)).flatMap((one) => one.secrets))];
  return (
    <div className="col" style={{ gap: 8 }}>
      <label className="col" style={{ gap: 4 }}>
        <span className="strong">curl command or OpenAPI document</span>
        <textarea
          className="in code"
          rows={6}
          spellCheck={false}
          placeholder={"curl https://api.example.org/v1/orders -H 'Authorization: Bearer …'"}
          value={source}
          onChange={(event) => setSource(event.target.value)}
        />
      </label>
      <div className="row wrap">
        <button type="button" className="btn small" onClick={() => file.current?.click()}>
          Open file…
        </button>
        <span className="t3">The text is only parsed. No request is made.</span>
      </div>
      <input
        ref={file}
        type="file"
        accept=".json,.yaml,.yml,.txt"
        hidden
        aria-label="OpenAPI document"
        onChange={async (event) => {
          const one = event.target.files?.[0];
          event.target.value = "";
          if (one) setSource(await one.text());
        }}
      />
      {failure && (
        <div className="note" data-s="fail" role="alert">
          {failure}
        </div>
      )}
      {found && (
        <fieldset className="field operations">
          <legend className="label">
            Tools: {chosen.length} of {found.length}
          </legend>
          {found.map((one) => (
            <label className="check" key={one.name}>
              <input
                type="checkbox"
                checked={chosen.includes(one.name)}
                disabled={Boolean(one.problem) || (!chosen.includes(one.name) && chosen.length >= MAX_TOOLS)}
                onChange={() => toggle(one.name)}
              />
              <span>
                <span className="tag">{one.method}</span> <span className="mono">{one.name}</span>{" "}
                <span className="t2 break">{one.problem || one.description}</span>
              </span>
            </label>
          ))}
        </fieldset>
      )}
      {secrets.length > 0 && (
        <p className="t2">
          Credentials become secrets. Set{" "}
          {secrets.map((name, index) => (
            <span key={name}>
              {index > 0 && ", "}
              <a className="mono" href={`/p/${project}/settings/secrets`} target="_blank" rel="noreferrer">
                {name}
              </a>
            </span>
          ))}{" "}
          before you run the skill.
        </p>
      )}
    </div>
  );
}
