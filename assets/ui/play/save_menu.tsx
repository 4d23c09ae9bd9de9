import { type FormEvent, useRef, useState } from "react";
import { Link } from "react-router";
import type { CaseRead, ExampleCreate, JobRead } from "../../../clients/typescript/src/generated";
import { type ApiError, callApi } from "../api";
import type { Schema } from "../schema_types";
import { Snippets } from "../snippets";
import { codeOf } from "./code";
import { DRAFT } from "./choices";
import { useFinished } from "./finished";
import { inputsNow } from "./inputs";

type Values = Record<string, unknown>;

interface Caller {
  project: string;
  csrf: string;
}

interface Column {
  version: string;
  model: string;
  job: string;
  /** The edited prompt; empty for the prompt of the version. */
  prompt: string;
}

interface Props extends Caller {
  skill: string;
  skillpack: string;
  fullName: string;
  canWrite: boolean;
  columns: Column[];
  /** The schema of the inputs. */
  schema: Schema;
  onExample?: () => void;
}

/** A job that has ended, with the number of its column. */
interface DoneRun {
  number: number;
  job: JobRead;
}

const TITLES = { example: "Save as example", case: "Save as eval case", code: "Run from code" };
type Dialog = keyof typeof TITLES;

/** The result as an example can contain it; null for other values. */
const outputsOf = ({ result, status }: JobRead): Values | null => (status === "succeeded" && result !== null && !Array.isArray(result) && typeof result === "object" ? { ...result } : null);

/** Buttons that save the inputs and runs as an example or an eval case, or show them as code. */
export function SaveMenu({ project, csrf, skill, skillpack, fullName, canWrite, columns, schema, onExample }: Props) {
  const dialog = useRef<HTMLDialogElement>(null), [about, setAbout] = useState<Dialog | null>(null), jobs = useFinished(columns.map((one) => one.job)), done = columns.flatMap(({ job: id }, index): DoneRun[] => { const job = jobs.find((one) => one.id === id); return job ? [{ number: index + 1, job }] : []; });
  const open = (what: Dialog) => { setAbout(what); dialog.current?.showModal(); }, close = () => dialog.current?.close(), title = about ? TITLES[about] : undefined;
  return (
    <>
      {canWrite && <button type="button" className="btn quiet" onClick={() => open("example")}>Save example…</button>}
      {canWrite && <button type="button" className="btn quiet" disabled={!done.length} title={done.length ? undefined : "Available after a run has finished"} onClick={() => open("case")}>Save eval case…</button>}
      <button type="button" className="btn quiet" onClick={() => open("code")}>Code…</button>
      <dialog className="dlg broad" ref={dialog} aria-label={title} onClose={() => setAbout(null)} onClick={(event) => event.target === dialog.current && close()}>
        <div className="in-dlg">
          <h2>{title}</h2>
          {about === "example" && <Example {...{ project, csrf, skill, skillpack, done, onExample }} inputs={inputsNow()} onClose={close} />}
          {about === "case" && <Case {...{ project, csrf, done }} onClose={close} />}
          {about === "code" && <Code skill={fullName} schema={schema} columns={columns} inputs={inputsNow()} onClose={close} />}
        </div>
      </dialog>
    </>
  );
}

interface ExampleProps extends Pick<Props, "project" | "csrf" | "skill" | "skillpack" | "onExample"> {
  done: DoneRun[];
  inputs: Values;
  onClose: () => void;
}

function Example({ project, csrf, skill, skillpack, done, inputs, onExample, onClose }: ExampleProps) {
  const good = done.flatMap(({ number, job }) => { const outputs = outputsOf(job); return outputs ? [{ number, inputs: job.inputs, outputs }] : []; });
  const [title, setTitle] = useState(""), [from, setFrom] = useState(good[0]?.number ?? 0), [failure, setFailure] = useState(""), [saved, setSaved] = useState(false);
  const save = async (event: FormEvent) => {
    event.preventDefault();
    setFailure("");
    const run = good.find((one) => one.number === from), json: ExampleCreate = { skill, title, inputs: run?.inputs ?? inputs, ...(run && { outputs: run.outputs }) };
    try {
      await callApi("POST", `/v1/skillpacks/${skillpack}/drafts/examples`, { project, csrf, json });
      setSaved(true);
      onExample?.();
    } catch (error) { setFailure((error as ApiError).detail); }
  };
  if (saved) return <><div className="note" data-s="ok" role="status">The example is saved in skill.yaml of the draft. Other users see it after you publish the draft.</div><div className="acts"><Link className="btn" to={`/p/${project}/editor?skillpack=${skillpack}`}>Open the editor</Link><button type="button" className="btn pri" onClick={onClose}>Done</button></div></>;
  return (
    <form className="col" style={{ gap: 10 }} onSubmit={save}>
      <p className="t2">Adds an example of the skill to its skill.yaml in the draft.</p>
      <label className="col" style={{ gap: 4 }}><span className="strong">Title</span><input className="in" required autoFocus maxLength={200} placeholder="What does this example show?" value={title} onChange={(event) => setTitle(event.target.value)} /></label>
      <label className="col" style={{ gap: 4 }}><span className="strong">Output</span><select className="in" value={from} onChange={(event) => setFrom(Number(event.target.value))}><option value={0}>None (only the inputs of the form)</option>{good.map((one) => <option key={one.number} value={one.number}>Inputs and result of column {one.number}</option>)}</select></label>
      {failure && <div className="note" data-s="fail" role="alert">{failure}</div>}
      <div className="acts"><button type="button" className="btn" onClick={onClose}>Cancel</button><button className="btn pri">Save example</button></div>
    </form>
  );
}

function Case({ project, csrf, done, onClose }: Caller & { done: DoneRun[]; onClose: () => void }) {
  const [at, setAt] = useState(done[0]?.number), [tags, setTags] = useState(""), [failure, setFailure] = useState(""), [saved, setSaved] = useState<CaseRead | null>(null);
  const save = async (event: FormEvent) => {
    event.preventDefault();
    setFailure("");
    const job = done.find((one) => one.number === at)?.job, names = tags.split(/[\s,]+/).filter(Boolean);
    if (!job) return;
    try { setSaved(await callApi<CaseRead>("POST", `/v1/jobs/${job.id}/eval-case`, { project, csrf, json: { tags: names } })); } catch (error) { setFailure((error as ApiError).detail); }
  };
  if (saved) return <><div className="note" data-s="ok" role="status">Saved as <span className="mono">{saved.case_id}</span>{saved.has_expected ? ", with its result as the expected output." : ", without an expected output."}</div><div className="acts"><button type="button" className="btn pri" onClick={onClose}>Done</button></div></>;
  return (
    <form className="col" style={{ gap: 10 }} onSubmit={save}>
      <p className="t2">Saves the inputs of a finished run, with its result as the expected output. Values of secrets are redacted.</p>
      <label className="col" style={{ gap: 4 }}><span className="strong">Run</span><select className="in" value={at} onChange={(event) => setAt(Number(event.target.value))}>{done.map((one) => <option key={one.number} value={one.number}>Column {one.number}: {one.job.status === "cancelled" ? "canceled" : one.job.status}</option>)}</select></label>
      <label className="col" style={{ gap: 4 }}><span className="strong">Tags</span><input className="in" autoFocus placeholder="edge, long" value={tags} onChange={(event) => setTags(event.target.value)} /></label>
      {failure && <div className="note" data-s="fail" role="alert">{failure}</div>}
      <div className="acts"><button type="button" className="btn" onClick={onClose}>Cancel</button><button className="btn pri">Save eval case</button></div>
    </form>
  );
}

interface CodeProps extends Pick<Props, "schema" | "columns"> {
  /** The full name of the skill. */
  skill: string;
  inputs: Values;
  onClose: () => void;
}

function Code({ skill, schema, columns, inputs, onClose }: CodeProps) {
  const [at, setAt] = useState(0), { version = "", model = "", prompt } = columns[at] ?? {}, isHere = version === DRAFT || prompt;
  const texts = codeOf({ origin: location.origin, skill, version: version === DRAFT ? "" : version, model, inputs, schema });
  return (
    <div className="col" style={{ gap: 10 }}>
      {columns.length > 1 && <label className="row"><span className="strong">Column</span><select className="in" value={at} onChange={(event) => setAt(Number(event.target.value))}>{columns.map((_, index) => <option key={index} value={index}>{index + 1}</option>)}</select></label>}
      {isHere && <div className="note" data-s="wait" role="status">This column runs unpublished changes. The code runs {version === DRAFT ? "the active version" : "the version without your changes"}.</div>}
      <div className="pane folded"><Snippets texts={{ ...texts }} /></div>
      <p className="t3">Set <span className="mono">PURAS_API_KEY</span> to an API key from Settings › API keys.</p>
      <div className="acts"><button type="button" className="btn pri" onClick={onClose}>Done</button></div>
    </div>
  );
}
