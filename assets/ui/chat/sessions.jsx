import { useEffect, useState } from "react";
import { list } from "../api";
import { Ago } from "../time";

const PAGE = 30, DEBOUNCE_MS = 300;

/** The conversations with one agent, with a search. `stamp` changes when the list is to be loaded again. */
export function Sessions({ project, skill, current, stamp, canWrite, onOpen, onNew, onError }) {
  const [rows, setRows] = useState(null), [next, setNext] = useState(null), [query, setQuery] = useState("");
  useEffect(() => {
    let isGone = false;
    const search = new URLSearchParams({ skill, limit: PAGE, ...(query ? { q: query } : {}) });
    const timer = setTimeout(() => list(`/v1/sessions?${search}`, { project }).then((page) => { if (!isGone) { setRows(page.rows.filter((row) => row.skill === skill)); setNext(page.next); } }, (error) => onError(error.detail)), rows === null ? 0 : DEBOUNCE_MS);
    return () => { isGone = true; clearTimeout(timer); };
  }, [project, skill, query, stamp]);
  const more = async () => {
    try { const page = await list(next, { project }); setRows((before) => [...before, ...page.rows.filter((row) => row.skill === skill)]); setNext(page.next); } catch (error) { onError(error.detail); }
  };
  return (
    <nav className="chat-list" aria-label="Conversations">
      <div className="col chat-list-head">
        {canWrite && <button type="button" className="btn pri" data-key="c" onClick={onNew}>New conversation</button>}
        <input type="search" className="in" placeholder="Search conversations…" aria-label="Search conversations" value={query} onChange={(event) => setQuery(event.target.value)} />
      </div>
      <ul className="scroll grow" tabIndex={0} aria-label="List of conversations">
        {rows?.map((row) => (
          <li key={row.id}>
            <button type="button" className="chat-row" aria-current={row.id === current ? "true" : undefined} onClick={() => onOpen(row.id)}>
              <span className="cut">{row.title || "New conversation"}</span>
              <span className="t3 row">{row.running_job_id && <span className="spin" aria-label="A turn is running" role="img" />}<Ago moment={row.updated_at} /></span>
            </button>
          </li>
        ))}
        {rows?.length === 0 && <li className="t3 pad">{query ? "No matching conversations." : "No conversations yet."}</li>}
        {next && <li className="pad"><button type="button" className="btn" onClick={more}>Show more</button></li>}
      </ul>
    </nav>
  );
}
