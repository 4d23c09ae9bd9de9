import { type FormEvent, useEffect, useMemo, useRef, useState } from "react";
import type { PromptRead } from "../../../clients/typescript/src/generated";
import { type ApiError, callApi } from "../api";
import { DRAFT, path, promptOf } from "./choices";
import { isStored, readPrompt, writePrompt } from "./prompt_store";

interface Props {
  project: string;
  csrf: string;
  skill: string;
  skillpack: string;
  version: string;
  /** The number of the column. */
  number: number;
  /** The edited prompt in the form of the URL; empty for the prompt of the version. */
  inUrl: string;
  /** Receives the edited prompt in the form of the URL; also its path and text if these are not in it. */
  onChange?: (inUrl: string, prompt: string[]) => void;
  /** Receives the path and text of a prompt that this tab has stored; an empty list if it has not. */
  onRestore?: (inUrl: string, prompt: string[]) => void;
}

/** The prompt of a column, which can be edited for the runs of the column and saved to the draft. */
export function PromptOfColumn({ project, csrf, skill, skillpack, version, number, inUrl, onChange, onRestore }: Props) {
  const edit = useMemo(() => readPrompt(inUrl), [inUrl]), known = useRef("");
  useEffect(() => {
    if (isStored(inUrl) && inUrl !== known.current) onRestore?.(inUrl, edit ? [edit.path, edit.text] : []);
    known.current = inUrl;
  }, [inUrl]);
  const change = (prompt: PromptRead | null) => {
    const next = prompt ? writePrompt(prompt) : "";
    known.current = next;
    onChange?.(next, prompt && isStored(next) ? [prompt.path, prompt.text] : []);
  };
  const dialog = useRef<HTMLDialogElement>(null), [own, setOwn] = useState<PromptRead | null>(null), [text, setText] = useState(""), [failure, setFailure] = useState(""), [saved, setSaved] = useState(false);
  const open = async () => {
    setFailure(""); setSaved(false); setOwn(null);
    dialog.current?.showModal();
    try {
      const found = await promptOf({ project, skill, skillpack, version });
      setOwn(found);
      setText(edit?.text ?? found.text);
    } catch (error) { setFailure((error as ApiError).detail); }
  };
  const use = (event: FormEvent) => {
    event.preventDefault();
    if (own) change(text === own.text ? null : { path: own.path, text });
    dialog.current?.close();
  };
  const save = async () => {
    if (!own) return;
    try {
      await callApi("PUT", `/v1/skillpacks/${skillpack}/drafts/files/${path(own.path)}`, { project, csrf, body: text, headers: { "If-Match": "*" } });
      setSaved(true);
      change(version === DRAFT ? null : { path: own.path, text });
    } catch (error) { setFailure((error as ApiError).detail); }
  };
  return (
    <>
      <button type="button" className="btn" aria-label={`Prompt of column ${number}`} data-on={edit ? true : undefined} onClick={open}>{edit ? "Prompt edited" : "Prompt"}</button>
      <dialog className="dlg wide-dlg" ref={dialog} aria-label={`Prompt of column ${number}`}>
        <form className="in-dlg" onSubmit={use}>
          <h2>Prompt of column {number}</h2>
          <p className="t2">Changes apply only to runs of this column, until you save them to the draft. {own && <span className="mono">{own.path}</span>}</p>
          {!own && !failure && <p className="t3">Loading prompt…</p>}
          {own && <textarea className="in code" rows={18} aria-label="Prompt" spellCheck={false} autoFocus value={text} onChange={(event) => { setText(event.target.value); setSaved(false); }} />}
          {failure && <div className="note" data-s="fail" role="alert">{failure}</div>}
          {saved && <div className="note" data-s="ok" role="status">The prompt is saved to the draft. Publish the draft in the editor.</div>}
          <div className="acts">
            {own && <button type="button" className="btn quiet" disabled={text === own.text} onClick={() => setText(own.text)}>Reset</button>}
            {own && <button type="button" className="btn" disabled={text === own.text} onClick={save}>Save to draft</button>}
            <button type="button" className="btn" onClick={() => dialog.current?.close()}>Cancel</button>
            <button className="btn pri" disabled={!own}>Use in this column</button>
          </div>
        </form>
      </dialog>
    </>
  );
}
