import { useEffect, useRef } from "react";

interface Props {
  query: string;
  /** Increases when the change is one that Back undoes; otherwise the current entry of the history is replaced. */
  entries: number;
}

/** Writes the query of the state to the URL. It does not navigate: the state already has what the URL names, and Back loads the
 *  page again. What the state contains when the page opens is of an earlier visit, so only changes are written. */
export function UrlQuery({ query, entries }: Props) {
  const shown = useRef({ query, entries });
  useEffect(() => {
    const before = shown.current, search = query && `?${query}`;
    shown.current = { query, entries };
    if (before.query === query || new URLSearchParams(location.search).toString() === new URLSearchParams(query).toString()) return;
    const url = location.pathname + search + location.hash;
    if (entries === before.entries) history.replaceState(history.state, "", url);
    else history.pushState(history.state, "", url);
  }, [query, entries]);
  return null;
}
