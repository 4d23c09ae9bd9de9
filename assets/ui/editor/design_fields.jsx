// The fields of an input or output schema.
import { useEffect, useRef } from "react";
import { typeOf } from "../schema_types";
import { Check } from "./design_parts";
import { Committed } from "./design_values";

const TYPES = ["string", "text", "integer", "number", "boolean", "object", "array", "image", "video", "audio", "file", "color"];
const TYPE_LABELS = { string: "string (one line)", text: "text (several lines)", integer: "integer (whole number)", boolean: "boolean (yes or no)", object: "object (fields)", array: "array (list)" };
const MAX_LEVEL = 2; // below, the fields of objects are edited in the code
const TEXT = ["minLength", "maxLength", "pattern", "format"], NUMBER = ["minimum", "maximum"], LIST = ["minItems", "maxItems"];
const KEYWORDS = { string: TEXT, text: TEXT, integer: NUMBER, number: NUMBER, array: [...LIST, "items", "uniqueItems"], object: ["properties", "required", "additionalProperties"] };
const LABELS = { minLength: "Minimum characters", maxLength: "Maximum characters", pattern: "Pattern", format: "Format", minimum: "Minimum", maximum: "Maximum", minItems: "Minimum items", maxItems: "Maximum items" };
const SCALARS = new Set(["string", "text", "integer", "number", "boolean", "color"]);
const SPECIAL = ["$ref", "oneOf", "anyOf", "allOf"];

const limitsOf = (type) => (KEYWORDS[type] ?? []).filter((keyword) => keyword in LABELS);
const isSimple = (schema) => TYPES.includes(schema.type) && !SPECIAL.some((keyword) => keyword in schema);

/** The paths of the fields that the form shows. */
export function pathsIn(schema, path, level = 0) {
  const fields = level < MAX_LEVEL ? Object.entries(schema?.properties ?? {}) : [];
  return fields.flatMap(([name, field]) => {
    const own = [...path, "properties", name];
    return [own, ...pathsIn(field, own, level + 1), ...pathsIn(field?.items, [...own, "items"], level + 1)];
  });
}

/** The fields of the schema at `path` of the document. `owner` is the name of the field that contains them. Results must contain every field of
 *  a schema without `required`. */
export function Fields({ schema, path, owner, isResult, level = 0, at, edit, onCode }) {
  const box = useRef(null), focus = useRef(null), fields = Object.entries(schema?.properties ?? {}), names = fields.map(([name]) => name);
  useEffect(() => { // moved and new fields keep the focus
    const row = focus.current && box.current.querySelector(`:scope > ol > [data-name=${JSON.stringify(focus.current.name)}]`);
    if (row) { focus.current.parts.map((part) => row.querySelector(part)).find(Boolean)?.focus(); focus.current = null; }
  }, [schema]);
  if (schema != null && (typeof schema !== "object" || SPECIAL.some((keyword) => keyword in schema))) return <InCode onCode={onCode}>This schema has no plain list of fields.</InCode>;
  const isRequired = (name) => (Array.isArray(schema.required) ? schema.required.includes(name) : isResult);
  const change = (op, name, more, target) => { focus.current = target ?? null; return edit([{ op, schema_path: path, name, ...more }]); };
  const add = () => { const name = unused(names); change("add_field", name, { definition: { type: "string" }, required: isResult && !Array.isArray(schema?.required) }, { name, parts: ["input"] }); };
  return (
    <div className="col" ref={box} style={{ gap: 10 }}>
      {!fields.length && <p className="t3">No fields.</p>}
      <ol className="design-fields">
        {fields.map(([name, field], index) => (
          <li key={index} data-name={name}>
            <OneField {...{ name, field, isResult, level, at, edit, onCode }} path={[...path, "properties", name]} isRequired={isRequired(name)} isFirst={index === 0} isLast={index === fields.length - 1}
              onRename={(to) => change("rename_field", name, { to: String(to ?? "") })} onRequire={(required) => change("require_field", name, { required })}
              onMove={(by) => change("move_field", name, { index: index + by }, { name, parts: by < 0 ? ["[data-up]:enabled", "[data-down]"] : ["[data-down]:enabled", "[data-up]"] })}
              onRemove={() => { box.current.querySelector(":scope > .add").focus(); change("remove_field", name, {}); }} />
          </li>
        ))}
      </ol>
      <button type="button" className="btn small add" onClick={add}>{owner ? `Add field to ${owner}` : "Add field"}</button>
    </div>
  );
}

function unused(names) {
  for (let count = 1; ; count += 1) {
    const name = count === 1 ? "field" : `field_${count}`;
    if (!names.includes(name)) return name;
  }
}

function OneField({ name, field: given, path, isResult, level, at, edit, onCode, isRequired, isFirst, isLast, onRename, onRequire, onMove, onRemove }) {
  const field = given !== null && typeof given === "object" ? given : {}, canEdit = isSimple(field), error = at(path);
  const set = (key) => (value) => edit([value === undefined ? { op: "remove", path: [...path, key] } : { op: "set", path: [...path, key], value }]);
  return (
    <div className="design-field" role="group" aria-label={`Field ${name}`}>
      <div className="design-row">
        <Committed name={name} schema={{ type: "string", title: `Name of ${name}` }} value={name} isBare onCommit={onRename} />
        {canEdit ? <Committed name={name} schema={{ enum: TYPES, title: `Type of ${name}` }} value={field.type} labels={TYPE_LABELS} isBare onCommit={(type) => edit(toType(field, path, type))} /> : <span className="t2">{String(typeOf(field))}</span>}
        <Check checked={isRequired} name={`${name} is required`} onToggle={onRequire}>Required</Check>
        <span className="row acts">
          <button type="button" className="btn quiet icon" data-up aria-label={`Move ${name} up`} disabled={isFirst} onClick={() => onMove(-1)}>↑</button>
          <button type="button" className="btn quiet icon" data-down aria-label={`Move ${name} down`} disabled={isLast} onClick={() => onMove(1)}>↓</button>
          <button type="button" className="btn quiet icon" aria-label={`Remove ${name}`} onClick={onRemove}>✕</button>
        </span>
      </div>
      <Committed name={name} schema={{ type: "string", title: `Description of ${name}`, examples: ["Description"] }} value={field.description} isBare onCommit={set("description")} />
      {error && <div className="err" role="alert">{error}</div>}
      {canEdit ? <More {...{ name, field, set }} /> : <InCode onCode={onCode}>This field has no single type.</InCode>}
      {field.type === "array" && canEdit && <Items {...{ name, field, path, isResult, level, at, edit, onCode }} />}
      {field.type === "object" && canEdit && <Inner {...{ name, schema: field, path, isResult, level, at, edit, onCode }} />}
    </div>
  );
}

function More({ name, field, set }) {
  const limits = limitsOf(field.type), isScalar = SCALARS.has(field.type), hasChoices = isScalar && field.type !== "boolean" && field.type !== "color";
  if (!isScalar && !limits.length) return null;
  const own = { type: field.type, ...(field.type === "boolean" ? { type: undefined, enum: [true, false] } : field.enum && { enum: field.enum }) };
  return (
    <details>
      <summary>Limits and default of {name}</summary>
      <div className="three">
        {isScalar && <Committed name={name} schema={{ ...own, title: `Default of ${name}` }} value={field.default} onCommit={set("default")} />}
        {limits.map((keyword) => <Committed key={keyword} name={name} schema={{ type: TEXT.indexOf(keyword) > 1 ? "string" : NUMBER.includes(keyword) ? "number" : "integer", title: `${LABELS[keyword]} of ${name}` }} value={field[keyword]} onCommit={set(keyword)} />)}
      </div>
      {hasChoices && <Committed name={name} schema={{ type: "array", items: { type: field.type === "text" ? "string" : field.type }, title: `Allowed values of ${name}` }} value={field.enum} onCommit={set("enum")} />}
    </details>
  );
}

/** The items of a list: their type, and the fields of objects. */
function Items({ name, field, path, ...rest }) {
  const items = field.items, own = [...path, "items"];
  if (items !== undefined && (items === null || typeof items !== "object" || !isSimple(items))) return <InCode onCode={rest.onCode}>The items have no single type.</InCode>;
  return (
    <>
      <Committed name={name} schema={{ enum: TYPES.filter((type) => type !== "array"), title: `Type of the items of ${name}` }} value={items?.type} labels={TYPE_LABELS} onCommit={(type) => rest.edit(type === undefined ? [{ op: "remove", path: own }] : toType(items ?? {}, own, type))} />
      {items?.type === "object" && <Inner {...rest} name={name} schema={items} path={own} />}
    </>
  );
}

function Inner({ name, level, ...props }) {
  if (level + 1 >= MAX_LEVEL && Object.keys(props.schema.properties ?? {}).length) return <InCode onCode={props.onCode}>The fields of this object are nested too deep for the form.</InCode>;
  if (level + 1 >= MAX_LEVEL) return null;
  return <div className="design-inner"><Fields {...props} owner={name} level={level + 1} /></div>;
}

function InCode({ children, onCode }) {
  return <p className="t2">{children} <button type="button" className="btn quiet small" onClick={() => onCode()}>Edit in code</button></p>;
}

/** The edits that give a field another type, without the keywords of its former type. */
function toType(field, path, type) {
  const isText = (one) => one === "string" || one === "text", isSame = isText(type) && isText(field.type), keeps = new Set(KEYWORDS[type] ?? []);
  const former = Object.keys(field).filter((keyword) => (Object.values(KEYWORDS).flat().includes(keyword) && !keeps.has(keyword)) || (!isSame && (keyword === "enum" || keyword === "default")));
  const start = { array: ["items", { type: "string" }], object: ["properties", {}] }[type];
  return [
    { op: "set", path: [...path, "type"], value: type },
    ...former.map((keyword) => ({ op: "remove", path: [...path, keyword] })),
    ...(start && !(start[0] in field) ? [{ op: "set", path: [...path, start[0]], value: start[1] }] : []),
  ];
}
