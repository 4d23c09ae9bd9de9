// Text with separators, such as CSV.
import { type Schema, typeOf } from "./schema_types";

const MAX_ELEMENTS = 500; // of a form: each row becomes fields
const SEPARATORS = [",", ";", "\t"];
const BOOLEANS = new Map([["true", true], ["yes", true], ["1", true], ["false", false], ["no", false], ["0", false]]);
const SINGLE = new Set(["string", "text", "integer", "number", "boolean", "color"]);

/** The rows of a text with separators; quoted fields may contain separators, line ends and doubled quotes. */
export function rowsOf(text: string, separator = ",", maxRows = Infinity) {
  const rows: string[][] = [];
  let row: string[] = [], field = "", isQuoted = false;
  const end = () => { row.push(field); field = ""; };
  for (let at = text.charCodeAt(0) === 0xfeff ? 1 : 0; at < text.length && rows.length < maxRows; at += 1) {
    const one = text.charAt(at);
    if (isQuoted) {
      if (one !== '"') field += one;
      else if (text[at + 1] === '"') { field += one; at += 1; }
      else isQuoted = false;
    } else if (one === '"' && field === "") isQuoted = true;
    else if (one === separator) end();
    else if (one === "\n") { end(); rows.push(row); row = []; }
    else if (one !== "\r") field += one;
  }
  if (field || row.length) { end(); rows.push(row); }
  return rows;
}

/** A file with several columns for a list of single values: the user chooses one of them. */
export class SeveralColumns extends Error {
  constructor(readonly columns: string[]) {
    super(`The file has the columns ${columns.join(", ")}, but each element is a single value. Select the column to use, or make the elements objects with a field for each column.`);
  }
}

/** Whether the rows of a CSV file can be elements of a list: single values, or objects. */
export const canBeRows = (schema: Schema) => SINGLE.has(typeOf(schema)) || hasRows(schema);

const hasRows = (schema: Schema) => typeOf(schema) === "object";

/** Whether the schema of an object declares no fields, so that each column of a file becomes one. */
export const hasNoFields = (schema: Schema) => hasRows(schema) && !Object.keys(schema.properties ?? {}).length;

/** The elements of a list with this schema from a CSV file, whose first line names the columns. An error says how to change the file. Single
 *  values are those of `column`. */
export function elementsOf(text: string, schema: Schema, column?: string) {
  const [head = [], ...body] = rowsOf(text, separatorOf(text), MAX_ELEMENTS + 2).filter((row) => row.some((cell) => cell.trim())), names = head.map((name) => name.trim());
  if (!body.length) throw new Error("The file has no rows. Write the names of the columns in its first line, and a row in each other line.");
  if (body.length > MAX_ELEMENTS) throw new Error(`The file has more than ${MAX_ELEMENTS} rows. Select a file with fewer rows, or submit the job with the API.`);
  return hasRows(schema) ? objectsOf(names, body, schema) : valuesOf(names, body, schema, column);
}

function valuesOf(names: string[], body: string[][], schema: Schema, column?: string) {
  const at = column === undefined ? 0 : names.indexOf(column);
  if (at < 0 || (column === undefined && names.length > 1)) throw new SeveralColumns(names);
  return body.map((row) => valueOf(row[at] ?? "", schema));
}

function objectsOf(names: string[], body: string[][], schema: Schema) {
  const { properties = {}, required = [], additionalProperties } = schema;
  if (hasNoFields(schema)) {
    if (additionalProperties === false) throw new Error(`The elements are objects without fields, which the input schema does not allow to have others. Add fields to the schema, such as ${names.join(", ")}.`);
    return body.map((row) => Object.fromEntries(names.flatMap((name, at) => (name && row[at] ? [[name, row[at]]] : []))));
  }
  const fields = Object.keys(properties), columns = names.map((name) => fields.find((field) => field.toLowerCase() === name.toLowerCase())), missing = required.filter((field) => !columns.includes(field));
  if (missing.length) throw new Error(`The file has no column ${missing.join(", ")}. Its columns are ${names.join(", ")}.`);
  if (!columns.some(Boolean)) throw new Error(`No column has the name of a field: the columns are ${names.join(", ")}, and the fields ${fields.join(", ")}.`);
  return body.map((row) => Object.fromEntries(columns.flatMap((field, at) => { const cell = row[at] ?? "", schema = field && properties[field]; return field && schema && cell !== "" ? [[field, valueOf(cell, schema)]] : []; })));
}

/** The separator that occurs most often in the first line. */
function separatorOf(text: string) {
  const [line = ""] = text.split("\n", 1), count = (one: string) => line.split(one).length;
  return SEPARATORS.toSorted((one, other) => count(other) - count(one))[0];
}

/** A cell as a value of a schema; text that is none stays as it is, so that its field shows the problem. */
function valueOf(cell: string, schema: Schema): unknown {
  const type = typeOf(schema), text = cell.trim();
  if ((type === "integer" || type === "number") && text && Number.isFinite(Number(text))) return Number(text);
  if (type === "boolean") return BOOLEANS.get(text.toLowerCase()) ?? cell;
  if (type !== "object" && type !== "array") return cell;
  try { return JSON.parse(text); } catch { return cell; }
}
