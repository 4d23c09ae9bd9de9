// The inputs of a skill that the text of a message does not fill.
import { type Schema, typeOf } from "../schema_types";

type Values = Record<string, unknown>;

const TEXTS = new Set(["string", "text"]), MESSAGES = "messages";

const isText = (field: Schema) => TEXTS.has(String(field.type)) && !("enum" in field) && !("const" in field);

/** The input that the text of a message fills, as in `backend/execution/sessions/inputs.py`: the only required text, otherwise the only optional one. */
function textInput({ properties = {}, required = [] }: Schema) {
  const texts = Object.keys(properties).filter((name) => isText(properties[name] ?? {})), needed = texts.filter((name) => required.includes(name)), [only] = needed.length ? needed : texts;
  return (needed.length || texts.length) === 1 ? only : undefined;
}

/** The schema of the inputs besides the text of a message. */
export function otherInputs(schema: Schema): Schema {
  const own = textInput(schema), { properties = {}, required = [] } = schema;
  const names = Object.keys(properties).filter((name) => name !== own && !(name === MESSAGES && typeOf(properties[name] ?? {}) === "array"));
  return { type: "object", properties: Object.fromEntries(names.map((name) => [name, properties[name] ?? {}])), required: required.filter((name) => names.includes(name)) };
}

/** The required inputs without a value and without a default. */
export const missingIn = ({ properties = {}, required = [] }: Schema, values: Values) => required.filter((name) => values[name] === undefined && !("default" in (properties[name] ?? {})));
