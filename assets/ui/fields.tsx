import { type ChangeEvent, type ReactNode, useId, useRef, useState } from "react";
import { canBeRows, elementsOf, hasNoFields, SeveralColumns } from "./csv";
import { FileField } from "./file_field";
import { type Schema, typeOf } from "./schema_types";

/** The project, and the token with which its user may upload files; both are empty while the page opens. */
export interface FieldContext {
  project: string;
  csrf: string;
}

export interface FieldProps {
  name: string;
  schema: Schema;
  value: unknown;
  /** The JSON path, which is the key of its error in `errors`. */
  path: string;
  errors: Record<string, string>;
  context: FieldContext;
  isRequired?: boolean;
  /** Whether its label is for screen readers only. */
  isBare?: boolean;
  /** The texts of options, if these differ from the values. */
  labels?: Record<string, string>;
  /** Receives undefined if the field is cleared. */
  onChange: (value: unknown) => void;
}

type Values = Record<string, unknown>;

/** The attributes of the element in which the user types. */
type Attributes = Partial<{ id: string; className: string; "aria-label": string; "aria-invalid": boolean; "aria-describedby": string }>;

const FILES = new Set(["image", "video", "audio", "file"]);
const INPUT_TYPES: Record<string, string> = { email: "email", uri: "url", url: "url", date: "date", time: "time" };

/** The initial value of a field. */
export const startOf = (schema: Schema): unknown => {
  if ("default" in schema) return schema.default;
  if (typeOf(schema) !== "object") return undefined;
  const required = Object.entries(schema.properties ?? {}).filter(([name, field]) => schema.required?.includes(name) || "default" in field);
  return Object.fromEntries(required.map(([name, field]) => [name, startOf(field)]).filter(([, value]) => value !== undefined));
};

const isPlainObject = (value: unknown): value is Values => value !== null && typeof value === "object" && !Array.isArray(value);

/** One field of a form, for any type of the schema dialect. */
export function Field(props: FieldProps): ReactNode {
  const type = typeOf(props.schema);
  if (type === "object" && props.schema.properties) return <ObjectField {...props} />;
  if (type === "array" && isPlainObject(props.schema.items)) return <ListField {...props} />;
  if (type === "boolean") return <CheckField {...props} />;
  return <PlainField {...props} type={type} />;
}

const labelOf = ({ name, schema }: Pick<FieldProps, "name" | "schema">) => schema.title ?? name;
const without = (object: Values, name: string): Values => Object.fromEntries(Object.entries(object).filter(([key]) => key !== name));

/** The names of an object's fields: required fields first, in the order of the schema. */
const ordered = ({ properties = {}, required = [] }: Schema) => {
  const first = required.filter((name) => name in properties);
  return [...first, ...Object.keys(properties).filter((name) => !first.includes(name))];
};

/** The fields of an object; a cleared field is omitted, so that its default applies. */
export function Properties({ schema, value, path, errors, context, onChange }: Omit<FieldProps, "name" | "onChange"> & { onChange: (value: Values) => void }) {
  const held = isPlainObject(value) ? value : {};
  return ordered(schema).map((name) => (
    <Field key={name} name={name} schema={schema.properties?.[name] ?? {}} value={held[name]} path={path ? `${path}.${name}` : name} errors={errors} context={context}
      isRequired={Boolean(schema.required?.includes(name))} onChange={(next) => onChange(next === undefined ? without(held, name) : { ...held, [name]: next })} />
  ));
}

function ObjectField(props: FieldProps) {
  return (
    <fieldset>
      <legend>{labelOf(props)} {!props.isRequired && <span className="opt">optional</span>}</legend>
      <Hint schema={props.schema} error={props.errors[props.path]} />
      <Properties {...props} />
    </fieldset>
  );
}

function ListField(props: FieldProps) {
  const { schema, value, path, errors, context, onChange } = props, items: unknown[] = Array.isArray(value) ? value : [], label = labelOf(props), element = schema.items ?? {};
  const replace = (index: number, next: unknown) => onChange(items.map((item, at) => (at === index ? next ?? null : item)));
  return (
    <fieldset>
      <legend className="row">
        <span>{label}</span>{!props.isRequired && <span className="opt">optional</span>}<span className="opt num">{items.length}{schema.maxItems ? ` of ${schema.maxItems}` : ""}</span>
        <button type="button" className="btn quiet small" style={{ marginLeft: "auto" }} aria-label={`Add to ${label}`} disabled={items.length >= (schema.maxItems ?? Infinity)}
          onClick={() => onChange([...items, startOf(element) ?? (typeOf(element) === "object" ? {} : "")])}>+ Add</button>
      </legend>
      <Hint schema={schema} error={errors[path]} />
      {context.project && canBeRows(element) && <Rows label={label} schema={element} onFill={onChange} />}
      {items.map((item, index) => (
        <div className="item" key={index}>
          <Field name={`${label} ${index + 1}`} schema={element} value={item} path={`${path}[${index}]`} errors={errors} context={context} isRequired isBare={typeOf(element) !== "object"} onChange={(next) => replace(index, next)} />
          <button type="button" className="btn quiet icon" aria-label={`Remove ${label} ${index + 1}`} onClick={() => onChange(items.filter((_, at) => at !== index))}>✕</button>
        </div>
      ))}
    </fieldset>
  );
}

/** What a form says about a file that it has read. */
interface ReadFile {
  failure?: string;
  note?: string;
  /** The text of a file of which the user chooses a column. */
  text?: string;
  columns?: string[];
}

/** A button that fills a list from the rows of a CSV file. */
function Rows(props: { label: string; schema: Schema; onFill: (elements: unknown[]) => void }) {
  const file = useRef<HTMLInputElement>(null), [read, setRead] = useState<ReadFile>({}), latest = useRef(props), { label } = props, { failure, note, text: written = "", columns = [] } = read;
  latest.current = props; // the schema may change while the user selects a file
  const fill = (text: string, column?: string) => {
    const { schema, onFill } = latest.current;
    try {
      onFill(elementsOf(text, schema, column));
      setRead(hasNoFields(schema) ? { note: "Each column is a field with text, since the input schema declares no fields. Declare them for other types." } : {});
    } catch (error) {
      setRead({ failure: (error as Error).message, ...(error instanceof SeveralColumns && { text, columns: error.columns }) });
    }
  };
  const onFile = async ({ currentTarget: input }: ChangeEvent<HTMLInputElement>) => {
    const one = input.files?.[0], text = await one?.text();
    input.value = "";
    if (text !== undefined) fill(text);
  };
  return (
    <div className="col" style={{ gap: 5 }}>
      <div><button type="button" className="btn small" aria-label={`Fill ${label} from a CSV file`} onClick={() => file.current?.click()}>Fill from CSV…</button></div>
      <input ref={file} type="file" accept=".csv,.tsv,.txt,text/csv" hidden aria-label={`CSV file for ${label}`} onChange={onFile} />
      {failure && <div className="err" role="alert">{failure}</div>}
      {columns.length > 0 && <div className="row wrap">{columns.map((column, index) => <button key={index} type="button" className="btn small" onClick={() => fill(written, column)}>Use column {column || index + 1}</button>)}</div>}
      {note && <div className="hint" role="status">{note}</div>}
    </div>
  );
}

function CheckField(props: FieldProps) {
  const id = useId(), { schema, value, errors, path, onChange } = props;
  return (
    <div className="col" style={{ gap: 3 }}>
      <label className="check" htmlFor={id}>
        <input id={id} type="checkbox" checked={Boolean(value)} aria-invalid={Boolean(errors[path])} aria-describedby={`${id}-h`} onChange={(event) => onChange(event.target.checked)} />{labelOf(props)}
      </label>
      <Hint id={`${id}-h`} schema={schema} error={errors[path]} />
    </div>
  );
}

function PlainField(props: FieldProps & { type: string }) {
  const id = useId(), { schema, errors, path, isRequired, isBare } = props, error = errors[path];
  return (
    <div className="col" style={{ gap: 5 }}>
      <label htmlFor={id} className={isBare ? "hidden-label" : "label"}>{labelOf(props)}{!isRequired && <span className="opt">optional</span>}</label>
      <Control {...props} id={id} attributes={{ id, className: "in", "aria-invalid": Boolean(error), "aria-describedby": `${id}-h` }} />
      <Hint id={`${id}-h`} schema={schema} error={error} />
    </div>
  );
}

interface ControlProps extends Pick<FieldProps, "schema" | "value" | "onChange"> {
  attributes: Attributes;
}

function Control({ id, type, schema, value, context, attributes, isRequired, labels, onChange }: ControlProps & Pick<FieldProps, "context" | "isRequired" | "labels"> & { id: string; type: string }) {
  const written = value as string | undefined; // an invalid value is shown by its error
  const hints = schema["x-puras"] ?? {}, placeholder = hints.placeholder ?? (schema.examples?.[0] != null ? String(schema.examples[0]) : "");
  const text = (event: ChangeEvent<HTMLInputElement | HTMLTextAreaElement>) => onChange(event.target.value === "" ? undefined : event.target.value);
  if (schema.enum) return <Choice {...{ options: schema.enum, value, attributes, isRequired, labels, onChange }} />;
  if (FILES.has(type)) return <FileField id={id} kind={type} value={value} accept={hints.accept} invalid={attributes["aria-invalid"] ?? false} describedBy={attributes["aria-describedby"]} context={context} onChange={onChange} />;
  if (type === "number" || type === "integer") return <NumberControl {...{ schema, value, attributes, type, onChange }} />;
  if (type === "color") return <Color {...{ value, attributes, onChange }} />;
  if (type === "text" || ["text", "long_text", "code"].includes(hints.widget ?? "") || (schema.maxLength ?? 0) > 200) return <textarea {...attributes} rows={4} value={written ?? ""} placeholder={placeholder} onChange={text} />;
  if (type === "string") return <input {...attributes} type={INPUT_TYPES[schema.format ?? ""] ?? "text"} value={written ?? ""} placeholder={placeholder} onChange={text} />;
  return <JsonControl {...{ value, attributes, onChange }} />;
}

/** A list of options. */
function Choice({ options, value, attributes, isRequired, labels = {}, onChange }: Omit<ControlProps, "schema"> & Pick<FieldProps, "isRequired" | "labels"> & { options: unknown[] }) {
  const at = options.findIndex((option) => JSON.stringify(option) === JSON.stringify(value));
  return (
    <select {...attributes} value={at} onChange={(event) => onChange(options[Number(event.target.value)])}>
      {(at < 0 || !isRequired) && <option value={-1}>{isRequired ? "Select an option" : "None"}</option>}
      {options.map((option, index) => <option key={index} value={index}>{labels[String(option)] ?? (typeof option === "string" ? option : JSON.stringify(option))}</option>)}
    </select>
  );
}

/** Shows the text as typed (`1.`, `-`) and passes a number on as soon as the text is one. */
function NumberControl({ schema, value, attributes, type, onChange }: ControlProps & { type: string }) {
  const [typed, setTyped] = useState<string | null>(null), range = [schema.minimum, schema.maximum];
  const change = (text: string) => {
    setTyped(text);
    onChange(text.trim() === "" ? undefined : Number.isFinite(Number(text)) ? Number(text) : text);
  };
  const shown = typed !== null && (Number(typed) === value || typed === value) ? typed : (value as number | string | undefined) ?? "";
  return <input {...attributes} style={{ maxWidth: 160 }} inputMode={type === "integer" ? "numeric" : "decimal"} value={shown} placeholder={range.some((end) => end != null) ? `${range[0] ?? "…"} – ${range[1] ?? "…"}` : ""} onChange={(event) => change(event.target.value)} />;
}

function Color({ value: given, attributes, onChange }: Omit<ControlProps, "schema">) {
  const value = given as string | undefined, digits = /^#?([0-9a-f]{6})$/i.exec(value ?? "")?.[1] ?? "808080";
  return <div className="colour"><input type="color" aria-label="Pick a color" value={`#${digits}`} onChange={(event) => onChange(event.target.value)} /><input {...attributes} value={value ?? ""} placeholder="#4f46c4" onChange={(event) => onChange(event.target.value || undefined)} /></div>;
}

interface JsonProps {
  value: unknown;
  attributes: Attributes;
  rows?: number;
  onChange: (value: unknown) => void;
  /** Receives the error of the text, or an empty text. */
  onBroken?: (problem: string) => void;
}

/** A text field for any JSON, used for types without a form; passes only valid JSON on. */
export function JsonControl({ value, attributes, rows = 4, onChange, onBroken }: JsonProps) {
  const [typed, setTyped] = useState<string | null>(null), written = value === undefined ? "" : JSON.stringify(value, null, 2);
  const change = (text: string) => {
    setTyped(text);
    try {
      onChange(text.trim() === "" ? undefined : JSON.parse(text));
      onBroken?.("");
    } catch (error) {
      onBroken?.((error as Error).message);
    }
  };
  return <textarea {...attributes} className="in code" rows={rows} spellCheck={false} value={typed ?? written} onChange={(event) => change(event.target.value)} onBlur={() => { try { JSON.parse(typed ?? "null"); setTyped(null); } catch { /* keep the text, so that it can be fixed */ } }} />;
}

function Hint({ id, schema, error }: { id?: string; schema: Schema; error: string | undefined }) {
  if (error) return <div className="err" id={id} role="alert">{error}</div>;
  const text = schema.description ?? schema["x-puras"]?.help;
  return text ? <div className="hint" id={id}>{text}</div> : null;
}
