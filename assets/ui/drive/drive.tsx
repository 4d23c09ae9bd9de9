import { useCallback, useEffect, useRef, useState } from "react";
import { Link, useSearchParams } from "react-router";
import type { DriveEntryRead, DriveUsageRead } from "../../../clients/typescript/src/generated";
import { type ApiError, list, type ListPage } from "../api";
import { Dialog } from "../dialog";
import { size } from "../format";
import { Split } from "../split";
import { chosen, type DroppedFile, useDropping } from "./dropping";
import { Empty } from "./empty";
import { folderOf, listed, makeFolder, nameOf, pathsIn, usage, type Who } from "./files";
import { Preview } from "./preview";
import { useUploads } from "./upload_queue";
import { Table } from "./table";
import { Uploads } from "./uploads";

const NEW_MS = 60_000, REFRESH_MS = 2_000;

/** The loaded rows of a folder. */
interface Page extends ListPage<DriveEntryRead> {
  folder: string;
  isLonger?: boolean;
}

/** A project's files: folders, their content, and uploads. The URL names the folder and the file in the preview. */
export function Drive({ project, csrf, canWrite }: Who & { canWrite: boolean }) {
  const [query, setQuery] = useSearchParams(), folder = withSlash(query.get("folder") ?? ""), path = query.get("file");
  const [page, setPage] = useState<Page | null>(null), [quota, setQuota] = useState<DriveUsageRead | null>(null), [failure, setFailure] = useState(""), [clash, setClash] = useState<DroppedFile[] | null>(null);
  const uploads = useUploads(project, csrf), picker = useRef<HTMLInputElement>(null), readings = useRef(0), who = { project, csrf };
  const read = useCallback(async () => {
    const mine = ++readings.current, isLatest = () => mine === readings.current; // responses may arrive in another order
    setFailure("");
    try {
      const [fresh, used] = await Promise.all([listed(folder, project), usage(project)]);
      if (!isLatest()) return;
      setPage({ folder, ...fresh });
      setQuota(used);
    } catch (error) {
      if (isLatest()) setFailure((error as ApiError).detail);
    }
  }, [folder, project]);
  const done = uploads.items.filter((one) => one.state === "done").length;
  useEffect(() => { if (project) read(); }, [read, done]);
  const more = async () => {
    if (!page?.next) return;
    const next = await list<DriveEntryRead>(page.next, { project }).catch((error: ApiError) => setFailure(error.detail));
    if (next) setPage((now) => (now === page && now ? { ...now, rows: [...now.rows, ...next.rows], next: next.next, isLonger: true } : now));
  };
  const upload = async (files: DroppedFile[]) => {
    const wanted = files.map(({ file, path }) => ({ file, path: folder + path }));
    try {
      const there = await taken(wanted, project);
      const fresh = wanted.filter((one) => !there.has(one.path)), old = wanted.filter((one) => there.has(one.path));
      uploads.add(fresh);
      if (old.length) setClash(old);
    } catch (error) {
      setFailure((error as ApiError).detail);
    }
  };
  const isOver = useDropping(canWrite, upload);
  const rows = page?.folder === folder ? page.rows : null, file = rows?.find((one) => one.path === path && !one.is_folder);
  const isPending = rows && !page?.isLonger && rows.some(isJustWritten); // the job that wrote a file is known shortly after the job has ended
  useEffect(() => {
    if (!isPending) return undefined;
    const timer = setTimeout(read, REFRESH_MS);
    return () => clearTimeout(timer);
  }, [page, read, isPending]);
  const preview = (entry: DriveEntryRead | null) => setQuery((now) => { const next = new URLSearchParams(now); if (entry) next.set("file", entry.path); else next.delete("file"); return next; }, { replace: true });
  const changed = (target?: string) => { if (target !== undefined) setQuery(inFolder(folderOf(target), target)); if (target === undefined || folderOf(target) === folder) read(); };
  const table = rows && <Table rows={rows} current={path} who={who} canWrite={canWrite} onLook={preview} onChanged={read} hasMore={Boolean(page?.next)} onMore={more} />;
  return (
    <div className="col grow drive" data-over={isOver}>
      <div className="row editor-bar">
        <Crumbs folder={folder} />
        <span className="grow" />
        {quota && <Quota quota={quota} />}
        {canWrite && <>
          <NewFolder folder={folder} who={who} onMade={read} />
          <button type="button" className="btn pri" data-key="u" onClick={() => picker.current?.click()}>Upload…</button>
          <input ref={picker} type="file" multiple hidden aria-label="Files to upload" onChange={(event) => { upload(chosen(event.target.files)); event.target.value = ""; }} />
        </>}
      </div>
      {failure && <div className="note line-note row" data-s="fail" role="alert"><span className="grow">{failure}</span><button type="button" className="btn small" onClick={read}>Try again</button></div>}
      {clash && <Clash files={clash} onReplace={() => { uploads.add(clash); setClash(null); }} onSkip={() => setClash(null)} />}
      {!rows && !failure && <p className="skeleton">Loading folder…</p>}
      {rows && !rows.length && <Empty folder={folder} canWrite={canWrite} onPick={() => picker.current?.click()} />}
      {rows && rows.length > 0 && (path ? <Split name="drive" label="Preview width" initial={420}>{table}<Preview key={path} path={path} file={file} who={who} canWrite={canWrite} onClose={() => preview(null)} onChanged={changed} /></Split> : table)}
      <Uploads queue={uploads} />
      {isOver && <div className="drop-all" aria-hidden="true"><span>Drop files to upload them to <b>{folder || "the drive"}</b></span></div>}
    </div>
  );
}

const isJustWritten = (entry: DriveEntryRead) => !entry.is_folder && !entry.written_by && Math.abs(Date.now() - Date.parse(entry.modified_at)) < NEW_MS;
const withSlash = (folder: string) => (folder && !folder.endsWith("/") ? `${folder}/` : folder);
const inFolder = (folder: string, file: string) => ({ ...(folder && { folder }), ...(file && { file }) });
export const toFolder = (folder: string) => (folder ? `?folder=${encodeURIComponent(folder)}` : "?");

/** The wanted paths that already exist. */
async function taken(wanted: DroppedFile[], project: string) {
  const folders = [...new Set(wanted.map((one) => folderOf(one.path)))];
  const there = await Promise.all(folders.map((one) => pathsIn(one, project)));
  return new Set(there.flatMap((paths) => [...paths]));
}

function Crumbs({ folder }: { folder: string }) {
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

function Quota({ quota }: { quota: DriveUsageRead }) {
  const used = quota.used_bytes + quota.waiting_bytes, part = Math.min(100, (100 * used) / quota.limit_bytes), files = (100 * quota.used_files) / quota.limit_files;
  const state = Math.max(part, files) >= 100 ? "fail" : Math.max(part, files) >= 80 ? "wait" : "";
  return (
    <span className="row quota" title={`${quota.used_files.toLocaleString()} of ${quota.limit_files.toLocaleString()} files and folders`}>
      <span className="share" data-s={state}><i style={{ width: `${part}%` }} /></span>
      <span className="t2 num">{size(used)} of {size(quota.limit_bytes)}</span>
    </span>
  );
}

function NewFolder({ folder, who, onMade }: { folder: string; who: Who; onMade: () => void }) {
  const [name, setName] = useState("");
  const make = async () => { await makeFolder(folder + name.trim(), who); setName(""); onMade(); };
  return (
    <Dialog label="New folder…" title="New folder" confirm="Create folder" keys="n" onConfirm={make}>
      <label className="col" style={{ gap: 4 }}><span className="strong">Name</span><input className="in" autoFocus required value={name} maxLength={255} placeholder="photos" onChange={(event) => setName(event.target.value)} /></label>
      <p className="t3">Created in {folder ? <span className="mono">{folder}</span> : "the drive"}. Use slashes to create nested folders.</p>
    </Dialog>
  );
}

function Clash({ files, onReplace, onSkip }: { files: DroppedFile[]; onReplace: () => void; onSkip: () => void }) {
  const names = files.slice(0, 3).map((one) => nameOf(one.path)).join(", "), isOne = files.length === 1;
  return (
    <div className="note line-note row wrap" data-s="wait" role="alertdialog" aria-label="Files already exist">
      <span className="grow">{isOne ? `${names} already exists` : `${names}${files.length > 3 ? ` and ${files.length - 3} more` : ""} already exist`} in the drive. Replaced files cannot be restored.</span>
      <button type="button" className="btn danger" onClick={onReplace}>{isOne ? "Replace file" : "Replace files"}</button><button type="button" className="btn" autoFocus onClick={onSkip}>{isOne ? "Keep existing file" : "Keep existing files"}</button>
    </div>
  );
}
