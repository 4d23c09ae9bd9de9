import { type KeyboardEvent, type MouseEvent, useEffect, useMemo, useRef, useState } from "react";
import { duration, usd } from "./format";
import { Minimap, type View } from "./minimap";
import { isFiltered, matching, SpanFilter, useSpanFilter, withParents } from "./span_filter";
import { type Row as TreeRow, rowsOf, type Span } from "./spans";
import { useInSight } from "./stream";

const ROW = 28; // px
const PAGE = 15;
const COLORS: Partial<Record<Span["kind"], string>> = { llm: "model", tool: "tool", child: "tool", function: "sandbox", durable_step: "sandbox", waiting: "approval" };
const LEGEND = [["model", "model"], ["tool", "tool"], ["sandbox", "code"], ["approval", "waiting"]];

export const colorOf = (span: Span) => COLORS[span.kind] ?? "group";
const shortTokens = (count: number | null) => (count == null ? "" : count >= 1000 ? `${(count / 1000).toFixed(1)}k` : String(count));

interface Props {
  spans: Span[];
  /** The end of spans that are still open, in milliseconds. */
  now: number;
  selected: string | null;
  onSelect?: (id: string) => void;
}

/** The spans of a run as a tree next to a time axis; arrow keys move the selection, and `z`, `+`, `-`, `0` zoom. */
export function Waterfall({ spans: all, now, selected, onSelect }: Props) {
  const [filter, changeFilter] = useSpanFilter(), found = useMemo(() => (isFiltered(filter) ? matching(all, filter, now) : null), [all, filter, now]), spans = useMemo(() => (found ? withParents(all, found) : all), [all, found]);
  const [closed, setClosed] = useState(() => new Set<string>()), [view, setView] = useState<View>(null), list = useRef<HTMLDivElement>(null);
  const rows = useMemo(() => rowsOf(spans, closed), [spans, closed]);
  const from = all[0]?.start ?? now, total = Math.max(1, (all[0]?.end ?? now) - from);
  const [left, right] = view ?? [0, total];
  const [first, last] = useInSight(list, rows.length, ROW);
  const at = rows.findIndex(({ span }) => span.id === selected);

  const go = (index: number) => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, index))];
    if (!row) return;
    onSelect?.(row.span.id);
    if (list.current) show(list.current, rows.indexOf(row));
  };
  const fold = (id: string, isOpen: boolean) => setClosed((before) => { const after = new Set(before); if (isOpen) after.delete(id); else after.add(id); return after; });
  const zoom = (factor: number) => {
    const current = rows[at], middle = current ? current.span.start - from : (left + right) / 2, width = Math.min(total, Math.max(20, (right - left) * factor));
    const begin = Math.max(0, Math.min(total - width, middle - (middle - left) * (width / (right - left))));
    setView(width >= total ? null : [begin, begin + width]);
  };
  const row = rows[at], expand = () => setClosed(new Set()), collapse = () => setClosed(new Set(rowsOf(all, new Set<string>()).filter((one) => one.hasChildren && one.depth > 0).map((one) => one.span.id)));
  const goToMatch = (by: number) => {
    const places = rows.flatMap((one, place) => (found?.has(one.span.id) ? [place] : [])), next = by > 0 ? places.find((place) => place > at) ?? places[0] : places.findLast((place) => place < at) ?? places.at(-1);
    if (next !== undefined) go(next);
  };
  const keys: Record<string, () => void> = {
    ArrowDown: () => go(at + 1), ArrowUp: () => go(at - 1), Home: () => go(0), End: () => go(rows.length - 1), PageDown: () => go(at + PAGE), PageUp: () => go(at - PAGE),
    ArrowRight: () => (row && closed.has(row.span.id) ? fold(row.span.id, true) : go(at + 1)),
    ArrowLeft: () => (row?.hasChildren && !closed.has(row.span.id) ? fold(row.span.id, false) : go(rows.findIndex(({ span }) => span.id === row?.span.parent))),
    e: expand, w: collapse,
    "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1.6), 0: () => setView(null),
    z: () => { if (row) setView([row.span.start - from, Math.max(row.span.start - from + 20, (row.span.end ?? now) - from)]); },
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const act = keys[event.key];
    if (event.metaKey || event.ctrlKey || event.altKey || !act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  };
  return (
    <div className="wf">
      <SpanFilter filter={filter} onChange={changeFilter} count={found?.size ?? 0} onGo={goToMatch} onExpand={expand} onCollapse={collapse} />
      <div className="wf-top">
        <div aria-hidden="true">Span</div><div className="num" aria-hidden="true">Tokens</div><div className="num" aria-hidden="true">Cost</div>
        <div className="wf-axis" aria-hidden="true">
          <Minimap spans={all} from={from} total={total} now={now} view={view} colorOf={colorOf} onView={setView} />
          {ticks(left, right).map((tick) => <span key={tick} className="wf-tick" style={{ left: `${((tick - left) / (right - left)) * 100}%` }}>{duration(tick)}</span>)}
        </div>
      </div>
      <div ref={list} className="wf-list" role="tree" tabIndex={0} aria-label="Timeline" aria-activedescendant={row ? domId(row.span) : undefined} onKeyDown={onKeyDown}>
        <div style={{ height: rows.length * ROW, position: "relative" }} role="presentation">
          {rows.slice(first, last).map((one, index) => (
            <Row key={one.span.id} {...one} top={(first + index) * ROW} isSelected={one.span.id === selected} isClosed={closed.has(one.span.id)} isFaint={found !== null && !found.has(one.span.id)} now={now} left={from + left} right={from + right}
              onPick={() => { onSelect?.(one.span.id); list.current?.focus({ preventScroll: true }); }} onFold={() => fold(one.span.id, closed.has(one.span.id))} />
          ))}
        </div>
      </div>
      <div className="wf-foot">
        {LEGEND.map(([color, label]) => <span key={color}><i className="wf-k" data-k={color} />{label}</span>)}
        <span className="grow" />
        <span className="num">{found ? `${spans.length.toLocaleString("en")} of ` : ""}{all.length.toLocaleString("en")} spans</span>
        <span className="wide-only"><kbd>↑</kbd> <kbd>↓</kbd> move</span><span className="wide-only"><kbd>z</kbd> zoom to span</span><span className="wide-only"><kbd>0</kbd> show all</span>
      </div>
    </div>
  );
}

const domId = (span: Span) => `span-${span.id}`;

function show(box: HTMLElement, index: number) {
  const top = index * ROW;
  if (top < box.scrollTop) box.scrollTop = top;
  else if (top + ROW > box.scrollTop + box.clientHeight) box.scrollTop = top + ROW - box.clientHeight;
}

/** About five round times between two times. */
function ticks(left: number, right: number) {
  const rough = (right - left) / 5, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough) ?? 10 * power, found: number[] = [];
  for (let tick = Math.ceil(left / step) * step; tick < right - step / 4; tick += step) if (tick > left) found.push(Math.round(tick));
  return found;
}

interface RowProps extends TreeRow {
  top: number;
  isSelected: boolean;
  isClosed: boolean;
  isFaint: boolean;
  now: number;
  left: number;
  right: number;
  onPick: () => void;
  onFold: () => void;
}

function Row({ span, depth, hasChildren, top, isSelected, isClosed, isFaint, now, left, right, onPick, onFold }: RowProps) {
  const end = span.end ?? now, isLive = span.end == null, width = right - left;
  const from = ((span.start - left) / width) * 100, to = ((end - left) / width) * 100, isOut = end < left || span.start > right, toTheLeft = to > 78, isInside = toTheLeft && from < 22;
  const twist = (event: MouseEvent) => { event.stopPropagation(); onFold(); };
  return (
    <div id={domId(span)} role="treeitem" aria-level={depth + 1} aria-selected={isSelected} aria-expanded={hasChildren ? !isClosed : undefined} className="wf-row" data-state={span.state} data-faint={isFaint || undefined} style={{ transform: `translateY(${top}px)` }} onClick={onPick}>
      <div className="wf-name" style={{ paddingLeft: 12 + depth * 16 }}>
        <span className="wf-twist" onClick={hasChildren ? twist : undefined}>{hasChildren && <svg width="8" height="8" viewBox="0 0 8 8" aria-hidden="true" style={{ rotate: isClosed ? "0deg" : "90deg" }}><path d="M2 0l4 4-4 4z" fill="currentColor" /></svg>}</span>
        <span className="wf-k" data-k={colorOf(span)} data-state={span.state} />
        <span className="cut what">{span.name}</span>{span.hint && <span className="cut t3 hint">{span.hint}</span>}
      </div>
      <div className="num">{shortTokens(span.tokens)}</div>
      <div className="num">{span.cost == null ? "" : usd(span.cost)}</div>
      <div className="wf-bars">
        {!isOut && <div className="wf-bar" data-k={colorOf(span)} data-live={isLive} data-state={span.state} style={{ left: `${from}%`, width: `${to - from}%` }} />}
        {isOut && <span className="wf-off" style={end < left ? { left: 4 } : { right: 4 }}>{end < left ? "‹" : "›"}</span>}
        {!isOut && <span className="wf-label" data-inside={isInside} style={isInside ? { left: `${Math.max(0, from)}%` } : toTheLeft ? { right: `${100 - from}%` } : { left: `${to}%` }}>{label(span, end)}{isLive && <span className="hidden-label"> running</span>}</span>}
      </div>
    </div>
  );
}

function label(span: Span, end: number) {
  if (span.kind === "mark") return "";
  if (span.state === "replayed") return "$0 · replayed";
  return `${duration(end - span.start)}${span.state ? ` · ${span.state}` : ""}`;
}

/** The span to select first: the innermost one that failed with the run, otherwise a failed one, otherwise an open one, otherwise the run. */
export function firstToSee(spans: Span[]): string | null {
  const run = spans[0], failing = run?.state === "failed" && spans.findLast((span) => span.state === "failed" && span.end === run.end && span !== run);
  if (failing) return failing.id;
  const leaves = spans.filter((span) => !spans.some((other) => other.parent === span.id));
  return (leaves.find((span) => span.state === "failed") ?? leaves.findLast((span) => span.end == null) ?? spans[0])?.id ?? null;
}

/** The `now` that open spans grow to, in step with the newest event. */
export function useSpanClock(spans: Span[], isOver: boolean, clock: number) {
  const [now, setNow] = useState(0);
  useEffect(() => setNow(isOver ? Math.max(0, ...spans.map((span) => span.end ?? span.start)) : Math.max(clock, ...spans.slice(-3).map((span) => span.end ?? span.start))), [spans, isOver, clock]);
  return now;
}
