import { useEffect, useMemo, useState } from "react";
import { Link } from "react-router";
import type { LogPage, LogRead } from "../../clients/typescript/src/generated";
import { type ApiError, callApi, read } from "./api";
import { Copy } from "./controls";

const HEAD = /^(?: {2}\+ Exception Group )?Traceback \(most recent call last\):$/gm;
const CONTINUES = /(?:direct cause of the following exception|another exception occurred):\s*$/;
const FRAME = /^(.*?File ")([^"/][^"]*)(", line (\d+)(?:, in (.*))?.*)$/;
const AROUND = 4, MAX_EXCERPTS = 4, LAST_ENTRIES = 200; // lines before and after; frames; log entries that end with the traceback

/** A frame of a traceback in a file of the bundle. */
interface Frame {
  file: string;
  line: number;
  /** The name of the function; empty if the traceback does not name it. */
  name: string;
}

/** The bundle that the job ran: its skillpack and version; version 0 is a draft, whose files are not stored. */
interface Bundle {
  project: string;
  skillpack: string;
  version: number;
}

/** The source of a file, as far as it is loaded. */
interface Found {
  lines?: string[];
  /** How the draft differs. */
  drafts?: string;
  failure?: string;
}

/** The traceback of a failed job with those of its causes, and the source of its frames in the version that ran. */
export function Traceback({ src, skillpack, version = 0 }: { src: string; skillpack: string; version?: number }) {
  const [project = "", job = ""] = src.split("/"), [text, setText] = useState<string | null>(null);
  useEffect(() => {
    let isGone = false;
    setText(null);
    const show = (found: string) => { if (!isGone) setText(found); };
    callApi<LogPage>("GET", `/v1/jobs/${job}/logs?level=stderr&tail=true&limit=${LAST_ENTRIES}`, { project }).then(({ entries }) => show(tracebackOf(entries)), () => show(""));
    return () => { isGone = true; };
  }, [project, job]);
  const frames = useMemo(() => framesOf(text ?? ""), [text]);
  if (text === "") return null;
  if (text === null) return <div className="traceback"><p className="skeleton">Loading traceback…</p></div>;
  return (
    <div className="traceback">
      <pre className="code fold" data-s="fail" tabIndex={0} role="region" aria-label="Traceback">
        {text.split("\n").map((line, index) => <Row key={index} line={line} project={project} skillpack={skillpack} />)}
      </pre>
      {frames.length > 0 && skillpack && <Sources frames={frames} {...{ project, skillpack, version }} />}
    </div>
  );
}

/** The source around the frames, with links to the editor. */
function Sources({ frames, project, skillpack, version }: Bundle & { frames: Frame[] }) {
  return (
    <div className="sources" role="group" aria-label="Source">
      {frames.slice(0, MAX_EXCERPTS).map((frame, index) => <Source key={`${frame.file}:${frame.line}`} frame={frame} isFirst={index === 0} {...{ project, skillpack, version }} />)}
    </div>
  );
}

function Source({ frame, isFirst, project, skillpack, version }: Bundle & { frame: Frame; isFirst: boolean }) {
  const [isOpen, setOpen] = useState(isFirst), found = useSource(frame, { project, skillpack, version }, isOpen), { file, line } = frame;
  const start = Math.max(0, line - 1 - AROUND), lines = found.lines?.slice(start, line + AROUND);
  return (
    <details className="source" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className="row wrap"><span className="mono strong">{file}:{line}</span>{frame.name && <span className="t3 cut">in {frame.name}</span>}</summary>
      {found.failure && <p className="t3">{found.failure}</p>}
      {isOpen && !lines && !found.failure && <p className="skeleton">Loading source…</p>}
      {lines && <pre className="code excerpt" tabIndex={0} aria-label={`Source of ${file}`}>{lines.map((text, index) => <span key={index} className="excerpt-line" data-here={start + index + 1 === line || undefined}><i aria-hidden="true">{start + index + 1}</i>{text}{"\n"}</span>)}</pre>}
      <p className="row wrap"><Link className="btn small" to={editorUrl(project, skillpack, file, line)}>Open in editor at line {line}</Link>{lines && <Copy text={lines.join("\n")} label="Copy source" />}{found.drafts && <span className="t3" role="status">{found.drafts}</span>}</p>
    </details>
  );
}

/** The lines of the file of a frame in the version that ran, and whether the draft has another text there. */
function useSource({ file, line }: Frame, { project, skillpack, version }: Bundle, isOpen: boolean) {
  const [found, setFound] = useState<Found>({});
  useEffect(() => {
    if (!isOpen || found.lines) return undefined;
    if (!version) { setFound({ failure: "The job ran a draft, whose files are not stored. The editor has the present ones." }); return undefined; }
    let isGone = false;
    const path = `/v1/skillpacks/${encodeURIComponent(skillpack)}`, name = file.split("/").map(encodeURIComponent).join("/");
    const source = (from: string) => read(`${path}/${from}/files/${name}`, { project }).then(({ bytes }) => new TextDecoder().decode(bytes).split(/\r?\n/));
    source(`deployments/${version}`).then(async (lines) => {
      if (!isGone) setFound({ lines });
      const draft = await source("drafts").catch(() => null), text = draftText(lines, draft, line, version);
      if (!isGone) setFound({ lines, drafts: text });
    }, (error: ApiError) => { if (!isGone) setFound({ failure: error.detail }); });
    return () => { isGone = true; };
  }, [isOpen, file, project, skillpack, version]);
  return found;
}

function draftText(lines: string[], draft: string[] | null, line: number, version: number) {
  if (!draft) return "The draft does not have this file.";
  if (draft.join("\n") === lines.join("\n")) return "";
  return draft[line - 1] === lines[line - 1] ? `The draft differs from v${version}, but not in this line.` : `The draft differs from v${version} in this line.`;
}

const editorUrl = (project: string, skillpack: string, file: string, line: number) => `/p/${project}/editor?${new URLSearchParams({ skillpack, file, line: String(line) })}`;

function Row({ line, project, skillpack }: { line: string; project: string; skillpack: string }) {
  const [, before, file, after, number] = FRAME.exec(line) ?? [];
  if (!file || !skillpack) return `${line}\n`;
  return <>{before}<Link to={editorUrl(project, skillpack, file, Number(number))} aria-label={`${file}:${number}`}>{file}</Link>{after}{"\n"}</>;
}

/** The end of the error output of a job, from the first error of the chain. */
export function tracebackOf(entries: Pick<LogRead, "text">[]) {
  const text = entries.map((entry) => entry.text).join("");
  const heads = [...text.matchAll(HEAD)].map((found) => found.index);
  let at = heads.length - 1;
  while (at > 0 && CONTINUES.test(text.slice(heads[at - 1], heads[at]))) at -= 1;
  return at < 0 ? "" : text.slice(heads[at]).trimEnd();
}

/** The frames of a traceback in files of the bundle, each once: first where each error was raised, starting with the first cause. */
export function framesOf(text: string): Frame[] {
  const errors = text.split(HEAD).map((part) => part.split("\n").flatMap(frameIn));
  const ranked = [...errors.flatMap((frames) => frames.slice(-1)), ...errors.flatMap((frames) => frames.slice(0, -1).toReversed())];
  return [...new Map(ranked.map((frame) => [`${frame.file}:${frame.line}`, frame])).values()];
}

function frameIn(line: string): Frame[] {
  const [, , file = "", , number, name = ""] = FRAME.exec(line) ?? [];
  return file && !file.startsWith("<") ? [{ file, line: Number(number), name }] : [];
}
