import { useEffect, useRef, useState } from "react";
import type { ApiError } from "../api";
import { size } from "../format";
import { chosen, type DroppedFile, useDropping } from "./dropping";
import { folderOf, nameOf, pathsIn } from "./files";
import { type Uploads as Queue, useUploads } from "./upload_queue";

const WORDS: Partial<Record<string, string>> = { waiting: "Waiting", done: "Uploaded" };
let pick = () => {}; // opens the selection of files; set while the widget below is on the page

interface Props {
  project: string;
  csrf: string;
  /** The folder of new uploads: empty, or with a slash at its end. */
  folder: string;
  canWrite: boolean;
  onDone?: () => void;
}

/** The uploads of a project. Files that are selected, or dropped anywhere on the page, are uploaded to the folder; existing files are
 *  replaced after a confirmation only. */
export function Uploads({ project, csrf, folder, canWrite, onDone }: Props) {
  const queue = useUploads(project, csrf), picker = useRef<HTMLInputElement>(null), [clash, setClash] = useState<DroppedFile[] | null>(null), [failure, setFailure] = useState("");
  const upload = async (files: DroppedFile[]) => {
    const wanted = files.map(({ file, path }) => ({ file, path: folder + path }));
    setFailure("");
    try {
      const there = await taken(wanted, project), old = wanted.filter((one) => there.has(one.path));
      queue.add(wanted.filter((one) => !there.has(one.path)));
      if (old.length) setClash(old);
    } catch (error) {
      setFailure((error as ApiError).detail);
    }
  };
  const isOver = useDropping(canWrite, upload), done = queue.items.filter((one) => one.state === "done").length, before = useRef(done);
  useEffect(() => { if (done > before.current) onDone?.(); before.current = done; }, [done]);
  useEffect(() => { pick = () => picker.current?.click(); return () => { pick = () => {}; }; }, []);
  return (
    <>
      {canWrite && <input ref={picker} type="file" multiple hidden aria-label="Files to upload" onChange={(event) => { upload(chosen(event.target.files)); event.target.value = ""; }} />}
      {failure && <div className="note line-note first" data-s="fail" role="alert">{failure}</div>}
      {clash && <Clash files={clash} onReplace={() => { queue.add(clash); setClash(null); }} onSkip={() => setClash(null)} />}
      <List queue={queue} />
      {isOver && <div className="drop-all" aria-hidden="true"><span>Drop files to upload them to <b>{folder || "the drive"}</b></span></div>}
    </>
  );
}

/** Selects files for the uploads of the page: a button, or the area of an empty folder. */
export function PickFiles({ kind }: { kind: "button" | "area" }) {
  if (kind === "button") return <button type="button" className="btn pri" data-key="u" onClick={() => pick()}>Upload…</button>;
  return <button type="button" className="drop" onClick={() => pick()}><span className="grow"><span className="strong" style={{ color: "var(--t1)" }}>Drop files or folders anywhere on this page</span><br />or select files</span></button>;
}

/** The wanted paths that already exist. */
async function taken(wanted: DroppedFile[], project: string) {
  const folders = [...new Set(wanted.map((one) => folderOf(one.path)))];
  const there = await Promise.all(folders.map((one) => pathsIn(one, project)));
  return new Set(there.flatMap((paths) => [...paths]));
}

function Clash({ files, onReplace, onSkip }: { files: DroppedFile[]; onReplace: () => void; onSkip: () => void }) {
  const names = files.slice(0, 3).map((one) => nameOf(one.path)).join(", "), isOne = files.length === 1;
  return (
    <div className="note line-note row wrap first" data-s="wait" role="alertdialog" aria-label="Files already exist">
      <span className="grow">{isOne ? `${names} already exists` : `${names}${files.length > 3 ? ` and ${files.length - 3} more` : ""} already exist`} in the drive. Replaced files cannot be restored.</span>
      <button type="button" className="btn danger" onClick={onReplace}>{isOne ? "Replace file" : "Replace files"}</button><button type="button" className="btn" autoFocus onClick={onSkip}>{isOne ? "Keep existing file" : "Keep existing files"}</button>
    </div>
  );
}

/** The uploads with their progress. A failed upload shows its error and can be retried. */
function List({ queue }: { queue: Queue }) {
  const { items } = queue;
  if (!items.length) return null;
  const left = items.filter((one) => one.state !== "done").length;
  return (
    <section className="uploads" aria-label="Uploads">
      <div className="pane-head"><span className="grow" role="status">{left ? `${items.length - left} of ${items.length} uploaded` : `${items.length} ${items.length === 1 ? "file" : "files"} uploaded`}</span>{left < items.length && <button type="button" className="btn small quiet" onClick={queue.clear}>Clear</button>}</div>
      <ul>{items.map((item) => (
        <li key={item.id} data-state={item.state}>
          <span className="cut" title={item.path}>{item.path}</span>
          <span className="t3 num">{item.state === "sending" ? `${Math.round(item.part * 100)} % of ${size(item.size)}` : WORDS[item.state] ?? ""}</span>
          {item.state === "sending" && <progress value={item.part} max={1} aria-label={`Upload of ${item.path}`} />}
          {item.state === "failed" && <span className="row why"><span className="fail-text grow" role="alert">{item.failure}</span><button type="button" className="btn small" onClick={() => queue.retry(item.id)}>Try again</button><button type="button" className="btn small quiet" onClick={() => queue.forget(item.id)}>Discard</button></span>}
        </li>
      ))}</ul>
    </section>
  );
}
