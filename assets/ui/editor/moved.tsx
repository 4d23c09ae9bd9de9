import { useState } from "react";
import { messageOf } from "../api";
import { Modal } from "../modal";

/** A move of a file, or of a folder whose path ends with a slash. */
export interface Move {
  from: string;
  to: string;
}

/** The lines of a file that name a moved file, and its text with the new name. */
export interface References {
  path: string;
  lines: { line: number; before: string; after: string }[];
  text: string;
}

const slashed = (path: string) => (path.endsWith("/") ? path : `${path}/`), folderOf = (path: string) => path.slice(0, path.lastIndexOf("/") + 1);

/** The path of a file after a move. */
export function pathAfter(path: string, { from, to }: Move) {
  if (!from.endsWith("/")) return path === from ? to : path;
  return path.startsWith(from) ? slashed(to) + path.slice(from.length) : path;
}

/** The files of the draft that may name a moved file: skill.yaml and flow.yaml of the folders above it. */
export function referring(paths: string[], { from, to }: Move) {
  return paths.filter((path) => /(^|\/)(skill|flow)\.ya?ml$/.test(path) && from !== folderOf(path) && from.startsWith(folderOf(path)) && to.startsWith(folderOf(path)));
}

/** The lines of a skill.yaml or flow.yaml that name a moved file; comments are not changed. */
export function referencesIn(path: string, text: string, { from, to }: Move): References | null {
  const folder = folderOf(path), isFolder = from.endsWith("/"), before = from.slice(folder.length), after = (isFolder ? slashed(to) : to).slice(folder.length);
  const name = new RegExp(`(?<![\\w./-])(?:\\./)?${before.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")}${isFolder ? "" : "(?![\\w./-])"}`, "g"), lines: References["lines"] = [];
  const changed = text.split("\n").map((line, index) => {
    const comment = line.search(/(^|\s)#/), code = comment < 0 ? line : line.slice(0, comment), fresh = code.replaceAll(name, () => after) + line.slice(code.length);
    if (fresh !== line) lines.push({ line: index + 1, before: line.trim(), after: fresh.trim() });
    return fresh;
  });
  return lines.length ? { path, lines, text: changed.join("\n") } : null;
}

interface Props {
  move: Move;
  references: References[];
  onUpdate: () => Promise<void>;
  onClose: () => void;
}

/** A dialog that offers to write the new name of a moved file where the draft names the former one. */
export function UpdateReferences({ move, references, onUpdate, onClose }: Props) {
  const [problem, setProblem] = useState(""), [isBusy, setBusy] = useState(false);
  const update = async () => {
    setBusy(true);
    try { await onUpdate(); onClose(); } catch (error) { setProblem(messageOf(error)); setBusy(false); }
  };
  return (
    <Modal label="Update references" broad onClose={onClose}>
      <div className="in-dlg">
        <h2>Update references</h2>
        <p className="t2 break">{move.from} is now {move.to}. These lines still name the former path:</p>
        <div className="rename-preview" role="region" aria-label="References" tabIndex={0}>
          {references.map(({ path, lines }) => <div key={path}><b className="break">{path}</b><ul>{lines.map((one) => <li key={one.line} className="mono"><span className="t3">{one.line}</span> <del>{one.before}</del>{"\n"}<ins>{one.after}</ins></li>)}</ul></div>)}
        </div>
        {problem && <div className="note" data-s="fail" role="alert">{problem}</div>}
        <div className="acts"><button type="button" className="btn" onClick={onClose}>Keep</button><button type="button" className="btn pri" data-first="true" disabled={isBusy} onClick={update}>Update references</button></div>
      </div>
    </Modal>
  );
}
