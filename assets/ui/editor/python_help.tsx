// Help for Python files: completion, descriptions, definitions, renaming and format, from the routes `…/drafts/python`.
import { autocompletion, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import type { Extension } from "@codemirror/state";
import { type EditorView, hoverTooltip, keymap } from "@codemirror/view";
import { useEffect, useState } from "react";
import type { PythonCompletionsRead, PythonDefinitionRead, PythonDefinitionsRead, PythonDiagnosticsRead, PythonFormattedRead, PythonHoverRead, PythonProblemRead } from "../../../clients/typescript/src/generated";
import { callApi, messageOf } from "../api";
import { Modal } from "../modal";
import type { Caller } from "./draft";
import { positionAt } from "./text_edits";

const CHECK_AFTER_MS = 400, HOVER_AFTER_MS = 400;
const KINDS: Record<string, string> = { module: "namespace", class: "class", function: "function", keyword: "keyword", property: "property", param: "variable", instance: "variable", statement: "variable" };

export const isPython = (path: string | null | undefined) => Boolean(path?.endsWith(".py"));

const checkUrl = "/v1/drafts/python/diagnostics", formatUrl = "/v1/drafts/python/format";

/** The problems of a Python file, a moment after the last change; none for other files. */
export function usePythonProblems({ project, csrf }: Omit<Caller, "base">, path: string | null, text: string | undefined, isOn: boolean) {
  const [found, setFound] = useState<{ path: string; problems: PythonProblemRead[] }>({ path: "", problems: [] }), isChecked = isOn && isPython(path) && text !== undefined;
  useEffect(() => {
    if (!isChecked) return undefined;
    let isOver = false;
    const timer = setTimeout(async () => {
      const result = await callApi<PythonDiagnosticsRead>("POST", checkUrl, { project, csrf, json: { path, text } }).catch(() => null);
      if (!isOver && result) setFound({ path: path!, problems: result.problems });
    }, CHECK_AFTER_MS);
    return () => { isOver = true; clearTimeout(timer); };
  }, [isChecked, path, text, project, csrf]);
  return isChecked && found.path === path ? found.problems.map((one) => ({ ...one, path: found.path, message: `${one.message} (${one.code})` })) : [];
}

/** Resolves to the formatted text. */
export const formatted = async ({ project, csrf }: Omit<Caller, "base">, path: string, text: string) => (await callApi<PythonFormattedRead>("POST", formatUrl, { project, csrf, json: { path, text } })).text;

interface Actions {
  onDefinition: (definitions: PythonDefinitionRead[]) => void;
  onRename: (view: EditorView, position: { line: number; column: number }, name: string) => void;
  onFormat: () => void;
  onError: (message: string) => void;
}

/** The extensions of an editor for a Python file. `caller` and `actions` return the present ones, since an editor outlives a rendering. */
export function pythonExtensions(path: string, caller: () => Caller, actions: () => Actions): Extension[] {
  const ask = <Result,>(what: string, view: { state: EditorView["state"] }, offset: number) => {
    const { base, project, csrf } = caller(), { doc } = view.state;
    return callApi<Result>("POST", `${base}/python/${what}`, { project, csrf, json: { path, text: doc.toString(), ...positionAt(doc, offset) } });
  };
  const complete = async (context: CompletionContext): Promise<CompletionResult | null> => {
    const word = context.matchBefore(/\w+/), before = context.state.sliceDoc(Math.max(0, (word?.from ?? context.pos) - 1), word?.from ?? context.pos);
    if (!word && before !== "." && !context.explicit) return null;
    if (word && /^\d/.test(word.text)) return null;
    const result = await ask<PythonCompletionsRead>("completions", context, context.pos).catch(() => null);
    if (!result?.completions.length || context.aborted) return null;
    return { from: word?.from ?? context.pos, validFor: /^\w*$/, options: result.completions.map((one, index) => ({ label: one.name, type: KINDS[one.kind] ?? "variable", boost: -index / 10, ...(one.documentation && { info: () => documentation(one.documentation) }) })) };
  };
  const hover = hoverTooltip(async (view, offset) => {
    const word = view.state.wordAt(offset);
    if (!word) return null;
    const result = await ask<PythonHoverRead>("hover", view, word.from).catch(() => null);
    if (!result || !(result.signature || result.documentation)) return null;
    return { pos: word.from, end: word.to, above: true, create: () => ({ dom: description(result) }) };
  }, { hoverTime: HOVER_AFTER_MS });
  const definition = (view: EditorView) => {
    ask<PythonDefinitionsRead>("definitions", view, view.state.selection.main.head).then(({ definitions }) => (definitions.length ? actions().onDefinition(definitions) : actions().onError("No definition was found for the name at the cursor.")), (error: unknown) => actions().onError(messageOf(error)));
    return true;
  };
  const rename = (view: EditorView) => {
    const { head } = view.state.selection.main, word = view.state.wordAt(head);
    if (word) actions().onRename(view, positionAt(view.state.doc, word.from), view.state.sliceDoc(word.from, word.to));
    return true;
  };
  return [
    autocompletion({ override: [complete] }), hover,
    keymap.of([{ key: "F12", preventDefault: true, run: definition }, { key: "F2", preventDefault: true, run: rename }, { key: "Shift-Alt-f", preventDefault: true, run: () => { actions().onFormat(); return true; } }]),
  ];
}

/** A definition outside of the draft: its first lines. */
export function Definition({ definition, onClose }: { definition: PythonDefinitionRead; onClose: () => void }) {
  return (
    <Modal label={`Definition of ${definition.name}`} broad onClose={onClose}>
      <div className="in-dlg">
        <h2 className="break">{definition.module}.{definition.name}</h2>
        <p className="t2">It is not in the draft: it belongs to {definition.module.startsWith("puras") ? "the kit" : "the standard library"}.</p>
        <pre className="peek" tabIndex={0}><code>{definition.source}</code></pre>
        <div className="acts"><button type="button" className="btn" data-first="true" onClick={onClose}>Close</button></div>
      </div>
    </Modal>
  );
}

function description({ signature, documentation: text, module }: PythonHoverRead) {
  const box = document.createElement("div");
  box.className = "python-hover";
  if (signature) box.append(element("pre", signature));
  if (text) box.append(element("p", text));
  if (module) box.append(element("small", module));
  return box;
}

function documentation(text: string) {
  const [signature = "", ...rest] = text.split("\n\n"), box = document.createElement("div");
  box.className = "python-hover";
  box.append(element("pre", signature));
  if (rest.length) box.append(element("p", rest.join("\n\n")));
  return box;
}

function element(name: string, text: string) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
