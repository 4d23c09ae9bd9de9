import { useEffect, useRef } from "react";
import { autocompletion } from "@codemirror/autocomplete";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { Compartment, EditorState } from "@codemirror/state";
import { keymap } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { basicSetup, EditorView } from "codemirror";
import { completeSkill } from "./completion";

const LANGUAGES = {
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

/** A code editor. `doc` is read again whenever `rev` changes. Tab moves the focus out of the editor, as in other fields. `onReady` gets
 *  functions that show a line, and that replace the text as one step of the undo history. */
export function Code({ path, label = path, doc, rev, diagnostics = [], readOnly = false, isHidden = false, onEdit, onSave, onReady, onRun, onLeave }) {
  const place = useRef(null), view = useRef(null), calls = useRef({});
  calls.current = { onEdit, onSave, onRun, onLeave };
  const runs = (advances) => () => { calls.current.onRun?.(advances); return Boolean(calls.current.onRun); };
  useEffect(() => {
    const language = new Compartment(), isSkill = /(^|\/)skill\.yaml$/.test(path);
    view.current = new EditorView({
      parent: place.current,
      state: EditorState.create({ doc, extensions: [
        keymap.of([{ key: "Shift-Enter", run: runs(true) }, { key: "Mod-Enter", run: runs(false) }]),
        COLORS, basicSetup, THEME, EditorView.lineWrapping, lintGutter(), language.of([]), EditorState.readOnly.of(readOnly),
        EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" }),
        keymap.of([{ key: "Mod-s", preventDefault: true, run: () => { calls.current.onSave?.(); return true; } }, { key: "Escape", run: (editor) => { editor.contentDOM.blur(); calls.current.onLeave?.(); return true; } }]),
        ...(isSkill ? [autocompletion({ override: [completeSkill] })] : []),
        EditorView.updateListener.of((update) => update.docChanged && calls.current.onEdit?.(update.state.doc.toString())),
      ] }),
    });
    const editor = view.current;
    LANGUAGES[path.split(".").at(-1).toLowerCase()]?.().then((extension) => view.current === editor && editor.dispatch({ effects: language.reconfigure(extension) }));
    onReady?.((line) => show(editor, line), (text) => replace(editor, text));
    return () => { editor.destroy(); view.current = null; };
  }, [path, rev, readOnly]);
  useEffect(() => {
    const editor = view.current;
    editor?.dispatch(setDiagnostics(editor.state, diagnostics.map((problem) => placed(editor.state.doc, problem))));
  }, [JSON.stringify(diagnostics), path, rev]);
  return <div className="code-editor" hidden={isHidden} ref={place} />;
}

function placed(doc, { line = 1, column = 1, message, severity = "error" }) {
  const at = doc.line(Math.max(1, Math.min(doc.lines, line))), from = Math.max(at.from, Math.min(at.to, at.from + column - 1));
  return { from, to: at.to, severity, message };
}

/** Replace the part of the text that differs. */
function replace(editor, text) {
  const before = editor.state.doc.toString(), shorter = Math.min(before.length, text.length);
  let from = 0, same = 0;
  while (from < shorter && before[from] === text[from]) from += 1;
  while (same < shorter - from && before.at(-1 - same) === text.at(-1 - same)) same += 1;
  // Of the events of users, the history joins only typing and deletions with others.
  editor.dispatch({ changes: { from, to: before.length - same, insert: text.slice(from, text.length - same) }, userEvent: "input.form" });
}

function show(editor, line) {
  const at = editor.state.doc.line(Math.max(1, Math.min(editor.state.doc.lines, line)));
  editor.dispatch({ selection: { anchor: at.from }, effects: EditorView.scrollIntoView(at.from, { y: "center" }) });
  editor.focus();
}
