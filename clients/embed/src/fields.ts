/** A schema in the dialect of skill.yaml. */
export interface Schema {
  type?: string | readonly string[];
  title?: unknown;
  description?: unknown;
  enum?: readonly unknown[];
  default?: unknown;
  format?: unknown;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  items?: unknown;
  properties?: Readonly<Record<string, Schema>>;
  required?: readonly string[];
  "x-puras"?: Readonly<Record<string, unknown>>;
}

export type Control = "line" | "text" | "number" | "check" | "choice" | "file" | "files" | "lines" | "json";

/** A field of the form. */
export interface Field {
  name: string;
  label: string;
  hint: string;
  control: Control;
  isRequired: boolean;
  schema: Schema;
}

/** The value of a field, or why it is none; without both, the input is omitted. */
export interface Reading {
  value?: unknown;
  problem?: string;
}

const FILE_TYPES = new Set(["image", "video", "audio", "file"]);
const LONG_TEXT_CHARACTERS = 200;

/** Return the fields of an input schema, the required ones first. */
export function fieldsOf(schema: Schema): Field[] {
  const properties = Object.entries(schema.properties ?? {});
  const fields = properties.map(([name, one]) => fieldOf(name, one, schema.required?.includes(name) ?? false));
  return [...fields.filter((one) => one.isRequired), ...fields.filter((one) => !one.isRequired)];
}

/** Return the type of a schema; the first one that is not null if it has several. */
export function typeOf(schema: Schema): string {
  const { type } = schema;
  const first = typeof type === "string" ? type : type?.find((name) => name !== "null");
  return first ?? (schema.properties ? "object" : schema.items ? "array" : "any");
}

/** Return the types of files that a field accepts, in the form of the attribute `accept`. */
export function acceptedBy(schema: Schema): string | undefined {
  const ofItems = schema.items as Schema | undefined;
  const given = schema["x-puras"]?.accept ?? ofItems?.["x-puras"]?.accept;
  if (typeof given === "string") return given;
  if (Array.isArray(given)) return given.join(",");
  const type = typeOf(typeOf(schema) === "array" && ofItems ? ofItems : schema);
  return type === "file" ? undefined : `${type}/*`;
}

/** Return the text that a field shows first. */
export function initialText(field: Field): string {
  const { schema, control } = field;
  if (schema.default === undefined || schema.default === null) return "";
  if (control === "lines") return (schema.default as unknown[]).map(String).join("\n");
  if (control === "json") return JSON.stringify(schema.default, null, 2);
  return String(schema.default);
}

/** Return the input that a user means with a text. */
export function read(field: Field, text: string): Reading {
  if (text.trim() === "") return field.isRequired ? { problem: "Fill in this field." } : {};
  switch (field.control) {
    case "number": {
      const value = Number(text.trim());
      if (!Number.isFinite(value)) return { problem: "Enter a number, such as 3 or 2.5." };
      if (typeOf(field.schema) === "integer" && !Number.isInteger(value)) return { problem: "Enter a whole number." };
      const { minimum = -Infinity, maximum = Infinity } = field.schema;
      if (value < minimum) return { problem: `Enter at least ${minimum}.` };
      return value > maximum ? { problem: `Enter at most ${maximum}.` } : { value };
    }
    case "lines":
      return { value: text.split("\n").map((line) => line.trim()).filter((line) => line !== "") };
    case "json":
      try {
        return { value: JSON.parse(text) };
      } catch {
        return { problem: "Enter valid JSON, for example [1, 2] or {\"name\": \"Ada\"}." };
      }
    default:
      return { value: text };
  }
}

/** Return the name of the field that a path of the API means, such as `inputs.days` or `inputs.items[0].name`. */
export function fieldAt(path: string): string {
  return /^inputs\.([^.[]+)/.exec(path)?.[1] ?? "";
}

function fieldOf(name: string, schema: Schema, isRequired: boolean): Field {
  const label = text(schema.title) || text(schema["x-puras"]?.label) || name;
  const control = controlOf(schema);
  const hints = [text(schema.description) || text(schema["x-puras"]?.help), extraHint(control, schema)];
  return { name, label, hint: hints.filter((one) => one !== "").join(" "), control, isRequired, schema };
}

function controlOf(schema: Schema): Control {
  const type = typeOf(schema);
  if (schema.enum) return "choice";
  if (FILE_TYPES.has(type)) return "file";
  if (type === "number" || type === "integer") return "number";
  if (type === "boolean") return "check";
  if (type === "text" || (schema.maxLength ?? 0) > LONG_TEXT_CHARACTERS) return "text";
  if (type === "string" || type === "color") return "line";
  if (type !== "array") return "json";
  const items = (schema.items ?? {}) as Schema;
  if (FILE_TYPES.has(typeOf(items))) return "files";
  return typeOf(items) === "string" && !items.enum ? "lines" : "json";
}

function extraHint(control: Control, schema: Schema): string {
  const { minimum, maximum } = schema;
  if (control === "number" && minimum !== undefined && maximum !== undefined) return `${minimum} to ${maximum}.`;
  if (control === "lines") return "One per line.";
  return control === "json" ? "Written as JSON." : "";
}

function text(value: unknown): string {
  return typeof value === "string" ? value.trim() : "";
}
