import { useCallback, useState } from "react";
import { Dialog } from "../dialog";
import { move, nameOf } from "./files";

/** A dialog that renames or moves a file or a folder. */
export function Move({ entry, who, kind = "", label = "Rename or move…", onMoved }) {
  const [path, setPath] = useState(entry.path);
  const pickName = useCallback((input) => input?.setSelectionRange(entry.path.length - nameOf(entry.path).length, entry.path.length), []);
  const go = async () => { const moved = await move(entry.path, path.trim().replace(/^\/+|\/+$/g, ""), who); onMoved(moved.path); };
  return (
    <Dialog label={label} kind={kind} title={`Rename or move ${nameOf(entry.path)}`} confirm={entry.is_folder ? "Move folder" : "Move file"} onConfirm={go}>
      <label className="col" style={{ gap: 4 }}><span className="strong">New path</span><input ref={pickName} className="in" autoFocus required value={path} spellCheck={false} onChange={(event) => setPath(event.target.value)} /></label>
      <p className="t3">The path starts at the root of the drive. Missing folders are created. Existing files are not overwritten.</p>
    </Dialog>
  );
}
