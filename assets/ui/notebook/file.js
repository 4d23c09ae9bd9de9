// Conversion between the file of a notebook (nbformat 4) and its representation on the page: `{cells: [{id, type, source, outputs, count, metadata}], metadata}`.

export const MAX_BYTES = 4 << 20;
const KERNEL = { name: "python3", display_name: "Python 3", language: "python" };
const joined = (text) => (Array.isArray(text) ? text.join("") : String(text ?? ""));

export const newId = () => crypto.randomUUID().slice(0, 8);
export const newCell = (type = "code", source = "") => ({ id: newId(), type, source, outputs: [], count: null, metadata: {} });
export const blank = () => written({ cells: [newCell()], metadata: {} });

/** The notebook of a file's text. Throws a message if the text is not a notebook. */
export function parsed(text) {
  let file;
  try { file = JSON.parse(text || "{}"); } catch { throw "This file is not a notebook: it is not valid JSON. Fix it in the editor."; }
  if (text && (file.nbformat !== 4 || !Array.isArray(file.cells))) throw "This file is not a notebook in format 4. Open it in Jupyter and save it again.";
  const taken = new Set(), cells = (file.cells ?? []).map((cell) => {
    const id = /^[A-Za-z0-9_-]{1,64}$/.test(cell.id ?? "") && !taken.has(cell.id) ? cell.id : newId();
    taken.add(id);
    return { id, type: cell.cell_type === "code" ? "code" : cell.cell_type === "markdown" ? "markdown" : "raw", source: joined(cell.source), outputs: (cell.outputs ?? []).map(whole), count: cell.execution_count ?? null, metadata: cell.metadata ?? {}, ...(cell.attachments ? { attachments: cell.attachments } : {}) };
  });
  return { cells: cells.length ? cells : [newCell()], metadata: file.metadata ?? {} };
}

/** An output with its texts as strings; the file may have them as lists of lines. */
function whole(output) {
  const data = Object.fromEntries(Object.entries(output.data ?? {}).map(([kind, value]) => [kind, Array.isArray(value) && value.every((one) => typeof one === "string") ? value.join("") : value]));
  return { ...output, ...(output.text === undefined ? {} : { text: joined(output.text) }), ...(output.data ? { data } : {}) };
}

/** The text of the file of a notebook: valid nbformat 4.5. */
export function written({ cells, metadata }) {
  const file = { cells: cells.map(ofFile), metadata: { ...metadata, kernelspec: metadata.kernelspec ?? KERNEL, language_info: metadata.language_info ?? { name: "python" } }, nbformat: 4, nbformat_minor: 5 };
  return `${JSON.stringify(file, null, 1)}\n`;
}

function ofFile({ id, type, source, outputs, count, metadata, attachments }) {
  const shared = { cell_type: type, id, metadata, source };
  if (type === "code") return { ...shared, execution_count: count, outputs };
  return attachments ? { ...shared, attachments } : shared;
}

/** The notebook without the outputs of its cells. */
export const cleared = (notebook) => ({ ...notebook, cells: notebook.cells.map((cell) => ({ ...cell, outputs: [], count: null })) });

/** The name of the skill that a cell defines, from its first line; null if it defines none. */
export const skillOf = (source) => /^%%skill[ \t]+([a-z0-9][a-z0-9_-]{0,63})(?=[ \t\n]|$)/.exec(source)?.[1] ?? null;
