import { type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from "react";
import type { CellRead } from "../../../clients/typescript/src/generated";
import { Code } from "../editor/code";
import { Markdown } from "../markdown";
import type { Cell as NotebookCell, CellType } from "./file";
import { Outputs } from "./outputs";

/** What a cell can do in its notebook; `by` and `below` are numbers of cells. */
export interface CellActions {
  edit: (id: string, source: string) => void;
  save: () => void;
  /** Run the cell; if it `advances`, select the next one. */
  run: (id: string, advances: boolean) => void;
  type: (id: string, type: CellType) => void;
  add: (id: string, below: number) => void;
  move: (id: string, by: number) => void;
  focus: (id: string, by: number) => void;
  remove: (id: string) => void;
}

interface Props {
  cell: NotebookCell;
  number: number;
  /** Its last run. */
  run: CellRead | undefined;
  /** Increases when the text of the file was replaced from outside. */
  rev: number;
  canWrite: boolean;
  isLast: boolean;
  isFirst: boolean;
  act: CellActions;
  children?: ReactNode;
}

const STATES: Partial<Record<CellRead["status"], string>> = { queued: "is queued", running: "is running", error: "failed", interrupted: "was interrupted", dropped: "was not run: an earlier cell failed or was interrupted", lost: "was lost with its kernel" };

/** One cell: its source, its actions and its outputs. Keys: Shift-Enter runs the cell and selects the next one, Escape leaves the editor, arrow keys move between cells. */
export function Cell({ cell, number, run, rev, canWrite, isLast, isFirst, act, children }: Props) {
  const [isEditing, setEditing] = useState(cell.type !== "markdown" || !cell.source), frame = useRef<HTMLElement>(null), name = `cell ${number}`;
  const isRunning = run?.status === "running" || run?.status === "queued", isCode = cell.type === "code";
  useEffect(() => { if (cell.type !== "markdown") setEditing(true); }, [cell.type]);
  const go = (advances: boolean) => { if (cell.type === "markdown") { setEditing(false); frame.current?.focus(); } act.run(cell.id, advances); };
  const onKey = (event: KeyboardEvent) => {
    if (event.target !== frame.current || event.metaKey || event.ctrlKey || event.altKey) return;
    const keys: Partial<Record<string, () => void>> = { ArrowUp: () => act.focus(cell.id, -1), ArrowDown: () => act.focus(cell.id, 1), Enter: () => { if (!event.shiftKey) edit(); else if (canWrite) go(true); }, ...(canWrite ? { a: () => act.add(cell.id, 0), b: () => act.add(cell.id, 1), m: () => act.type(cell.id, "markdown"), y: () => act.type(cell.id, "code") } : {}) };
    const perform = keys[event.key];
    if (!perform) return;
    event.preventDefault();
    event.stopPropagation();
    perform();
  };
  const edit = () => { if (canWrite) setEditing(true); setTimeout(() => frame.current?.querySelector<HTMLElement>(".cm-content")?.focus(), 30); };
  return (
    <article className="nb-cell" ref={frame} tabIndex={0} data-cell={cell.id} data-type={cell.type} data-s={run?.status} aria-label={`${isCode ? "Code" : "Text"}, ${name}`} onKeyDown={onKey}>
      <div className="nb-side"><span className="mono t3" aria-hidden="true">{isCode ? `[${isRunning ? "*" : cell.count ?? " "}]` : ""}</span>
        {isCode && canWrite && <button type="button" className="btn icon small quiet" aria-label={`Run ${name}`} title="Run (Shift-Enter)" disabled={isRunning} onClick={() => go(false)}>▶</button>}</div>
      <div className="nb-main">
        {isEditing ? <Code path={isCode ? "cell.py" : "cell.md"} label={`Source of ${name}`} doc={cell.source} rev={rev} readOnly={!canWrite} onEdit={(text) => act.edit(cell.id, text)} onSave={act.save} onRun={canWrite ? go : undefined} onLeave={() => frame.current?.focus()} />
          : <div className="prose markdown nb-markdown" onDoubleClick={edit}><Markdown text={cell.source} /></div>}
        {isCode && run && run.status !== "ok" && <p className="nb-state t2" data-s={run.status} role="status">This cell {STATES[run.status]}</p>}
        {isCode && <Outputs outputs={cell.outputs} name={name} />}
        {children}
      </div>
      {canWrite && <div className="nb-acts row" role="group" aria-label={`Actions of ${name}`}>
        <select className="in" aria-label={`Type of ${name}`} value={cell.type} onChange={(event) => act.type(cell.id, event.target.value === "code" || event.target.value === "markdown" ? event.target.value : "raw")}><option value="code">Code</option><option value="markdown">Text</option>{cell.type === "raw" && <option value="raw">Raw</option>}</select>
        {cell.type === "markdown" && !isEditing && <button type="button" className="btn small quiet" onClick={edit}>Edit</button>}
        <button type="button" className="btn icon small quiet" aria-label={`Move ${name} up`} title="Move up" disabled={isFirst} onClick={() => act.move(cell.id, -1)}>↑</button>
        <button type="button" className="btn icon small quiet" aria-label={`Move ${name} down`} title="Move down" disabled={isLast} onClick={() => act.move(cell.id, 1)}>↓</button>
        <button type="button" className="btn icon small quiet" aria-label={`Add a cell below ${name}`} title="Add a cell below (b)" onClick={() => act.add(cell.id, 1)}>+</button>
        <button type="button" className="btn icon small quiet" aria-label={`Delete ${name}`} title="Delete" onClick={() => act.remove(cell.id)}>✕</button>
      </div>}
    </article>
  );
}
