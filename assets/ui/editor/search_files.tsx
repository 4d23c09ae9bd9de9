import { type FormEvent, useEffect, useRef, useState } from "react";
import type { DraftFileMatchesRead, DraftMatchRead, DraftSearchRead } from "../../../clients/typescript/src/generated";
import { callApi, messageOf } from "../api";

const SEARCH_AFTER_MS = 250;

interface Props {
  base: string;
  project: string;
  csrf: string;
  canWrite: boolean;
  /** The revision of the draft: a new one searches again. */
  revision: number;
  /** Increases to put the focus into the field. */
  focus: number;
  isHidden: boolean;
  beforeSearch: () => Promise<unknown>;
  onOpen: (path: string, line: number, column: number) => void;
  /** Replace matches of a file; resolves to whether all of them were still there. */
  onReplace: (file: DraftFileMatchesRead, matches: DraftMatchRead[]) => Promise<boolean>;
  onClose: () => void;
}

/** The search in all files of a draft, with a preview of what is replaced. */
export function SearchFiles({ base, project, csrf, canWrite, revision, focus, isHidden, beforeSearch, onOpen, onReplace, onClose }: Props) {
  const [query, setQuery] = useState(""), [replacement, setReplacement] = useState(""), [isReplacing, setReplacing] = useState(false);
  const [options, setOptions] = useState({ is_case_sensitive: false, is_whole_word: false, is_regex: false });
  const [found, setFound] = useState<DraftSearchRead | null>(null), [problem, setProblem] = useState(""), [report, setReport] = useState(""), [closed, setClosed] = useState(() => new Set<string>()), [stamp, setStamp] = useState(0);
  const field = useRef<HTMLInputElement>(null), newest = useRef(0);
  useEffect(() => { field.current?.focus(); field.current?.select(); }, [focus]);
  useEffect(() => {
    const mine = ++newest.current;
    if (!query) { setFound(null); setProblem(""); return undefined; }
    const timer = setTimeout(async () => {
      try {
        await beforeSearch().catch(() => {}); // a file that cannot be saved is searched as it is stored
        const json = { query, ...options, ...(isReplacing && { replacement }) }, result = await callApi<DraftSearchRead>("POST", `${base}/search`, { project, csrf, json });
        if (mine === newest.current) { setFound(result); setProblem(""); }
      } catch (error) { if (mine === newest.current) { setFound(null); setProblem(messageOf(error)); } }
    }, SEARCH_AFTER_MS);
    return () => clearTimeout(timer);
  }, [query, replacement, isReplacing, options, isHidden ? 0 : revision, stamp]);
  const files = found?.files ?? [], count = files.reduce((sum, file) => sum + file.matches.length, 0);
  const fold = (path: string) => setClosed((before) => { const after = new Set(before); if (!after.delete(path)) after.add(path); return after; });
  const replaceIn = async (which: DraftFileMatchesRead[]) => {
    const missed: string[] = [];
    let replaced = 0;
    for (const file of which) {
      if (await onReplace(file, file.matches)) replaced += file.matches.length; else missed.push(file.path);
    }
    setReport(missed.length ? `Changed in the meantime, not replaced: ${missed.join(", ")}` : `Replaced ${plural(replaced, "match", "matches")} in ${plural(which.length, "file", "files")}. Undo works in each file.`);
    setStamp((before) => before + 1);
  };
  const submit = (event: FormEvent) => { event.preventDefault(); setStamp((before) => before + 1); };
  const toggle = (name: keyof typeof options, label: string, sign: string) => <button type="button" className="btn quiet small" aria-pressed={options[name]} aria-label={label} title={label} onClick={() => setOptions({ ...options, [name]: !options[name] })}>{sign}</button>;
  return (
    <section
      className="search-files tree col"
      aria-label="Search in files"
      hidden={isHidden}
      onKeyDown={(event) => {
        if (event.key === "Escape") {
          event.stopPropagation();
          onClose();
        }
      }}
    >
      <div className="pane-head">
        <span className="grow">Search</span>
        <button type="button" className="btn quiet small" onClick={onClose}>
          Files
        </button>
      </div>
      <form className="col search-form" onSubmit={submit}>
        <input
          className="in"
          ref={field}
          aria-label="Search in files"
          placeholder="Search"
          spellCheck={false}
          value={query}
          onChange={(event) => {
            setQuery(event.target.value);
            setReport("");
          }}
        />
        <div className="row">
          {toggle("is_case_sensitive", "Match case", "Aa")}
          {toggle("is_whole_word", "Match whole word", "ab|")}
          {toggle("is_regex", "Use regular expression", ".*")}
          <span className="grow" />
          {canWrite && (
            <button
              type="button"
              className="btn quiet small"
              aria-pressed={isReplacing}
              onClick={() => setReplacing(!isReplacing)}
            >
              Replace
            </button>
          )}
        </div>
        {isReplacing && (
          <div className="row">
            <input
              className="in grow"
              aria-label="Replace with"
              placeholder="Replace with"
              spellCheck={false}
              value={replacement}
              onChange={(event) => setReplacement(event.target.value)}
            />
            <button type="button" className="btn small" disabled={!count} onClick={() => replaceIn(files)}>
              Replace all
            </button>
          </div>
        )}
      </form>
      {problem && (
        <div className="note" data-s="fail" role="alert">
          {problem}
        </div>
      )}
      <p className="t2 search-count" role="status">
        {report ||
          (found &&
            (count
              ? `${plural(count, "match", "matches")} in ${plural(files.length, "file", "files")}${found.is_truncated ? ", the first ones" : ""}`
              : "No matches"))}
      </p>
      {Boolean(found?.skipped_files.length) && (
        <p className="t3 search-count">Not searched, larger than 1 MiB: {found!.skipped_files.join(", ")}</p>
      )}
      <ul className="scroll grow" aria-label="Matches">
        {files.map((file) => (
          <li key={file.path} className="col">
            <div className="row search-file">
              <button
                type="button"
                className="cut grow"
                aria-expanded={!closed.has(file.path)}
                title={file.path}
                onClick={() => fold(file.path)}
              >
                <span className="t3" aria-hidden="true">
                  {closed.has(file.path) ? "▸" : "▾"}
                </span>{" "}
                {file.path} <span className="t3">{file.matches.length}</span>
              </button>
              {isReplacing && canWrite && (
                <button
                  type="button"
                  className="btn quiet small"
                  aria-label={`Replace in ${file.path}`}
                  onClick={() => replaceIn([file])}
                >
                  Replace
                </button>
              )}
            </div>
            {!closed.has(file.path) && (
              <ul>
                {file.matches.map((one, index) => (
                  <li key={index}>
                    <button
                      type="button"
                      className="mono cut grow"
                      title={`Line ${one.line}`}
                      onClick={() => onOpen(file.path, one.line, one.column)}
                    >
                      <Excerpt match={one} isReplacing={isReplacing} />
                    </button>
                  </li>
                ))}
              </ul>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** The line of a match; a replacement is shown after what it replaces. */
function Excerpt({ match, isReplacing }: { match: DraftMatchRead; isReplacing: boolean }) {
  const characters = Array.from(match.excerpt), part = (from: number, to?: number) => characters.slice(from, to).join("");
  const here = part(match.excerpt_start, match.excerpt_end), isReplaced = isReplacing && match.replacement !== null;
  return <>{part(0, match.excerpt_start).trimStart()}{isReplaced ? <><del>{here}</del><ins>{match.replacement}</ins></> : <mark>{here}</mark>}{part(match.excerpt_end)}</>;
}

const plural = (count: number, one: string, several: string) => `${count.toLocaleString("en")} ${count === 1 ? one : several}`;
