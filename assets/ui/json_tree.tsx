import { useMemo, useState } from "react";
import { Copy } from "./controls";
import { Matches } from "./matches";
import { VirtualRows } from "./virtual";

interface TreeRow {
  path: string;
  depth: number;
  value: unknown;
  name: string | number | null;
  /** The number of values in it; null for a text, a number or another single value. */
  count: number | null;
  isOpen: boolean;
  /** The line with the closing bracket. */
  isEnd?: boolean;
}

const ROW = 20, OPEN_ALL = 400, MAX_LINE = 300, MAX_FOUND = 5_000;

/** JSON as a tree that folds, with search, and with buttons to copy and download. Only the rows in sight are in the document. */
export function JsonTree({ value, name = "result", label = "JSON" }: { value: unknown; name?: string; label?: string }) {
  const all = useMemo(() => countOf(value, OPEN_ALL + 1), [value]);
  const [open, setOpen] = useState(() => new Set(all <= OPEN_ALL ? pathsOf(value) : [""])), [chosen, setChosen] = useState<string | null>(null), [query, setQuery] = useState(""), [at, setAt] = useState(0);
  const rows = useMemo(() => rowsOf(value, open), [value, open]), found = useMemo(() => matchesOf(value, query), [value, query]);
  const index = useMemo(() => new Map(rows.map((row, place) => [row.path, place])), [rows]);
  const shown = found[Math.min(at, found.length - 1)], text = useMemo(() => JSON.stringify(value, null, 2) ?? "null", [value]);
  const flip = (path: string) => setOpen((before) => { const after = new Set(before); if (!after.delete(path)) after.add(path); return after; });
  const reveal = (path: string) => setOpen((before) => new Set([...before, ...parentsOf(path)]));
  const go = (by: number) => { const next = (Math.min(at, found.length - 1) + by + found.length) % found.length, path = found[next]; if (path === undefined) return; setAt(next); reveal(path); };
  const search = (typed: string) => { setQuery(typed); setAt(0); const [first] = matchesOf(value, typed); if (first !== undefined) reveal(first); };
  const picked = chosen === null ? undefined : at_(value, chosen);
  return (
    <div className="json-tree" role="group" aria-label={label}>
      <div className="row wrap tools-row">
        <input className="in small" type="search" placeholder="Search JSON…" aria-label={`Search ${label}`} value={query} onChange={(event) => search(event.target.value)} onKeyDown={(event) => event.key === "Enter" && (event.preventDefault(), go(event.shiftKey ? -1 : 1))} />
        {query && <Matches count={found.length} at={Math.min(at, found.length - 1)} hasMore={found.length === MAX_FOUND} onGo={go} />}
        <span className="grow" />
        {all > 1 && <><button type="button" className="btn quiet small" onClick={() => setOpen(new Set(pathsOf(value)))}>Expand all</button><button type="button" className="btn quiet small" onClick={() => setOpen(new Set())}>Collapse all</button></>}
        <Copy text={text} />
        <Download text={text} name={`${name}.json`} type="application/json" />
      </div>
      <VirtualRows className="code" role="tree" label={label} count={rows.length} rowPx={ROW} at={query && shown !== undefined ? index.get(shown) ?? null : null}
        row={(place) => { const row = rows[place]; return row && <Row key={row.path} row={row} isFound={query !== "" && row.path === shown} isChosen={chosen === row.path} onFlip={() => flip(row.path)} onPick={() => setChosen(chosen === row.path ? null : row.path)} />; }} />
      {chosen !== null && <div className="json-picked">
        <div className="row wrap"><span className="mono cut grow" title={pathText(chosen)}>{pathText(chosen)}</span><Copy text={pathText(chosen)} label="Copy path" /><Copy text={typeof picked === "string" ? picked : JSON.stringify(picked, null, 2) ?? "null"} label="Copy value" /></div>
        {typeof picked === "string" && picked.length > 60 && <pre className="code fold" tabIndex={0}>{picked}</pre>}
      </div>}
    </div>
  );
}

/** A button that saves a text as a file. */
export function Download({ text, name, type = "text/plain", label = "Download" }: { text: string | (() => string); name: string; type?: string; label?: string }) {
  const save = () => {
    const url = URL.createObjectURL(new Blob([typeof text === "function" ? text() : text], { type })), link = Object.assign(document.createElement("a"), { href: url, download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  };
  return <button type="button" className="btn quiet" onClick={save}>{label}</button>;
}

function Row({ row, isFound, isChosen, onFlip, onPick }: { row: TreeRow; isFound: boolean; isChosen: boolean; onFlip: () => void; onPick: () => void }) {
  const { depth, name, value, count, isOpen, isEnd } = row, isList = Array.isArray(value), [begin, end] = isList ? "[]" : "{}";
  if (isEnd) return <div className="json-row" role="presentation" style={{ paddingLeft: 8 + depth * 16 }}>{isList ? "]" : "}"}</div>;
  return (
    <div className="json-row" role="treeitem" aria-level={depth + 1} aria-expanded={count ? isOpen : undefined} aria-selected={isChosen} data-found={isFound || undefined} style={{ paddingLeft: 8 + depth * 16 }} onClick={onPick}>
      <span className="wf-twist" onClick={(event) => { if (!count) return; event.stopPropagation(); onFlip(); }}>{count !== null && count > 0 && <svg width="8" height="8" viewBox="0 0 8 8" aria-hidden="true" style={{ rotate: isOpen ? "90deg" : "0deg" }}><path d="M2 0l4 4-4 4z" fill="currentColor" /></svg>}</span>
      {name !== null && <span className="tok-key">{typeof name === "number" ? name : JSON.stringify(name)}: </span>}
      {count === null ? <Scalar value={value} /> : count === 0 ? `${begin}${end}` : isOpen ? begin : <span>{begin}<span className="t3"> {count.toLocaleString("en")} {count === 1 ? "item" : "items"} </span>{end}</span>}
    </div>
  );
}

function Scalar({ value }: { value: unknown }) {
  const text = JSON.stringify(value) ?? "null", kind = typeof value === "string" ? "text" : typeof value === "number" ? "number" : "word";
  return <span className={`tok-${kind}`}>{text.length > MAX_LINE ? `${text.slice(0, MAX_LINE)}…` : text}</span>;
}

const isNode = (value: unknown): value is Record<string | number, unknown> => value !== null && typeof value === "object";
const keysOf = (value: object): (string | number)[] => (Array.isArray(value) ? value.map((_, index) => index) : Object.keys(value));
const step = (path: string, key: string | number) => `${path}/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`;
const parts = (path: string) => path.split("/").slice(1).map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
const at_ = (value: unknown, path: string) => parts(path).reduce((found, key) => (isNode(found) ? found[key] : undefined), value);
const parentsOf = (path: string) => { const found = [""], names = path.split("/"); for (let length = 2; length < names.length; length++) found.push(names.slice(0, length).join("/")); return found; };
const pathText = (path: string) => parts(path).reduce((text, key) => (/^\d+$/.test(key) ? `${text}[${key}]` : /^[A-Za-z_]\w*$/.test(key) ? `${text}.${key}` : `${text}[${JSON.stringify(key)}]`), "$");

/** The rows of the open part of a value. */
function rowsOf(root: unknown, open: Set<string>) {
  const rows: TreeRow[] = [];
  const walk = (value: unknown, path: string, name: string | number | null, depth: number) => {
    const keys = isNode(value) ? keysOf(value) : null, isOpen = keys !== null && keys.length > 0 && open.has(path);
    rows.push({ path, name, depth, value, count: keys?.length ?? null, isOpen });
    if (!isOpen || !isNode(value)) return;
    for (const key of keysOf(value)) walk(value[key], step(path, key), key, depth + 1);
    rows.push({ path: `${path}/end`, depth, value, name: null, count: null, isOpen: false, isEnd: true });
  };
  walk(root, "", null, 0);
  return rows;
}

/** The number of values in a value, up to a limit. */
function countOf(root: unknown, limit: number) {
  const left = [root];
  let count = 0;
  while (left.length && count < limit) { const value = left.pop(); count += 1; if (isNode(value)) left.push(...Object.values(value).slice(0, limit)); }
  return count;
}

/** The paths of all lists and objects. */
function pathsOf(root: unknown) {
  const found: string[] = [];
  const walk = (value: unknown, path: string) => { if (isNode(value)) { found.push(path); for (const key of keysOf(value)) walk(value[key], step(path, key)); } };
  walk(root, "");
  return found;
}

/** The paths of the names and texts that contain a text. */
function matchesOf(root: unknown, query: string) {
  const wanted = query.toLowerCase(), found: string[] = [];
  if (!wanted) return found;
  const walk = (value: unknown, path: string, name: string | number | null) => {
    if (found.length >= MAX_FOUND) return;
    if ((typeof name === "string" && name.toLowerCase().includes(wanted)) || (!isNode(value) && String(value).toLowerCase().includes(wanted))) found.push(path);
    if (isNode(value)) for (const key of keysOf(value)) walk(value[key], step(path, key), key);
  };
  walk(root, "", null);
  return found;
}
