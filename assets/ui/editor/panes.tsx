import type { EditorView } from "@codemirror/view";
import { type RefObject, useRef, useState } from "react";
import type { DraftFileMatchesRead, DraftMatchRead, PythonDefinitionRead, PythonPlaceRead } from "../../../clients/typescript/src/generated";
import { messageOf } from "../api";
import { Code, type Controls, type Memory, type Problem } from "./code";
import type { Caller, Draft } from "./draft";
import { Definition, formatted, isPython, pythonExtensions } from "./python_help";
import { RenameSymbol, type Renamed } from "./rename_symbol";
import { charactersBefore, type Replacement, replaced } from "./text_edits";

interface Props {
  caller: Caller;
  draft: Draft;
  path: string;
  alongside: string | null;
  isSecond: boolean;
  isHidden: boolean;
  canWrite: boolean;
  problems: Problem[];
  memory: Memory;
  /** The controls of both panes. */
  controls: RefObject<(Controls | null)[]>;
  saveAll: () => Promise<unknown>;
  write: (path: string, text: string) => void;
  onOpen: (path: string, line: number, column: number) => void;
  onMove: (line: number) => void;
  /** The file is shown, with the cursor in this line. */
  onShown: (line: number) => void;
  onPane: (isSecond: boolean) => void;
  onCloseAlongside: () => void;
  onError: (message: string) => void;
}

/** The code of the current file, and of another one alongside it. */
export function Panes({ caller, draft, path, alongside, isSecond, isHidden, canWrite, problems, memory, controls, saveAll, write, onOpen, onMove, onShown, onPane, onCloseAlongside, onError }: Props) {
  const [peek, setPeek] = useState<PythonDefinitionRead | null>(null), [renamed, setRenamed] = useState<Renamed | null>(null), present = useRef({ caller, onOpen, onError });
  present.current = { caller, onOpen, onError };
  const extensionsOf = (name: string) => (canWrite && isPython(name) ? pythonExtensions(name, () => present.current.caller, () => ({
    onDefinition: ([one]: PythonDefinitionRead[]) => { if (one!.path) present.current.onOpen(one!.path, one!.line, one!.column); else setPeek(one!); },
    onRename: (view: EditorView, position, word) => setRenamed({ path: name, text: view.state.doc.toString(), name: word, ...position }),
    onFormat: () => format(present.current.caller, name, () => draft.files.open[name]?.text, write).catch((error: unknown) => present.current.onError(messageOf(error))),
    onError: (message) => present.current.onError(message),
  })) : []);
  const codeOf = (name: string, index: number) => {
    const file = draft.open[name]!;
    return <Code path={name} isHidden={!index && isHidden} doc={file.text} rev={file.rev} readOnly={!canWrite} isFollowing={Boolean(alongside)} diagnostics={problems.filter((one) => one.path === name)} memory={memory} extensions={extensionsOf(name)} onEdit={(text) => draft.edit(name, text)} onSave={draft.saveNow}
      onReady={(ready) => { controls.current[index] = ready; if (!index) onShown(ready.view.state.doc.lineAt(ready.view.state.selection.main.head).number); }} onFocus={() => onPane(Boolean(index))} onMove={(line) => { if (!index) onMove(line); }} />;
  };
  const second = alongside && alongside !== path ? draft.open[alongside] : null;
  return (
    <>
      {codeOf(path, 0)}
      {second && !isHidden && (
        <section className="alongside col" aria-label="Second file">
          <div className="pane-head" data-current={isSecond || undefined}>
            <span className="cut grow" title={alongside!}>
              {alongside}
            </span>
            <button type="button" className="btn quiet small" aria-label="Close second file" onClick={onCloseAlongside}>
              ✕
            </button>
          </div>
          {second.isBinary ? <p className="pad t2">This is a binary file.</p> : codeOf(alongside!, 1)}
        </section>
      )}
      {peek && <Definition definition={peek} onClose={() => setPeek(null)} />}
      {renamed && (
        <RenameSymbol
          {...caller}
          renamed={renamed}
          beforeSearch={saveAll}
          onClose={() => setRenamed(null)}
          onRename={(places, name) => renameIn(draft, places, name, write)}
        />
      )}
    </>
  );
}

/** Format a Python file as one step of its undo history. */
export async function format({ project, csrf }: Caller, path: string, textOf: () => string | undefined, write: (path: string, text: string) => void) {
  const before = textOf();
  if (before === undefined) return;
  const text = await formatted({ project, csrf }, path, before);
  if (textOf() === before && text !== before) write(path, text); // text that was written in the meantime is not lost
}

async function renameIn(draft: Draft, places: PythonPlaceRead[], name: string, write: (path: string, text: string) => void) {
  const missed: string[] = [];
  for (const path of new Set(places.map((one) => one.path))) {
    if (!draft.files.open[path]) await draft.load(path);
    const text = draft.files.open[path]?.text ?? "";
    const replacements = places.filter((one) => one.path === path).map((one) => { const start = charactersBefore(text, one.line, one.column); return { start, end: start + Array.from(one.name).length, text: name, before: one.name }; });
    if (!replaceIn(text, replacements, (changed) => write(path, changed))) missed.push(path);
  }
  if (missed.length) throw { detail: `Changed in the meantime, not renamed: ${missed.join(", ")}. Preview again.` };
}

/** Replace matches of a search in a file; resolves to whether all of them were still there. */
export async function replaceMatches(draft: Draft, { path }: DraftFileMatchesRead, matches: DraftMatchRead[], write: (path: string, text: string) => void) {
  if (!draft.files.open[path]) await draft.load(path);
  const text = draft.files.open[path]?.text ?? "", shown = (one: DraftMatchRead) => Array.from(one.excerpt).slice(one.excerpt_start, one.excerpt_end).join("");
  return replaceIn(text, matches.map((one) => ({ start: one.start, end: one.end, text: one.replacement ?? "", before: shown(one) })), (changed) => write(path, changed));
}

function replaceIn(text: string, replacements: (Replacement & { before: string })[], done: (text: string) => void) {
  const characters = Array.from(text), isThere = replacements.every((one) => characters.slice(one.start, one.end).join("").startsWith(one.before));
  if (isThere) done(replaced(text, replacements));
  return isThere;
}
