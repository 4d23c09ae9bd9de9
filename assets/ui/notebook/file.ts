// Conversion between the file of a notebook (nbformat 4) and its representation on the page.
import type { CellRead } from "../../../clients/typescript/src/generated";

type Values = Record<string, unknown>;
export type CellType = "code" | "markdown" | "raw";

/** An output in the format of the file. */
export type Output = CellRead["outputs"][number];

export interface Cell {
  id: string;
  type: CellType;
  source: string;
  outputs: Output[];
  /** The number of its last run in the kernel. */
  count: number | null;
  metadata: Values;
  attachments?: unknown;
}

export interface Notebook {
  cells: Cell[];
  metadata: Values;
}

export const MAX_BYTES = 4 << 20;
const KERNEL = { name: "python3", display_name: "Python 3", language: "python" };
const joined = (text: unknown) => (Array.isArray(text) ? text.join("") : String(text ?? ""));
const isObject = (value: unknown): value is Values => value !== null && typeof value === "object";

/** A value that comes from a file or a cell, as an object; empty if it is none. */
export const valuesOf = (value: unknown): Values => (isObject(value) ? value : {});
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

export const newId = () => crypto.randomUUID().slice(0, 8);
export const newCell = (type: CellType = "code", source = ""): Cell => ({ id: newId(), type, source, outputs: [], count: null, metadata: {} });
export const blank = () => written({ cells: [newCell()], metadata: {} });

/** The notebook of a file's text. Throws a message if the text is not a notebook. */
export function parsed(text: string): Notebook {
  let content: unknown;
  try { content = JSON.parse(text || "{}"); } catch { throw "This file is not a notebook: it is not valid JSON. Fix it in the editor."; }
  const file = valuesOf(content);
  if (text && (file["nbformat"] !== 4 || !Array.isArray(file["cells"]))) throw "This file is not a notebook in format 4. Open it in Jupyter and save it again.";
  const taken = new Set<string>(), cells = listOf(file["cells"]).map(valuesOf).map((cell): Cell => {
    const own = typeof cell["id"] === "string" ? cell["id"] : "", id = /^[A-Za-z0-9_-]{1,64}$/.test(own) && !taken.has(own) ? own : newId(), { attachments, execution_count: count, cell_type: type } = cell;
    taken.add(id);
    return { id, type: type === "code" || type === "markdown" ? type : "raw", source: joined(cell["source"]), outputs: listOf(cell["outputs"]).map(valuesOf).map(whole), count: typeof count === "number" ? count : null, metadata: valuesOf(cell["metadata"]), ...(attachments ? { attachments } : {}) };
  });
  return { cells: cells.length ? cells : [newCell()], metadata: valuesOf(file["metadata"]) };
}

/** An output with its texts as strings; the file may have them as lists of lines. */
function whole(output: Output): Output {
  const data = Object.fromEntries(Object.entries(valuesOf(output["data"])).map(([kind, value]): [string, unknown] => [kind, Array.isArray(value) && value.every((one) => typeof one === "string") ? value.join("") : value]));
  return { ...output, ...(output["text"] === undefined ? {} : { text: joined(output["text"]) }), ...(output["data"] ? { data } : {}) };
}

/** The text of the file of a notebook: valid nbformat 4.5. */
export function written({ cells, metadata }: Notebook) {
  const file = { cells: cells.map(ofFile), metadata: { ...metadata, kernelspec: metadata["kernelspec"] ?? KERNEL, language_info: metadata["language_info"] ?? { name: "python" } }, nbformat: 4, nbformat_minor: 5 };
  return `${JSON.stringify(file, null, 1)}\n`;
}

function ofFile({ id, type, source, outputs, count, metadata, attachments }: Cell) {
  const shared = { cell_type: type, id, metadata, source };
  if (type === "code") return { ...shared, execution_count: count, outputs };
  return attachments ? { ...shared, attachments } : shared;
}

/** The notebook without the outputs of its cells. */
export const cleared = (notebook: Notebook): Notebook => ({ ...notebook, cells: notebook.cells.map((cell) => ({ ...cell, outputs: [], count: null })) });

/** The name of the skill that a cell defines, from its first line; null if it defines none. */
export const skillOf = (source: string) => /^%%skill[ \t]+([a-z0-9][a-z0-9_-]{0,63})(?=[ \t\n]|$)/.exec(source)?.[1] ?? null;

/** The skills that cells of the notebook have written to the draft, from its metadata. */
export const skillsOf = ({ metadata }: Notebook) => listOf(valuesOf(metadata["puras"])["skills"]).map(String);

/** The notebook with these skills in its metadata. */
export const withSkills = (notebook: Notebook, skills: string[]): Notebook => ({ ...notebook, metadata: { ...notebook.metadata, puras: { ...valuesOf(notebook.metadata["puras"]), skills } } });
