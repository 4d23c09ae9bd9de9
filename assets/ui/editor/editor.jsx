import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";
import { askedByUrl, toFix } from "../assistant/asked";
import { Split } from "../split";
import { skillYamls } from "./agent_skills";
import { Code } from "./code";
import { Conflict } from "./conflict";
import { useDraft } from "./draft";
import { isUnsaved } from "./files";
import { NewSkill } from "./new_skill";
import { Preview } from "./preview";
import { Publish } from "./publish";
import { Restored, SaveState } from "./saved";
import { Tree } from "./tree";
import { Try } from "./try";

const Design = lazy(() => import("./design"));
const Canvas = lazy(() => import("../canvas/canvas"));
const Assistant = lazy(() => import("../assistant/assistant"));

/** The editor of a skillpack's draft: files, code with its problems, and a form to run the skill of the open file. */
export function Editor({ project, csrf, user, skillpack, canWrite, canManage, hasModel }) {
  const base = `/v1/skillpacks/${skillpack}/drafts`, [notice, setNotice] = useState(""), [current, setCurrent] = useState(null);
  const [isRead, setRead] = useState(false), draft = useDraft({ base, project, csrf, user, onError: setNotice, isShown }), goTo = useRef(null);
  const [isForm, setForm] = useState(false), [isTrying, setTrying] = useState(false), replace = useRef(null), pending = useRef(Promise.resolve()), shown = useRef(null);
  const [asked, setAsked] = useState(askedByUrl), [isAssisted, setAssisted] = useState(Boolean(asked) && canWrite), ask = canWrite && hasModel ? (task) => { setAsked(task); setAssisted(true); } : null;
  shown.current = current;
  const files = draft.view?.files ?? [], file = draft.open[current];
  const problems = useMemo(() => [...draft.check.problems.map((one) => ({ ...one, severity: "error" })), ...draft.check.warnings.map((one) => ({ ...one, severity: "warning" }))], [draft.check]);
  const skill = skillOf(draft.check.skills, current), isEmpty = files.every((one) => one.is_deleted);
  const show = async (path, line) => { setCurrent(path); if (!draft.open[path]) await draft.load(path); if (line) setTimeout(() => goTo.current?.(line), 50); };
  useEffect(() => {
    const query = new URLSearchParams(location.search), file = query.get("file");
    if (!current && file && files.some((one) => one.path === file && !one.is_deleted)) { show(file, Number(query.get("line")) || 0); return; }
    const restored = Object.keys(draft.open)[0];
    if (!current && restored) { setCurrent(restored); return; }
    const first = files.find((one) => !one.is_deleted && /(^|\/)(skill\.yaml|SKILL\.md)$/.test(one.path));
    if (!current && first) show(first.path);
  }, [draft.view?.revision === undefined, files.length]);
  useEffect(() => { if (current && draft.view && !files.some((one) => one.path === current && !one.is_deleted) && !isUnsaved(file)) setCurrent(null); }, [draft.view]);
  if (!draft.view) return <><Notice text={notice} onClose={() => setNotice("")} />{!notice && <p className="skeleton">Loading draft…</p>}</>;
  const isText = file && !file.isBinary, isDesign = isForm && isSkillYaml(current) && isText, isCanvas = isForm && isFlow(current, draft.check.skills) && isText, saveAll = async () => { await pending.current; await draft.saveAll(); };
  const write = (path, text) => (shown.current === path ? replace.current(text) : draft.edit(path, text));
  // An edit may arrive when the user has opened another file: it belongs to the file of its form.
  const ofText = { text: file?.text, problems: problems.filter((one) => one.path === current), project, csrf, canWrite, replace: (text) => write(current, text), onPending: (work) => { pending.current = work; } };
  const openCode = (line) => { setForm(false); setTimeout(() => goTo.current?.(line ?? 1), 50); };
  const plain = draft.check.skills.find((one) => one.origin === "agent_skill" && one.path && `${one.path}/SKILL.md` === current);
  const addForm = async () => {
    try {
      await saveAll();
      const made = await skillYamls({ base, project, csrf, folders: new Set([plain.path]) });
      await draft.create(made);
      setForm(true);
      await show(Object.keys(made)[0]);
    } catch (error) { setNotice(error.detail ?? "The request failed. Try again."); }
  };
  const openNew = (path, isWrittenHere) => { if (isFlow(path, []) || (isWrittenHere && isSkillYaml(path))) setForm(true); return show(path); };
  const isMarkdown = /\.md$/i.test(current ?? ""), changed = new Map(Object.entries(draft.open).filter(([, one]) => isUnsaved(one)).map(([path, one]) => [path, one.conflict || one.failure || one.restored ? "unsaved" : "saving"]));
  return (
    <div className="col grow" style={{ minHeight: 0 }}>
      <div className="row editor-bar">
        <span className="t2">{draft.view.base_version ? `Based on v${draft.view.base_version}` : "Not published yet"}</span>
        <SaveState open={draft.open} onSave={draft.saveNow} /><span className="grow" />
        <a className="btn quiet" href={`${base}/bundle?project=${encodeURIComponent(project)}`}>Export</a>
        {canWrite && <>{!isEmpty && <NewSkill draft={draft} base={base} project={project} csrf={csrf} onCreated={openNew} onDescribe={ask} />}{ask && <button type="button" className="btn" aria-pressed={isAssisted} onClick={() => setAssisted(!isAssisted)}>Assistant</button>}<Publish base={base} project={project} csrf={csrf} skillpack={skillpack} problems={draft.check.problems} skill={skill} canManage={canManage} beforeOpen={saveAll} onPublished={draft.refresh} /></>}
      </div>
      <Notice text={notice} onClose={() => setNotice("")} />
      <div className="editor">
        <Tree files={files} current={current} changed={changed} problems={new Set(draft.check.problems.map((one) => one.path))} canWrite={canWrite} onOpen={show}
          onCreate={(path) => draft.create({ [path]: "" }).then(() => show(path))} onMove={draft.move} onRemove={draft.remove} onRestore={draft.restore} />
        <Split name="try" label="Playground width" initial={432} isClosed={Boolean(isCanvas) && !isTrying && !isAssisted}>
          <div className="col grow" style={{ minHeight: 0 }}>
            <Tabs open={Object.keys(draft.open)} current={current} isPlain={Boolean(plain)} isRead={isRead} onRead={isMarkdown ? () => setRead(!isRead) : null} isForm={isForm} form={isFlow(current, draft.check.skills) ? "Canvas" : "Design"} onForm={isSkillYaml(current) || isFlow(current, draft.check.skills) ? setForm : plain && canWrite ? addForm : null} isTrying={isTrying} onTry={isCanvas ? () => setTrying(!isTrying) : null} onPick={setCurrent} onClose={(path) => { draft.close(path); if (path === current) setCurrent(Object.keys(draft.open).find((one) => one !== path) ?? null); }} />
            {file?.conflict && <Conflict path={current} conflict={file.conflict} mine={file.text} readTheirs={draft.readTheirs} onMine={() => draft.keepMine(current)} onTheirs={() => draft.discard(current)} />}
            <Restored file={file} onSave={() => draft.save(current)} onDiscard={() => draft.discard(current)} />
            <div className="writing" data-read={isRead && isMarkdown && file ? true : undefined}>
              {file && !file.isBinary && <Code path={current} isHidden={Boolean(isDesign || isCanvas)} doc={file.text} rev={file.rev} readOnly={!canWrite} diagnostics={problems.filter((one) => one.path === current)} onEdit={(text) => draft.edit(current, text)} onSave={draft.saveNow} onReady={(go, write) => { goTo.current = go; replace.current = write; }} />}
              {isDesign && <Suspense fallback={<p className="skeleton pad">Loading form…</p>}><Design key={`${current} ${file.rev}`} {...ofText} path={current} problems={problems} draft={draft} base={base} skillpack={skillpack} onCode={openCode} onOpen={(path, line) => { setForm(false); show(path, line); }} onFlow={(path) => show(`${folderOf(current)}/${path}`)} /></Suspense>}
              {isCanvas && <Suspense fallback={<p className="skeleton pad">Loading canvas…</p>}><Canvas key={`${current} ${file.rev}`} {...ofText} path={current} draft={draft} onCode={openCode} onInputs={show} /></Suspense>}
              {file && isRead && isMarkdown && !file.isBinary && <Preview text={file.text} />}
            </div>
            {file?.isBinary && <p className="pad t2">This is a binary file. It is published unchanged.</p>}
            {!file && !isEmpty && <p className="pad t2">Select a file.</p>}
            {isEmpty && <Empty>{canWrite && <NewSkill isFirst draft={draft} base={base} project={project} csrf={csrf} onCreated={openNew} onDescribe={ask} />}</Empty>}
            {!isEmpty && <Problems problems={problems} onPick={(one) => { setForm(false); show(one.path, one.line); }} onFix={ask && ((one) => ask(toFix(one)))} />}
          </div>
          <div className="col grow" style={{ minHeight: 0 }}>
            {isAssisted && <><div className="pane-head"><span className="grow">Assistant</span><button type="button" className="btn quiet small" onClick={() => setAssisted(false)}>Close</button></div>
              <Suspense fallback={<p className="skeleton pad">Loading the assistant…</p>}><Assistant {...{ base, project, csrf, skillpack, skill, asked, draft, write }} file={current} problem={problems.find((one) => one.path === current) ?? problems[0]} beforeRun={saveAll} /></Suspense></>}
            {!isAssisted && <><div className="pane-head"><span className="grow">{skill ? `Try ${skill.name}` : "Try"}</span>{draft.check.isStale && !isEmpty && <span className="tag" title="The form shows the last state of the draft without problems">Last valid state</span>}</div>
            <Try skill={skill} hasProblems={draft.check.problems.length > 0} base={base} revision={draft.view.revision} project={project} csrf={csrf} canWrite={canWrite} beforeRun={saveAll} /></>}
          </div>
        </Split>
      </div>
    </div>
  );
}

const isSkillYaml = (path) => /(^|\/)skill\.yaml$/.test(path ?? "");
const isFlow = (path, skills) => /(^|\/)flow\.ya?ml$/.test(path ?? "") || (/\.ya?ml$/.test(path ?? "") && skills.some((one) => `${one.path}/${one.entrypoint}` === path));
const folderOf = (path) => path.slice(0, path.lastIndexOf("/"));
const isShown = (path) => !path.endsWith(".ipynb"); // the notebook page restores these

/** The empty state of a draft. */
function Empty({ children }) {
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
function skillOf(skills, path) {
  const containing = skills.filter((skill) => path?.startsWith(`${skill.path}/`) && !skill.parent_skill);
  return containing.toSorted((one, other) => other.path.length - one.path.length)[0] ?? null;
}

function Tabs({ open, current, isPlain, isRead, onRead, isForm, form, onForm, isTrying, onTry, onPick, onClose }) {
  const here = useRef(null);
  useEffect(() => { here.current?.scrollIntoView({ block: "nearest", inline: "nearest" }); }, [current, open.length]); // newer browsers return a promise, which is no cleanup
  if (!open.length) return null;
  return (
    <div className="files row" role="group" aria-label="Open files">
      <div className="files-open">{open.map((path) => <span key={path} ref={path === current ? here : null} className="file" data-current={path === current}><button type="button" aria-pressed={path === current} title={path} onClick={() => onPick(path)}>{path.split("/").slice(-2).join("/")}</button><button type="button" className="close" aria-label={`Close ${path}`} onClick={() => onClose(path)}>✕</button></span>)}</div>
      {onForm && <div className="seg" role="group" aria-label="View"><button type="button" aria-pressed={!isForm || isPlain} onClick={() => isPlain || onForm(false)}>Code</button><button type="button" aria-pressed={isForm && !isPlain} title={isPlain ? "Add a skill.yaml, and edit it as a form" : undefined} onClick={() => onForm(true)}>{form}</button></div>}
      {onTry && <button type="button" className="btn quiet small" aria-pressed={isTrying} onClick={onTry}>Try</button>}
      {onRead && <button type="button" className="btn quiet small" aria-pressed={isRead} onClick={onRead}>Preview</button>}
    </div>
  );
}

function Problems({ problems, onPick, onFix }) {
  if (!problems.length) return <div className="problem-list ok" role="status">No problems</div>;
  return (
    <ul className="problem-list" aria-label="Problems">
      {problems.map((one, index) => <li key={index}><button type="button" data-s={one.severity} onClick={() => onPick(one)}><span className="mono">{one.path.split("/").slice(-2).join("/")}{one.line ? `:${one.line}` : ""}</span> {one.message}</button>{onFix && <button type="button" className="btn quiet small fix" aria-label={`Fix problem ${index + 1} with the assistant`} onClick={() => onFix(one)}>Fix</button>}</li>)}
    </ul>
  );
}

function Notice({ text, onClose }) {
  return text ? <div className="note line-note row" data-s="fail" role="alert"><span className="grow">{text}</span><button type="button" className="btn quiet small" onClick={onClose}>Dismiss</button></div> : null;
}
