import { type ChangeEvent, useEffect, useState } from "react";
import type { JobRead, ListedDeployment } from "../../clients/typescript/src/generated";
import { type ApiError, callApi } from "./api";
import { type Changes, type ForkBody, ForkProblem, type ForkState, InputsField, type Original, parsed, sharedFields, textOf, useFork, VersionField, versionsOf } from "./fork_dialog";
import { usd } from "./format";
import type { JobEvent } from "./job_events";

interface TextBlock {
  /** The position in the reply. */
  at: number;
  text: string;
}

interface StepCall {
  id: string;
  name: string;
  input: unknown;
  /** The result; `ok` if it is not an error. */
  text: string;
  ok: boolean;
  answered: boolean;
  isText?: boolean;
}

/** A step of an agent. */
interface AgentStep {
  step: number;
  texts: TextBlock[];
  calls: StepCall[];
  cost: number | null | undefined;
}

/** A step as the API returns it, completely. */
interface StoredStep {
  blocks: { type: string; id?: string; text?: string; name?: string; input?: unknown }[];
  results: { tool_use_id: string; text: string; is_text: boolean; ok: boolean }[];
}

interface Choices {
  models: string[];
  versions: ListedDeployment[];
}

interface ChangeProps {
  changes: Changes;
  onChange: (key: string, value: string | boolean) => void;
}

const MAX_MODELS = 300;

/** A button that forks an agent's job after a step, with a dialog to change the model, the version, the inputs and the earlier steps. */
export function Fork({ project, csrf, job, step, events }: { project: string; csrf: string; job: string; step: number; events: JobEvent[] }) {
  const [choices, setChoices] = useState<Choices>({ models: [], versions: [] }), steps = stepsOf(events, step);
  const readStep = (number: number) => callApi<StoredStep>("GET", `/v1/jobs/${job}/steps/${number}`, { project });
  const load = async (found: JobRead) => {
    const [families, versions] = await Promise.all([callApi<{ models: string[] }[]>("GET", "/v1/providers", { project }).catch(() => []), versionsOf(found, project)]);
    setChoices({ models: families.flatMap((one) => one.models).slice(0, MAX_MODELS), versions });
  };
  const fork = useFork({ project, csrf, job, choices: load }), { dialog, original, changes, change, isOpen } = fork;
  const count = Object.keys(changes).filter((key) => !key.includes(":failed:")).length, saved = steps.reduce((sum, one) => sum + (one.cost ?? 0), 0);
  return (
    <>
      <button type="button" className="btn" data-key="f" data-label="Fork after this step" onClick={fork.open}>Fork after this step…</button>
      <dialog className="dlg wide-dlg" ref={dialog} aria-label={`Fork after step ${step}`} onClose={fork.close}>
        <form className="in-dlg" onSubmit={(event) => fork.submit(event, (changed, before) => requestBody(step, changed, before))}>
          <h2>Fork after step {step}</h2>
          <p className="t2">A new job starts with {step > 1 ? `steps 1 to ${step}` : "step 1"} as shown below. {step > 1 ? "They are" : "It is"} replayed from the journal for $0{saved > 0 && ` (the original run cost ${usd(saved)})`}. The model is called again from the next step on.</p>
          <div className="fork-steps" tabIndex={-1}>
            <Settings choices={choices} fork={fork} />
            {steps.toReversed().map((one) => <Step key={one.step} summary={one} isLast={one.step === step} isOpen={isOpen} read={readStep} changes={changes} onChange={change} />)}
            <InputsField fork={fork}><p className="t3">Changed inputs replace the first message. They must be valid for the skill.</p></InputsField>
          </div>
          <ForkProblem failure={fork.failure} />
          <div className="acts">
            <span className="t3 grow" style={{ alignSelf: "center" }}>{count ? `${count} ${count === 1 ? "change" : "changes"}` : "No changes: the new job continues from the same state"}</span>
            <button type="button" className="btn" onClick={() => dialog.current?.close()}>Cancel</button>
            <button className="btn pri" disabled={!original || fork.isBusy}>Fork</button>
          </div>
        </form>
      </dialog>
    </>
  );
}

function Settings({ choices, fork }: { choices: Choices; fork: ForkState }) {
  return (
    <div className="three">
      <label className="field"><span className="label">Model for the next steps</span>
        <input className="in" list="fork-models" placeholder="Same model" value={textOf(fork.changes, "model") ?? ""} onChange={(event) => fork.change("model", event.target.value)} />
        <datalist id="fork-models">{choices.models.map((slug) => <option key={slug} value={slug} />)}</datalist>
      </label>
      <VersionField label="Version (prompt and tools)" versions={choices.versions} fork={fork} />
    </div>
  );
}

/** A step that can be changed. Events contain only the start of long results, so the step is loaded completely when it is opened, and is read-only before. */
function Step({ summary, isLast, isOpen, read, changes, onChange }: ChangeProps & { summary: AgentStep; isLast: boolean; isOpen: boolean; read: (step: number) => Promise<StoredStep> }) {
  const [shown, setShown] = useState(isLast), [whole, setWhole] = useState<AgentStep | null>(null), [failure, setFailure] = useState("");
  const isChanged = Object.keys(changes).some((key) => key.startsWith(`${summary.step}:`)), isNeeded = isOpen && shown;
  useEffect(() => { if (isNeeded) read(summary.step).then((found) => { setWhole(completeOf(summary, found)); setFailure(""); }, (error: ApiError) => setFailure(error.detail)); }, [isNeeded]);
  const one = whole ?? summary;
  return (
    <details className="fork-step" open={isLast} onToggle={(event) => setShown(event.currentTarget.open)}>
      <summary><span className="strong">Step {one.step}</span><span className="t3 cut">{one.calls.map((call) => call.name).join(", ") || "text"}</span>{isChanged && <span className="tag">changed</span>}</summary>
      {failure && <div className="note" data-s="fail" role="alert">The complete step could not be loaded, so it cannot be changed. {failure}</div>}
      {!whole && !failure && <p className="t3">Loading step…</p>}
      {one.texts.map((block) => <StepText key={block.at} isReady={whole !== null} label={`Text of step ${one.step}`} id={`${one.step}:text:${block.at}`} text={block.text} changes={changes} onChange={onChange} />)}
      {one.calls.map((call) => <Call key={call.id} call={call} step={one.step} isReady={whole !== null} changes={changes} onChange={onChange} />)}
    </details>
  );
}

function Call({ call, step, isReady, changes, onChange }: ChangeProps & { call: StepCall; step: number; isReady: boolean }) {
  const content = `${step}:content:${call.id}`, failed = `${step}:failed:${call.id}`;
  const fail = (event: ChangeEvent<HTMLInputElement>) => { onChange(failed, event.target.checked); onChange(content, changes[content] ?? call.text); };
  return (
    <fieldset className="fork-call">
      <legend className="mono strong">{call.name}</legend>
      {call.input !== undefined && <StepText isCode isReady={isReady} label={`Arguments of ${call.name}`} id={`${step}:input:${call.id}`} text={JSON.stringify(call.input, null, 2)} changes={changes} onChange={onChange} />}
      {call.answered && <StepText isReady={isReady} label={`Result of ${call.name}`} id={content} text={call.text} changes={changes} onChange={onChange} />}
      {call.answered && call.isText === false && <p className="t3">The result is not only text. Your text replaces the complete result.</p>}
      {call.answered && <label className="check"><input type="checkbox" disabled={!isReady} checked={Boolean(changes[failed] ?? !call.ok)} onChange={fail} />Send to the agent as an error</label>}
    </fieldset>
  );
}

function StepText({ label, id, text, isReady, isCode = false, changes, onChange }: ChangeProps & { label: string; id: string; text: string; isReady: boolean; isCode?: boolean }) {
  const rows = Math.min(10, Math.max(2, text.split("\n").length));
  return <label className="field"><span className="label">{label.replace(/ of .*/, "")}</span><textarea className={isCode ? "in code" : "in"} aria-label={label} rows={rows} spellCheck={!isCode} readOnly={!isReady} aria-busy={!isReady} value={textOf(changes, id) ?? text} onChange={(event) => onChange(id, event.target.value)} /></label>;
}

/** A step known from events, with the parts that events omit. */
function completeOf(summary: AgentStep, { blocks, results }: StoredStep): AgentStep {
  const texts = textsOf(blocks);
  const calls = blocks.filter((block) => block.type === "tool_use").map((block): StepCall => {
    const id = block.id ?? "", result = results.find((one) => one.tool_use_id === id), known = summary.calls.find((one) => one.id === id);
    return { id, name: known?.name ?? block.name ?? "", input: block.input, answered: Boolean(result), text: result?.text ?? "", isText: result?.is_text ?? true, ok: result?.ok ?? true };
  });
  return { ...summary, texts, calls };
}

const textsOf = (blocks: { type: string; text?: string }[]): TextBlock[] => blocks.flatMap((block, at) => (block.type === "text" ? [{ at, text: block.text ?? "" }] : []));

/** The steps up to a step, from the events. */
function stepsOf(events: JobEvent[], last: number) {
  const steps: AgentStep[] = [], calls = new Map<string, StepCall>();
  for (const { type, payload } of events) {
    const known = calls.get(payload.tool_use_id ?? ""), number = payload.step ?? 0;
    if (type === "model_response" && number <= last) {
      const before = steps.findIndex((one) => one.step === number), texts = textsOf((payload.blocks ?? []) as StoredStep["blocks"]);
      if (before >= 0) steps.splice(before);
      steps.push({ step: number, texts, calls: [], cost: payload.billed_micros });
    } else if (type === "tool_use" && steps.length) {
      const call: StepCall = { id: payload.tool_use_id ?? "", name: payload.name ?? "", input: payload.input, text: "", ok: true, answered: false };
      if (!known && number <= last) steps.at(-1)?.calls.push(call);
      calls.set(call.id, call);
    } else if (type === "tool_result" && known) Object.assign(known, { answered: true, text: payload.preview ?? "", ok: payload.ok !== false });
  }
  return steps;
}

/** The body of the request: only what was changed. */
function requestBody(step: number, changes: Changes, original: Original): ForkBody {
  const body: ForkBody = { step, ...sharedFields(changes, original) }, edits = new Map<string, object>();
  const edit = (key: string, facts: object) => edits.set(key, { ...edits.get(key), ...facts });
  for (const [key, value] of Object.entries(changes)) {
    const [number, what, ...rest] = key.split(":"), id = rest.join(":");
    if (key === "inputs" || key === "version") continue;
    if (key === "model") { if (String(value).trim()) body.model = String(value).trim(); }
    else if (what === "text") edit(key, { step: Number(number), block: Number(id), text: value });
    else if (what === "input") edit(id, { tool_use_id: id, input: parsed(String(value), "The arguments are") });
    else if (what === "content") edit(id, { tool_use_id: id, content: value });
    else edit(id, { tool_use_id: id, ok: !value });
  }
  if (edits.size) body.edits = [...edits.values()];
  return body;
}
