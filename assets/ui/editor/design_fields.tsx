// The fields of an input or output schema.
import { type ReactNode, useEffect, useRef } from "react";
import { type Schema, typeOf } from "../schema_types";
import type { OnCode } from "./broken";
import { Check, freeName } from "./design_parts";
import { placeOf } from "./design_place";
import { type At, Committed } from "./design_values";
import type { SkillEdit, Write } from "./yaml_edits";
import { isMapping, listOf, type Mapping, mappingOf, type Path, propertiesOf } from "./yaml_values";

const TYPES = ["string", "text", "integer", "number", "boolean", "object", "array", "image", "video", "audio", "file", "color"];
const TYPE_LABELS: Record<string, string> = { string: "string (one line)", text: "text (several lines)", integer: "integer (whole number)", boolean: "boolean (yes or no)", object: "object (fields)", array: "array (list)" };
const MAX_LEVEL = 2; // below, the fields of objects are edited in the code
const TEXT = ["minLength", "maxLength", "pattern", "format"], NUMBER = ["minimum", "maximum"], LIST = ["minItems", "maxItems"];
const KEYWORDS: Record<string, string[]> = { string: TEXT, text: TEXT, integer: NUMBER, number: NUMBER, array: [...LIST, "items", "uniqueItems"], object: ["properties", "required", "additionalProperties"] };
const LABELS: Record<string, string> = { minLength: "Minimum characters", maxLength: "Maximum characters", pattern: "Pattern", format: "Format", minimum: "Minimum", maximum: "Maximum", minItems: "Minimum items", maxItems: "Maximum items" };
const SCALARS = new Set<unknown>(["string", "text", "integer", "number", "boolean", "color"]);
const SPECIAL = ["$ref", "oneOf", "anyOf", "allOf"];
/** The keyword with which a type starts. */
const STARTS: Record<string, [keyword: string, value: unknown]> = { array: ["items", { type: "string" }], object: ["properties", {}] };

const limitsOf = (type: string) => (KEYWORDS[type] ?? []).filter((keyword) => keyword in LABELS);
const isSimple = (schema: Mapping) => TYPES.some((type) => type === schema.type) && !SPECIAL.some((keyword) => keyword in schema);

/** The paths of the fields that the form shows. */
export function pathsIn(schema: unknown, path: Path, level = 0): Path[] {
  const fields = level < MAX_LEVEL ? Object.entries(propertiesOf(schema)) : [];
  return fields.flatMap(([name, field]) => {
    const own = [...path, "properties", name];
    return [own, ...pathsIn(field, own, level + 1), ...pathsIn(mappingOf(field).items, [...own, "items"], level + 1)];
  });
}

/** What a part of a schema gets. */
interface PartProps {
  path: Path;
  /** Results must contain every field of a schema without `required`. */
  isResult?: boolean;
  /** How many fields contain it. */
  level: number;
  at: At;
  edit: Write;
  onCode: OnCode;
}

interface FieldsProps extends Omit<PartProps, "level"> {
  schema: unknown;
  /** The name of the field that contains them. */
  owner?: string;
  level?: number;
}

/** What gets the focus after a change: the first of the parts of a field that can have it. */
interface Focused {
  name: string;
  parts: string[];
}

/** The fields of the schema at `path` of the document. */
export function Fields({ schema, path, owner, isResult = false, level = 0, at, edit, onCode }: FieldsProps) {
  const box = useRef<HTMLDivElement>(null), focus = useRef<Focused | null>(null), fields = Object.entries(propertiesOf(schema)), names = fields.map(([name]) => name);
  useEffect(() => { // moved and new fields keep the focus
    const wanted = focus.current, row = wanted && box.current?.querySelector(`:scope > ol > [data-name=${JSON.stringify(wanted.name)}]`);
    if (!row) return;
    const part = wanted.parts.map((one) => row.querySelector<HTMLElement>(one)).find(Boolean);
    part?.focus();
    if (part instanceof HTMLInputElement) part.select(); // the user replaces the name of a new field
    focus.current = null;
  }, [schema]);
  if (schema != null && (typeof schema !== "object" || SPECIAL.some((keyword) => keyword in schema))) return <InCode onCode={onCode}>This schema has no plain list of fields.</InCode>;
  const { required } = mappingOf(schema), isRequired = (name: string) => (Array.isArray(required) ? required.includes(name) : isResult);
  const change = (made: SkillEdit, target: Focused | null = null) => { focus.current = target; return edit([made]); };
  const add = () => { const name = freeName("field", names); change({ op: "add_field", schema_path: path, name, definition: { type: "string" }, required: isResult && !Array.isArray(required) }, { name, parts: ["input"] }); };
  return (
    <div className="col" ref={box} style={{ gap: 10 }}>
      {!fields.length && <p className="t3">No fields.</p>}
      <ol className="design-fields">
        {fields.map(([name, field], index) => (
          <li key={index} data-name={name}>
            <OneField {...{ name, field, isResult, level, at, edit, onCode }} path={[...path, "properties", name]} isRequired={isRequired(name)} isFirst={index === 0} isLast={index === fields.length - 1}
              onRename={(to) => change({ op: "rename_field", schema_path: path, name, to: String(to ?? "") })} onRequire={(isWanted) => change({ op: "require_field", schema_path: path, name, required: isWanted })}
              onMove={(by) => change({ op: "move_field", schema_path: path, name, index: index + by }, { name, parts: by < 0 ? ["[data-up]:enabled", "[data-down]"] : ["[data-down]:enabled", "[data-up]"] })}
              onRemove={() => { box.current?.querySelector<HTMLElement>(":scope > .add")?.focus(); change({ op: "remove_field", schema_path: path, name }); }} />
          </li>
        ))}
      </ol>
      <button type="button" className="btn small add" onClick={add}>{owner ? `Add field to ${owner}` : "Add field"}</button>
    </div>
  );
}

interface OneFieldProps extends PartProps {
  name: string;
  field: unknown;
  isRequired: boolean;
  isFirst: boolean;
  isLast: boolean;
  onRename: (name: unknown) => Promise<boolean>;
  onRequire: (isRequired: boolean) => Promise<boolean>;
  onMove: (by: -1 | 1) => void;
  onRemove: () => void;
}

function OneField({ name, field: given, path, isResult, level, at, edit, onCode, isRequired, isFirst, isLast, onRename, onRequire, onMove, onRemove }: OneFieldProps) {
  const field = mappingOf(given), canEdit = isSimple(field), error = at(path);
  const set = (key: string) => (value: unknown) => edit([value === undefined ? { op: "remove", path: [...path, key] } : { op: "set", path: [...path, key], value }]);
  return (
    <div className="design-field" role="group" aria-label={`Field ${name}`} {...placeOf(path)}>
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

function More({ name, field, set }: { name: string; field: Mapping; set: (key: string) => (value: unknown) => Promise<boolean> }) {
  const type = String(field.type), limits = limitsOf(type), isScalar = SCALARS.has(type), hasChoices = isScalar && type !== "boolean" && type !== "color";
  if (!isScalar && !limits.length) return null;
  const own: Schema = type === "boolean" ? { enum: [true, false] } : { type, ...(Array.isArray(field.enum) && { enum: listOf(field.enum) }) };
  return (
    <details>
      <summary>Limits and default of {name}</summary>
      <div className="three">
        {isScalar && <Committed name={name} schema={{ ...own, title: `Default of ${name}` }} value={field.default} onCommit={set("default")} />}
        {limits.map((keyword) => <Committed key={keyword} name={name} schema={{ type: TEXT.indexOf(keyword) > 1 ? "string" : NUMBER.includes(keyword) ? "number" : "integer", title: `${LABELS[keyword]} of ${name}` }} value={field[keyword]} onCommit={set(keyword)} />)}
      </div>
      {hasChoices && <Committed name={name} schema={{ type: "array", items: { type: type === "text" ? "string" : type }, title: `Allowed values of ${name}` }} value={field.enum} onCommit={set("enum")} />}
    </details>
  );
}

/** The items of a list: their type, and the fields of objects. */
function Items({ name, field, path, ...rest }: PartProps & { name: string; field: Mapping }) {
  const items = isMapping(field.items) ? field.items : undefined, own = [...path, "items"];
  if (field.items !== undefined && !(items && isSimple(items))) return <InCode onCode={rest.onCode}>The items have no single type.</InCode>;
  return (
    <>
      <Committed name={name} schema={{ enum: TYPES.filter((type) => type !== "array"), title: `Type of the items of ${name}` }} value={items?.type} labels={TYPE_LABELS} onCommit={(type) => rest.edit(type === undefined ? [{ op: "remove", path: own }] : toType(items ?? {}, own, type))} />
      {items?.type === "object" && <Inner {...rest} name={name} schema={items} path={own} />}
    </>
  );
}

function Inner({ name, level, ...props }: PartProps & { name: string; schema: Mapping }) {
  if (level + 1 >= MAX_LEVEL && Object.keys(propertiesOf(props.schema)).length) return <InCode onCode={props.onCode}>The fields of this object are nested too deep for the form.</InCode>;
  if (level + 1 >= MAX_LEVEL) return null;
  return <div className="design-inner"><Fields {...props} owner={name} level={level + 1} /></div>;
}

function InCode({ children, onCode }: { children: ReactNode; onCode: OnCode }) {
  return <p className="t2">{children} <button type="button" className="btn quiet small" onClick={() => onCode()}>Edit in code</button></p>;
}

/** The edits that give a field another type, without the keywords of its former type. */
function toType(field: Mapping, path: Path, type: unknown): SkillEdit[] {
  const isText = (one: unknown) => one === "string" || one === "text", isSame = isText(type) && isText(field.type), keeps = new Set(KEYWORDS[String(type)]);
  const former = Object.keys(field).filter((keyword) => (Object.values(KEYWORDS).flat().includes(keyword) && !keeps.has(keyword)) || (!isSame && (keyword === "enum" || keyword === "default")));
  const start = STARTS[String(type)];
  return [
    { op: "set", path: [...path, "type"], value: type },
    ...former.map((keyword): SkillEdit => ({ op: "remove", path: [...path, keyword] })),
    ...(start && !(start[0] in field) ? [{ op: "set", path: [...path, start[0]], value: start[1] } satisfies SkillEdit] : []),
  ];
}
