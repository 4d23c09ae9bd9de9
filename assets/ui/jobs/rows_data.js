// The rows of the list of jobs: loaded periodically, and paused while the pointer or the focus is on one.
import { useCallback, useEffect, useRef, useState } from "react";
import { list } from "../api";

const PAGE = 50;
const OVER = new Set(["succeeded", "failed", "cancelled"]);

/** `{rows, fresh, …}` of the jobs of a query; `fresh` is the number of new jobs that the paused rows do not contain. */
export function useJobs(project, query) {
  const [found, setFound] = useState([]), [older, setOlder] = useState([]), [next, setNext] = useState(null), [failure, setFailure] = useState(""), [isLoading, setLoading] = useState(true);
  const [held, setHeld] = useState(null), turn = useRef(0), isAsking = useRef(false);
  const read = useCallback(async (isFirst) => {
    if (isAsking.current && !isFirst) return;
    const mine = isFirst ? (turn.current += 1) : turn.current;
    isAsking.current = true;
    try {
      const { rows: items, next: following } = await list(`/v1/jobs?limit=${PAGE}${query && `&${query}`}`, { project });
      if (mine !== turn.current) return;
      setFound((before) => (isFirst ? items : kept(before, items)));
      if (isFirst) setNext(following);
      setFailure("");
    } catch (error) { if (mine === turn.current) setFailure(error.detail ?? "The jobs could not be loaded."); }
    if (mine === turn.current) { isAsking.current = false; setLoading(false); }
  }, [project, query]);
  useEffect(() => { setFound([]); setOlder([]); setNext(null); setHeld(null); setLoading(true); read(true); }, [read]);
  const more = async () => {
    const mine = turn.current;
    try {
      const { rows: items, next: following } = await list(next, { project });
      if (mine !== turn.current) return;
      setOlder((before) => [...before, ...items]);
      setNext(following);
    } catch (error) { setFailure(error.detail); }
  };
  const known = new Map([...older, ...found].map((job) => [job.id, job])), all = [...known.values()].toSorted((one, other) => (one.created_at < other.created_at ? 1 : one.created_at > other.created_at ? -1 : one.id < other.id ? 1 : -1));
  const rows = held ? held.map((id) => known.get(id)).filter(Boolean) : all;
  const fresh = held && rows.length ? all.findIndex((job) => job.id === held[0]) : 0;
  return { rows, fresh: Math.max(0, fresh), failure, isLoading, hasMore: Boolean(next), refresh: () => read(false), more, hold: () => setHeld(all.map((job) => job.id)), release: () => setHeld(null) };
}

/** The rows found now, and earlier rows below them: those have left the first page, but still exist. */
function kept(before, now) {
  const ids = new Set(now.map((job) => job.id)), last = now.at(-1)?.created_at;
  return now.length < PAGE ? now : [...now, ...before.filter((job) => !ids.has(job.id) && job.created_at <= last && OVER.has(job.status))];
}
