import { type KeyboardEvent, type ReactNode, useEffect, useState } from "react";
import { useAction, type Watched } from "./action";
import { JsonControl, Properties, startOf } from "./fields";
import type { Schema } from "./schema_types";

type Values = Record<string, unknown>;

interface Props extends Watched {
  schema: Schema;
  value: Values;
  rev?: number | string;
  errors?: Record<string, string>;
  project: string;
  csrf: string;
  canRun: boolean;
  busy: boolean;
  label?: string;
  note?: ReactNode;
  onChange?: (inputs: Values) => void;
  onRun?: (inputs: Values, key: string) => void;
}

const emptyOf = (schema: Schema) => (startOf({ ...schema, type: "object" }) ?? {}) as Values;

/** A form made from an input schema, with a view of the same inputs as raw JSON.
 *
 *  `value` is read again whenever `rev` changes; `errors` maps JSON paths to the messages of the API. `onRun(value, key)` gets
 *  the current inputs and the key of the action; `onChange(value)` is called whenever the inputs change. `note` is shown
 *  next to the button. */
export function SchemaForm({ schema, value, rev, errors = {}, project, csrf, canRun, busy, label = "Run", note = null, settled, onSettle, onChange, onRun }: Props) {
  const [begin, isSending] = useAction({ settled, onSettle });
  const written = JSON.stringify(schema), version = `${rev} ${written}`; // a reloaded schema is another object with the same content, which must not reset the inputs
  const start = () => ({ ...emptyOf(schema), ...value });
  const [inputs, setInputs] = useState<Values>(start), [shown, setShown] = useState(version), [isRaw, setRaw] = useState(false), [broken, setBroken] = useState(""), [keys, setKeys] = useState("Ctrl ↵");
  useEffect(() => { if (/Mac|iP(hone|ad)/.test(navigator.platform)) setKeys("⌘↵"); }, []);
  if (shown !== version) { // not in an effect: a key that is pressed before it would submit the former inputs
    setShown(version);
    setInputs(start());
  }
  useEffect(() => onChange?.(inputs), [inputs]);
  const context = { project, csrf }, isBlocked = busy || isSending || !canRun || (isRaw && Boolean(broken));
  const run = () => { if (!isBlocked) begin(`${location.pathname} ${JSON.stringify(inputs)}`, (key) => onRun?.(inputs, key)); };
  const onKey = (event: KeyboardEvent) => { if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) { event.preventDefault(); run(); } };
  return (
    <form className="col grow" style={{ minHeight: 0 }} noValidate onKeyDown={onKey} onSubmit={(event) => { event.preventDefault(); run(); }}>
      <div className="pane-head">
        <span className="grow">Inputs</span>
        <div className="seg" role="group" aria-label="Input format">
          <button type="button" aria-pressed={!isRaw} onClick={() => { setRaw(false); setBroken(""); }}>Form</button>
          <button type="button" aria-pressed={isRaw} onClick={() => setRaw(true)}>JSON</button>
        </div>
      </div>
      <div className="scroll grow pad" tabIndex={-1}>
        <div className="sf">
          {isRaw ? <Raw {...{ inputs, setInputs, broken, setBroken }} /> : <Properties schema={schema} value={inputs} path="" errors={errors} context={context} onChange={(next) => setInputs(next as Values)} />}
          {!isRaw && !Object.keys(schema.properties ?? {}).length && <p className="t2">This skill has no inputs.</p>}
        </div>
      </div>
      <div className="run-bar">
        <button type="submit" className="btn pri" disabled={isBlocked}>{busy || isSending ? <span className="spin" /> : <svg viewBox="0 0 24 24" fill="currentColor" aria-hidden="true"><path d="M7 4l13 8-13 8z" /></svg>}{busy ? "Running" : label}<kbd>{keys}</kbd></button>
        <span className="grow t3">{canRun ? note : "Viewers cannot run skills. Ask a project admin for the developer role."}</span><button type="button" className="btn quiet" onClick={() => setInputs(emptyOf(schema))}>Clear</button>
      </div>
    </form>
  );
}

interface RawProps {
  inputs: Values;
  setInputs: (inputs: Values) => void;
  broken: string;
  setBroken: (problem: string) => void;
}

function Raw({ inputs, setInputs, broken, setBroken }: RawProps) {
  return (
    <div className="col" style={{ gap: 5 }}>
      <JsonControl value={inputs} rows={18} attributes={{ "aria-label": "Inputs as JSON", "aria-invalid": Boolean(broken) }} onChange={(next) => setInputs((next ?? {}) as Values)} onBroken={setBroken} />
      {broken && <div className="err" role="alert">Invalid JSON: {broken}</div>}
    </div>
  );
}
