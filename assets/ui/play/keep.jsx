import { useRef, useState } from "react";
import { Link } from "react-router";
import { ask } from "../api";
import { Snippets } from "../snippets";
import { codeOf } from "./code";
import { DRAFT } from "./choices";

/** What may be kept of the inputs and the runs: an example, a case of the evals, code that does the same. */
export function Keep({ project, csrf, skill, skillpack, fullName, canWrite, columns, ended, inputsNow, onExample }) {
  const dialog = useRef(null), [about, setAbout] = useState(""), done = columns.map((one, index) => ({ number: index + 1, column: one, job: ended[one.job] })).filter((one) => one.job);
  const open = (what) => { setAbout(what); dialog.current.showModal(); }, close = () => dialog.current.close();
  const titles = { example: "Save as an example", case: "Save as an eval case", code: "The same from code" };
  return (
    <>
      {canWrite && <button type="button" className="btn quiet" onClick={() => open("example")}>Save example…</button>}
      {canWrite && <button type="button" className="btn quiet" disabled={!done.length} title={done.length ? undefined : "A finished run becomes a case"} onClick={() => open("case")}>Save eval case…</button>}
      <button type="button" className="btn quiet" onClick={() => open("code")}>Code…</button>
      <dialog className="dlg broad" ref={dialog} aria-label={titles[about]} onClose={() => setAbout("")} onClick={(event) => event.target === dialog.current && close()}>
        <div className="in-dlg">
          <h2>{titles[about]}</h2>
          {about === "example" && <Example {...{ project, csrf, skill, skillpack, done, onExample }} inputs={inputsNow()} onClose={close} />}
          {about === "case" && <Case {...{ project, csrf, done }} onClose={close} />}
          {about === "code" && <Code skill={fullName} columns={columns} inputs={inputsNow()} onClose={close} />}
        </div>
      </dialog>
    </>
  );
}

function Example({ project, csrf, skill, skillpack, done, inputs, onExample, onClose }) {
  const good = done.filter((one) => one.job.status === "succeeded" && one.job.result !== null && !Array.isArray(one.job.result) && typeof one.job.result === "object");
  const [title, setTitle] = useState(""), [from, setFrom] = useState(good[0]?.number ?? 0), [failure, setFailure] = useState(""), [saved, setSaved] = useState(false);
  const save = async (event) => {
    event.preventDefault();
    setFailure("");
    const run = good.find((one) => one.number === from);
    try {
      await ask("POST", `/v1/skillpacks/${skillpack}/drafts/examples`, { project, csrf, json: { skill, title, inputs: run?.job.inputs ?? inputs, ...(run && { outputs: run.job.result }) } });
      setSaved(true);
      onExample();
    } catch (error) { setFailure(error.detail); }
  };
  if (saved) return <><div className="note" data-s="ok" role="status">The example is in the working copy's skill.yaml. It is offered to others once that is published.</div><div className="acts"><Link className="btn" to={`/p/${project}/editor?skillpack=${skillpack}`}>Open the editor</Link><button type="button" className="btn pri" onClick={onClose}>Done</button></div></>;
  return (
    <form className="col" style={{ gap: 10 }} onSubmit={save}>
      <p className="t2">It is written into the skill.yaml of the working copy, as one of the skill's examples.</p>
      <label className="col" style={{ gap: 4 }}><span className="strong">Title</span><input className="in" required autoFocus maxLength={200} placeholder="What is special about it?" value={title} onChange={(event) => setTitle(event.target.value)} /></label>
      <label className="col" style={{ gap: 4 }}><span className="strong">Output</span><select className="in" value={from} onChange={(event) => setFrom(Number(event.target.value))}><option value={0}>None: the inputs of the form alone</option>{good.map((one) => <option key={one.number} value={one.number}>Inputs and result of column {one.number}</option>)}</select></label>
      {failure && <div className="note" data-s="fail" role="alert">{failure}</div>}
      <div className="acts"><button type="button" className="btn" onClick={onClose}>Not now</button><button className="btn pri">Save the example</button></div>
    </form>
  );
}

function Case({ project, csrf, done, onClose }) {
  const [at, setAt] = useState(done[0]?.number), [tags, setTags] = useState(""), [failure, setFailure] = useState(""), [kept, setKept] = useState(null);
  const save = async (event) => {
    event.preventDefault();
    setFailure("");
    const { job } = done.find((one) => one.number === at), words = tags.split(/[\s,]+/).filter(Boolean);
    try { setKept(await ask("POST", `/v1/jobs/${job.id}/eval-case`, { project, csrf, json: { tags: words } })); } catch (error) { setFailure(error.detail); }
  };
  if (kept) return <><div className="note" data-s="ok" role="status">Kept as <span className="mono">{kept.case_id}</span>{kept.has_expected ? ", with its result as what is expected." : ", without anything expected."}</div><div className="acts"><button type="button" className="btn pri" onClick={onClose}>Done</button></div></>;
  return (
    <form className="col" style={{ gap: 10 }} onSubmit={save}>
      <p className="t2">The inputs of a finished run, and its result as what is expected from then on. Values of secrets are taken out.</p>
      <label className="col" style={{ gap: 4 }}><span className="strong">Run</span><select className="in" value={at} onChange={(event) => setAt(Number(event.target.value))}>{done.map((one) => <option key={one.number} value={one.number}>Column {one.number}: {one.job.status}</option>)}</select></label>
      <label className="col" style={{ gap: 4 }}><span className="strong">Tags</span><input className="in" autoFocus placeholder="edge, long" value={tags} onChange={(event) => setTags(event.target.value)} /></label>
      {failure && <div className="note" data-s="fail" role="alert">{failure}</div>}
      <div className="acts"><button type="button" className="btn" onClick={onClose}>Not now</button><button className="btn pri">Save the case</button></div>
    </form>
  );
}

function Code({ skill, columns, inputs, onClose }) {
  const [at, setAt] = useState(0), one = columns[at], isHere = one.version === DRAFT || one.prompt;
  const texts = codeOf({ origin: location.origin, skill, version: one.version === DRAFT ? "" : one.version, model: one.model, inputs });
  return (
    <div className="col" style={{ gap: 10 }}>
      {columns.length > 1 && <label className="row"><span className="strong">Column</span><select className="in" value={at} onChange={(event) => setAt(Number(event.target.value))}>{columns.map((_, index) => <option key={index} value={index}>{index + 1}</option>)}</select></label>}
      {isHere && <div className="note" data-s="wait" role="status">This column runs what is not published. The code runs {one.version === DRAFT ? "the active version" : "the version without the edit"}.</div>}
      <div className="pane folded"><Snippets texts={texts} /></div>
      <p className="t3">The key is one of Settings › API keys, in <span className="mono">PURAS_API_KEY</span>.</p>
      <div className="acts"><button type="button" className="btn pri" onClick={onClose}>Done</button></div>
    </div>
  );
}
