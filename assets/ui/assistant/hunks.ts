// The hunks of a proposed change, and their application to a text that may have changed since.
import { compareLines } from "../versions/lines";

const MAX_GAP = 2; // unchanged lines between two changes of one hunk

/** A group of changed lines, with line numbers from 0 in both texts. */
export interface Hunk {
  at: number;
  removed: string[];
  to: number;
  added: string[];
}

const linesOf = (text: string) => text.split("\n");
const compared = (before: string, after: string) => compareLines(`${before}\n`, `${after}\n`); // so that the end of the last line counts

/** The hunks that lead from one text to the other. */
export function hunksOf(before: string, after: string): Hunk[] {
  const found: Hunk[] = [];
  let at = 0, to = 0, open: Hunk | null = null, gap: string[] = [];
  for (const line of compared(before, after)) {
    if (line.kind === "same") {
      if (open) gap.push(line.text);
      if (open && gap.length > MAX_GAP) { found.push(open); open = null; }
      at += 1; to += 1;
      continue;
    }
    open ??= { at, removed: [], to, added: [] };
    if (open.removed.length || open.added.length) { open.removed.push(...gap); open.added.push(...gap); }
    gap = [];
    open[line.kind].push(line.text);
    if (line.kind === "removed") at += 1; else to += 1;
  }
  if (open) found.push(open);
  return found;
}

/** The current text with a hunk of `before` applied; null if these lines have changed since. */
export function withHunk(before: string, current: string, hunk: Hunk): string | null {
  const at = placeOf(before, current, hunk.at, hunk.removed.length);
  return at === null ? null : [...linesOf(current).slice(0, at), ...hunk.added, ...linesOf(current).slice(at + hunk.removed.length)].join("\n");
}

/** Whether the current text already contains the hunk of a proposed text. */
export const hasHunk = (after: string, current: string, hunk: Hunk) => placeOf(after, current, hunk.to, hunk.added.length) !== null;

/** Where unchanged lines of a text are in the current one; null if they have changed, or are not together any more. */
function placeOf(text: string, current: string, at: number, count: number): number | null {
  const places = new Map(compared(text, current).flatMap(({ before, after }): [number, number][] => (before && after ? [[before - 1, after - 1]] : [])));
  if (count === 0) { // between two lines, both of which must be unchanged
    const above = at === 0 ? -1 : places.get(at - 1), below = at === linesOf(text).length ? linesOf(current).length : places.get(at);
    return above !== undefined && below !== undefined && below === above + 1 ? below : null;
  }
  const first = places.get(at);
  if (first === undefined) return null;
  for (let offset = 1; offset < count; offset += 1) if (places.get(at + offset) !== first + offset) return null;
  return first;
}
