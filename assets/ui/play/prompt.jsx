import { useRef, useState } from "react";
import { ask } from "../api";
import { promptOf, DRAFT } from "./choices";

/** The prompt of a column: its own words for its runs alone, which may be kept in the working copy. `onChange` gets
 *  `{path, text}`, or null for the version's own. */
export function Prompt({ project, csrf, skill, skillpack, version, number, edit, onChange }) {
  const dialog = useRef(null), [own, setOwn] = useState(null), [text, setText] = useState(""), [failure, setFailure] = useState(""), [kept, setKept] = useState(false);
  const open = async () => {
    setFailure(""); setKept(false); setOwn(null);
    dialog.current.showModal();
    try {
      const found = await promptOf({ project, skill, skillpack, version });
      setOwn(found);
      setText(edit?.text ?? found.text);
    } catch (error) { setFailure(error.detail); }
  };
  const use = (event) => {
    event.preventDefault();
    onChange(text === own.text ? null : { path: own.path, text });
    dialog.current.close();
  };
  const keep = async () => {
    try {
      await ask("PUT", `/v1/skillpacks/${skillpack}/drafts/files/${own.path.split("/").map(encodeURIComponent).join("/")}`, { project, csrf, body: text, headers: { "If-Match": "*" } });
      setKept(true);
      onChange(version === DRAFT ? null : { path: own.path, text });
    } catch (error) { setFailure(error.detail); }
  };
  return (
    <>
      <button type="button" className="btn" aria-label={`Prompt of column ${number}`} data-on={edit ? true : undefined} onClick={open}>{edit ? "Prompt edited" : "Prompt"}</button>
      <dialog className="dlg wide-dlg" ref={dialog} aria-label={`Prompt of column ${number}`}>
        <form className="in-dlg" onSubmit={use}>
          <h2>Prompt of column {number}</h2>
          <p className="t2">What you change here holds for runs of this column alone, until you keep it in the working copy. {own && <span className="mono">{own.path}</span>}</p>
          {!own && !failure && <p className="t3">Reading the prompt…</p>}
          {own && <textarea className="in code" rows={18} aria-label="Prompt" spellCheck={false} autoFocus value={text} onChange={(event) => { setText(event.target.value); setKept(false); }} />}
          {failure && <div className="note" data-s="fail" role="alert">{failure}</div>}
          {kept && <div className="note" data-s="ok" role="status">It is in the working copy now. Publish it in the editor.</div>}
          <div className="acts">
            {own && <button type="button" className="btn quiet" disabled={text === own.text} onClick={() => setText(own.text)}>As in the version</button>}
            {own && <button type="button" className="btn" disabled={text === own.text} onClick={keep}>Keep in the working copy</button>}
            <button type="button" className="btn" onClick={() => dialog.current.close()}>Not now</button>
            <button className="btn pri" disabled={!own}>Use it in this column</button>
          </div>
        </form>
      </dialog>
    </>
  );
}
