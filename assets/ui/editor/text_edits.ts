import type { ChangeSpec, Text } from "@codemirror/state";

/** A replacement in a text. Lines and columns start at 1, and columns count characters, not UTF-16 units. */
export interface TextEdit {
  line: number;
  column: number;
  end_line: number;
  end_column: number;
  text: string;
}

const unitsOf = (line: string, characters: number) => (/[\ud800-\udbff]/.test(line) ? Array.from(line).slice(0, characters).join("").length : Math.min(line.length, characters));

/** The offset of a position in a document; the nearest one if the position does not exist. */
export function offsetAt(doc: Text, line: number, column: number) {
  const at = doc.line(Math.max(1, Math.min(doc.lines, line)));
  return line > doc.lines ? doc.length : at.from + unitsOf(at.text, Math.max(0, column - 1));
}

/** The position of an offset in a document. */
export function positionAt(doc: Text, offset: number) {
  const at = doc.lineAt(offset), before = at.text.slice(0, offset - at.from);
  return { line: at.number, column: Array.from(before).length + 1 };
}

/** The edits as changes of a document. */
export const changesOf = (doc: Text, edits: TextEdit[]): ChangeSpec => edits.map((one) => ({ from: offsetAt(doc, one.line, one.column), to: offsetAt(doc, one.end_line, one.end_column), insert: one.text }));

/** A replacement of characters: their numbers count characters, not UTF-16 units. */
export interface Replacement {
  start: number;
  end: number;
  text: string;
}

/** The text with replacements that do not overlap. */
export function replaced(text: string, replacements: Replacement[]) {
  const characters = Array.from(text), parts: string[] = [];
  let at = 0;
  for (const one of replacements.toSorted((first, second) => first.start - second.start)) {
    parts.push(characters.slice(at, one.start).join(""), one.text);
    at = one.end;
  }
  return [...parts, characters.slice(at).join("")].join("");
}

/** The characters before the position `line`, `column` in a text. */
export function charactersBefore(text: string, line: number, column: number) {
  const lines = text.split("\n").slice(0, line - 1);
  return lines.reduce((sum, one) => sum + Array.from(one).length + 1, 0) + column - 1;
}
