import { useCallback, useState } from "react";
import { Dialog } from "../dialog";
import { move, nameOf } from "./files";

/** Asks for another path of a file or a folder. */
export function Move({ entry, who, kind = "", label = "Rename or move…", onMoved }) {
  const [path, setPath] = useState(entry.path);
  const pickName = useCallback((input) => input?.setSelectionRange(entry.path.length - nameOf(entry.path).length, entry.path.length), []);
  const go = async () => { const moved = await move(entry.path, path.trim().replace(/^\/+|\/+$/g, ""), who); onMoved(moved.path); };
  return (
    <Dialog label={label} kind={kind} title={`Rename or move ${nameOf(entry.path)}`} confirm="Move it" onConfirm={go}>
      <label className="col" style={{ gap: 4 }}><span className="strong">Its new path</span><input ref={pickName} className="in" autoFocus required value={path} spellCheck={false} onChange={(event) => setPath(event.target.value)} /></label>
      <p className="t3">From the root of the drive; folders that are not there yet are made. Nothing is overwritten.</p>
    </Dialog>
  );
}
