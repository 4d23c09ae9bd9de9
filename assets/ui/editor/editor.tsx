import { lazy, type ReactNode, Suspense, useEffect, useMemo, useRef, useState } from "react";
import type { AssistantCreate, Skill } from "../../../clients/typescript/src/generated";
import { messageOf } from "../api";
import { askedByUrl, toFix } from "../assistant/asked";
import { useBack } from "../history";
import { Split } from "../split";
import { skillYamls } from "./agent_skills";
import type { OnCode } from "./broken";
import type { Controls, FileProblem, Memory } from "./code";
import { Conflict } from "./conflict";
import { type LoadedDraft, useDraft } from "./draft";
import { isUnsaved } from "./files";
import { useKeys } from "./keys";
import { useLastView } from "./last_view";
import { type Move, pathAfter, type References, referencesIn, referring, UpdateReferences } from "./moved";
import { NewSkill } from "./new_skill";
import { openFilesOfUrl, showInUrl } from "./open_files";
import { format, Panes, replaceMatches } from "./panes";
import { Preview } from "./preview";
import { Publish } from "./publish";
import { isPython, usePythonProblems } from "./python_help";
import { QuickOpen } from "./quick_open";
import { Restored, SaveState } from "./saved";
import { SearchFiles } from "./search_files";
import { symbolsOf } from "./symbols";
import { Tree } from "./tree";
import { Try } from "./try";
import type { EditedText } from "./yaml_edits";

const Design = lazy(() => import("./design"));
const Canvas = lazy(() => import("../canvas/canvas"));
const Assistant = lazy(() => import("../assistant/assistant"));

interface Props {
  project: string;
  csrf: string;
  /** The ID of the user. */
  user: string;
  skillpack: string;
  canWrite: boolean;
  canManage: boolean;
  /** Whether the project can use a language model, which the assistant needs. */
  hasModel: boolean;
}

const SEEK_MS = 50, SHOWN_WITHIN_MS = 10_000;

/** A task of the assistant that another part of the page fills in. */
type Asked = Pick<AssistantCreate, "task" | "problem" | "job_id">;

/** The editor of a skillpack's draft: files, code with its problems, and a form to run the skill of the open file. */
export function Editor({ project, csrf, user, skillpack, canWrite, canManage, hasModel }: Props) {
  const base = `/v1/skillpacks/${skillpack}/drafts`, [notice, setNotice] = useState(""), [current, setCurrent] = useState<string | null>(null);
  const [isRead, setRead] = useState(false), draft = useDraft({ base, project, csrf, user, onError: setNotice, isShown }), controls = useRef<(Controls | null)[]>([null, null]);
  const [isForm, chooseForm, setForm] = useLastView(user), [selected, setSelected] = useState<FileProblem | null>(null), [isTrying, setTrying] = useState(false), pending = useRef<Promise<unknown>>(Promise.resolve()), shown = useRef<[current: string | null, alongside: string | null]>([null, null]);
  const [asked, setAsked] = useState<Asked | null>(askedByUrl), [isAssisted, setAssisted] = useState(Boolean(asked) && canWrite), ask = canWrite && hasModel ? (task: Asked) => { setAsked(task); setAssisted(true); } : null;
  const [alongside, setAlongside] = useState<string | null>(null), [isSecond, setSecond] = useState(false), [quick, setQuick] = useState<{ initial?: string; isToSecond?: boolean } | null>(null), [isSearching, setSearching] = useState(false), [searches, setSearches] = useState(0);
  const memory = useRef<Memory>(new Map()), recent = useRef<string[]>([]), line = useRef(1), timer = useRef(0), seeking = useRef(0), isOpening = useRef(false), caller = { base, project, csrf };
  shown.current = [current, alongside];
  const hasForm = (path: string) => isSkillYaml(path) || isFlow(path, draft.check.skills);
  const files = draft.view?.files ?? [], fileAt = (path: string | null) => (path === null ? undefined : draft.open[path]), file = fileAt(current);
  const python = [...usePythonProblems(caller, current, file?.text, canWrite), ...usePythonProblems(caller, alongside, fileAt(alongside)?.text, canWrite)];
  const checked = useMemo((): FileProblem[] => [...draft.check.problems.map((one): FileProblem => ({ ...one, severity: "error" })), ...draft.check.warnings.map((one): FileProblem => ({ ...one, severity: "warning" }))], [draft.check]);
  const problems: FileProblem[] = [...checked, ...python.filter((one) => one.code !== "invalid-syntax" || !checked.some((other) => other.path === one.path))];
  const skill = skillOf(draft.check.skills, current), isEmpty = files.every((one) => one.is_deleted);
  const exists = (path: string) => files.some((one) => one.path === path && !one.is_deleted), open = async (path: string) => { if (path && !draft.files.open[path]) await draft.load(path); };
  // The editor of a file appears after its file is loaded and drawn, which may take long on a busy host.
  const goTo = (pane: 0 | 1, path: string, line: number, column = 1) => {
    const until = Date.now() + SHOWN_WITHIN_MS, attempt = () => {
      const shownThere = controls.current[pane];
      if (shownThere?.path === path && shownThere.view.dom.offsetParent) shownThere.goTo(line, column); else if (Date.now() < until) seeking.current = setTimeout(attempt, SEEK_MS);
    };
    clearTimeout(seeking.current);
    seeking.current = setTimeout(attempt, SEEK_MS);
  };
  const show = async (path: string, line?: number | null, column?: number | null, isToSecond = isSecond && Boolean(alongside) && path !== current) => {
    if (path !== current) leave(); // the entry of the history has the line that is left
    if (isToSecond) { await open(path); setAlongside(path); setSecond(true); } else setCurrent(path);
    await open(path);
    if (line) goTo(isToSecond ? 1 : 0, path, line, column ?? 1);
  };
  const leave = () => { clearTimeout(timer.current); if (timer.current && !isOpening.current) toUrl(); timer.current = 0; };
  const showUrl = async () => {
    clearTimeout(timer.current); timer.current = 0; // the URL is already that of the entry to show
    const wanted = openFilesOfUrl();
    for (const path of [...wanted.open, wanted.alongside].filter(exists)) await open(path);
    setAlongside(exists(wanted.alongside) && wanted.alongside !== wanted.file ? wanted.alongside : null);
    if (wanted.line > 1 && hasForm(wanted.file)) setForm(false);
    if (exists(wanted.file)) await show(wanted.file, wanted.line, 1, false);
    return exists(wanted.file);
  };
  useBack(showUrl);
  useEffect(() => {
    if (current || !draft.view || isOpening.current) return;
    isOpening.current = true;
    (async () => {
      if (await showUrl()) return;
      const restored = Object.keys(draft.files.open)[0], first = files.find((one) => !one.is_deleted && /(^|\/)(skill\.yaml|SKILL\.md)$/.test(one.path));
      if (restored) setCurrent(restored); else if (first) await show(first.path, 0, 1, false);
    })().finally(() => { isOpening.current = false; });
  }, [draft.view?.revision === undefined, files.length]);
  const tabs = Object.keys(draft.open), toUrl = () => { const [path, second] = shown.current; if (path) showInUrl({ open: Object.keys(draft.files.open), file: path, line: isForm && hasForm(path) ? 0 : line.current, alongside: second ?? "" }); };
  useEffect(() => { if (current) recent.current = [current, ...recent.current.filter((one) => one !== current)]; }, [current]);
  useEffect(() => { if (!isOpening.current) toUrl(); }, [current, alongside, tabs.join("\n"), isForm]);
  useEffect(() => { if (alongside && (alongside === current || !fileAt(alongside))) { setAlongside(null); setSecond(false); } }, [alongside, current, tabs.join("\n")]);
  const onMove = (at: number) => { line.current = at; clearTimeout(timer.current); timer.current = setTimeout(() => { timer.current = 0; toUrl(); }, 400); };
  useEffect(() => () => { clearTimeout(timer.current); clearTimeout(seeking.current); }, []);
  const split = () => { const other = [...recent.current, ...tabs].find((one) => one !== current && draft.open[one]); if (alongside) { setAlongside(null); setSecond(false); } else if (other) { setAlongside(other); setSecond(true); } else setQuick({ isToSecond: true }); };
  const [moved, setMoved] = useState<{ move: Move; references: References[] } | null>(null);
  const move = async (from: string, to: string) => {
    const change = { from, to }, before = Object.keys(draft.files.open), fresh = current && pathAfter(current, change), other = alongside && pathAfter(alongside, change);
    await draft.move(from, to);
    if (before.some((path) => draft.files.open[path])) return; // it failed, and the editor shows why
    for (const path of before) await open(pathAfter(path, change));
    setCurrent(fresh); setAlongside(other);
    const found = await Promise.all(referring(files.map((one) => one.path).filter(exists).map((one) => pathAfter(one, change)), change).map(async (path) => referencesIn(path, await draft.readTheirs(path).catch(() => ""), change)));
    const references = found.filter((one) => one !== null);
    if (references.length) setMoved({ move: change, references });
  };
  const search = () => { setSearching(true); setSearches(searches + 1); };
  useKeys({ "mod p": () => setQuick({}), "mod shift o": () => setQuick({ initial: "@" }), "mod shift f": search, "mod \\": split });
  useEffect(() => { if (current && draft.view && !files.some((one) => one.path === current && !one.is_deleted) && !isUnsaved(file)) setCurrent(null); }, [draft.view]);
  if (!draft.view) return <><Notice text={notice} onClose={() => setNotice("")} />{!notice && <p className="skeleton">Loading draft…</p>}</>;
  const loaded: LoadedDraft = { ...draft, view: draft.view }, isText = file !== undefined && !file.isBinary, isDesign = isForm && isSkillYaml(current) && isText, isCanvas = isForm && isFlow(current, draft.check.skills) && isText, saveAll = async () => { await pending.current; await draft.saveAll(); }, second = alongside !== current && fileAt(alongside) && isText && !isDesign && !isCanvas;
  const write = (path: string, text: string) => {
    const pane = controls.current[shown.current.indexOf(path)];
    if (pane?.view.dom.isConnected) return pane.replace(text);
    if (!memory.current.has(path)) memory.current.set(path, draft.files.open[path]?.text ?? "");
    return draft.edit(path, text);
  };
  // An edit may arrive when the user has opened another file: it belongs to the file of its form.
  const textAt = (path: string, text: string): EditedText => ({ text, project, csrf, replace: (changed) => write(path, changed), onPending: (work) => { pending.current = work; } });
  const openCode: OnCode = (line) => { setForm(false); if (current) goTo(0, current, line ?? 1); };
  const plain = draft.check.skills.find((one) => one.origin === "agent_skill" && one.path && `${one.path}/SKILL.md` === current);
  const addForm = async () => {
    if (!plain) return;
    try {
      await saveAll();
      const made = await skillYamls({ base, project, csrf, folders: new Set([plain.path]) }), first = Object.keys(made)[0];
      await draft.create(made);
      chooseForm(true);
      if (first) await show(first);
    } catch (error) { setNotice(messageOf(error)); }
  };
  // New steps read the inputs of the flow, which the user may have changed a moment ago.
  const openFlow = async (path: string) => { await saveAll().catch(() => {}); await draft.refresh(); await show(`${folderOf(current ?? "")}/${path}`); };
  const openNew = (path: string, isWrittenHere = false) => { if (isFlow(path, []) || (isWrittenHere && isSkillYaml(path))) chooseForm(true); return show(path); };
  const pickProblem = (one: FileProblem) => { if (isForm && (isSkillYaml(one.path) || isFlow(one.path, draft.check.skills)) && one.keys?.length) { setSelected(one); show(one.path, null, null, false); } else { setForm(false); show(one.path, one.line, one.column); } };
  const isMarkdown = /\.md$/i.test(current ?? ""), changed = new Map(Object.entries(draft.open).filter(([, one]) => isUnsaved(one)).map(([path, one]): [string, string] => [path, one.conflict || one.failure || one.restored ? "unsaved" : "saving"]));
  return (
    <div className="col grow" style={{ minHeight: 0 }}>
      <div className="row editor-bar">
        <span className="t2">
          {draft.view.base_version ? `Based on v${draft.view.base_version}` : "Not published yet"}
        </span>
        <SaveState open={draft.open} onSave={draft.saveNow} />
        <span className="grow" />
        <button type="button" className="btn quiet" data-key="mod p" onClick={() => setQuick({})}>
          Open file…
        </button>
        <button
          type="button"
          className="btn quiet"
          data-key="mod shift f"
          data-label="Search in files"
          aria-pressed={isSearching}
          onClick={() => (isSearching ? setSearching(false) : search())}
        >
          Search
        </button>
        <a className="btn quiet" href={`${base}/bundle?project=${encodeURIComponent(project)}`}>
          Export
        </a>
        {canWrite && (
          <>
            {!isEmpty && (
              <NewSkill draft={loaded} base={base} project={project} csrf={csrf} onCreated={openNew} onDescribe={ask} />
            )}
            {ask && (
              <button type="button" className="btn" aria-pressed={isAssisted} onClick={() => setAssisted(!isAssisted)}>
                Assistant
              </button>
            )}
            <Publish
              base={base}
              project={project}
              csrf={csrf}
              skillpack={skillpack}
              problems={draft.check.problems}
              skill={skill}
              canManage={canManage}
              beforeOpen={saveAll}
              onPublished={draft.refresh}
            />
          </>
        )}
      </div>
      <Notice text={notice} onClose={() => setNotice("")} />
      {quick && (
        <QuickOpen
          paths={files.filter((one) => !one.is_deleted).map((one) => one.path)}
          recent={recent.current}
          current={current}
          symbols={() => (current && file ? symbolsOf(current, file.text) : [])}
          initial={quick.initial}
          onClose={() => setQuick(null)}
          onOpen={(path, at, isToSecond) => {
            if (at) setForm(false);
            show(path, at, 1, isToSecond || quick.isToSecond);
          }}
        />
      )}
      {moved && (
        <UpdateReferences
          {...moved}
          onClose={() => setMoved(null)}
          onUpdate={async () => {
            for (const { path, text } of moved.references) {
              await open(path);
              write(path, text);
            }
            await saveAll();
          }}
        />
      )}
      <div className="editor" data-searching={isSearching || undefined}>
        {searches > 0 && (
          <SearchFiles
            {...caller}
            canWrite={canWrite}
            revision={draft.view.revision}
            focus={searches}
            isHidden={!isSearching}
            beforeSearch={saveAll}
            onClose={() => setSearching(false)}
            onOpen={(path, at, column) => {
              setForm(false);
              show(path, at, column);
            }}
            onReplace={async (found, matches) => {
              const isDone = await replaceMatches(draft, found, matches, write);
              await saveAll().catch(() => {});
              return isDone;
            }}
          />
        )}
        <Tree
          isHidden={isSearching}
          files={files}
          current={current}
          changed={changed}
          problems={new Set(draft.check.problems.map((one) => one.path))}
          canWrite={canWrite}
          onOpen={show}
          onCreate={(path) => draft.create({ [path]: "" }).then(() => show(path))}
          onMove={move}
          onRemove={draft.remove}
          onRestore={draft.restore}
        />
        <Split
          name="try"
          label="Playground width"
          initial={432}
          isClosed={Boolean(isCanvas || second) && !isTrying && !isAssisted}
        >
          <div className="col grow of-writing" style={{ minHeight: 0 }}>
            <Tabs
              open={tabs}
              current={current}
              alongside={alongside}
              onSplit={isDesign || isCanvas ? null : split}
              onFormat={
                canWrite && current && isPython(current) && isText
                  ? () =>
                      format(caller, current, () => draft.files.open[current]?.text, write)
                        .catch((error: unknown) => setNotice(messageOf(error)))
                        .finally(() => controls.current[0]?.view.focus())
                  : null
              }
              isPlain={Boolean(plain)}
              isRead={isRead}
              onRead={isMarkdown ? () => setRead(!isRead) : null}
              isForm={isForm}
              form={isFlow(current, draft.check.skills) ? "Canvas" : "Design"}
              onForm={hasForm(current ?? "") ? chooseForm : plain && canWrite ? addForm : null}
              isTrying={isTrying}
              onTry={isCanvas || second ? () => setTrying(!isTrying) : null}
              onPick={(path) => show(path)}
              onClose={(path) => {
                draft.close(path);
                if (path === current) setCurrent(Object.keys(draft.open).find((one) => one !== path) ?? null);
              }}
            />
            {current && file?.conflict && (
              <Conflict
                path={current}
                conflict={file.conflict}
                mine={file.text}
                readTheirs={draft.readTheirs}
                onMine={() => draft.keepMine(current)}
                onTheirs={() => draft.discard(current)}
              />
            )}
            {current && (
              <Restored file={file} onSave={() => draft.save(current)} onDiscard={() => draft.discard(current)} />
            )}
            <div
              className="writing"
              data-read={isRead && isMarkdown && file && !second ? true : undefined}
              data-split={second ? true : undefined}
            >
              {current && isText && (
                <Panes
                  caller={caller}
                  draft={draft}
                  path={current}
                  alongside={alongside}
                  isSecond={isSecond}
                  isHidden={isDesign || isCanvas}
                  canWrite={canWrite}
                  problems={problems}
                  memory={memory.current}
                  controls={controls}
                  saveAll={saveAll}
                  write={write}
                  onOpen={show}
                  onMove={onMove}
                  onShown={(at) => {
                    line.current = at;
                  }}
                  onPane={setSecond}
                  onCloseAlongside={() => {
                    setAlongside(null);
                    setSecond(false);
                  }}
                  onError={setNotice}
                />
              )}
              {current && isDesign && (
                <Suspense fallback={<p className="skeleton pad">Loading form…</p>}>
                  <Design
                    key={`${current} ${file.rev}`}
                    {...textAt(current, file.text)}
                    canWrite={canWrite}
                    path={current}
                    problems={problems}
                    draft={loaded}
                    base={base}
                    skillpack={skillpack}
                    selected={selected}
                    onSelected={() => setSelected(null)}
                    onCode={openCode}
                    onOpen={(path, line) => {
                      setForm(false);
                      show(path, line);
                    }}
                    onFlow={openFlow}
                  />
                </Suspense>
              )}
              {current && isCanvas && (
                <Suspense fallback={<p className="skeleton pad">Loading canvas…</p>}>
                  <Canvas
                    key={`${current} ${file.rev}`}
                    {...textAt(current, file.text)}
                    canWrite={canWrite}
                    problems={problems.filter((one) => one.path === current)}
                    path={current}
                    draft={loaded}
                    selected={selected?.path === current ? selected : null}
                    onSelected={() => setSelected(null)}
                    onCode={openCode}
                    onInputs={show}
                  />
                </Suspense>
              )}
              {file && isRead && isMarkdown && !second && !file.isBinary && <Preview text={file.text} />}
            </div>
            {file?.isBinary && <p className="pad t2">This is a binary file. It is published unchanged.</p>}
            {!file && !isEmpty && <p className="pad t2">Select a file.</p>}
            {isEmpty && (
              <Empty>
                {canWrite && (
                  <NewSkill
                    isFirst
                    draft={loaded}
                    base={base}
                    project={project}
                    csrf={csrf}
                    onCreated={openNew}
                    onDescribe={ask}
                  />
                )}
              </Empty>
            )}
            {!isEmpty && (
              <Problems
                problems={problems}
                onPick={pickProblem}
                onFix={ask && (({ path, line: at, message }) => ask(toFix({ path, line: at, message })))}
              />
            )}
          </div>
          <div className="col grow" style={{ minHeight: 0 }}>
            {isAssisted && (
              <>
                <div className="pane-head">
                  <span className="grow">Assistant</span>
                  <button type="button" className="btn quiet small" onClick={() => setAssisted(false)}>
                    Close
                  </button>
                </div>
                <Suspense fallback={<p className="skeleton pad">Loading the assistant…</p>}>
                  <Assistant
                    {...{ base, project, csrf, skillpack, skill, asked, write }}
                    draft={loaded}
                    file={current}
                    problem={problems.find((one) => one.path === current) ?? problems[0]}
                    beforeRun={saveAll}
                  />
                </Suspense>
              </>
            )}
            {!isAssisted && (
              <>
                <div className="pane-head">
                  <span className="grow">{skill ? `Try ${skill.name}` : "Try"}</span>
                  {draft.check.isStale && !isEmpty && (
                    <span className="tag" title="The form shows the last state of the draft without problems">
                      Last valid state
                    </span>
                  )}
                </div>
                <Try
                  skill={skill}
                  user={user}
                  hasModel={hasModel}
                  hasProblems={draft.check.problems.length > 0}
                  base={base}
                  revision={draft.view.revision}
                  project={project}
                  csrf={csrf}
                  canWrite={canWrite}
                  beforeRun={saveAll}
                />
              </>
            )}
          </div>
        </Split>
      </div>
    </div>
  );
}

const isSkillYaml = (path: string | null) => /(^|\/)skill\.yaml$/.test(path ?? "");
const isFlow = (path: string | null, skills: Skill[]) => /(^|\/)flow\.ya?ml$/.test(path ?? "") || (/\.ya?ml$/.test(path ?? "") && skills.some((one) => `${one.path}/${one.entrypoint}` === path));
const folderOf = (path: string) => path.slice(0, path.lastIndexOf("/"));
const isShown = (path: string) => !path.endsWith(".ipynb"); // the notebook page restores these

/** The empty state of a draft. */
function Empty({ children }: { children: ReactNode }) {
  return (
    <div className="none-yet pad">
      <div className="col" style={{ gap: 10, alignItems: "start" }}>
        <h2>No skills yet</h2>
        <p className="t2">A skill is an agent with a prompt, or a Python function. Create one, start from a template, or upload a folder. Callers can run it after you publish it.</p>
        {children}
      </div>
    </div>
  );
}

/** The skill whose folder contains a file; null if there is none. */
function skillOf(skills: Skill[], path: string | null) {
  const containing = skills.filter((skill) => path?.startsWith(`${skill.path}/`) && !skill.parent_skill);
  return containing.toSorted((one, other) => other.path.length - one.path.length)[0] ?? null;
}

interface TabsProps {
  /** The paths of the open files. */
  open: string[];
  current: string | null;
  alongside: string | null;
  /** Each of the following functions is null if the file has no such action. */
  onSplit: (() => void) | null;
  onFormat: (() => void) | null;
  /** The file is a SKILL.md without a skill.yaml. */
  isPlain: boolean;
  isRead: boolean;
  onRead: (() => void) | null;
  isForm: boolean;
  /** The name of the view that is no code. */
  form: string;
  onForm: ((isForm: boolean) => void) | null;
  isTrying: boolean;
  onTry: (() => void) | null;
  onPick: (path: string) => void;
  onClose: (path: string) => void;
}

function Tabs({ open, current, alongside, onSplit, onFormat, isPlain, isRead, onRead, isForm, form, onForm, isTrying, onTry, onPick, onClose }: TabsProps) {
  const here = useRef<HTMLSpanElement>(null);
  useEffect(() => { here.current?.scrollIntoView({ block: "nearest", inline: "nearest" }); }, [current, open.length]); // newer browsers return a promise, which is no cleanup
  if (!open.length) return null;
  return (
    <div className="files row" role="group" aria-label="Open files">
      <div className="files-open">
        {open.map((path) => (
          <span
            key={path}
            ref={path === current ? here : null}
            className="file"
            data-current={path === current}
            data-alongside={path === alongside || undefined}
          >
            <button type="button" aria-pressed={path === current} title={path} onClick={() => onPick(path)}>
              {path.split("/").slice(-2).join("/")}
            </button>
            <button type="button" className="close" aria-label={`Close ${path}`} onClick={() => onClose(path)}>
              ✕
            </button>
          </span>
        ))}
      </div>
      {onForm && (
        <div className="seg" role="group" aria-label="View">
          <button type="button" aria-pressed={!isForm || isPlain} onClick={() => isPlain || onForm(false)}>
            Code
          </button>
          <button
            type="button"
            aria-pressed={isForm && !isPlain}
            title={isPlain ? "Add a skill.yaml, and edit it as a form" : undefined}
            onClick={() => onForm(true)}
          >
            {form}
          </button>
        </div>
      )}
      {onTry && (
        <button type="button" className="btn quiet small" aria-pressed={isTrying} onClick={onTry}>
          Try
        </button>
      )}
      {onFormat && (
        <button type="button" className="btn quiet small" data-key="shift alt f" onClick={onFormat}>
          Format
        </button>
      )}
      {onSplit && (
        <button
          type="button"
          className="btn quiet small"
          data-key="mod \\"
          data-label="Show two files"
          aria-pressed={Boolean(alongside)}
          onClick={onSplit}
        >
          Split
        </button>
      )}
      {onRead && (
        <button type="button" className="btn quiet small" aria-pressed={isRead} onClick={onRead}>
          Preview
        </button>
      )}
    </div>
  );
}

interface ProblemsProps {
  problems: FileProblem[];
  onPick: (problem: FileProblem) => void;
  /** Ask the assistant to fix it; null if it is not available. */
  onFix: ((problem: FileProblem) => void) | null;
}

function Problems({ problems, onPick, onFix }: ProblemsProps) {
  if (!problems.length) return <div className="problem-list ok" role="status">No problems</div>;
  return (
    <ul className="problem-list" aria-label="Problems">
      {problems.map((one, index) => (
        <li key={index}>
          <button type="button" data-s={one.severity} onClick={() => onPick(one)}>
            <span className="mono">
              {one.path.split("/").slice(-2).join("/")}
              {one.line ? `:${one.line}` : ""}
            </span>{" "}
            {one.message}
          </button>
          {onFix && (
            <button
              type="button"
              className="btn quiet small fix"
              aria-label={`Fix problem ${index + 1} with the assistant`}
              onClick={() => onFix(one)}
            >
              Fix
            </button>
          )}
        </li>
      ))}
    </ul>
  );
}

function Notice({ text, onClose }: { text: string; onClose: () => void }) {
  return text ? <div className="note line-note row" data-s="fail" role="alert"><span className="grow">{text}</span><button type="button" className="btn quiet small" onClick={onClose}>Dismiss</button></div> : null;
}
