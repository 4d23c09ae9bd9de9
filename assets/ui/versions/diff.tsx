import { useMemo, useState } from "react";
import { compareLines, type ComparedLine, folded } from "./lines";

const MAX_CHARACTERS = 400_000;
const MARKS = { added: "+", removed: "−", same: " " };
const WORDS = { added: "added", removed: "removed", same: "" };

/** Numbers of lines before both texts, if they are parts of files. */
type Skipped = [number, number];

interface DiffProps {
  before: string | null | undefined;
  after: string | null | undefined;
  label: string;
  skipped?: Skipped;
}

/** Two texts as one list of lines; `null` is a missing text. Unchanged lines are collapsed. */
export function Diff({ before, after, label, skipped = [0, 0] }: DiffProps) {
  const isTooLong = (before?.length ?? 0) + (after?.length ?? 0) > MAX_CHARACTERS;
  const pieces = useMemo(() => (isTooLong ? [] : folded(compareLines(before ?? "", after ?? ""))), [before, after, isTooLong]);
  if (isTooLong) return <p className="pad t2">This file is too long to compare here. Download both versions.</p>;
  if (pieces.every((one) => one.kind === "same" || one.kind === "fold")) return <p className="pad t2">No differences.</p>;
  return (
    <div className="diff" tabIndex={0} role="region" aria-label={label}>
      <table><thead className="hidden-label"><tr><th>Line before</th><th>Line after</th><th>Change</th><th>Text</th></tr></thead>
        <tbody>{pieces.map((piece, index) => (piece.kind === "fold" ? <Fold key={index} lines={piece.lines} skipped={skipped} /> : <Line key={index} line={piece} skipped={skipped} />))}</tbody></table>
    </div>
  );
}

function Fold({ lines, skipped }: { lines: ComparedLine[]; skipped: Skipped }) {
  const [isOpen, setOpen] = useState(false);
  if (isOpen) return lines.map((line) => <Line key={line.before} line={line} skipped={skipped} />);
  return <tr className="fold-row"><td colSpan={4}><button type="button" onClick={() => setOpen(true)}>Show {lines.length} unchanged lines</button></td></tr>;
}

function Line({ line, skipped }: { line: ComparedLine; skipped: Skipped }) {
  return (
    <tr data-c={line.kind}>
      <td className="at">{line.before && line.before + skipped[0]}</td><td className="at">{line.after && line.after + skipped[1]}</td>
      <td className="sign"><span aria-hidden="true">{MARKS[line.kind]}</span>{WORDS[line.kind] && <span className="hidden-label">{WORDS[line.kind]}</span>}</td>
      <td className="line">{line.text || " "}</td>
    </tr>
  );
}
