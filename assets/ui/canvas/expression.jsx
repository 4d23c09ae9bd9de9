// A field for a value of a flow.yaml: text, or an expression with the names that are available.
import { useId, useRef, useState } from "react";
import { asExpression, compatible } from "./model";

const LITERALS = new Set(["integer", "number", "boolean", "array", "object", "null"]);

const shown = (value) => (value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value));

/** The value of a text: JSON in fields of other types than text, as far as it is valid. */
function parsed(text, type) {
  if (text.trim() === "") return undefined;
  if (text.includes("${{") || !LITERALS.has(type ?? "any")) return text;
  try { return JSON.parse(text); } catch { return text; }
}

/** The value is committed when the user leaves the field or presses Enter, and immediately when a name is picked. Escape discards the
 *  text. `onCommit(value)` resolves to whether the value was accepted. `isText`: expressions are part of the text. */
export function Expression({ label, value, schema = {}, names = [], error, hint, isText = false, isLong = false, isRequired = false, readOnly, onCommit }) {
  const [edited, setEdited] = useState(null), id = useId(), box = useRef(null), text = edited ?? shown(value);
  const commit = async (next) => {
    const wanted = parsed(next, schema.type);
    if (JSON.stringify(wanted) !== JSON.stringify(value) && !(await onCommit(wanted))) return;
    setEdited((now) => (now === next || now === null ? null : now));
  };
  const pick = (source) => {
    const at = isText ? box.current.selectionStart ?? text.length : 0, inserted = asExpression(source), next = isText ? text.slice(0, at) + inserted + text.slice(at) : inserted;
    setEdited(next);
    commit(next);
    box.current.focus();
  };
  const onKeyDown = (event) => {
    if (event.key === "Escape" && edited !== null) { event.stopPropagation(); setEdited(null); }
    if (event.key === "Enter" && event.target.tagName === "INPUT") { event.preventDefault(); commit(text); }
  };
  const own = { id, ref: box, className: "in", value: text, readOnly, spellCheck: false, "aria-invalid": Boolean(error), "aria-describedby": `${id}-h`, onChange: (event) => setEdited(event.target.value), onBlur: () => edited !== null && commit(edited), onKeyDown };
  const fitting = names.filter((one) => isText || compatible(one.schema, schema)), others = names.filter((one) => !fitting.includes(one));
  return (
    <div className="col" style={{ gap: 5 }}>
      <label htmlFor={id} className="label">{label}{!isRequired && <span className="opt">optional</span>}</label>
      <div className="cv-expression">
        {isLong ? <textarea {...own} rows={4} /> : <input {...own} autoComplete="off" placeholder={schema.type ? String(schema.type) : ""} />}
        {!readOnly && <select className="in" aria-label={`Insert value into ${label}`} title="Insert value" value="" onChange={(event) => pick(event.target.value)}>
          <option value="">{names.length ? "Insert value" : "No values are available here"}</option>
          {fitting.map(({ source, schema: own_ }) => <option key={source} value={source}>{source}{own_?.type ? ` (${own_.type})` : ""}</option>)}
          {others.length > 0 && <optgroup label="Other types">{others.map(({ source, schema: own_ }) => <option key={source} value={source}>{source}{own_?.type ? ` (${own_.type})` : ""}</option>)}</optgroup>}
        </select>}
      </div>
      {error ? <div className="err" id={`${id}-h`} role="alert">{error}</div> : <div className="hint" id={`${id}-h`}>{hint ?? schema.description ?? ""}</div>}
    </div>
  );
}
