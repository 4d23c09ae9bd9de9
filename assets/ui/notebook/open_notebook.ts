// The open notebook: its cells with their edits and outputs, which are written to the draft after a short delay.
import { useCallback, useEffect, useRef, useState } from "react";
import type { CellRead } from "../../../clients/typescript/src/generated";
import { type Cell, cleared, MAX_BYTES, newCell, type Notebook, parsed, written } from "./file";

/** What an open notebook needs of the draft. */
export interface DraftOfNotebook {
  open: Record<string, { text: string; rev: number }>;
  edit: (path: string, text: string) => void;
  /** `collect` is called before the text of the file is needed. */
  files: { collect: () => void };
}

interface OpenNotebook {
  notebook: Notebook;
  path: string;
  /** Increases when the text of the file was replaced from outside. */
  rev: number;
}

/** A run of a cell, and the ID of its kernel, which numbers the runs. */
type RunOfKernel = CellRead & { kernel: string };

interface ChangeOptions {
  /** Whether the change is written to the draft. */
  isSaved?: boolean;
}

const WRITE_AFTER_MS = 200;

/** The notebook in the file at `path` of the draft, and its changes. */
export function useNotebook(draft: DraftOfNotebook, path: string | null) {
  const file = path === null ? undefined : draft.open[path], [current, show] = useState<OpenNotebook | null>(null), [runs, setRuns] = useState<Partial<Record<string, RunOfKernel>>>({}), [trouble, setTrouble] = useState("");
  const pending = useRef<OpenNotebook | null>(null), timer = useRef(0), loads = useRef(0), latest = useRef<OpenNotebook | null>(null), now = useRef<Notebook | null>(null), edit = useRef(draft.edit);
  edit.current = draft.edit;
  const setCurrent = useCallback((next: OpenNotebook | null) => { latest.current = next; now.current = next?.notebook ?? null; show(next); }, []); // it can be saved before it is rendered
  useEffect(() => {
    setTrouble("");
    if (!file || path === null) { setCurrent(null); return; }
    try { setCurrent({ notebook: parsed(file.text), rev: (loads.current += 1), path }); } catch (error) { setCurrent(null); setTrouble(String(error)); }
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
  const change = useCallback((how: (notebook: Notebook) => Notebook, { isSaved = true }: ChangeOptions = {}) => {
    if (!latest.current) return;
    const next = { ...latest.current, notebook: how(latest.current.notebook) };
    setCurrent(next);
    if (!isSaved) return;
    pending.current = next;
    clearTimeout(timer.current);
    timer.current = window.setTimeout(flush, WRITE_AFTER_MS);
  }, [flush, setCurrent]);
  const cell = useCallback((id: string, how: (cell: Cell) => Partial<Cell>, options?: ChangeOptions) => change((notebook) => ({ ...notebook, cells: notebook.cells.map((one) => (one.id === id ? { ...one, ...how(one) } : one)) }), options), [change]);

  /** Apply the runs of cells that the kernel reported, oldest first; their outputs are saved, unless `isSaved` is false. */
  const take = useCallback((reported: CellRead[], kernel: string, { isSaved = true }: ChangeOptions = {}) => {
    setRuns((before) => reported.reduce((all, run) => {
      const known = all[run.cell];
      return known && known.kernel === kernel && known.number > run.number ? all : { ...all, [run.cell]: { ...run, kernel } };
    }, before));
    for (const run of reported) {
      if (run.status === "queued" || run.status === "dropped") continue;
      cell(run.cell, () => ({ outputs: run.outputs, count: run.execution_count }), { isSaved: isSaved && run.status !== "running" });
    }
  }, [cell]);

  return { notebook: current?.path === path ? current.notebook : null, rev: current?.rev ?? 0, runs, trouble, change, cell, take, flush, now, forgetRuns: () => setRuns({}) };
}

/** Changes of the cells of a notebook. */
export const added = (id: string, below: number, fresh = newCell()) => (notebook: Notebook): Notebook => { const at = notebook.cells.findIndex((one) => one.id === id) + below; return { ...notebook, cells: notebook.cells.toSpliced(at, 0, fresh) }; };
export const removed = (id: string) => (notebook: Notebook): Notebook => { const cells = notebook.cells.filter((one) => one.id !== id); return { ...notebook, cells: cells.length ? cells : [newCell()] }; };
export const moved = (id: string, by: number) => (notebook: Notebook): Notebook => {
  const at = notebook.cells.findIndex((one) => one.id === id), to = at + by, cell = notebook.cells[at];
  if (!cell || to < 0 || to >= notebook.cells.length) return notebook;
  return { ...notebook, cells: notebook.cells.toSpliced(at, 1).toSpliced(to, 0, cell) };
};
