// A comparison of two texts by lines: removed, added and unchanged lines (Myers' shortest edit script).

const MAX_EDITS = 2000; // with more, the rest is shown as replaced completely, since single lines are no longer readable

export type Kind = "same" | "removed" | "added";

export interface ComparedLine {
  kind: Kind;
  text: string;
  /** Its numbers in the two texts, from 1. */
  before?: number;
  after?: number;
}

export interface Fold {
  kind: "fold";
  lines: ComparedLine[];
}

/** Every line of both texts in order: `{kind: "same" | "removed" | "added", text, before, after}`, numbers from 1. */
export function compareLines(before: string, after: string): ComparedLine[] {
  const old = split(before), now = split(after), kinds = compareParts(old, now);
  let at = 0, to = 0;
  return kinds.map((kind): ComparedLine => {
    if (kind === "removed") return { kind, text: old[at] ?? "", before: ++at };
    if (kind === "added") return { kind, text: now[to] ?? "", after: ++to };
    return { kind, text: old[at] ?? "", before: ++at, after: ++to };
  });
}

/** What happened to each part of both lists, in order: an unchanged part is in both of them. */
export function compareParts(old: string[], now: string[]): Kind[] {
  let head = 0, tail = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head += 1;
  while (tail < old.length - head && tail < now.length - head && old.at(-1 - tail) === now.at(-1 - tail)) tail += 1;
  return [...Array<Kind>(head).fill("same"), ...edits(old.slice(head, old.length - tail), now.slice(head, now.length - tail)), ...Array<Kind>(tail).fill("same")];
}

/** The lines in pieces: changes with `around` lines of context, and between them `{kind: "fold", lines}`. */
export function folded(lines: ComparedLine[], around = 3): (ComparedLine | Fold)[] {
  const isNear = new Uint8Array(lines.length);
  lines.forEach((line, index) => { if (line.kind !== "same") isNear.fill(1, Math.max(0, index - around), index + around + 1); });
  const pieces: (ComparedLine | Fold)[] = [];
  for (let at = 0; at < lines.length;) {
    const from = at;
    while (at < lines.length && !isNear[at] === !isNear[from]) at += 1;
    const run = lines.slice(from, at);
    if (isNear[from] || run.length < 3) pieces.push(...run); else pieces.push({ kind: "fold", lines: run });
  }
  return pieces;
}

const split = (text: string) => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));

/** The kinds of lines that lead from one list to the other. `furthest[k + zero]` is how far the first list is read on diagonal k. */
function edits(old: string[], now: string[]): Kind[] {
  const max = Math.min(MAX_EDITS, old.length + now.length), zero = max + 1, furthest = new Int32Array(2 * max + 3).fill(-1), traces: Int32Array[] = [];
  furthest[zero + 1] = 0;
  for (let depth = 0; depth <= max; depth += 1) {
    traces.push(furthest.slice(zero - depth - 1, zero + depth + 2));
    for (let k = -depth; k <= depth; k += 2) {
      let x = comesDown(furthest, zero + k, k, depth) ? at(furthest, zero + k + 1) : at(furthest, zero + k - 1) + 1, y = x - k;
      while (x < old.length && y < now.length && old[x] === now[y]) { x += 1; y += 1; }
      furthest[zero + k] = x;
      if (x >= old.length && y >= now.length) return walkedBack(traces, old.length, now.length);
    }
  }
  return [...Array<Kind>(old.length).fill("removed"), ...Array<Kind>(now.length).fill("added")];
}

/** An element of an array, which exists. */
const at = (numbers: Int32Array, index: number) => numbers[index] as number;

const comesDown = (furthest: Int32Array, index: number, k: number, depth: number) => k === -depth || (k !== depth && at(furthest, index - 1) < at(furthest, index + 1));

function walkedBack(traces: Int32Array[], toX: number, toY: number): Kind[] {
  const kinds: Kind[] = [];
  let x = toX, y = toY;
  for (let depth = traces.length - 1; depth >= 0; depth -= 1) {
    const trace = traces[depth] as Int32Array, k = x - y, zero = depth + 1, from = comesDown(trace, zero + k, k, depth) ? k + 1 : k - 1, wasX = at(trace, zero + from), wasY = wasX - from;
    while (x > wasX && y > wasY && x > 0 && y > 0) { kinds.push("same"); x -= 1; y -= 1; }
    if (depth) { kinds.push(x === wasX ? "added" : "removed"); x = wasX; y = wasY; }
  }
  return kinds.reverse();
}
