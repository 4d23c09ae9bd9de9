import { useEffect, useState } from "react";
import type { AgentSessionRead } from "../../../clients/typescript/src/generated";
import { type ApiError, list } from "../api";
import { Ago } from "../time";

const PAGE = 30, DEBOUNCE_MS = 300;

interface Props {
  project: string;
  skill: string;
  environment: string;
  current: string;
  /** It changes when the list is to be loaded again. */
  stamp: number;
  canWrite: boolean;
  onOpen: (id: string) => void;
  onNew: () => void;
  onError: (detail: string) => void;
}

/** The conversations with one agent, with a search. */
export function Sessions({ project, skill, environment, current, stamp, canWrite, onOpen, onNew, onError }: Props) {
  const [rows, setRows] = useState<AgentSessionRead[] | null>(null), [next, setNext] = useState<string | null>(null), [query, setQuery] = useState("");
  useEffect(() => {
    let isGone = false;
    const search = new URLSearchParams({ skill, environment, limit: String(PAGE), ...(query ? { q: query } : {}) });
    const timer = setTimeout(() => list<AgentSessionRead>(`/v1/sessions?${search}`, { project }).then((page) => { if (!isGone) { setRows(page.rows.filter((row) => row.skill === skill)); setNext(page.next); } }, (error: ApiError) => onError(error.detail)), rows === null ? 0 : DEBOUNCE_MS);
    return () => { isGone = true; clearTimeout(timer); };
  }, [project, skill, environment, query, stamp]);
  const more = async () => {
    if (!next) return;
    try { const page = await list<AgentSessionRead>(next, { project }); setRows((before) => [...(before ?? []), ...page.rows.filter((row) => row.skill === skill)]); setNext(page.next); } catch (error) { onError((error as ApiError).detail); }
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
              <span className="t3 row">{row.is_draft && <span className="tag">draft</span>}{row.running_job_id && <span className="spin" aria-label="A turn is running" role="img" />}<Ago moment={row.updated_at} /></span>
            </button>
          </li>
        ))}
        {rows?.length === 0 && <li className="t3 pad">{query ? "No matching conversations." : "No conversations yet."}</li>}
        {next && <li className="pad"><button type="button" className="btn" onClick={more}>Show more</button></li>}
      </ul>
    </nav>
  );
}
