import { useCallback, useEffect, useRef, useState } from "react";
import { Link, useSearchParams } from "react-router";
import { list } from "../api";
import { Dialog } from "../dialog";
import { size } from "../format";
import { Split } from "../split";
import { chosen, useDropping } from "./dropping";
import { Empty } from "./empty";
import { folderOf, listed, makeFolder, nameOf, pathsIn, usage } from "./files";
import { Preview } from "./preview";
import { useSending } from "./sending";
import { Table } from "./table";
import { Uploads } from "./uploads";

const NEW_MS = 60_000, LOOK_EVERY_MS = 2_000;

/** A project's files: folders, what is in them, what is on its way. The address names the folder and the file that is looked at. */
export function Drive({ project, csrf, canWrite }) {
  const [place, setPlace] = useSearchParams(), folder = withSlash(place.get("folder") ?? ""), path = place.get("file");
  const [page, setPage] = useState(null), [held, setHeld] = useState(null), [failure, setFailure] = useState(""), [clash, setClash] = useState(null);
  const sending = useSending(project, csrf), picker = useRef(null), readings = useRef(0), who = { project, csrf };
  const read = useCallback(async () => {
    const mine = ++readings.current, isLatest = () => mine === readings.current; // answers may come in another order
    setFailure("");
    try {
      const [fresh, used] = await Promise.all([listed(folder, project), usage(project)]);
      if (!isLatest()) return;
      setPage({ folder, ...fresh });
      setHeld(used);
    } catch (error) {
      if (isLatest()) setFailure(error.detail);
    }
  }, [folder, project]);
  const done = sending.items.filter((one) => one.state === "done").length;
  useEffect(() => { if (project) read(); }, [read, done]);
  const more = async () => {
    const next = await list(page.next, { project }).catch((error) => setFailure(error.detail));
    if (next) setPage((now) => (now === page ? { ...now, rows: [...now.rows, ...next.rows], next: next.next, isLonger: true } : now));
  };
  const bring = async (files) => {
    const wanted = files.map(({ file, path }) => ({ file, path: folder + path }));
    try {
      const there = await taken(wanted, project);
      const fresh = wanted.filter((one) => !there.has(one.path)), old = wanted.filter((one) => there.has(one.path));
      sending.add(fresh);
      if (old.length) setClash(old);
    } catch (error) {
      setFailure(error.detail);
    }
  };
  const isOver = useDropping(canWrite, bring);
  const rows = page?.folder === folder ? page.rows : null, file = rows?.find((one) => one.path === path && !one.is_folder);
  const isUntold = rows && !page.isLonger && rows.some(isJustWritten); // which job wrote a file is known soon after the job has ended
  useEffect(() => {
    if (!isUntold) return undefined;
    const timer = setTimeout(read, LOOK_EVERY_MS);
    return () => clearTimeout(timer);
  }, [page, read, isUntold]);
  const look = (entry) => setPlace((now) => { const next = new URLSearchParams(now); if (entry) next.set("file", entry.path); else next.delete("file"); return next; }, { replace: true });
  const changed = (target) => { if (target !== undefined) setPlace(inFolder(folderOf(target), target)); if (target === undefined || folderOf(target) === folder) read(); };
  const table = rows && <Table rows={rows} current={path} who={who} canWrite={canWrite} onLook={look} onChanged={read} hasMore={Boolean(page.next)} onMore={more} />;
  return (
    <div className="col grow drive" data-over={isOver}>
      <div className="row editor-bar">
        <Crumbs folder={folder} />
        <span className="grow" />
        {held && <Quota held={held} />}
        {canWrite && <>
          <NewFolder folder={folder} who={who} onMade={read} />
          <button type="button" className="btn pri" data-key="u" onClick={() => picker.current.click()}>Upload…</button>
          <input ref={picker} type="file" multiple hidden aria-label="Files to upload" onChange={(event) => { bring(chosen(event.target.files)); event.target.value = ""; }} />
        </>}
      </div>
      {failure && <div className="note line-note row" data-s="fail" role="alert"><span className="grow">{failure}</span><button type="button" className="btn small" onClick={read}>Try again</button></div>}
      {clash && <Clash files={clash} onReplace={() => { sending.add(clash); setClash(null); }} onSkip={() => setClash(null)} />}
      {!rows && !failure && <p className="skeleton">Reading the folder…</p>}
      {rows && !rows.length && <Empty folder={folder} canWrite={canWrite} onPick={() => picker.current.click()} />}
      {rows?.length > 0 && (path ? <Split name="drive" label="Width of the preview" initial={420}>{table}<Preview key={path} path={path} file={file} who={who} canWrite={canWrite} onClose={() => look(null)} onChanged={changed} /></Split> : table)}
      <Uploads sending={sending} />
      {isOver && <div className="drop-all" aria-hidden="true"><span>Drop to put it into <b>{folder || "the drive"}</b></span></div>}
    </div>
  );
}

const isJustWritten = (entry) => !entry.is_folder && !entry.written_by && Math.abs(Date.now() - Date.parse(entry.modified_at)) < NEW_MS;
const withSlash = (folder) => (folder && !folder.endsWith("/") ? `${folder}/` : folder);
const inFolder = (folder, file) => ({ ...(folder && { folder }), ...(file && { file }) });
export const toFolder = (folder) => (folder ? `?folder=${encodeURIComponent(folder)}` : "?");

/** Which of the wanted paths there are already. */
async function taken(wanted, project) {
  const folders = [...new Set(wanted.map((one) => folderOf(one.path)))];
  const there = await Promise.all(folders.map((one) => pathsIn(one, project)));
  return new Set(there.flatMap((paths) => [...paths]));
}

function Crumbs({ folder }) {
  const names = folder.split("/").filter(Boolean);
  return (
    <nav className="row crumbs" aria-label="Folder">
      {["Drive", ...names].map((name, index) => {
        const isLast = index === names.length, to = toFolder(names.slice(0, index).map((one) => `${one}/`).join(""));
        return <span className="row" key={to + name} style={{ gap: 6 }}>{index > 0 && <span className="sep" aria-hidden="true">/</span>}{isLast ? <h1 className="crumb cut" aria-current="location">{name}</h1> : <Link className="crumb cut" to={to}>{name}</Link>}</span>;
      })}
    </nav>
  );
}

function Quota({ held }) {
  const used = held.used_bytes + held.waiting_bytes, part = Math.min(100, (100 * used) / held.limit_bytes), files = (100 * held.used_files) / held.limit_files;
  const state = Math.max(part, files) >= 100 ? "fail" : Math.max(part, files) >= 80 ? "wait" : "";
  return (
    <span className="row quota" title={`${held.used_files.toLocaleString()} of ${held.limit_files.toLocaleString()} files and folders`}>
      <span className="share" data-s={state}><i style={{ width: `${part}%` }} /></span>
      <span className="t2 num">{size(used)} of {size(held.limit_bytes)}</span>
    </span>
  );
}

function NewFolder({ folder, who, onMade }) {
  const [name, setName] = useState("");
  const make = async () => { await makeFolder(folder + name.trim(), who); setName(""); onMade(); };
  return (
    <Dialog label="New folder…" title="New folder" confirm="Make it" keys="n" onConfirm={make}>
      <label className="col" style={{ gap: 4 }}><span className="strong">Name</span><input className="in" autoFocus required value={name} maxLength={255} placeholder="photos" onChange={(event) => setName(event.target.value)} /></label>
      <p className="t3">In {folder ? <span className="mono">{folder}</span> : "the drive"}. A slash makes folders within folders.</p>
    </Dialog>
  );
}

function Clash({ files, onReplace, onSkip }) {
  const names = files.slice(0, 3).map((one) => nameOf(one.path)).join(", "), isOne = files.length === 1;
  return (
    <div className="note line-note row wrap" data-s="wait" role="alertdialog" aria-label="Files that are there already">
      <span className="grow">{isOne ? `${names} is` : `${names}${files.length > 3 ? ` and ${files.length - 3} more are` : " are"}`} in the drive already. What is replaced is gone.</span>
      <button type="button" className="btn danger" onClick={onReplace}>Replace {isOne ? "it" : "them"}</button><button type="button" className="btn" autoFocus onClick={onSkip}>Keep what is there</button>
    </div>
  );
}
