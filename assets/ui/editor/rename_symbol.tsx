import { type FormEvent, useState } from "react";
import type { PythonPlaceRead, PythonRenameRead } from "../../../clients/typescript/src/generated";
import { callApi, messageOf } from "../api";
import { Modal } from "../modal";

/** What is renamed: the name at a position of a file. */
export interface Renamed {
  path: string;
  text: string;
  line: number;
  column: number;
  name: string;
}

interface Props {
  base: string;
  project: string;
  csrf: string;
  renamed: Renamed;
  beforeSearch: () => Promise<unknown>;
  onRename: (places: PythonPlaceRead[], name: string) => Promise<void>;
  onClose: () => void;
}

/** A dialog that renames a Python name in all files of the draft, after a preview. */
export function RenameSymbol({ base, project, csrf, renamed, beforeSearch, onRename, onClose }: Props) {
  const [name, setName] = useState(renamed.name), [found, setFound] = useState<PythonRenameRead | null>(null), [problem, setProblem] = useState(""), [isBusy, setBusy] = useState(false);
  const { path, text, line, column } = renamed, isSame = !name.trim() || name.trim() === renamed.name;
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (isSame || isBusy) return;
    setBusy(true);
    setProblem("");
    try {
      if (found) { await onRename(found.places, name.trim()); onClose(); return; }
      await beforeSearch();
      setFound(await callApi<PythonRenameRead>("POST", `${base}/python/rename`, { project, csrf, json: { path, text, line, column, new_name: name.trim() } }));
    } catch (error) { setProblem(messageOf(error)); } finally { setBusy(false); }
  };
  const files = [...new Set(found?.places.map((one) => one.path))];
  return (
    <Modal label={`Rename ${renamed.name}`} broad onClose={onClose}>
      <form className="in-dlg" onSubmit={submit}>
        <h2>Rename {renamed.name}</h2>
        <label className="field"><span className="label">New name</span><input className="in mono" data-first="true" autoComplete="off" spellCheck={false} value={name} onChange={(event) => { setName(event.target.value); setFound(null); }} /></label>
        {problem && <div className="note" data-s="fail" role="alert">{problem}</div>}
        {found && (
          <div className="rename-preview" role="region" aria-label="Places" tabIndex={0}>
            <p className="t2">{found.places.length} {found.places.length === 1 ? "place" : "places"} in {files.length} {files.length === 1 ? "file" : "files"}</p>
            {files.map((file) => <div key={file}><b className="break">{file}</b><ul>{found.places.filter((one) => one.path === file).map((one) => <li key={`${one.line} ${one.column}`} className="mono"><span className="t3">{one.line}</span> <Changed place={one} name={name.trim()} /></li>)}</ul></div>)}
          </div>
        )}
        <div className="acts"><button type="button" className="btn" onClick={onClose}>Cancel</button><button type="submit" className="btn pri" disabled={isSame || isBusy}>{found ? "Rename" : "Preview"}</button></div>
      </form>
    </Modal>
  );
}

function Changed({ place, name }: { place: PythonPlaceRead; name: string }) {
  const characters = Array.from(place.excerpt), from = place.column - 1;
  return <>{characters.slice(0, from).join("").trimStart()}<del>{place.name}</del><ins>{name}</ins>{characters.slice(from + Array.from(place.name).length).join("")}</>;
}
