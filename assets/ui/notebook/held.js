// The notebook that is open: its cells as they are edited and run, written back to the working copy a moment later.
import { useCallback, useEffect, useRef, useState } from "react";
import { MOST_BYTES, cleared, newCell, parsed, written } from "./file";

const WRITE_AFTER_MS = 200;

/** `{notebook, runs, rev, trouble, change, take, flush, …}` of the file at `path` of the draft. */
export function useNotebook(draft, path) {
  const file = draft.open[path], [held, show] = useState(null), [runs, setRuns] = useState({}), [trouble, setTrouble] = useState("");
  const pending = useRef(null), timer = useRef(0), latest = useRef(null), now = useRef(null), edit = useRef(draft.edit);
  edit.current = draft.edit;
  const setHeld = useCallback((next) => { latest.current = next; now.current = next?.notebook ?? null; show(next); }, []); // it can be saved before it is drawn
  useEffect(() => {
    setTrouble("");
    if (!file) { setHeld(null); return; }
    try { setHeld({ notebook: parsed(file.text), rev: `${path} ${file.rev}`, path }); } catch (error) { setHeld(null); setTrouble(String(error)); }
  }, [path, file?.rev]);
  useEffect(() => { setRuns({}); }, [path]);

  const flush = useCallback(() => {
    clearTimeout(timer.current);
    if (!pending.current) return;
    const { notebook, path: at } = pending.current;
    pending.current = null;
    let text = written(notebook);
    const isTooLarge = new Blob([text]).size > MOST_BYTES;
    if (isTooLarge) text = written(cleared(notebook));
    setTrouble(isTooLarge ? "What the cells gave is not saved: the file would have more than 4 MiB. Clear some outputs." : "");
    edit.current(at, text);
  }, []);
  useEffect(() => { draft.files.collect = flush; return () => flush(); }, [path, draft.files, flush]);

  /** Have the notebook be what `how` makes of it; it is saved soon, unless it need not be. */
  const change = useCallback((how, { isSaved = true } = {}) => {
    if (!latest.current) return;
    const next = { ...latest.current, notebook: how(latest.current.notebook) };
    setHeld(next);
    if (!isSaved) return;
    pending.current = next;
    clearTimeout(timer.current);
    timer.current = setTimeout(flush, WRITE_AFTER_MS);
  }, [flush, setHeld]);
  const cell = useCallback((id, how, options) => change((notebook) => ({ ...notebook, cells: notebook.cells.map((one) => (one.id === id ? { ...one, ...how(one) } : one)) }), options), [change]);

  /** Runs of cells that the kernel told of, oldest first; their outputs are saved, unless restored text still waits to be. */
  const take = useCallback((told, { isSaved = true } = {}) => {
    setRuns((before) => told.reduce((all, run) => ((all[run.cell]?.number ?? 0) > run.number && all[run.cell].kernel === run.kernel ? all : { ...all, [run.cell]: run }), before));
    for (const run of told) {
      if (run.status === "queued" || run.status === "dropped") continue;
      cell(run.cell, () => ({ outputs: run.outputs, count: run.execution_count }), { isSaved: isSaved && run.status !== "running" });
    }
  }, [cell]);

  return { notebook: held?.path === path ? held.notebook : null, rev: held?.rev, runs, trouble, change, cell, take, flush, now, forgetRuns: () => setRuns({}) };
}

/** What is done with cells, each as a change of the notebook. */
export const added = (id, below, fresh = newCell()) => (notebook) => { const at = notebook.cells.findIndex((one) => one.id === id) + below; return { ...notebook, cells: notebook.cells.toSpliced(at, 0, fresh) }; };
export const removed = (id) => (notebook) => { const cells = notebook.cells.filter((one) => one.id !== id); return { ...notebook, cells: cells.length ? cells : [newCell()] }; };
export const moved = (id, by) => (notebook) => {
  const at = notebook.cells.findIndex((one) => one.id === id), to = at + by;
  if (to < 0 || to >= notebook.cells.length) return notebook;
  return { ...notebook, cells: notebook.cells.toSpliced(at, 1).toSpliced(to, 0, notebook.cells[at]) };
};
