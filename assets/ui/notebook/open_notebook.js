// The open notebook: its cells with their edits and outputs, which are written to the draft after a short delay.
import { useCallback, useEffect, useRef, useState } from "react";
import { MAX_BYTES, cleared, newCell, parsed, written } from "./file";

const WRITE_AFTER_MS = 200;

/** `{notebook, runs, rev, trouble, change, take, flush, …}` of the file at `path` of the draft. */
export function useNotebook(draft, path) {
  const file = draft.open[path], [current, show] = useState(null), [runs, setRuns] = useState({}), [trouble, setTrouble] = useState("");
  const pending = useRef(null), timer = useRef(0), latest = useRef(null), now = useRef(null), edit = useRef(draft.edit);
  edit.current = draft.edit;
  const setCurrent = useCallback((next) => { latest.current = next; now.current = next?.notebook ?? null; show(next); }, []); // it can be saved before it is rendered
  useEffect(() => {
    setTrouble("");
    if (!file) { setCurrent(null); return; }
    try { setCurrent({ notebook: parsed(file.text), rev: `${path} ${file.rev}`, path }); } catch (error) { setCurrent(null); setTrouble(String(error)); }
  }, [path, file?.rev]);
  useEffect(() => { setRuns({}); }, [path]);

  const flush = useCallback(() => {
    clearTimeout(timer.current);
    if (!pending.current) return;
    const { notebook, path: at } = pending.current;
    pending.current = null;
    let text = written(notebook);
    const isTooLarge = new Blob([text]).size > MAX_BYTES;
    if (isTooLarge) text = written(cleared(notebook));
    setTrouble(isTooLarge ? "Outputs are not saved, because the file would be larger than 4 MiB. Clear some outputs." : "");
    edit.current(at, text);
  }, []);
  useEffect(() => { draft.files.collect = flush; return () => flush(); }, [path, draft.files, flush]);

  /** Replace the notebook with the result of `how`; it is saved after a short delay, unless `isSaved` is false. */
  const change = useCallback((how, { isSaved = true } = {}) => {
    if (!latest.current) return;
    const next = { ...latest.current, notebook: how(latest.current.notebook) };
    setCurrent(next);
    if (!isSaved) return;
    pending.current = next;
    clearTimeout(timer.current);
    timer.current = setTimeout(flush, WRITE_AFTER_MS);
  }, [flush, setCurrent]);
  const cell = useCallback((id, how, options) => change((notebook) => ({ ...notebook, cells: notebook.cells.map((one) => (one.id === id ? { ...one, ...how(one) } : one)) }), options), [change]);

  /** Apply the runs of cells that the kernel reported, oldest first; their outputs are saved, unless `isSaved` is false. */
  const take = useCallback((reported, { isSaved = true } = {}) => {
    setRuns((before) => reported.reduce((all, run) => ((all[run.cell]?.number ?? 0) > run.number && all[run.cell].kernel === run.kernel ? all : { ...all, [run.cell]: run }), before));
    for (const run of reported) {
      if (run.status === "queued" || run.status === "dropped") continue;
      cell(run.cell, () => ({ outputs: run.outputs, count: run.execution_count }), { isSaved: isSaved && run.status !== "running" });
    }
  }, [cell]);

  return { notebook: current?.path === path ? current.notebook : null, rev: current?.rev, runs, trouble, change, cell, take, flush, now, forgetRuns: () => setRuns({}) };
}

/** Changes of the cells of a notebook. */
export const added = (id, below, fresh = newCell()) => (notebook) => { const at = notebook.cells.findIndex((one) => one.id === id) + below; return { ...notebook, cells: notebook.cells.toSpliced(at, 0, fresh) }; };
export const removed = (id) => (notebook) => { const cells = notebook.cells.filter((one) => one.id !== id); return { ...notebook, cells: cells.length ? cells : [newCell()] }; };
export const moved = (id, by) => (notebook) => {
  const at = notebook.cells.findIndex((one) => one.id === id), to = at + by;
  if (to < 0 || to >= notebook.cells.length) return notebook;
  return { ...notebook, cells: notebook.cells.toSpliced(at, 1).toSpliced(to, 0, notebook.cells[at]) };
};
