import { useRef, useState } from "react";
import { messageOf } from "../api";
import { ago } from "../format";
import { Diff } from "../versions/diff";
import type { OtherChange } from "./files";

interface Props {
  path: string;
  conflict: OtherChange;
  /** The text of the user. */
  mine: string;
  readTheirs: (path: string) => Promise<string>;
  onMine: () => void;
  onTheirs: () => void;
}

/** A conflict: another user changed the file that is being edited. Shows both texts and lets the user choose one. */
export function Conflict({ path, conflict, mine, readTheirs, onMine, onTheirs }: Props) {
  const dialog = useRef<HTMLDialogElement>(null), [theirs, setTheirs] = useState<string | null>(null), [failure, setFailure] = useState("");
  const compare = async () => {
    setTheirs(null); setFailure("");
    dialog.current?.showModal();
    try { setTheirs(conflict.is_deleted ? "" : await readTheirs(path)); } catch (error) { setFailure(messageOf(error)); }
  };
  const decide = (choice: () => void) => { dialog.current?.close(); choice(); };
  const choices = (
    <>
      <button type="button" className="btn" onClick={() => decide(onMine)}>Keep my text</button>
      <button type="button" className="btn" onClick={() => decide(onTheirs)}>{conflict.is_deleted ? "Discard my text" : "Use their text"}</button>
    </>
  );
  return (
    <div className="note line-note row wrap" data-s="wait" role="alert">
      <span className="say">{conflict.updated_by ? <>{conflict.updated_by} {conflict.is_deleted ? "deleted" : "changed"} this file {ago(Date.parse(conflict.updated_at ?? ""))}.</> : "This file was deleted in the meantime."} Your text is not saved yet.</span>
      <button type="button" className="btn" onClick={compare}>Compare</button>{choices}
      <dialog className="dlg wide-dlg" ref={dialog} aria-label="Compare texts" onClick={(event) => event.target === dialog.current && dialog.current?.close()}>
        <div className="in-dlg">
          <h2 className="break">{path}</h2>
          <p className="t2">Changes from {conflict.updated_by ? `the text of ${conflict.updated_by}` : "an empty file"} to yours: <span className="tag" data-s="fail">− only theirs</span> <span className="tag" data-s="ok">+ only yours</span></p>
          {failure && <div className="note" data-s="fail" role="alert">{failure}</div>}
          {theirs === null ? !failure && <p className="t3">Loading their text…</p> : <Diff before={theirs} after={mine} label="Differences between the texts" />}
          <div className="acts"><button type="button" className="btn" onClick={() => dialog.current?.close()}>Cancel</button>{choices}</div>
        </div>
      </dialog>
    </div>
  );
}
