import { type FormEvent, useMemo, useState } from "react";
import { useAction, type Watched } from "../action";
import type { ApiError } from "../api";
import { JsonControl, Properties } from "../fields";
import { Changes, differences } from "./changes";

type Values = Record<string, unknown>;

interface Props extends Watched {
  /** JSON Schema of the arguments. */
  schema: Values;
  /** The arguments that the agent requests. */
  value: Values;
  errors?: Record<string, string>;
  project: string;
  csrf: string;
  onApprove?: (values: Values, key: string) => void;
  onCancel?: () => void;
}

/** The arguments of a call as a form made from the schema of the tool, or as JSON if the schema declares no properties, with what has
 *  changed below. `onApprove(arguments, key)` approves the call with them. */
export function ArgumentsForm({ schema, value, errors = {}, project, csrf, settled, onSettle, onApprove, onCancel }: Props) {
  const hasFields = Object.keys((schema["properties"] as Values | undefined) ?? {}).length > 0;
  const [begin, isSending] = useAction({ settled, onSettle }), [values, setValues] = useState(value), [isRaw, setRaw] = useState(!hasFields), [broken, setBroken] = useState("");
  const changes = useMemo(() => differences(value, values), [value, values]), isBroken = isRaw && broken !== "";
  const submit = (event: FormEvent) => { event.preventDefault(); if (!isBroken) begin(`approve ${JSON.stringify(values)}`, (key) => onApprove?.(values, key)); };
  const orphans = Object.entries(errors).filter(([path]) => isRaw || !(path.split(/[.[]/)[0]! in ((schema["properties"] as Values | undefined) ?? {})));
  return (
    <form className="col approval-form" noValidate aria-label="Arguments of the call" onSubmit={submit} onKeyDown={(event) => { if (event.key === "Escape") { event.stopPropagation(); onCancel?.(); } }}>
      {hasFields && <div className="seg" role="group" aria-label="Format of the arguments">
        <button type="button" aria-pressed={!isRaw} onClick={() => { setRaw(false); setBroken(""); }}>Form</button>
        <button type="button" aria-pressed={isRaw} onClick={() => setRaw(true)}>JSON</button>
      </div>}
      <div className="sf">
        {isRaw
          ? <JsonControl value={values} rows={8} attributes={{ "aria-label": "Arguments as JSON", "aria-invalid": isBroken }} onChange={(next) => setValues((next ?? {}) as Values)} onBroken={setBroken} />
          : <Properties schema={schema} value={values} path="" errors={errors} context={{ project, csrf }} onChange={setValues} />}
      </div>
      {isBroken && <div className="err" role="alert">Invalid JSON: {broken}</div>}
      {orphans.map(([path, message]) => <div key={path} className="err" role="alert">{path}: {message}</div>)}
      {changes.length > 0 && <Changes changes={changes} />}
      <div className="row wrap">
        <button type="submit" className="btn pri" disabled={isBroken} aria-busy={isSending} aria-disabled={isSending}>{isSending && <span className="spin" />}{changes.length ? "Approve with changes" : "Approve"}</button>
        <button type="button" className="btn" onClick={() => { setValues(value); setBroken(""); onCancel?.(); }}>Cancel</button>
      </div>
    </form>
  );
}

/** The messages of an error response below a prefix, by path without it. */
export const errorsUnder = (prefix: string, errors: ApiError["errors"] = []): Record<string, string> =>
  Object.fromEntries(errors.filter((one) => one.path.startsWith(prefix)).map((one) => [one.path.slice(prefix.length), one.message]));
