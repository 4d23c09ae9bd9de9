import { useCallback, useState } from "react";
import type { DriveEntryRead } from "../../../clients/typescript/src/generated";
import { Dialog } from "../dialog";
import { move, nameOf, type Who } from "./files";

interface Props {
  entry: DriveEntryRead;
  who: Who;
  kind?: string;
  label?: string;
  onMoved: (path: string) => void;
}

/** A dialog that renames or moves a file or a folder. */
export function Move({ entry, who, kind = "", label = "Rename or move…", onMoved }: Props) {
  const [path, setPath] = useState(entry.path);
  const pickName = useCallback((input: HTMLInputElement | null) => input?.setSelectionRange(entry.path.length - nameOf(entry.path).length, entry.path.length), []);
  const go = async () => { const moved = await move(entry.path, path.trim().replace(/^\/+|\/+$/g, ""), who); onMoved(moved.path); };
  return (
    <Dialog label={label} kind={kind} title={`Rename or move ${nameOf(entry.path)}`} confirm={entry.is_folder ? "Move folder" : "Move file"} onConfirm={go}>
      <label className="col" style={{ gap: 4 }}><span className="strong">New path</span><input ref={pickName} className="in" autoFocus required value={path} spellCheck={false} onChange={(event) => setPath(event.target.value)} /></label>
      <p className="t3">The path starts at the root of the drive. Missing folders are created. Existing files are not overwritten.</p>
    </Dialog>
  );
}
