import { useEffect, useRef, useState } from "react";
import { Code } from "../editor/code";
import { Markdown } from "../markdown";
import { Outputs } from "./outputs";

const STATES = { queued: "is queued", running: "is running", error: "failed", interrupted: "was interrupted", dropped: "was not run: an earlier cell failed or was interrupted", lost: "was lost with its kernel" };

/** One cell: its source, its actions and its outputs. Keys: Shift-Enter runs the cell and selects the next one, Escape leaves the editor, arrow keys move between cells. */
export function Cell({ cell, number, run, rev, canWrite, isLast, isFirst, act, children }) {
  const [isEditing, setEditing] = useState(cell.type !== "markdown" || !cell.source), frame = useRef(null), name = `cell ${number}`;
  const isRunning = run?.status === "running" || run?.status === "queued", isCode = cell.type === "code";
  useEffect(() => { if (cell.type !== "markdown") setEditing(true); }, [cell.type]);
  const go = (advances) => { if (cell.type === "markdown") { setEditing(false); frame.current.focus(); } act.run(cell.id, advances); };
  const onKey = (event) => {
    if (event.target !== frame.current || event.metaKey || event.ctrlKey || event.altKey) return;
    const keys = { ArrowUp: () => act.focus(cell.id, -1), ArrowDown: () => act.focus(cell.id, 1), Enter: () => (event.shiftKey ? canWrite && go(true) : edit()), ...(canWrite ? { a: () => act.add(cell.id, 0), b: () => act.add(cell.id, 1), m: () => act.type(cell.id, "markdown"), y: () => act.type(cell.id, "code") } : {}) };
    if (!keys[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    keys[event.key]();
  };
  const edit = () => { if (canWrite) setEditing(true); setTimeout(() => frame.current?.querySelector(".cm-content")?.focus(), 30); };
  return (
    <article className="nb-cell" ref={frame} tabIndex={0} data-cell={cell.id} data-type={cell.type} data-s={run?.status} aria-label={`${isCode ? "Code" : "Text"}, ${name}`} onKeyDown={onKey}>
      <div className="nb-side"><span className="mono t3" aria-hidden="true">{isCode ? `[${isRunning ? "*" : cell.count ?? " "}]` : ""}</span>
        {isCode && canWrite && <button type="button" className="btn icon small quiet" aria-label={`Run ${name}`} title="Run (Shift-Enter)" disabled={isRunning} onClick={() => go(false)}>▶</button>}</div>
      <div className="nb-main">
        {isEditing ? <Code path={isCode ? "cell.py" : "cell.md"} label={`Source of ${name}`} doc={cell.source} rev={rev} readOnly={!canWrite} onEdit={(text) => act.edit(cell.id, text)} onSave={act.save} onRun={canWrite ? go : undefined} onLeave={() => frame.current.focus()} />
          : <div className="prose markdown nb-markdown" onDoubleClick={edit}><Markdown text={cell.source} /></div>}
        {isCode && run && run.status !== "ok" && <p className="nb-state t2" data-s={run.status} role="status">This cell {STATES[run.status]}</p>}
        {isCode && <Outputs outputs={cell.outputs} name={name} />}
        {children}
      </div>
      {canWrite && <div className="nb-acts row" role="group" aria-label={`Actions of ${name}`}>
        <select className="in" aria-label={`Type of ${name}`} value={cell.type} onChange={(event) => act.type(cell.id, event.target.value)}><option value="code">Code</option><option value="markdown">Text</option>{cell.type === "raw" && <option value="raw">Raw</option>}</select>
        {cell.type === "markdown" && !isEditing && <button type="button" className="btn small quiet" onClick={edit}>Edit</button>}
        <button type="button" className="btn icon small quiet" aria-label={`Move ${name} up`} title="Move up" disabled={isFirst} onClick={() => act.move(cell.id, -1)}>↑</button>
        <button type="button" className="btn icon small quiet" aria-label={`Move ${name} down`} title="Move down" disabled={isLast} onClick={() => act.move(cell.id, 1)}>↓</button>
        <button type="button" className="btn icon small quiet" aria-label={`Add a cell below ${name}`} title="Add a cell below (b)" onClick={() => act.add(cell.id, 1)}>+</button>
        <button type="button" className="btn icon small quiet" aria-label={`Delete ${name}`} title="Delete" onClick={() => act.remove(cell.id)}>✕</button>
      </div>}
    </article>
  );
}
