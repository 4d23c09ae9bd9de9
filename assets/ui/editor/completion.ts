// Completion for skill.yaml, from the JSON Schema that the instance serves.
import type { CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import type { Text } from "@codemirror/state";
import type { Schema } from "../schema_types";
import { isMapping, listOf, valueAt } from "./yaml_values";

/** A part of the JSON Schema. */
interface Part extends Schema {
  $ref?: string;
  anyOf?: unknown;
  oneOf?: unknown;
}

/** The schema of a file, with one type for each of its keys. */
export interface KeySchema extends Schema {
  properties: Record<string, Schema>;
}

let schema: Promise<Part> | null = null;

async function request(): Promise<Part> {
  const response = await fetch("/schemas/skill.json"), found: unknown = response.ok ? await response.json() : {};
  return isMapping(found) ? found : {};
}

const load = () => (schema ??= request().catch(() => { schema = null; return {}; }));

/** The JSON Schema of skill.yaml in which each key of the file, and of its limits, has one type. */
export async function skillSchema(): Promise<KeySchema> {
  const root = await load(), flat = (part: Schema | undefined): KeySchema => ({ ...part, properties: Object.fromEntries(Object.entries(part?.properties ?? {}).map(([name, field]) => [name, resolve(root, field) ?? {}])) });
  const skill = flat(root);
  return { ...skill, properties: { ...skill.properties, limits: flat(skill.properties["limits"]) } };
}

/** Keys, and the values of keys with a fixed set of values, for CodeMirror. */
export async function completeSkill(context: CompletionContext): Promise<CompletionResult | null> {
  const line = context.state.doc.lineAt(context.pos), before = line.text.slice(0, context.pos - line.from);
  const value = before.match(/^\s*(?:- )?(\w+):\s*([^#]*)$/), key = before.match(/^(\s*(?:- )*)(\w*)$/);
  if (!value && !key) return null;
  const root = await load(), above = keysAbove(context.state.doc, line.number, key ? key[1]!.length : indent(before));
  const found = within(root, above);
  if (value) {
    const field = resolve(root, found?.properties?.[value[1]!]), options = field?.enum ?? (field?.type === "boolean" ? [true, false] : []);
    return options.length ? { from: context.pos - value[2]!.trimStart().length, options: options.map((one) => ({ label: String(one), type: "enum" })) } : null;
  }
  const start = key?.[2] ?? "";
  if (!start && !context.explicit) return null;
  const names = Object.entries(found?.properties ?? {});
  return names.length ? { from: context.pos - start.length, options: names.map(([name, field]) => ({ label: name, type: "property", apply: `${name}: `, info: resolve(root, field)?.description })) } : null;
}

const indent = (text: string) => text.match(/^(\s*(?:- )*)/)![1]!.length;

/** The keys above the line, outermost first. */
function keysAbove(doc: Text, number: number, depth: number) {
  const keys: string[] = [];
  for (let at = number - 1, least = depth; at > 0 && least > 0; at -= 1) {
    const text = doc.line(at).text, found = text.match(/^(\s*(?:- )*)(\w+):\s*$/);
    if (found && indent(text) < least) { keys.unshift(found[2]!); least = found[1]!.replace(/- $/, "").length; }
  }
  return keys;
}

function within(root: Part, keys: string[]) {
  let at = resolve(root, root);
  for (const key of keys) {
    at = resolve(root, at?.properties?.[key] ?? at?.["additionalProperties"]);
    if (at?.items) at = resolve(root, at.items);
  }
  return at;
}

/** The schema of a reference; alternatives are merged into one schema with all their properties. */
function resolve(root: Part, value: unknown): Schema | null {
  if (!isMapping(value)) return null;
  const part: Part = value;
  if (part.$ref) return resolve(root, valueAt(root, part.$ref.slice(2).split("/")));
  const several = part.anyOf ?? part.oneOf;
  if (!several) return part;
  const all = listOf(several).map((one) => resolve(root, one)).filter((one) => one !== null);
  return { ...all[0], ...part, properties: Object.assign({}, ...all.map((one) => one.properties ?? {})), items: all.find((one) => one.items)?.items };
}
