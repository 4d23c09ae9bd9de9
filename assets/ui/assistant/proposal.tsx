import { useEffect, useMemo, useState } from "react";
import type { DraftRead } from "../../../clients/typescript/src/generated";
import { Markdown } from "../markdown";
import { Diff } from "../versions/diff";
import { hasHunk, type Hunk as HunkOfFile, hunksOf, withHunk } from "./hunks";

type Action = "create" | "change" | "delete";

/** A file that the assistant proposes to create, change or delete. */
interface ProposedFile {
  path: string;
  action: Action;
  before: string;
  after: string;
}

/** The result of a job of the assistant. */
export interface ProposalResult {
  summary: string;
  files: ProposedFile[];
  /** The problems that the draft has with all proposed changes. */
  problems: string[];
}

/** A proposed file with its hunks; null is the creation or deletion of the file. */
interface FileWithHunks extends ProposedFile {
  hunks: (HunkOfFile | null)[];
}

/** What the proposal needs of the draft in the editor. */
export interface ProposalDraft {
  view: Pick<DraftRead, "files"> | null;
  /** `collect` reads the text of an editor that writes its text with a delay. */
  files: { open: Record<string, { text: string }>; collect: () => void };
  load: (path: string) => Promise<unknown>;
  create: (texts: Record<string, string>) => Promise<unknown>;
  remove: (path: string) => Promise<unknown>;
}

/** Change a file of the draft as an edit does. */
export type Write = (path: string, text: string) => unknown;

interface ProposalProps {
  result: ProposalResult;
  draft: ProposalDraft;
  write: Write;
}

const ACTIONS: Record<Action, string> = { create: "New file", change: "Changed", delete: "Deleted" };
const CHANGED = "The draft has changed here since the assistant started. Ask it again, or make the change yourself.";

const isObject = (value: unknown): value is Record<string, unknown> => value !== null && typeof value === "object";
const isFile = (value: unknown): value is ProposedFile => isObject(value) && [value["path"], value["before"], value["after"]].every((one) => typeof one === "string") && String(value["action"]) in ACTIONS;

/** The proposal in the result of a job; null if the result is not one. */
export function proposalOf(result: unknown): ProposalResult | null {
  if (!isObject(result) || typeof result["summary"] !== "string" || !Array.isArray(result["files"])) return null;
  const problems: unknown[] = Array.isArray(result["problems"]) ? result["problems"] : [];
  return { summary: result["summary"], files: result["files"].filter(isFile), problems: problems.map(String) };
}

/** The proposed changes, to accept or reject for each hunk. */
export function Proposal({ result, draft, write }: ProposalProps) {
  const [decided, setDecided] = useState<Partial<Record<string, string>>>({}), [isBusy, setBusy] = useState(false);
  const files = useMemo(() => result.files.map((file): FileWithHunks => ({ ...file, hunks: file.action === "change" ? hunksOf(file.before, file.after) : [null] })), [result]);
  const keys = files.flatMap((file) => file.hunks.map((_, index) => `${file.path}#${index}`)), open = keys.filter((key) => !decided[key]);
  const decide = (key: string, state: string | undefined) => setDecided((before) => ({ ...before, [key]: state }));
  const accept = async (file: FileWithHunks, index: number) => decide(`${file.path}#${index}`, await applied(file, file.hunks[index] ?? null, draft, write));
  const acceptAll = async () => {
    setBusy(true);
    for (const file of files) for (const index of file.hunks.keys()) if (!decided[`${file.path}#${index}`]) await accept(file, index);
    setBusy(false);
  };
  return (
    <div className="col scroll grow proposal" tabIndex={0} role="region" aria-label="Proposal">
      <div className="pad"><Markdown text={result.summary} /></div>
      {result.problems.length > 0 && <div className="note line-note" data-s="wait" role="status">With all changes, the draft has problems: {result.problems.join(" ")}</div>}
      {files.length > 0 && <div className="row wrap chips"><span className="t2 grow">{files.length === 1 ? "1 file" : `${files.length} files`}, {open.length} of {keys.length} changes to decide</span>
        <button type="button" className="btn pri small" disabled={isBusy || !open.length} onClick={acceptAll}>Accept all</button>
        <button type="button" className="btn small" disabled={isBusy || !open.length} onClick={() => open.forEach((key) => decide(key, "Rejected"))}>Reject all</button></div>}
      {files.map((file) => (
        <section key={file.path} aria-label={file.path}>
          <h3 className="row pane-head"><span className="mono break grow">{file.path}</span><span className="tag">{ACTIONS[file.action]}</span></h3>
          {file.hunks.map((hunk, index) => <Hunk key={index} {...{ file, hunk }} name={file.hunks.length > 1 ? `change ${index + 1} of ${file.path}` : file.path} state={decided[`${file.path}#${index}`]} isBusy={isBusy} onAccept={() => accept(file, index)} onReject={() => decide(`${file.path}#${index}`, "Rejected")} onUndo={() => decide(`${file.path}#${index}`, undefined)} />)}
        </section>
      ))}
    </div>
  );
}

interface HunkProps {
  file: ProposedFile;
  hunk: HunkOfFile | null;
  name: string;
  state: string | undefined;
  isBusy: boolean;
  onAccept: () => void;
  onReject: () => void;
  onUndo: () => void;
}

function Hunk({ file, hunk, name, state, isBusy, onAccept, onReject, onUndo }: HunkProps) {
  const before = hunk ? around(file.before, hunk, hunk.removed) : file.before, after = hunk ? around(file.before, hunk, hunk.added) : file.after;
  const hasFailed = state === CHANGED, start = hunk ? Math.max(0, hunk.at - CONTEXT) : 0;
  return (
    <div className="hunk" data-state={state && !hasFailed ? state : undefined}>
      <Diff before={before.replace(/\n?$/, "\n")} after={after.replace(/\n?$/, "\n")} label={`Proposed ${name}`} skipped={hunk ? [start, start + hunk.to - hunk.at] : undefined} />
      <div className="row wrap chips">
        <span className="grow" role="status">{hasFailed ? <span className="break">{CHANGED}</span> : state}</span>
        {!state && <><button type="button" className="btn small pri" disabled={isBusy} aria-label={`Accept ${name}`} onClick={onAccept}>Accept</button><button type="button" className="btn small" disabled={isBusy} aria-label={`Reject ${name}`} onClick={onReject}>Reject</button></>}
        {(state === "Rejected" || hasFailed) && <button type="button" className="btn quiet small" aria-label={`Decide again about ${name}`} onClick={onUndo}>{hasFailed ? "Try again" : "Undo"}</button>}
      </div>
    </div>
  );
}

const CONTEXT = 3;

/** The lines of a hunk with the lines around it. */
function around(text: string, hunk: HunkOfFile, lines: string[]) {
  const all = text.split("\n"), end = hunk.at + hunk.removed.length;
  return [...all.slice(Math.max(0, hunk.at - CONTEXT), hunk.at), ...lines, ...all.slice(end, end + CONTEXT)].join("\n");
}

/** Apply a hunk, or the creation or deletion of a file, to the draft; resolves to the state to show. */
async function applied(file: ProposedFile, hunk: HunkOfFile | null, draft: ProposalDraft, write: Write): Promise<string> {
  const { path, action, before, after } = file, exists = draft.view?.files.some((one) => one.path === path && !one.is_deleted);
  if (!exists) {
    if (action === "delete") return "Already in the draft";
    if (action === "change") return CHANGED;
    await draft.create({ [path]: after });
    return "Accepted";
  }
  const current = await textOf(draft, path);
  if (action === "create") return current === after ? "Already in the draft" : CHANGED;
  if (action === "delete") {
    if (current !== before) return CHANGED;
    await draft.remove(path);
    return "Accepted";
  }
  const next = hunk && withHunk(before, current, hunk);
  if (next === null) return hunk && hasHunk(after, current, hunk) ? "Already in the draft" : CHANGED;
  await write(path, next);
  return "Accepted";
}

/** The text that the user sees: the edited one of an open file. */
async function textOf(draft: ProposalDraft, path: string) {
  if (!draft.files.open[path]) await draft.load(path);
  draft.files.collect();
  return draft.files.open[path]?.text ?? "";
}
