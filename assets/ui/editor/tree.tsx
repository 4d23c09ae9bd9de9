import { useMemo, useState } from "react";
import type { DraftFileRead } from "../../../clients/typescript/src/generated";

interface Props {
  isHidden: boolean;
  files: DraftFileRead[];
  current: string | null;
  /** What is shown next to the paths of changed files. */
  changed: Map<string, string>;
  /** The paths of files with problems. */
  problems: Set<string>;
  canWrite: boolean;
  onOpen: (path: string) => void;
  onCreate: (path: string) => void;
  onMove: (path: string, to: string) => void;
  onRemove: (path: string) => void;
  onRestore: (path: string) => void;
}

/** The path that a user enters; `from` is the former one, and null for a new file. */
interface Naming {
  from: string | null;
  path: string;
}

interface Row {
  path: string;
  name: string;
  depth: number;
  isFolder: boolean;
}

/** The files of a draft as a tree: folders collapse, files open, and each can be renamed, deleted and restored. */
export function Tree({ isHidden, files, current, changed, problems, canWrite, onOpen, onCreate, onMove, onRemove, onRestore }: Props) {
  const [closed, setClosed] = useState(() => new Set<string>()), [naming, setNaming] = useState<Naming | null>(null);
  const rows = useMemo(() => rowsOf(files.filter((file) => !file.is_deleted), closed), [files, closed]);
  const gone = files.filter((file) => file.is_deleted);
  const fold = (path: string) => setClosed((before) => { const after = new Set(before); if (!after.delete(path)) after.add(path); return after; });
  const folder = current?.includes("/") ? current.slice(0, current.lastIndexOf("/") + 1) : "";
  return (
    <nav className="tree col" aria-label="Draft files" hidden={isHidden}>
      <div className="pane-head"><span className="grow">Files</span>{canWrite && <button type="button" className="btn quiet small" onClick={() => setNaming({ from: null, path: folder })}>New file</button>}</div>
      {naming && <Name {...naming} onDone={(path) => { setNaming(null); if (path && path !== naming.from) (naming.from ? onMove(naming.from, path) : onCreate(path)); }} />}
      <ul className="scroll grow">
        {rows.map(({ path, name, depth, isFolder }) => (
          <li key={path} style={{ paddingLeft: 8 + depth * 14 }} aria-current={path === current ? "true" : undefined}>
            <button type="button" className="cut grow" title={path} aria-expanded={isFolder ? !closed.has(path) : undefined} onClick={() => (isFolder ? fold(path) : onOpen(path))}>
              <span className="t3" aria-hidden="true">{isFolder ? (closed.has(path) ? "▸" : "▾") : " "}</span> {name}
              {problems.has(path) && <b className="fail-text" title="Has problems"> •<span className="hidden-label"> has problems</span></b>}{changed.has(path) && <i className="t2"> {changed.get(path)}</i>}
            </button>
            {canWrite && <span className="acts"><button type="button" className="btn quiet small" aria-label={`Rename ${path}`} onClick={() => setNaming({ from: path, path })}>✎</button>{!isFolder && <button type="button" className="btn quiet small" aria-label={`Delete ${path}`} onClick={() => onRemove(path)}>✕</button>}</span>}
          </li>
        ))}
        {!rows.length && <li className="t3 pad">No files yet. Create a skill, use a template, or upload a ZIP file.</li>}
      </ul>
      {canWrite && gone.length > 0 && <details className="gone"><summary>Deleted ({gone.length})</summary><ul>{gone.map((file) => <li key={file.path}><span className="cut grow t3" title={file.path}>{file.path}</span><button type="button" className="btn quiet small" onClick={() => onRestore(file.path)}>Restore</button></li>)}</ul></details>}
    </nav>
  );
}

/** The field for a path; `onDone` gets null if the user cancels. */
function Name({ from, path, onDone }: Naming & { onDone: (path: string | null) => void }) {
  const [text, setText] = useState(path);
  return (
    <form className="naming" onSubmit={(event) => { event.preventDefault(); onDone(text.trim()); }}>
      <input className="in" autoFocus aria-label={from ? `New path of ${from}` : "Path of the new file"} placeholder="skills/my-skill/notes.md" value={text} onChange={(event) => setText(event.target.value)} onKeyDown={(event) => event.key === "Escape" && onDone(null)} onBlur={() => onDone(null)} />
    </form>
  );
}

/** Folders before files, each by name, without the content of collapsed folders. */
function rowsOf(files: DraftFileRead[], closed: Set<string>) {
  const rows: Row[] = [], walk = (inside: string[], prefix: string, depth: number) => {
    const names = [...new Set(inside.map((path) => path.slice(prefix.length).split("/")[0]! + (path.slice(prefix.length).includes("/") ? "/" : "")))];
    names.sort((one, other) => Number(other.endsWith("/")) - Number(one.endsWith("/")) || one.localeCompare(other));
    for (const name of names) {
      const path = prefix + name, isFolder = name.endsWith("/");
      rows.push({ path, name: name.replace("/", ""), depth, isFolder });
      if (isFolder && !closed.has(path)) walk(inside.filter((one) => one.startsWith(path)), path, depth + 1);
    }
  };
  walk(files.map((file) => file.path), "", 0);
  return rows;
}
