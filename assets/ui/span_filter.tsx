import { useState } from "react";
import { pushUrl, useBack } from "./history";
import type { Span } from "./spans";

export interface Filter {
  text: string;
  kind: string;
  failed: boolean;
  /** The minimum duration in milliseconds. */
  min: number;
}

const KINDS: [string, string][] = [["", "All kinds"], ["llm", "Model calls"], ["tool", "Tool calls"], ["child", "Subjobs"], ["durable_step", "Durable steps"], ["waiting", "Waits"], ["phase", "Runtime"], ["attempt", "Attempts"]];
const DURATIONS: [number, string][] = [[0, "Any duration"], [100, "≥ 100 ms"], [1_000, "≥ 1 s"], [10_000, "≥ 10 s"], [60_000, "≥ 1 min"]];
const NONE: Filter = { text: "", kind: "", failed: false, min: 0 };

/** The filter of spans, which the URL names. */
export function useSpanFilter(): [Filter, (part: Partial<Filter>) => void] {
  const [filter, setFilter] = useState(filterOfUrl);
  const change = (part: Partial<Filter>) => {
    const next = { ...filter, ...part }, url = new URL(location.href);
    for (const [name, value] of [["span", next.text], ["kind", next.kind], ["failed", next.failed ? "1" : ""], ["min", next.min ? String(next.min) : ""]] as const) if (value) url.searchParams.set(name, value); else url.searchParams.delete(name);
    setFilter(next);
    if ("text" in part && filter.text && part.text) history.replaceState(history.state, "", url); else pushUrl(url); // one entry per search
  };
  useBack(() => setFilter(filterOfUrl()));
  return [filter, change];
}

function filterOfUrl(): Filter {
  if (typeof location === "undefined") return NONE;
  const query = new URLSearchParams(location.search);
  return { text: query.get("span") ?? "", kind: query.get("kind") ?? "", failed: query.get("failed") === "1", min: Number(query.get("min")) || 0 };
}

export const isFiltered = ({ text, kind, failed, min }: Filter) => Boolean(text || kind || failed || min);

/** The IDs of the spans that match a filter. */
export function matching(spans: Span[], { text, kind, failed, min }: Filter, now: number) {
  const wanted = text.toLowerCase();
  return new Set(spans.filter((span) => (!wanted || `${span.name} ${span.hint}`.toLowerCase().includes(wanted)) && (!kind || span.kind === kind) && (!failed || span.state === "failed" || span.state === "lost") && (!min || (span.end ?? now) - span.start >= min)).map(({ id }) => id));
}

/** The matching spans with those that contain them. */
export function withParents(spans: Span[], found: Set<string>) {
  const known = new Map(spans.map((span) => [span.id, span])), kept = new Set<string>();
  for (const id of found) for (let span = known.get(id); span && !kept.has(span.id); span = known.get(span.parent ?? "")) kept.add(span.id);
  return spans.filter(({ id }) => kept.has(id));
}

interface Props {
  filter: Filter;
  onChange: (part: Partial<Filter>) => void;
  count: number;
  onGo: (by: number) => void;
  onExpand: () => void;
  onCollapse: () => void;
}

/** The fields of the filter, with the number of matches, and buttons that go to the next or previous one. */
export function SpanFilter({ filter, onChange, count, onGo, onExpand, onCollapse }: Props) {
  return (
    <div className="row wrap span-filter" role="search" aria-label="Spans">
      <input className="in small" type="search" placeholder="Search spans…" aria-label="Search spans" value={filter.text} onChange={(event) => onChange({ text: event.target.value })} onKeyDown={(event) => event.key === "Enter" && onGo(event.shiftKey ? -1 : 1)} />
      <select className="in small" aria-label="Kind" value={filter.kind} onChange={(event) => onChange({ kind: event.target.value })}>{KINDS.map(([id, label]) => <option key={id} value={id}>{label}</option>)}</select>
      <select className="in small" aria-label="Minimum duration" value={filter.min} onChange={(event) => onChange({ min: Number(event.target.value) })}>{DURATIONS.map(([ms, label]) => <option key={ms} value={ms}>{label}</option>)}</select>
      <label className="check"><input type="checkbox" checked={filter.failed} onChange={(event) => onChange({ failed: event.target.checked })} />Failed only</label>
      {isFiltered(filter) && <><span className="t3 num" role="status">{count.toLocaleString("en")} {count === 1 ? "match" : "matches"}</span><button type="button" className="btn quiet small" onClick={() => onChange(NONE)}>Clear</button></>}
      <span className="grow" />
      <button type="button" className="btn quiet small" onClick={onExpand}>Expand all</button><button type="button" className="btn quiet small" onClick={onCollapse}>Collapse all</button>
    </div>
  );
}
