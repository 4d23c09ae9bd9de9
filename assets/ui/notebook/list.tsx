import { useRef, useState } from "react";
import { Confirm } from "../controls";

interface Props {
  paths: string[];
  /** The paths of notebooks with text that is not saved. */
  changed: Set<string>;
  /** The path of the open notebook. */
  current: string | null;
  canWrite: boolean;
  onOpen: (path: string) => void;
  onNew: (path: string) => void;
  onUpload: (file: File) => void;
  onMove: (from: string, to: string) => void;
  onRemove: (path: string) => void;
}

/** The notebooks of the draft, with buttons to open, create, upload, rename and delete them. */
export function List({ paths, changed, current, canWrite, onOpen, onNew, onUpload, onMove, onRemove }: Props) {
  const [naming, setNaming] = useState<string | null>(null), file = useRef<HTMLInputElement>(null);
  const done = (text: string) => { const from = naming; setNaming(null); if (text) (from ? onMove(from, suffixed(text)) : onNew(suffixed(text))); };
  return (
    <nav className="nb-list" aria-label="Draft notebooks">
      {canWrite && <div className="row wrap"><button type="button" className="btn" data-key="n" data-label="New notebook" onClick={() => setNaming("")}>New</button><button type="button" className="btn quiet" onClick={() => file.current?.click()}>Upload</button>
        <input ref={file} type="file" accept=".ipynb" hidden aria-label="Notebook to upload" onChange={(event) => { const one = event.target.files?.[0]; event.target.value = ""; if (one) onUpload(one); }} /></div>}
      {naming !== null && <Name path={naming} onDone={done} />}
      <ul>{paths.map((path) => <li key={path} className="row" data-current={path === current}><button type="button" className="grow cut" aria-current={path === current ? "page" : undefined} title={path} onClick={() => onOpen(path)}>{path.replace(/^notebooks\//, "").replace(/\.ipynb$/, "")}{changed.has(path) && <i className="t2"> unsaved</i>}</button></li>)}</ul>
      {!paths.length && <p className="t3">No notebooks yet.</p>}
      {canWrite && current && <div className="row wrap nb-file"><button type="button" className="btn small quiet" onClick={() => setNaming(current)}>Rename</button><Confirm label="Delete" kind="small quiet" title={`Delete ${current}?`} text="You can restore it in the editor until you publish the draft." confirm="Delete notebook" onConfirm={() => onRemove(current)} /></div>}
    </nav>
  );
}

const suffixed = (text: string) => { const path = text.endsWith(".ipynb") ? text : `${text}.ipynb`; return path.includes("/") ? path : `notebooks/${path}`; };

function Name({ path, onDone }: { path: string; onDone: (text: string) => void }) {
  const [text, setText] = useState(path);
  return (
    <form className="naming" onSubmit={(event) => { event.preventDefault(); onDone(text.trim()); }}>
      <input className="in" autoFocus aria-label={path ? `New name of ${path}` : "Name of the new notebook"} placeholder="first" value={text} maxLength={200} onChange={(event) => setText(event.target.value)} onKeyDown={(event) => event.key === "Escape" && onDone("")} />
    </form>
  );
}
