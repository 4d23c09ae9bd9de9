import { type KeyboardEvent, useId, useMemo, useState } from "react";
import { Modal } from "../modal";
import { fuzzy } from "./fuzzy";
import type { FileSymbol } from "./symbols";

const MAX_SHOWN = 60;

interface Choice {
  label: string;
  hint: string;
  at: number[];
  path: string;
  line: number;
}

interface Props {
  /** The paths of the files of the draft. */
  paths: string[];
  /** Those that were open last come first. */
  recent: string[];
  current: string | null;
  /** The symbols of the current file. */
  symbols: () => FileSymbol[];
  initial?: string;
  /** `isAlongside` opens it in the second pane. */
  onOpen: (path: string, line: number, isAlongside: boolean) => void;
  onClose: () => void;
}

/** A dialog that opens a file by letters of its path. `:12` adds a line, `@name` names a symbol of the current file. */
export function QuickOpen({ paths, recent, current, symbols, initial = "", onOpen, onClose }: Props) {
  const [text, setText] = useState(initial), [picked, setPicked] = useState(0), id = useId();
  const choices = useMemo(() => choicesOf(text, { paths, recent, current, symbols }), [text, paths, recent, current]);
  const here = Math.min(picked, choices.length - 1);
  const open = (one: Choice | undefined, isAlongside: boolean) => { if (!one) return; onClose(); onOpen(one.path, one.line, isAlongside); };
  const onKeyDown = (event: KeyboardEvent) => {
    const by = ({ ArrowDown: 1, ArrowUp: -1 } as Record<string, number>)[event.key];
    if (by && choices.length) { event.preventDefault(); setPicked((here + by + choices.length) % choices.length); }
    if (event.key === "Enter") { event.preventDefault(); open(choices[here], event.ctrlKey || event.metaKey); }
  };
  return (
    <Modal label="Open file" kind="palette" onClose={onClose}>
      <div className="col">
        <input
          className="in"
          data-first="true"
          role="combobox"
          aria-expanded="true"
          aria-controls={id}
          aria-activedescendant={choices.length ? `${id}-${here}` : undefined}
          aria-label="Name of a file, with :line or @symbol"
          placeholder="File name, :line or @symbol"
          autoComplete="off"
          spellCheck={false}
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setPicked(0);
          }}
          onKeyDown={onKeyDown}
        />
        <ul role="listbox" id={id} aria-label="Files">
          {choices.map((one, index) => (
            <li
              key={`${one.path} ${one.label} ${one.line}`}
              id={`${id}-${index}`}
              role="option"
              aria-selected={index === here}
              ref={
                index === here
                  ? (item) => {
                      item?.scrollIntoView({ block: "nearest" });
                    }
                  : null
              }
              onPointerDown={(event) => {
                event.preventDefault();
                open(one, event.ctrlKey || event.metaKey);
              }}
            >
              <span className="cut grow">
                <Marked text={one.label} at={one.at} />
              </span>
              <span className="t3">{one.hint}</span>
            </li>
          ))}
        </ul>
        {!choices.length && (
          <p className="t3 pad" role="status">
            {text.startsWith("@") ? "The current file has no such symbol." : "No file has these letters in its path."}
          </p>
        )}
      </div>
    </Modal>
  );
}

function Marked({ text, at }: { text: string; at: number[] }) {
  const marked = new Set(at);
  return <>{Array.from(text, (letter, index) => (marked.has(index) ? <b key={index}>{letter}</b> : letter))}</>;
}

function choicesOf(text: string, { paths, recent, current, symbols }: Pick<Props, "paths" | "recent" | "current" | "symbols">): Choice[] {
  if (text.startsWith("@")) {
    const found = symbols().flatMap((one) => { const match = fuzzy(one.name, text.slice(1)); return match ? [{ one, match }] : []; });
    const sorted = text.length > 1 ? found.toSorted((first, second) => second.match.score - first.match.score) : found;
    return sorted.slice(0, MAX_SHOWN).map(({ one, match }) => ({ label: one.name, hint: `${one.kind}, line ${one.line}`, at: match.at, path: current!, line: one.line }));
  }
  const [, name, lineText] = /^(.*?)(?::(\d*))?$/.exec(text)!, line = Number(lineText) || 0;
  if (!name) {
    if (lineText !== undefined) return current ? [{ label: `Line ${line || "…"}`, hint: current, at: [], path: current, line: Math.max(1, line) }] : [];
    const known = recent.filter((one) => one !== current && paths.includes(one)), rest = paths.filter((one) => !known.includes(one));
    return [...known, ...rest].slice(0, MAX_SHOWN).map((path) => ({ label: path, hint: known.includes(path) ? "recently opened" : "", at: [], path, line }));
  }
  const found = paths.flatMap((path) => { const match = fuzzy(path, name); return match ? [{ path, match }] : []; });
  return found.toSorted((one, other) => other.match.score - one.match.score || one.path.localeCompare(other.path)).slice(0, MAX_SHOWN).map(({ path, match }) => ({ label: path, hint: line ? `line ${line}` : "", at: match.at, path, line }));
}
