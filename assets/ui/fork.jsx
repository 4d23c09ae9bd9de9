import { useEffect, useRef, useState } from "react";
import { useNavigate } from "react-router";
import { ask } from "./api";
import { usd } from "./format";

const MOST_MODELS = 300;

/** A button that forks an agent's job behind a step, with a dialog for all that may be changed on the way there. */
export function Fork({ project, csrf, job, step, events }) {
  const dialog = useRef(null), navigate = useNavigate(), [original, setOriginal] = useState(null), [choices, setChoices] = useState({ models: [], versions: [] });
  const [changes, setChanges] = useState({}), [failure, setFailure] = useState(null), [isBusy, setBusy] = useState(false), steps = stepsOf(events, step);
  const [isOpen, setOpen] = useState(false), readStep = (number) => ask("GET", `/v1/jobs/${job}/steps/${number}`, { project });
  const change = (key, value) => setChanges((before) => ({ ...before, [key]: value }));
  const open = async () => {
    setChanges({}); setFailure(null); setOpen(true);
    dialog.current.showModal();
    try {
      const found = await ask("GET", `/v1/jobs/${job}`, { project });
      setOriginal({ inputs: JSON.stringify(found.inputs, null, 2), version: found.deployment_version });
      const [families, versions] = await Promise.all([ask("GET", "/v1/providers", { project }), found.deployment_id ? ask("GET", `/v1/skillpacks/${found.skillpack_id}/deployments?limit=100`, { project }) : []].map((asked) => Promise.resolve(asked).catch(() => [])));
      setChoices({ models: families.flatMap((one) => one.models).slice(0, MOST_MODELS), versions });
    } catch (error) { setFailure(error); }
  };
  const fork = async (event) => {
    event.preventDefault();
    setFailure(null);
    setBusy(true);
    try {
      const made = await ask("POST", `/v1/jobs/${job}/fork`, { project, csrf, json: asked(step, changes, original) });
      dialog.current.close();
      navigate(`/p/${project}/jobs/${made.id}`);
    } catch (error) { setFailure(error.detail ? error : { detail: error.message }); }
    setBusy(false);
  };
  const count = Object.keys(changes).filter((key) => !key.includes(":failed:")).length, saved = steps.reduce((sum, one) => sum + (one.cost ?? 0), 0);
  return (
    <>
      <button type="button" className="btn" data-key="f" data-label="Fork behind this step" onClick={open}>Fork behind this step…</button>
      <dialog className="dlg wide-dlg" ref={dialog} aria-label={`Fork behind step ${step}`} onClose={() => setOpen(false)}>
        <form className="in-dlg" onSubmit={fork}>
          <h2>Fork behind step {step}</h2>
          <p className="t2">A new job begins with {step > 1 ? `steps 1 to ${step} as they stand` : "step 1 as it stands"} below. {step > 1 ? "They replay" : "It replays"} from the journal for $0{saved > 0 && ` (${usd(saved)} were paid then)`}; the model is asked anew from there on.</p>
          <div className="fork-steps" tabIndex={-1}>
            <Going choices={choices} original={original} changes={changes} onChange={change} />
            {steps.toReversed().map((one) => <Step key={one.step} told={one} isLast={one.step === step} isAsked={isOpen} read={readStep} changes={changes} onChange={change} />)}
            <details className="fork-step">
              <summary><span className="strong">Inputs</span>{changes.inputs !== undefined && <span className="tag">changed</span>}</summary>
              {original && <textarea className="in code" rows={8} aria-label="Inputs as JSON" spellCheck={false} value={changes.inputs ?? original.inputs} onChange={(event) => change("inputs", event.target.value)} />}
              <p className="t3">Other inputs write the opening message anew; they have to fit the skill.</p>
            </details>
          </div>
          {failure && <div className="note" data-s="fail" role="alert">{failure.detail}{(failure.errors ?? []).slice(0, 3).map((one, index) => <p key={index}><span className="mono">{one.path}</span> {one.message}</p>)}</div>}
          <div className="acts">
            <span className="t3 grow" style={{ alignSelf: "center" }}>{count ? `${count} ${count === 1 ? "change" : "changes"}` : "Nothing is changed: it goes on as it was"}</span>
            <button type="button" className="btn" onClick={() => dialog.current.close()}>Not now</button>
            <button className="btn pri" disabled={!original || isBusy}>Fork</button>
          </div>
        </form>
      </dialog>
    </>
  );
}

function Going({ choices, original, changes, onChange }) {
  return (
    <div className="three">
      <label className="field"><span className="label">Model from there on</span>
        <input className="in" list="fork-models" placeholder="the same" value={changes.model ?? ""} onChange={(event) => onChange("model", event.target.value)} />
        <datalist id="fork-models">{choices.models.map((slug) => <option key={slug} value={slug} />)}</datalist>
      </label>
      {choices.versions.length > 0 && <label className="field"><span className="label">Version, with its own prompt and tools</span>
        <select className="in" value={changes.version ?? ""} onChange={(event) => onChange("version", event.target.value)}>
          <option value="">{original?.version ? `v${original.version}, as it ran` : "as it ran"}</option>
          {choices.versions.map((one) => <option key={one.id} value={one.version}>{`v${one.version}${one.is_active ? ", active" : ""}`}</option>)}
        </select>
      </label>}
    </div>
  );
}

/** A step to change. Events tell long results only in part, so it is read whole when it is opened, and not changed before. */
function Step({ told, isLast, isAsked, read, changes, onChange }) {
  const [shown, setShown] = useState(isLast), [whole, setWhole] = useState(null), [failure, setFailure] = useState("");
  const isChanged = Object.keys(changes).some((key) => key.startsWith(`${told.step}:`)), isWanted = isAsked && shown;
  useEffect(() => { if (isWanted) read(told.step).then((found) => { setWhole(wholeOf(told, found)); setFailure(""); }, (error) => setFailure(error.detail)); }, [isWanted]);
  const one = whole ?? told;
  return (
    <details className="fork-step" open={isLast} onToggle={(event) => setShown(event.currentTarget.open)}>
      <summary><span className="strong">Step {one.step}</span><span className="t3 cut">{one.calls.map((call) => call.name).join(", ") || "words"}</span>{isChanged && <span className="tag">changed</span>}</summary>
      {failure && <div className="note" data-s="fail" role="alert">The step could not be read whole, and stays as it is. {failure}</div>}
      {!whole && !failure && <p className="t3">Reading the step…</p>}
      {one.texts.map((block) => <Words key={block.at} isReady={whole} label={`Words of step ${one.step}`} id={`${one.step}:text:${block.at}`} text={block.text} changes={changes} onChange={onChange} />)}
      {one.calls.map((call) => <Call key={call.id} call={call} step={one.step} isReady={whole} changes={changes} onChange={onChange} />)}
    </details>
  );
}

function Call({ call, step, isReady, changes, onChange }) {
  const content = `${step}:content:${call.id}`, failed = `${step}:failed:${call.id}`;
  const fail = (event) => { onChange(failed, event.target.checked); onChange(content, changes[content] ?? call.text); };
  return (
    <fieldset className="fork-call">
      <legend className="mono strong">{call.name}</legend>
      {call.input !== undefined && <Words isCode isReady={isReady} label={`Arguments of ${call.name}`} id={`${step}:input:${call.id}`} text={JSON.stringify(call.input, null, 2)} changes={changes} onChange={onChange} />}
      {call.answered && <Words isReady={isReady} label={`Result of ${call.name}`} id={content} text={call.text} changes={changes} onChange={onChange} />}
      {call.answered && call.isText === false && <p className="t3">It gave more than words; what you write here takes the place of all of it.</p>}
      {call.answered && <label className="check"><input type="checkbox" disabled={!isReady} checked={changes[failed] ?? !call.ok} onChange={fail} />It failed: the agent is told an error</label>}
    </fieldset>
  );
}

function Words({ label, id, text, isReady, isCode = false, changes, onChange }) {
  const rows = Math.min(10, Math.max(2, text.split("\n").length));
  return <label className="field"><span className="label">{label.replace(/ of .*/, "")}</span><textarea className={isCode ? "in code" : "in"} aria-label={label} rows={rows} spellCheck={!isCode} readOnly={!isReady} aria-busy={!isReady} value={changes[id] ?? text} onChange={(event) => onChange(id, event.target.value)} /></label>;
}

/** A step that the events have told, with all that they left out. */
function wholeOf(told, { blocks, results }) {
  const texts = blocks.map((block, at) => ({ ...block, at })).filter((block) => block.type === "text");
  const calls = blocks.filter((block) => block.type === "tool_use").map((block) => {
    const result = results.find((one) => one.tool_use_id === block.id), known = told.calls.find((one) => one.id === block.id);
    return { id: block.id, name: known?.name ?? block.name, input: block.input, answered: Boolean(result), text: result?.text ?? "", isText: result?.is_text, ok: result?.ok };
  });
  return { ...told, texts, calls };
}

/** What was said and done up to a step, as the events tell it. */
function stepsOf(events, last) {
  const steps = [], calls = new Map();
  for (const { type, payload } of events) {
    if (type === "model_response" && payload.step <= last) {
      const known = steps.findIndex((one) => one.step === payload.step), texts = (payload.blocks ?? []).map((block, at) => ({ ...block, at })).filter((block) => block.type === "text");
      if (known >= 0) steps.splice(known);
      steps.push({ step: payload.step, texts, calls: [], cost: payload.billed_micros });
    } else if (type === "tool_use" && steps.length) {
      const call = { id: payload.tool_use_id, name: payload.name, input: payload.input, text: "", ok: true, answered: false };
      if (!calls.has(call.id) && (payload.step ?? 0) <= last) steps.at(-1).calls.push(call);
      calls.set(call.id, call);
    } else if (type === "tool_result" && calls.has(payload.tool_use_id)) Object.assign(calls.get(payload.tool_use_id), { answered: true, text: payload.preview ?? "", ok: payload.ok !== false });
  }
  return steps;
}

/** The body of the request: only what was changed. */
function asked(step, changes, original) {
  const body = { step }, edits = new Map();
  const edit = (key, facts) => edits.set(key, { ...edits.get(key), ...facts });
  for (const [key, value] of Object.entries(changes)) {
    const [number, what, ...rest] = key.split(":"), id = rest.join(":");
    if (key === "inputs") { if (value !== original.inputs) body.inputs = parsed(value, "The inputs are"); }
    else if (key === "model") { if (value.trim()) body.model = value.trim(); }
    else if (key === "version") { if (value) body.version = Number(value); }
    else if (what === "text") edit(key, { step: Number(number), block: Number(id), text: value });
    else if (what === "input") edit(id, { tool_use_id: id, input: parsed(value, "The arguments are") });
    else if (what === "content") edit(id, { tool_use_id: id, content: value });
    else edit(id, { tool_use_id: id, ok: !value });
  }
  if (edits.size) body.edits = [...edits.values()];
  return body;
}

function parsed(text, what) {
  try { return JSON.parse(text); } catch (error) { throw { detail: `${what} not JSON: ${error.message}` }; }
}
