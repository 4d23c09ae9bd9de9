import { useEffect, useState } from "react";
import type { JobStepRead, ListedDeployment } from "../../../clients/typescript/src/generated";
import { type ApiError, callApi } from "../api";
import { type Changes, type ForkBody, ForkProblem, InputsField, type Original, parsed, sharedFields, textOf, useFork, VersionField, versionsOf } from "../fork_dialog";

const NO_RESULT = new Set<string>(["approval", "switch", "parallel"]); // decisions belong to reviewers, and blocks have no result of their own

/** A button that forks the job of a flow at a step, with a dialog to change the inputs, the version and the results of earlier steps. */
interface Props {
  step: JobStepRead;
  /** All steps of the flow. */
  steps: JobStepRead[];
  project: string;
  csrf: string;
  job: string;
}

export function RunFromHere({ step, steps, project, csrf, job }: Props) {
  const [versions, setVersions] = useState<ListedDeployment[]>([]), [keeps, setKeeps] = useState(false);
  const fork = useFork({ project, csrf, job, choices: async (found) => setVersions(await versionsOf(found, project)) }), { dialog, original, changes, change, isOpen } = fork;
  const earlier = steps.filter((one) => one.position < step.position && !NO_RESULT.has(one.kind) && one.started_at), label = step.title ?? step.name;
  const kept = step.elements?.succeeded ?? 0, canKeep = kept > 0, hasApproval = steps.some((one) => one.position < step.position && one.kind === "approval" && one.status === "succeeded");
  const open = () => { setKeeps(canKeep && step.status !== "succeeded"); return fork.open(); };
  return (
    <>
      <button type="button" className="btn small" aria-label={`Run from ${label}`} onClick={open}>Run from here…</button>
      <dialog className="dlg wide-dlg" ref={dialog} aria-label={`Run from ${label}`} onClose={fork.close}>
        {isOpen && <form className="in-dlg" onSubmit={(event) => fork.submit(event, (changed, before) => requestBody(step, changed, before, keeps), "?tab=steps")}>
          <h2>Run from {label}</h2>
          <p className="t2">A new job starts with the stored results of the steps before this one. They cost nothing, and no jobs are started for them. This step and all later ones run again.</p>
          {hasApproval && <p className="t3">If you change inputs or results, approvals before this step are requested again.</p>}
          <div className="fork-steps" tabIndex={-1}>
            <VersionField label="Version" versions={versions} fork={fork} />
            {canKeep && <label className="check"><input type="checkbox" checked={keeps} onChange={(event) => setKeeps(event.target.checked)} />Keep the succeeded elements of this step ({kept.toLocaleString("en")})</label>}
            <InputsField fork={fork} />
            {earlier.toReversed().map((one) => <Earlier key={one.name} step={one} project={project} job={job} value={textOf(changes, `result:${one.name}`)} onChange={(value) => change(`result:${one.name}`, value)} />)}
          </div>
          <ForkProblem failure={fork.failure} />
          <div className="acts">
            <button type="button" className="btn" onClick={() => dialog.current?.close()}>Cancel</button>
            <button className="btn pri" disabled={!original || fork.isBusy}>Run</button>
          </div>
        </form>}
      </dialog>
    </>
  );
}

/** The result of an earlier step. A long one is loaded when it is opened. */
interface EarlierProps extends Pick<Props, "step" | "project" | "job"> {
  /** The changed result. */
  value: string | undefined;
  onChange: (value: string) => void;
}

function Earlier({ step, project, job, value, onChange }: EarlierProps) {
  const [isShown, setShown] = useState(false), [whole, setWhole] = useState<JobStepRead | null>(null), [failure, setFailure] = useState("");
  const isMissing = step.has_long_result && !step.elements;
  useEffect(() => {
    if (!isShown || !isMissing || whole) return;
    callApi<JobStepRead[]>("GET", `/v1/jobs/${job}/steps?step=${encodeURIComponent(step.name)}`, { project }).then(([found]) => setWhole(found ?? null), (error: ApiError) => setFailure(error.detail));
  }, [isShown]);
  const known = whole ?? (isMissing ? null : step), isTooLarge = step.has_long_result && step.elements;
  return (
    <details className="fork-step" onToggle={(event) => setShown(event.currentTarget.open)}>
      <summary><span className="strong">Result of {step.title ?? step.name}</span>{value !== undefined && <span className="tag">changed</span>}</summary>
      {failure && <div className="note" data-s="fail" role="alert">{failure}</div>}
      {isTooLarge && <p className="t2">The result is too large to change here. Send it to <span className="mono">POST /v1/jobs/{job}/fork</span> instead.</p>}
      {!isTooLarge && known && <textarea className="in code" rows={8} aria-label={`Result of ${step.name} as JSON`} spellCheck={false} value={value ?? JSON.stringify(known.result, null, 2)} onChange={(event) => onChange(event.target.value)} />}
      {!known && !failure && <p className="t3">Loading result…</p>}
    </details>
  );
}

/** The body of the request: only what was changed. */
function requestBody(step: JobStepRead, changes: Changes, original: Original, keeps: boolean): ForkBody {
  const body: ForkBody = { step: step.name, ...sharedFields(changes, original) }, edits: { step: string; result: unknown }[] = [];
  for (const [key, value] of Object.entries(changes)) {
    const name = key.slice("result:".length);
    if (key !== "version" && key !== "inputs") edits.push({ step: name, result: parsed(String(value), `The result of ${name} is`) });
  }
  if (edits.length) body.edits = edits;
  if (keeps) body.keep_elements = true;
  return body;
}
