import { useCallback, useEffect, useRef, useState } from "react";
import type { CellRead, DraftFileRead, KernelRead, NotebookRead } from "../../../clients/typescript/src/generated";
import { callApi, messageOf } from "../api";
import { Confirm } from "../controls";
import { Conflict } from "../editor/conflict";
import { useDraft } from "../editor/draft";
import { isUnsaved } from "../editor/files";
import { Publish } from "../editor/publish";
import { Restored, SaveState } from "../editor/saved";
import { Cell, type CellActions } from "./cell";
import { blank, type Cell as NotebookCell, cleared, newCell, parsed, skillsOf, withSkills } from "./file";
import { type Source, useKernel } from "./kernel";
import { List } from "./list";
import { added, moved, removed, useNotebook } from "./open_notebook";
import { type Definition, definitionOf, folderOf, SkillCard, type SkillState, writeSkill } from "./skill";

interface Props {
  project: string;
  csrf: string;
  /** The ID of the signed-in user. */
  user: string;
  skillpack: string;
  email: string;
  canWrite: boolean;
  canManage: boolean;
}

const isNotebook = (file: DraftFileRead) => !file.is_deleted && file.path.endsWith(".ipynb");
const READ_ONLY = "You have read-only access to this project, so the job cannot be opened as a notebook. Ask for the developer role, or ask a developer to open it; the notebook then appears here.";
const isShown = (path: string) => path.endsWith(".ipynb");

/** The notebooks of a skillpack's draft: cells that run in a kernel of the project, and can define skills. */
export function Notebook({ project, csrf, user, skillpack, email, canWrite, canManage }: Props) {
  const base = `/v1/skillpacks/${skillpack}/drafts`, [notice, setNotice] = useState(""), [path, setPath] = useState<string | null>(null), [skills, setSkills] = useState<Record<string, SkillState>>({});
  const draft = useDraft({ base, project, csrf, user, onError: setNotice, isShown }), book = useNotebook(draft, path), cellList = useRef<HTMLDivElement>(null);
  const unsaved = Object.keys(draft.open).filter((one) => isUnsaved(draft.open[one])), paths = [...new Set([...(draft.view?.files ?? []).filter(isNotebook).map((one) => one.path), ...unsaved])], file = path === null ? undefined : draft.open[path], session = { base, project, csrf };
  const [isRefused, setRefused] = useState(false);
  useEffect(() => { setRefused(!canWrite && new URL(location.href).searchParams.has("job")); }, [canWrite]);
  const edited = draft.view?.files.find((one) => one.path === path)?.updated_at;

  const open = useCallback((wanted: string) => {
    book.flush();
    setPath(wanted);
    const url = new URL(location.href);
    url.searchParams.delete("job");
    url.searchParams.set("file", wanted);
    history.replaceState(history.state, "", url);
    if (!draft.open[wanted]) draft.load(wanted);
  }, [draft.open, draft.load, book.flush]);
  useEffect(() => {
    if (!draft.view || path) return;
    const query = new URL(location.href).searchParams, job = query.get("job"), named = query.get("file") ?? "", wanted = paths.includes(named) ? named : unsaved[0] ?? paths[0];
    if (job && canWrite) callApi<NotebookRead>("POST", "/v1/notebooks/opened", { project, csrf, json: { job_id: job, skillpack } }).then(async (made) => { await draft.refresh(); open(made.path); }, (error: unknown) => { setNotice(messageOf(error)); if (wanted) open(wanted); });
    else if (wanted) open(wanted);
  }, [draft.view === null]);
  useEffect(() => { if (path && file && draft.view && !paths.includes(path)) setPath(null); }, [draft.view]);

  const addSkill = useCallback(async (cell: string, definition: Definition, isForced: boolean) => {
    const known = book.now.current ? skillsOf(book.now.current) : [], folder = folderOf(definition.name, draft.check.skills);
    const isTaken = !isForced && !known.includes(definition.name) && Boolean(draft.view?.files.some((one) => !one.is_deleted && one.path.startsWith(`${folder}/`)));
    setSkills((before) => ({ ...before, [cell]: isTaken ? "taken" : "writing" }));
    if (isTaken) return;
    try {
      await writeSkill(definition, folder, session);
      book.change((notebook) => withSkills(notebook, [...new Set([...known, definition.name])]));
    } catch (error) { setNotice(messageOf(error)); }
    setSkills((before) => ({ ...before, [cell]: "" }));
    await draft.refresh();
  }, [draft.view, draft.check, book.change]);

  const onCells = useCallback((reported: CellRead[], { kernel, isEarlier }: Source) => {
    const fresh = isEarlier ? reported.filter((run) => !run.ended_at || Date.parse(run.ended_at) > (Date.parse(edited ?? "") || 0)) : reported;
    book.take(fresh, kernel, { isSaved: !isEarlier || !file?.restored });
    for (const run of isEarlier ? [] : reported) {
      const cell = run.status === "ok" ? book.now.current?.cells.find((one) => one.id === run.cell) : undefined, definition = cell && definitionOf({ ...cell, outputs: run.outputs });
      if (definition) addSkill(run.cell, definition, false);
    }
  }, [book.take, edited, addSkill, file?.restored]);
  const python = useKernel({ project, csrf, path, skillpack, skillpackId: draft.view?.skillpack_id, owner: `user:${email}`, onCells, onError: setNotice });

  const cellsNow = () => book.now.current?.cells ?? [], elementOf = (id: string | undefined) => cellList.current?.querySelector<HTMLElement>(`[data-cell="${id}"]`), editorOf = (id: string) => elementOf(id)?.querySelector<HTMLElement>(".cm-content");
  const focus = (id: string, by: number) => { const shown = cellsNow(), at = shown.findIndex((one) => one.id === id) + by; elementOf(shown[at]?.id)?.focus(); };
  const turn = useRef<Promise<unknown>>(Promise.resolve()), begin = useRef<(cells: NotebookCell[]) => Promise<void>>(async () => {});
  begin.current = async (cells) => {
    if (!python.kernel || python.kernel.status === "ended") { // a new kernel starts with the current files
      await draft.saveAll().catch((error: unknown) => setNotice(messageOf(error)));
    }
    await python.run(cells);
  };
  const run = (cells: NotebookCell[]) => { // one after the other, in the order of the requests
    const codes = cells.filter((one) => one.type === "code" && one.source.trim());
    if (codes.length) turn.current = turn.current.then(() => begin.current(codes));
  };
  const act: CellActions = {
    edit: (id, source) => book.cell(id, () => ({ source })), save: draft.saveNow, focus,
    type: (id, type) => book.cell(id, () => ({ type, ...(type === "code" ? {} : { outputs: [], count: null }) })),
    add: (id, below) => { const fresh = newCell(); book.change(added(id, below, fresh)); setTimeout(() => editorOf(fresh.id)?.focus(), 60); },
    remove: (id) => book.change(removed(id)), move: (id, by) => book.change(moved(id, by)),
    run: (id, advances) => {
      const shown = cellsNow(), at = shown.findIndex((one) => one.id === id), cell = shown[at], next = shown[at + 1];
      if (cell?.type === "code" && cell.source.trim()) run([cell]);
      if (!advances) return;
      if (next) setTimeout(() => (editorOf(next.id) ?? elementOf(next.id))?.focus(), 30); else act.add(id, 1);
    },
  };
  const upload = async (one: File) => {
    const text = await one.text();
    try { parsed(text); } catch (error) { setNotice(String(error)); return; }
    let name = `notebooks/${one.name}`;
    for (let number = 2; paths.includes(name); number += 1) name = `notebooks/${one.name.replace(/\.ipynb$/, "")}-${number}.ipynb`;
    await draft.create({ [name]: text });
    open(name);
  };
  if (!draft.view) return <><Notice text={isRefused ? READ_ONLY : ""} /><Notice text={notice} onClose={() => setNotice("")} />{!notice && <p className="skeleton">Loading draft…</p>}</>;
  const cells = book.notebook?.cells ?? [], beforeRun = draft.saveAll;
  return (
    <div className="nb">
      <List paths={paths} changed={new Set(unsaved.filter((one) => draft.open[one]?.conflict || draft.open[one]?.failure || draft.open[one]?.restored))} current={path} canWrite={canWrite} onOpen={open} onUpload={upload} onNew={(name) => draft.create({ [name]: blank() }).then(() => open(name))}
        onMove={async (from, to) => { await draft.move(from, to); setPath(null); open(to); }} onRemove={async (one) => { await python.stop(); await draft.remove(one); setPath(null); }} />
      <div className="nb-book">
        <div className="row editor-bar wrap">
          {canWrite && book.notebook && <><button type="button" className="btn" onClick={() => run(cells)}>Run all</button>
            <button type="button" className="btn" disabled={python.kernel?.status !== "busy"} data-key="i" data-label="Interrupt kernel" onClick={python.interrupt}>Interrupt</button>
            <Confirm label="Restart" title="Restart the kernel?" text="Variables and imports are lost. Outputs are kept." confirm="Restart kernel" disabled={python.kernel?.status !== "idle" && python.kernel?.status !== "busy"} onConfirm={() => { book.forgetRuns(); python.restart(); }} />
            <button type="button" className="btn quiet" onClick={() => { book.change(cleared); book.forgetRuns(); }}>Clear outputs</button>
            {python.kernel && python.kernel.status !== "ended" && <button type="button" className="btn quiet" onClick={python.stop}>Stop kernel</button>}</>}
          <span className="grow" /><KernelState kernel={python.kernel} project={project} />
          {path && <SaveState open={draft.open} onSave={draft.saveNow} />}
          {canWrite && book.notebook && <Publish base={base} project={project} csrf={csrf} skillpack={skillpack} problems={draft.check.problems} skill={null} canManage={canManage} beforeOpen={beforeRun} onPublished={draft.refresh} />}
        </div>
        <Notice text={isRefused ? READ_ONLY : ""} onClose={() => setRefused(false)} />
        <Notice text={notice} onClose={() => setNotice("")} />
        <Notice text={book.trouble} />
        {python.kernel?.message && <p className="note line-note" data-s="wait" role="status">{python.kernel.message}</p>}
        {path && file?.conflict && <Conflict path={path} conflict={file.conflict} mine={file.text} readTheirs={draft.readTheirs} onMine={() => draft.keepMine(path)} onTheirs={() => { if (file.conflict?.is_deleted) setPath(null); draft.discard(path); }} />}
        {path && <Restored file={file} onSave={() => draft.save(path)} onDiscard={() => draft.discard(path)} />}
        <div className="nb-cells scroll" ref={cellList}>
          {cells.map((cell, at) => { const definition = cell.type === "code" ? definitionOf(cell) : null; return (
            <Cell key={cell.id} cell={cell} number={at + 1} run={book.runs[cell.id]} rev={book.rev} canWrite={canWrite} isFirst={!at} isLast={at === cells.length - 1} act={act}>
              {definition && <SkillCard definition={definition} state={skills[cell.id] ?? ""} draft={draft} user={user} {...session} skillpack={skillpack} canManage={canManage} canWrite={canWrite} onAdd={() => addSkill(cell.id, definition, true)} beforeRun={beforeRun} />}
            </Cell>); })}
          {!path && <p className="pad t2">{paths.length ? "Select a notebook." : canWrite ? "A notebook runs Python cells in a sandbox of the project. Click New to create one. A cell that starts with %%skill NAME defines a skill." : "A user with the developer role can create the first notebook."}</p>}
        </div>
      </div>
    </div>
  );
}

function KernelState({ kernel, project }: { kernel: KernelRead | null; project: string }) {
  const reason = kernel?.end_reason, word = !kernel ? "No kernel" : { starting: "Kernel starting", idle: "Kernel idle", busy: "Kernel busy", ended: reason === "stopped" ? "Kernel stopped" : reason === "lost" ? "Kernel lost" : "Kernel ended" }[kernel.status];
  const hasFailed = reason === "lost" || reason === "failed", status = { starting: "queued", idle: "succeeded", busy: "running", ended: hasFailed ? "failed" : "cancelled" }[kernel?.status ?? "ended"];
  return <span className="st" data-s={status} role="status" aria-label="Kernel"><b><i />{word}</b>{kernel?.reason && reason !== "stopped" && <em>{kernel.reason}</em>}{kernel && <a className="t2" href={`/p/${project}/jobs/${kernel.id}`}>Open job</a>}</span>;
}

function Notice({ text, onClose }: { text: string; onClose?: () => void }) {
  return text ? <div className="note line-note row" data-s="fail" role="alert"><span className="grow">{text}</span>{onClose && <button type="button" className="btn quiet small" onClick={onClose}>Dismiss</button>}</div> : null;
}
