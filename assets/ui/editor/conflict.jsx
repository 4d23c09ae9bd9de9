import { useRef, useState } from "react";
import { ago } from "../format";
import { Diff } from "../versions/diff";

/** Somebody else wrote the file that is being written here: both texts side by side, and whose stays. */
export function Conflict({ path, conflict, mine, readTheirs, onMine, onTheirs }) {
  const dialog = useRef(null), [theirs, setTheirs] = useState(null), [failure, setFailure] = useState("");
  const compare = async () => {
    setTheirs(null); setFailure("");
    dialog.current.showModal();
    try { setTheirs(conflict.is_deleted ? "" : await readTheirs(path)); } catch (error) { setFailure(error.detail ?? "That did not work."); }
  };
  const decide = (choice) => { dialog.current.close(); choice(); };
  const choices = (
    <>
      <button type="button" className="btn" onClick={() => decide(onMine)}>Keep mine</button>
      <button type="button" className="btn" onClick={() => decide(onTheirs)}>{conflict.is_deleted ? "Discard mine" : "Take theirs"}</button>
    </>
  );
  return (
    <div className="note line-note row wrap" data-s="wait" role="alert">
      <span className="grow">{conflict.updated_by ? <>{conflict.updated_by} {conflict.is_deleted ? "deleted" : "changed"} this file {ago(Date.parse(conflict.updated_at))}.</> : "This file was deleted meanwhile."} Your text is not saved yet.</span>
      <button type="button" className="btn" onClick={compare}>Compare</button>{choices}
      <dialog className="dlg wide-dlg" ref={dialog} aria-label="Both texts" onClick={(event) => event.target === dialog.current && dialog.current.close()}>
        <div className="in-dlg">
          <h2 className="break">{path}</h2>
          <p className="t2">From {conflict.updated_by ? `the text of ${conflict.updated_by}` : "nothing"} to yours: <span className="tag" data-s="fail">− theirs alone</span> <span className="tag" data-s="ok">+ yours alone</span></p>
          {failure && <div className="note" data-s="fail" role="alert">{failure}</div>}
          {theirs === null ? !failure && <p className="t3">Reading theirs…</p> : <Diff before={theirs} after={mine} label="Differences of both texts" />}
          <div className="acts"><button type="button" className="btn" onClick={() => dialog.current.close()}>Not now</button>{choices}</div>
        </div>
      </dialog>
    </div>
  );
}
