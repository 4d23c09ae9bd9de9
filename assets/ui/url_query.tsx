import { useEffect, useRef } from "react";

/** The state of the current entry with another key. The router identifies an entry by its URL and this key. As it does not know
 *  of entries that this component adds, it would take Back to the URL of its last navigation for no change and not load it. */
const withNewKey = () => ({ ...history.state, key: Math.random().toString(36).slice(2) });

interface Props {
  query: string;
  /** Increases when the change is one that Back undoes; otherwise the current entry of the history is replaced. */
  entries: number;
  /** The value of `entries` when the browser opened the page, before the user has changed what it shows. */
  openedEntries: number;
  /** Whether the state contains what the URL named when the browser opened the page. */
  loaded: boolean;
  /** Called when the URL names what the user has chosen while the browser opened the page. */
  onEarlyChange?: () => void;
}

/** Writes the query of the state to the URL. It does not navigate: the state already has what the URL names, and Back loads the
 *  page again. What the state contains when the page opens is of an earlier visit, so only changes are written, and what the user
 *  has chosen while the browser opened the page. */
export function UrlQuery({ query, entries, openedEntries, loaded, onEarlyChange }: Props) {
  const shown = useRef<{ query: string | null; entries: number }>({ query: loaded ? query : null, entries });
  const opened = useRef(location.href);
  useEffect(() => {
    const before = shown.current, search = query && `?${query}`, isOpening = before.query === null;
    shown.current = { query: isOpening && !loaded ? null : query, entries };
    if (isOpening && (!loaded || location.href !== opened.current)) return; // the user may have gone on meanwhile
    if (before.query === query || new URLSearchParams(location.search).toString() === new URLSearchParams(query).toString()) return;
    const url = location.pathname + search + location.hash;
    if (entries === (isOpening ? openedEntries : before.entries)) history.replaceState(history.state, "", url);
    else {
      history.replaceState(withNewKey(), "");
      history.pushState(withNewKey(), "", url);
    }
    if (isOpening) onEarlyChange?.();
  }, [query, entries, loaded]);
  return null;
}
