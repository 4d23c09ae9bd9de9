import { useCallback, useEffect, useRef, useState } from "react";
import { callApi } from "../api";
import { Confirm } from "../controls";
import { Conflict } from "../editor/conflict";
import { useDraft } from "../editor/draft";
import { isUnsaved } from "../editor/files";
import { Publish } from "../editor/publish";
import { Restored, SaveState } from "../editor/saved";
import { Cell } from "./cell";
import { blank, cleared, newCell, parsed } from "./file";
import { useKernel } from "./kernel";
import { List } from "./list";
import { added, moved, removed, useNotebook } from "./open_notebook";
import { SkillCard, definitionOf, folderOf, writeSkill } from "./skill";

const isNotebook = (file) => !file.is_deleted && file.path.endsWith(".ipynb");
const READ_ONLY = "You have read-only access to this project, so the job cannot be opened as a notebook. Ask for the developer role, or ask a developer to open it; the notebook then appears here.";
const isShown = (path) => path.endsWith(".ipynb");

/** The notebooks of a skillpack's draft: cells that run in a kernel of the project, and can define skills. */
export function Notebook({ project, csrf, user, skillpack, email, canWrite, canManage }) {
  const base = `/v1/skillpacks/${skillpack}/drafts`, [notice, setNotice] = useState(""), [path, setPath] = useState(null), [skills, setSkills] = useState({});
  const draft = useDraft({ base, project, csrf, user, onError: setNotice, isShown }), book = useNotebook(draft, path), cellList = useRef(null);
  const unsaved = Object.keys(draft.open).filter((one) => isUnsaved(draft.open[one])), paths = [...new Set([...(draft.view?.files ?? []).filter(isNotebook).map((one) => one.path), ...unsaved])], file = draft.open[path], session = { base, project, csrf };
  const [isRefused, setRefused] = useState(false);
  useEffect(() => { setRefused(!canWrite && new URL(location.href).searchParams.has("job")); }, [canWrite]);
  const edited = draft.view?.files.find((one) => one.path === path)?.updated_at;

  const open = useCallback((wanted) => {
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
    const query = new URL(location.href).searchParams, job = query.get("job"), wanted = paths.includes(query.get("file")) ? query.get("file") : unsaved[0] ?? paths[0];
    if (job && canWrite) callApi("POST", "/v1/notebooks/opened", { project, csrf, json: { job_id: job, skillpack } }).then(async (made) => { await draft.refresh(); open(made.path); }, (error) => { setNotice(error.detail ?? "The request failed. Try again."); if (wanted) open(wanted); });
    else if (wanted) open(wanted);
  }, [draft.view === null]);
  useEffect(() => { if (path && file && draft.view && !paths.includes(path)) setPath(null); }, [draft.view]);

  const addSkill = useCallback(async (cell, definition, isForced) => {
    const known = book.now.current?.metadata?.puras?.skills ?? [], folder = folderOf(definition.name, draft.check.skills);
    const isTaken = !isForced && !known.includes(definition.name) && draft.view.files.some((one) => !one.is_deleted && one.path.startsWith(`${folder}/`));
    setSkills((before) => ({ ...before, [cell]: isTaken ? "taken" : "writing" }));
    if (isTaken) return;
    try {
      await writeSkill(definition, folder, session);
      book.change((notebook) => ({ ...notebook, metadata: { ...notebook.metadata, puras: { ...notebook.metadata.puras, skills: [...new Set([...known, definition.name])] } } }));
    } catch (error) { setNotice(error.detail ?? "The request failed. Try again."); }
    setSkills((before) => ({ ...before, [cell]: "" }));
    await draft.refresh();
  }, [draft.view, draft.check, book.change]);

  const onCells = useCallback((reported, { isEarlier }) => {
    const fresh = isEarlier ? reported.filter((run) => !run.ended_at || Date.parse(run.ended_at) > Date.parse(edited ?? 0)) : reported;
    book.take(fresh, { isSaved: !isEarlier || !file?.restored });
    for (const run of isEarlier ? [] : reported) {
      const cell = run.status === "ok" && book.now.current?.cells.find((one) => one.id === run.cell), definition = cell && definitionOf({ ...cell, outputs: run.outputs });
      if (definition) addSkill(run.cell, definition, false);
    }
  }, [book.take, edited, addSkill, file?.restored]);
  const python = useKernel({ project, csrf, path, skillpack, skillpackId: draft.view?.skillpack_id, owner: `user:${email}`, onCells, onError: setNotice });

  const focus = (id, by) => { const cells = book.now.current.cells, at = cells.findIndex((one) => one.id === id) + by; cellList.current?.querySelector(`[data-cell="${cells[at]?.id}"]`)?.focus(); };
  const turn = useRef(Promise.resolve()), begin = useRef(null);
  begin.current = async (cells) => {
    if (!python.kernel || python.kernel.status === "ended") { // a new kernel starts with the current files
      await draft.saveAll().catch((error) => setNotice(error.detail ?? "The request failed. Try again."));
    }
    await python.run(cells);
  };
  const run = (cells) => { // one after the other, in the order of the requests
    const codes = cells.filter((one) => one.type === "code" && one.source.trim());
    if (codes.length) turn.current = turn.current.then(() => begin.current(codes));
  };
  const act = {
    edit: (id, source) => book.cell(id, () => ({ source })), save: draft.saveNow, focus,
    type: (id, type) => book.cell(id, () => ({ type, ...(type === "code" ? {} : { outputs: [], count: null }) })),
    add: (id, below) => { const fresh = newCell(); book.change(added(id, below, fresh)); setTimeout(() => cellList.current?.querySelector(`[data-cell="${fresh.id}"] .cm-content`)?.focus(), 60); },
    remove: (id) => book.change(removed(id)), move: (id, by) => book.change(moved(id, by)),
    run: (id, advances) => {
      const cells = book.now.current.cells, at = cells.findIndex((one) => one.id === id);
      if (cells[at].type === "code" && cells[at].source.trim()) run([cells[at]]);
      if (!advances) return;
      if (at === cells.length - 1) act.add(id, 1); else setTimeout(() => { const next = cellList.current?.querySelector(`[data-cell="${cells[at + 1].id}"]`); (next?.querySelector(".cm-content") ?? next)?.focus(); }, 30);
    },
  };
  const upload = async (one) => {
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
      <List paths={paths} changed={new Set(unsaved.filter((one) => draft.open[one].conflict || draft.open[one].failure || draft.open[one].restored))} current={path} canWrite={canWrite} onOpen={open} onUpload={upload} onNew={(name) => draft.create({ [name]: blank() }).then(() => open(name))}
        onMove={async (from, to) => { await draft.move(from, to); setPath(null); open(to); }} onRemove={async (one) => { await python.stop(); await draft.remove(one); setPath(null); }} />
      <div className="nb-book">
        <div className="row editor-bar wrap">
          {canWrite && book.notebook && <><button type="button" className="btn" onClick={() => run(cells)}>Run all</button>
            <button type="button" className="btn" disabled={python.kernel?.status !== "busy"} data-key="i" data-label="Interrupt kernel" onClick={python.interrupt}>Interrupt</button>
            <Confirm label="Restart" title="Restart the kernel?" text="Variables and imports are lost. Outputs are kept." confirm="Restart kernel" disabled={!python.kernel || ["ended", "starting"].includes(python.kernel.status)} onConfirm={() => { book.forgetRuns(); python.restart(); }} />
            <button type="button" className="btn quiet" onClick={() => { book.change(cleared); book.forgetRuns(); }}>Clear outputs</button>
            {python.kernel && python.kernel.status !== "ended" && <button type="button" className="btn quiet" onClick={python.stop}>Stop kernel</button>}</>}
          <span className="grow" /><KernelState kernel={python.kernel} project={project} />
          {path && <SaveState open={draft.open} onSave={draft.saveNow} />}
          {canWrite && book.notebook && <Publish base={base} project={project} csrf={csrf} skillpack={skillpack} problems={draft.check.problems} skill={null} canManage={canManage} beforeOpen={beforeRun} onPublished={draft.refresh} />}
        </div>
        <Notice text={isRefused ? READ_ONLY : ""} onClose={() => setRefused(false)} />
        <Notice text={notice} onClose={() => setNotice("")} />
        <Notice text={book.trouble} />
        {python.kernel?.said && <p className="note line-note" data-s="wait" role="status">{python.kernel.said}</p>}
        {file?.conflict && <Conflict path={path} conflict={file.conflict} mine={file.text} readTheirs={draft.readTheirs} onMine={() => draft.keepMine(path)} onTheirs={() => { if (file.conflict.is_deleted) setPath(null); draft.discard(path); }} />}
        <Restored file={file} onSave={() => draft.save(path)} onDiscard={() => draft.discard(path)} />
        <div className="nb-cells scroll" ref={cellList}>
          {cells.map((cell, at) => { const definition = cell.type === "code" && definitionOf(cell); return (
            <Cell key={cell.id} cell={cell} number={at + 1} run={book.runs[cell.id]} rev={book.rev} canWrite={canWrite} isFirst={!at} isLast={at === cells.length - 1} act={act}>
              {definition && <SkillCard definition={definition} state={skills[cell.id] ?? ""} draft={draft} {...session} skillpack={skillpack} canManage={canManage} canWrite={canWrite} onAdd={() => addSkill(cell.id, definition, true)} beforeRun={beforeRun} />}
            </Cell>); })}
          {!path && <p className="pad t2">{paths.length ? "Select a notebook." : canWrite ? "A notebook runs Python cells in a sandbox of the project. Click New to create one. A cell that starts with %%skill NAME defines a skill." : "A user with the developer role can create the first notebook."}</p>}
        </div>
      </div>
    </div>
  );
}

function KernelState({ kernel, project }) {
  const word = !kernel ? "No kernel" : { starting: "Kernel starting", idle: "Kernel idle", busy: "Kernel busy", ended: kernel.ended_by === "stopped" ? "Kernel stopped" : kernel.ended_by === "lost" ? "Kernel lost" : "Kernel ended" }[kernel.status];
  const status = { starting: "queued", idle: "succeeded", busy: "running" }[kernel?.status] ?? (["lost", "failed"].includes(kernel?.ended_by) ? "failed" : "cancelled");
  return <span className="st" data-s={status} role="status" aria-label="Kernel"><b><i />{word}</b>{kernel?.reason && kernel.ended_by !== "stopped" && <em>{kernel.reason}</em>}{kernel && <a className="t2" href={`/p/${project}/jobs/${kernel.id}`}>Open job</a>}</span>;
}

function Notice({ text, onClose }) {
  return text ? <div className="note line-note row" data-s="fail" role="alert"><span className="grow">{text}</span>{onClose && <button type="button" className="btn quiet small" onClick={onClose}>Dismiss</button>}</div> : null;
}
