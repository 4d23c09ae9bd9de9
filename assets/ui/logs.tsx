import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Ansi, plainText } from "./ansi";
import type { LogPage, LogRead } from "../../clients/typescript/src/generated";
import { type ApiError, callApi } from "./api";
import type { StreamState } from "./follow";
import { Copy } from "./controls";
import { duration } from "./format";
import { Download } from "./json_tree";
import { Matches } from "./matches";
import { isGone, Line, useEvents, useFollowing } from "./stream";
import { VirtualRows } from "./virtual";

/** A log as far as it is loaded. */
interface Log {
  entries: LogRead[];
  /** The number of entries of each level. */
  counts: Record<string, number>;
  state: StreamState;
  next: number | null;
  isLoading: boolean;
}

interface LoadedLog extends Log {
  loadMore: () => void;
  loadAll: () => Promise<void>;
}

interface LogLine {
  key: string;
  ts: number;
  level: string;
  text: string;
  fields: Values;
  /** The text in which is searched. */
  search: string;
}

type Values = Record<string, unknown> | null | undefined;

const ROW = 20, PAGE = 500, AHEAD = 200, MAX_LINE = 2_000;
const LEVELS = ["error", "warning", "info", "debug", "stderr", "stdout", "system"];
const ANCHOR = /^#log-(\d+)(?:-(\d+))?$/;

/** The output and the log of a job. That of a job that has ended is loaded in pages, that of a running one is updated live. */
export function Logs({ src, isOver, start: createdAt }: { src: string; isOver: boolean; start: string }) {
  const live = useLive(isOver ? "" : src), stored = useStored(src, isOver), log = isOver ? stored : live;
  const [hidden, setHidden] = useState(() => new Set<string>()), [query, setQuery] = useState(""), [isRegex, setRegex] = useState(false), [at, setAt] = useState(0), [chosen, setChosen] = useState(() => anchorOfUrl());
  const lines = useMemo(() => linesOf(log.entries), [log.entries]), shown = useMemo(() => (hidden.size ? lines.filter((line) => !hidden.has(line.level)) : lines), [lines, hidden]);
  const [pattern, problem] = useMemo(() => patternOf(query, isRegex), [query, isRegex]), found = useMemo(() => (pattern ? shown.flatMap((line, index) => (pattern.test(line.search) ? [index] : [])) : []), [shown, pattern]);
  useEffect(() => { if (query || chosen) log.loadAll(); }, [query !== "", log.next]); // a search covers the whole log
  const start = Date.parse(createdAt) || Date.parse(log.entries[0]?.ts ?? "") || 0, target = chosen ? shown.findIndex((line) => line.key === chosen || line.key === `${chosen}-0`) : -1;
  const place = (query ? found[Math.min(at, found.length - 1)] : undefined) ?? (target >= 0 ? target : null), line = shown[target];
  const go = (by: number) => { if (found.length) setAt((Math.min(at, found.length - 1) + by + found.length) % found.length); };
  const pick = (key: string) => { setChosen(key); history.replaceState(history.state, "", `#log-${key}`); };
  const levels = LEVELS.filter((level) => log.counts[level]), text = () => lines.map((line) => `${new Date(line.ts).toISOString()} ${line.level.padEnd(7)} ${plainText(line.text)}${fieldsText(line.fields)}`).join("\n");
  return (
    <div className="col grow" style={{ minHeight: 0 }}>
      <div className="row wrap log-tools">
        <input
          className="in"
          type="search"
          style={{ maxWidth: 260 }}
          placeholder="Search logs…"
          aria-label="Search logs"
          value={query}
          onChange={(event) => {
            setQuery(event.target.value);
            setAt(0);
          }}
          onKeyDown={(event) => event.key === "Enter" && go(event.shiftKey ? -1 : 1)}
        />
        <label className="check">
          <input type="checkbox" checked={isRegex} onChange={(event) => setRegex(event.target.checked)} />
          Regex
        </label>
        {query && <Matches count={found.length} at={Math.min(at, found.length - 1)} problem={problem} onGo={go} />}
        {levels.length > 1 && (
          <div className="seg" role="group" aria-label="Levels">
            {levels.map((level) => (
              <button
                key={level}
                type="button"
                aria-pressed={!hidden.has(level)}
                onClick={() =>
                  setHidden((before) => {
                    const after = new Set(before);
                    if (!after.delete(level)) after.add(level);
                    return after;
                  })
                }
              >
                {level} <span className="t3 num">{log.counts[level]?.toLocaleString("en")}</span>
              </button>
            ))}
          </div>
        )}
        <span className="grow" />
        {!isGone(log.state) && (
          <span className="t3 num">{`${shown.length.toLocaleString("en")}${log.next ? "+" : ""} ${shown.length === 1 ? "line" : "lines"}`}</span>
        )}
        {lines.length > 0 &&
          (log.next ? (
            <button type="button" className="btn quiet" onClick={log.loadAll}>
              Load all
            </button>
          ) : (
            <>
              <Copy text={lines.map((line) => plainText(line.text)).join("\n")} label="Copy log" />
              <Download text={text} name={`job-${src.split("/")[1]}.log`} />
            </>
          ))}
      </div>
      <Line state={log.state} />
      <List
        lines={shown}
        start={start}
        log={log}
        place={place}
        chosen={chosen}
        isFollowing={!isOver && !query && !chosen}
        onPick={pick}
        pattern={pattern}
      />
      {line && (
        <Chosen
          line={line}
          onClose={() => {
            setChosen(null);
            history.replaceState(history.state, "", location.pathname + location.search);
          }}
        />
      )}
      {!shown.length && !log.isLoading && log.state.phase !== "refused" && (
        <p className="t3 pad">{lines.length ? "No lines of these levels" : "No output yet"}</p>
      )}
    </div>
  );
}

/** The whole text of one line. */
function Chosen({ line, onClose }: { line: LogLine; onClose: () => void }) {
  return (
    <div className="log-chosen" role="region" aria-label="Line">
      <div className="row wrap"><span className="t3 grow">{new Date(line.ts).toISOString()} · {line.level}</span><Copy text={plainText(line.text)} label="Copy line" /><Copy text={location.href} label="Copy link" /><button type="button" className="btn quiet small" onClick={onClose}>Close</button></div>
      <pre className="code fold" tabIndex={0}><Ansi text={line.text} /><Fields of={line.fields} /></pre>
    </div>
  );
}

interface ListProps {
  lines: LogLine[];
  start: number;
  log: LoadedLog;
  place: number | null;
  chosen: string | null;
  isFollowing: boolean;
  onPick: (key: string) => void;
  pattern: RegExp | null;
}

function List({ lines, start, log, place, chosen, isFollowing, onPick, pattern }: ListProps) {
  const { ref: box, onScroll: follow } = useFollowing(lines.length, isFollowing);
  const onScroll = () => {
    follow();
    if (!box.current) return;
    const { scrollHeight, scrollTop, clientHeight } = box.current;
    if (log.next && scrollHeight - scrollTop - clientHeight < AHEAD * ROW) log.loadMore();
  };
  return <VirtualRows box={box} onScroll={onScroll} className="grow log" role="log" label="Log" count={lines.length} rowPx={ROW} at={place} row={(index) => { const line = lines[index]; return line && <Entry key={line.key} line={line} start={start} isHere={index === place} isChosen={chosen === line.key} onPick={onPick} pattern={pattern} />; }} />;
}

interface EntryProps extends Pick<ListProps, "start" | "onPick" | "pattern"> {
  line: LogLine;
  isHere: boolean;
  isChosen: boolean;
}

function Entry({ line, start, isHere, isChosen, onPick, pattern }: EntryProps) {
  const text = line.text.length > MAX_LINE ? `${line.text.slice(0, MAX_LINE)}…` : line.text;
  return (
    <div data-l={line.level} data-here={isHere || undefined} id={`log-${line.key}`} title={line.text.length > 160 ? plainText(line.text).slice(0, 4_000) : undefined}>
      <a className="t3 num" href={`#log-${line.key}`} aria-label={`Link to this line, ${duration(line.ts - start)}`} aria-current={isChosen || undefined} onClick={(event) => { if (event.metaKey || event.ctrlKey) return; event.preventDefault(); onPick(line.key); }}>{duration(line.ts - start)}</a>
      <span className="t3">{line.level}</span>
      <span className="line">{pattern ? <Marked text={plainText(text)} pattern={pattern} /> : <Ansi text={text} />}<Fields of={line.fields} /></span>
    </div>
  );
}

/** The text with its matches highlighted. */
function Marked({ text, pattern }: { text: string; pattern: RegExp }) {
  const parts: ReactNode[] = [], all = new RegExp(pattern.source, `${pattern.flags}g`);
  let at = 0;
  for (const found of text.matchAll(all)) {
    if (!found[0]) continue;
    parts.push(text.slice(at, found.index), <mark key={found.index}>{found[0]}</mark>);
    at = found.index + found[0].length;
  }
  return [...parts, text.slice(at)];
}

/** The fields of a log line, such as `page` of `log.info("indexed", page=3)`. */
const Fields = ({ of: fields }: { of: Values }) => Object.entries(fields ?? {}).map(([name, value]) => <span key={name} className="t3"> {name}=<span className="t2">{typeof value === "string" ? value : JSON.stringify(value)}</span></span>);
const fieldsText = (fields: Values) => Object.entries(fields ?? {}).map(([name, value]) => ` ${name}=${typeof value === "string" ? value : JSON.stringify(value)}`).join("");

/** The log of a running job, from its events. */
function useLive(src: string): LoadedLog {
  const [events, state] = useEvents(src);
  return useMemo(() => {
    const entries = events.filter((event) => event.type === "log").map(({ id, ts, payload }): LogRead => ({ id, ts, text: payload.text ?? "", fields: (payload.fields ?? {}) as Record<string, unknown>, level: (payload.level ?? payload.stream) as string })), counts: Record<string, number> = {};
    for (const { level } of entries) counts[level] = (counts[level] ?? 0) + 1;
    return { entries, counts, state, next: null, isLoading: state.phase === "connecting", loadMore() {}, loadAll: async () => {} };
  }, [events, state]);
}

/** The log of a job that has ended: its first page, and the others on demand. */
function useStored(src: string, isOn: boolean): LoadedLog {
  const [project = "", job = ""] = src.split("/"), [found, setFound] = useState<Log>({ entries: [], counts: {}, next: null, isLoading: true, state: { phase: "connecting" } }), running = useRef<Promise<void> | null>(null), next = useRef<number | null>(0);
  const page = useCallback(() => {
    if (next.current === null) return undefined;
    const after = next.current;
    running.current ??= callApi<LogPage>("GET", `/v1/jobs/${job}/logs?limit=${PAGE}&after=${after}`, { project }).then(({ entries, next_after: more, counts }) => {
      setFound((before) => ({ entries: after ? [...before.entries, ...entries] : entries, counts: after ? before.counts : counts, next: more, isLoading: false, state: { phase: "ended" } }));
      next.current = more;
    }, (error: ApiError) => { next.current = null; setFound((before) => ({ ...before, next: null, isLoading: false, state: { phase: "refused", code: error.code ?? "", detail: error.detail } })); }).finally(() => { running.current = null; });
    return running.current;
  }, [project, job]);
  useEffect(() => {
    if (!isOn) return;
    next.current = 0;
    page();
  }, [isOn, page]);
  const loadAll = useCallback(async () => { while (next.current) await page(); }, [page]);
  return useMemo(() => ({ ...found, loadMore: page, loadAll }), [found, page, loadAll]);
}

/** The lines of entries, which printed text may cut anywhere: consecutive pieces of a stream are joined. */
function linesOf(entries: LogRead[]) {
  const lines: LogLine[] = [];
  let open: LogLine | null = null;
  for (const { id, ts, level, text, fields } of entries) {
    const at = Date.parse(ts), parts = text.split("\n");
    if (level !== "stdout" && level !== "stderr") {
      parts.forEach((part, index) => lines.push(line(`${id}-${index}`, at, level, part, index === parts.length - 1 ? fields : {})));
      open = null;
      continue;
    }
    if (open?.level === level) { open.text += parts[0] ?? ""; open.search = plainText(open.text); parts.shift(); if (parts.length) open = null; }
    for (const [index, part] of parts.entries()) {
      const isLast = index === parts.length - 1;
      if (isLast && part === "") continue;
      const added = line(`${id}-${index}`, at, level, part, {});
      lines.push(added);
      if (isLast) open = added;
    }
  }
  return lines;
}

const line = (key: string, ts: number, level: string, text: string, fields: Values): LogLine => ({ key, ts, level, text, fields, search: `${plainText(text)}${fieldsText(fields)}` });

/** `[pattern, problem]` of a search. */
function patternOf(query: string, isRegex: boolean): [RegExp | null, string] {
  if (!query) return [null, ""];
  try { return [new RegExp(isRegex ? query : query.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i"), ""]; } catch (error) { return [null, (error as Error).message.replace(/^Invalid regular expression: /, "Invalid: ")]; }
}

/** The line that the URL names. */
function anchorOfUrl() {
  if (typeof location === "undefined") return null;
  const found = ANCHOR.exec(location.hash);
  return found ? `${found[1]}-${found[2] ?? 0}` : null;
}
