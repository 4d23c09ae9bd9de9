import { useEffect, useRef } from "react";
import { autocompletion } from "@codemirror/autocomplete";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, lintGutter, setDiagnostics } from "@codemirror/lint";
import { Compartment, EditorState, type Extension, type Text } from "@codemirror/state";
import { keymap } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { basicSetup, EditorView } from "codemirror";
import { completeSkill } from "./completion";
import { changesOf, offsetAt, type TextEdit } from "./text_edits";
import type { Path } from "./yaml_values";

const LANGUAGES: Record<string, () => Promise<Extension>> = {
  yaml: () => import("@codemirror/lang-yaml").then((module) => module.yaml()),
  yml: () => import("@codemirror/lang-yaml").then((module) => module.yaml()),
  py: () => import("@codemirror/lang-python").then((module) => module.python()),
  md: () => import("@codemirror/lang-markdown").then((module) => module.markdown()),
  json: () => import("@codemirror/lang-json").then((module) => module.json()),
  jsonl: () => import("@codemirror/lang-json").then((module) => module.json()),
};
const THEME = EditorView.theme({
  "&": { height: "100%", backgroundColor: "var(--bg)", color: "var(--t1)", fontSize: "12.5px" },
  ".cm-content": { fontFamily: "var(--code)", caretColor: "var(--t1)" },
  ".cm-gutters": { backgroundColor: "var(--bg)", color: "var(--t3)", border: "0" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--bg-hover)" },
  ".cm-cursor": { borderLeftColor: "var(--t1)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground, ::selection": { backgroundColor: "var(--bg-sel) !important" },
  ".cm-tooltip": { backgroundColor: "var(--bg-raise)", color: "var(--t1)", border: "1px solid var(--line-2)", borderRadius: "var(--r2)" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--acc)", color: "var(--on-acc)" },
  ".cm-panels": { backgroundColor: "var(--bg-side)", color: "var(--t1)" },
  "&.cm-focused": { outline: "none" },
});

const COLORS = syntaxHighlighting(HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName), tags.heading, tags.function(tags.variableName)], color: "var(--acc-t)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--ok)" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], color: "var(--wait)" },
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier, tags.link], color: "var(--run)" },
  { tag: [tags.comment, tags.meta, tags.punctuation], color: "var(--t3)" },
  { tag: [tags.strong, tags.heading], fontWeight: "600" }, { tag: tags.emphasis, fontStyle: "italic" },
]));

/** A problem of a file. Lines and columns start at 1; `fix` is a change that solves it. */
export interface Problem {
  path?: string;
  line?: number | null;
  column?: number | null;
  end_line?: number;
  end_column?: number;
  message: string;
  severity?: "error" | "warning";
  fix?: { message: string; edits: TextEdit[] } | null;
}

/** A problem of a file of a draft. `keys` lead to the value in a YAML file. */
export interface FileProblem extends Problem {
  path: string;
  keys?: Path | null;
  severity: "error" | "warning";
}

/** Functions of an open editor. */
export interface Controls {
  path: string;
  /** Show a position, and focus the editor. */
  goTo: (line: number, column?: number) => void;
  /** Replace the text as one step of the undo history. */
  replace: (text: string) => void;
  view: EditorView;
}

interface Kept {
  state: EditorState;
  language: Compartment;
  rev: number;
  readOnly: boolean;
}

/** The states of editors by path, with their undo histories, for files that are shown again later; the former text of a file that was
 *  changed without an editor. */
export type Memory = Map<string, Kept | string>;

interface Props {
  path: string;
  label?: string;
  doc: string;
  /** Increases when the text was replaced from outside. */
  rev: number;
  diagnostics?: Problem[];
  readOnly?: boolean;
  isHidden?: boolean;
  /** The editor takes over changes of `doc` while it does not have the focus. */
  isFollowing?: boolean;
  memory?: Memory;
  /** For this path, more of the editor. */
  extensions?: Extension[];
  onEdit?: (text: string) => void;
  onSave?: () => void;
  onReady?: (controls: Controls) => void;
  onRun?: (advances: boolean) => void;
  onLeave?: () => void;
  onFocus?: () => void;
  /** The cursor is on another line. */
  onMove?: (line: number) => void;
}

/** A code editor. `doc` is read again whenever `rev` changes. Tab moves the focus out of the editor, as in other fields. */
export function Code({ path, label = path, doc, rev, diagnostics = [], readOnly = false, isHidden = false, isFollowing = false, memory, extensions = [], onEdit, onSave, onReady, onRun, onLeave, onFocus, onMove }: Props) {
  const place = useRef<HTMLDivElement>(null), view = useRef<EditorView | null>(null), calls = useRef({ onEdit, onSave, onRun, onLeave, onFocus, onMove });
  calls.current = { onEdit, onSave, onRun, onLeave, onFocus, onMove };
  const runs = (advances: boolean) => () => { calls.current.onRun?.(advances); return Boolean(calls.current.onRun); };
  useEffect(() => {
    const before = memory?.get(path), kept = typeof before === "object" && before.rev === rev && before.readOnly === readOnly ? before : null;
    const language = kept?.language ?? new Compartment(), isSkill = /(^|\/)skill\.yaml$/.test(path);
    const editor = new EditorView({
      parent: place.current!,
      state: kept?.state ?? EditorState.create({ doc: typeof before === "string" ? before : doc, extensions: [
        keymap.of([{ key: "Shift-Enter", run: runs(true) }, { key: "Mod-Enter", run: runs(false) }]),
        extensions, COLORS, basicSetup, THEME, EditorView.lineWrapping, lintGutter(), language.of([]), EditorState.readOnly.of(readOnly),
        EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" }),
        keymap.of([{ key: "Mod-s", preventDefault: true, run: () => { calls.current.onSave?.(); return true; } }, { key: "Escape", run: (here) => { here.contentDOM.blur(); calls.current.onLeave?.(); return true; } }]),
        ...(isSkill ? [autocompletion({ override: [completeSkill] })] : []),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) calls.current.onEdit?.(update.state.doc.toString());
          if (update.focusChanged && update.view.hasFocus) calls.current.onFocus?.();
          if (update.selectionSet || update.docChanged) calls.current.onMove?.(update.state.doc.lineAt(update.state.selection.main.head).number);
        }),
      ] }),
    });
    view.current = editor;
    if (!kept) LANGUAGES[path.split(".").at(-1)!.toLowerCase()]?.().then((extension) => { if (view.current === editor) editor.dispatch({ effects: language.reconfigure(extension) }); });
    if (before && differs(editor, doc)) replace(editor, doc); // changed while another file was shown
    onReady?.({ path, goTo: (line, column) => show(editor, line, column), replace: (text) => replace(editor, text), view: editor });
    return () => { memory?.set(path, { state: editor.state, language, rev, readOnly }); editor.destroy(); view.current = null; };
  }, [path, rev, readOnly]);
  useEffect(() => {
    const editor = view.current;
    if (isFollowing && editor && !editor.hasFocus && differs(editor, doc)) replace(editor, doc);
  }, [doc, isFollowing]);
  useEffect(() => {
    const editor = view.current;
    editor?.dispatch(setDiagnostics(editor.state, diagnostics.map((problem) => placed(editor.state.doc, problem))));
  }, [JSON.stringify(diagnostics), path, rev]);
  return <div className="code-editor" hidden={isHidden} ref={place} />;
}

function placed(doc: Text, { line, column, end_line, end_column, message, severity = "error", fix }: Problem): Diagnostic {
  const from = offsetAt(doc, line ?? 1, column ?? 1), to = end_line && end_column ? Math.max(from, offsetAt(doc, end_line, end_column)) : doc.lineAt(from).to;
  return { from, to, severity, message, actions: fix ? [{ name: fix.message, apply: (view) => view.dispatch({ changes: changesOf(view.state.doc, fix.edits), userEvent: "input.form" }) }] : [] };
}

/** Whether the text differs, apart from the ends of lines. */
const differs = (editor: EditorView, text: string) => editor.state.doc.toString() !== text.replaceAll(/\r\n?/g, "\n");

/** Replace the part of the text that differs. */
function replace(editor: EditorView, text: string) {
  const before = editor.state.doc.toString(), shorter = Math.min(before.length, text.length);
  let from = 0, same = 0;
  while (from < shorter && before[from] === text[from]) from += 1;
  while (same < shorter - from && before.at(-1 - same) === text.at(-1 - same)) same += 1;
  // Of the events of users, the history joins only typing and deletions with others.
  editor.dispatch({ changes: { from, to: before.length - same, insert: text.slice(from, text.length - same) }, userEvent: "input.form" });
}

function show(editor: EditorView, line: number, column = 1) {
  const at = offsetAt(editor.state.doc, line, column);
  editor.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: "center" }) });
  editor.focus();
}
