import { useMemo } from "react";
import { compareParts } from "../versions/lines";

const MAX_CHARACTERS = 200_000;
const PARTS = /\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu;

interface Piece {
  text: string;
  isChanged: boolean;
}

interface Props {
  before: string;
  after: string;
  beforeLabel: string;
  afterLabel: string;
}

/** Two texts side by side; the words that only one of them has are marked. */
export function WordDiff({ before, after, beforeLabel, afterLabel }: Props) {
  const isTooLong = before.length + after.length > MAX_CHARACTERS;
  const [left, right] = useMemo(() => (isTooLong ? [plain(before), plain(after)] : piecesOf(before, after)), [before, after, isTooLong]);
  return (
    <div className="word-diff">
      <Side label={beforeLabel} pieces={left} Mark="del" />
      <Side label={afterLabel} pieces={right} Mark="ins" />
      {isTooLong && <p className="t2">The texts are too long to mark their differences.</p>}
      {before === after && <p className="t2" role="status">The texts are identical.</p>}
    </div>
  );
}

function Side({ label, pieces, Mark }: { label: string; pieces: Piece[]; Mark: "del" | "ins" }) {
  return (
    <section aria-label={label}>
      <h3>{label}</h3>
      <pre tabIndex={0}>{pieces.map(({ text, isChanged }, index) => (isChanged ? <Mark key={index}>{text}</Mark> : <span key={index}>{text}</span>))}</pre>
    </section>
  );
}

const plain = (text: string): Piece[] => [{ text, isChanged: false }];

function piecesOf(before: string, after: string): [Piece[], Piece[]] {
  const old = before.match(PARTS) ?? [], now = after.match(PARTS) ?? [], left: Piece[] = [], right: Piece[] = [];
  let at = 0, to = 0;
  for (const kind of compareParts(old, now)) {
    if (kind !== "added") add(left, old[at++] ?? "", kind === "removed");
    if (kind !== "removed") add(right, now[to++] ?? "", kind === "added");
  }
  return [left, right];
}

function add(pieces: Piece[], text: string, isChanged: boolean) {
  const last = pieces.at(-1);
  if (last?.isChanged === isChanged) last.text += text; else pieces.push({ text, isChanged });
}
