// A field for a value of a flow.yaml: text, or an expression with the names that are available.
import { type ChangeEvent, type KeyboardEvent, useId, useRef, useState } from "react";
import type { Schema } from "../schema_types";
import { asExpression, compatible, type Name } from "./model";

const LITERALS = new Set<unknown>(["integer", "number", "boolean", "array", "object", "null"]);

/** A name with the type of its value. */
export const labelOf = ({ source, schema }: Name) => (schema.type ? `${source} (${schema.type})` : source);

const shown = (value: unknown) => (value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value));

/** The value of a text: JSON in fields of other types than text, as far as it is valid. */
function parsed(text: string, type: unknown): unknown {
  if (text.trim() === "") return undefined;
  if (text.includes("${{") || !LITERALS.has(type ?? "any")) return text;
  try { return JSON.parse(text); } catch { return text; }
}

interface Props {
  label: string;
  value: unknown;
  schema?: Schema;
  /** What an expression can read here. */
  names?: Name[];
  error?: string;
  /** Shown if there is no error. */
  warning?: string;
  hint?: string;
  /** Expressions are part of the text. */
  isText?: boolean;
  isLong?: boolean;
  isRequired?: boolean;
  readOnly?: boolean;
  /** Resolves to whether the value was accepted. */
  onCommit: (value: unknown) => Promise<boolean>;
}

/** The value is committed when the user leaves the field or presses Enter, and immediately when a name is picked. Escape discards the
 *  text. */
export function Expression({ label, value, schema = {}, names = [], error, warning, hint, isText = false, isLong = false, isRequired = false, readOnly = false, onCommit }: Props) {
  const [edited, setEdited] = useState<string | null>(null), id = useId(), box = useRef<HTMLInputElement | HTMLTextAreaElement | null>(null), text = edited ?? shown(value);
  const commit = async (next: string) => {
    const wanted = parsed(next, schema.type);
    if (JSON.stringify(wanted) !== JSON.stringify(value) && !(await onCommit(wanted))) return;
    setEdited((now) => (now === next || now === null ? null : now));
  };
  const pick = (source: string) => {
    const at = isText ? box.current?.selectionStart ?? text.length : 0, inserted = asExpression(source), next = isText ? text.slice(0, at) + inserted + text.slice(at) : inserted;
    setEdited(next);
    commit(next);
    box.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape" && edited !== null) { event.stopPropagation(); setEdited(null); }
    if (event.key === "Enter" && event.target instanceof HTMLInputElement) { event.preventDefault(); commit(text); }
  };
  const own = {
    id,
    ref: (element: HTMLInputElement | HTMLTextAreaElement | null) => {
      box.current = element;
    },
    className: "in",
    value: text,
    readOnly,
    spellCheck: false,
    "aria-invalid": Boolean(error),
    "data-s": !error && warning ? "wait" : undefined,
    "aria-describedby": `${id}-h`,
    onChange: (event: ChangeEvent<HTMLInputElement | HTMLTextAreaElement>) => setEdited(event.target.value),
    onBlur: () => {
      if (edited !== null) commit(edited);
    },
    onKeyDown,
  };
  const fitting = names.filter((one) => isText || compatible(one.schema, schema)), others = names.filter((one) => !fitting.includes(one));
  return (
    <div className="col" style={{ gap: 5 }}>
      <label htmlFor={id} className="label">{label}{!isRequired && <span className="opt">optional</span>}</label>
      <div className="cv-expression">
        {isLong ? <textarea {...own} rows={4} /> : <input {...own} autoComplete="off" placeholder={schema.type ? String(schema.type) : ""} />}
        {!readOnly && <select className="in" aria-label={`Insert value into ${label}`} title="Insert value" value="" onChange={(event) => pick(event.target.value)}>
          <option value="">{names.length ? "Insert value" : "No values are available here"}</option>
          {fitting.map((one) => <option key={one.source} value={one.source}>{labelOf(one)}</option>)}
          {others.length > 0 && <optgroup label="Other types">{others.map((one) => <option key={one.source} value={one.source}>{labelOf(one)}</option>)}</optgroup>}
        </select>}
      </div>
      {error ? <div className="err" id={`${id}-h`} role="alert">{error}</div> : warning ? <div className="err" data-s="wait" id={`${id}-h`} role="status">{warning}</div> : <div className="hint" id={`${id}-h`}>{hint ?? schema.description ?? ""}</div>}
    </div>
  );
}
