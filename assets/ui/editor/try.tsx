import { lazy, Suspense, useEffect, useRef, useState } from "react";
import type { DraftRunRead, JobRead, Skill } from "../../../clients/typescript/src/generated";
import { type ApiError, callApi, messageOf } from "../api";
import { PendingApprovals } from "../approvals";
import { errorsUnder } from "../approvals/arguments";
import { Estimate, estimateUrl } from "../estimate";
import { EventList } from "../events";
import { SchemaForm } from "../form";
import { LiveCost } from "../live";
import { modelsOf } from "../play/choices";
import { Model } from "../play/model";
import { NoModel, Simulated } from "../simulated";
import { useEvents } from "../stream";
import type { Schema } from "../schema_types";
import { Value } from "../value";
import type { Caller } from "./draft";
import { enteredInputs, keep, knownInputs, slotOf, triedOf } from "./tried";

interface Props extends Caller {
  /** The ID of the user. */
  user: string;
  /** The skill of the open file. */
  skill: Skill | null;
  /** Whether the draft has problems, so that its skills are unknown. */
  hasProblems?: boolean;
  /** The revision of the draft: the estimated cost is read again after it has changed. */
  revision?: number;
  canWrite: boolean;
  /** False: the project can use no language model, so that agents are simulated. */
  hasModel?: boolean;
  /** Saves the open files. */
  beforeRun: () => Promise<unknown>;
}

const DraftChat = lazy(() => import("../chat/draft_chat"));
const INPUTS = "inputs.";
const STATES: Record<string, string> = { succeeded: "Succeeded", failed: "Failed", cancelled: "Canceled" };

/** Runs a skill of the draft in its current state, and shows the run live. */
export function Try(props: Props) {
  const [isChat, setChat] = useState(false), { skill, project, canWrite, hasModel = true } = props, note = canWrite && !hasModel && (skill?.is_agentic || skill?.calls_paid_skills) && <NoModel project={project} />;
  if (skill?.is_agentic) {
    return (
      <>
        <div className="row chips"><div className="seg" role="group" aria-label="How to try"><button type="button" aria-pressed={!isChat} onClick={() => setChat(false)}>Job</button><button type="button" aria-pressed={isChat} onClick={() => setChat(true)}>Chat</button></div></div>
        {note}
        {isChat ? <Suspense fallback={<p className="skeleton pad">Loading chat…</p>}><DraftChat key={skill.name} {...props} revision={props.revision ?? 0} skill={skill} /></Suspense> : <TrySkill key={skill.name} {...props} skill={skill} />}
      </>
    );
  }
  return skill ? <>{note}<TrySkill key={skill.name} {...props} skill={skill} /></> : <p className="pad t2">{props.hasProblems ? "Skills can run here once the draft has no problems." : "Open a file of a skill to run the skill here."}</p>;
}

/** The form and the run of one skill, in one scroll area. Each skill has a form of its own, which keeps its inputs when another file is opened. */
function TrySkill({ skill, user, base, revision, project, csrf, canWrite, beforeRun }: Props & { skill: Skill }) {
  const slot = slotOf(user, project, base, skill.name);
  const [errors, setErrors] = useState<Record<string, string>>({}), [problem, setProblem] = useState(""), tried = triedOf(slot), [job, setJob] = useState(tried.job), [round, setRound] = useState(0), started = useRef("");
  const [model, setModel] = useState(""), [models, setModels] = useState<Awaited<ReturnType<typeof modelsOf>>>([]), isAgent = Boolean(skill.is_agentic), [isBusy, setBusy] = useState(false), [ended, setEnded] = useState(0), lock = useRef(false), examples = skill.examples ?? [];
  useEffect(() => { if (isAgent) modelsOf(project).then(setModels, () => {}); }, [project, isAgent]);
  const run = async (inputs: Record<string, unknown>) => {
    if (lock.current) return;
    lock.current = true;
    setBusy(true);
    setErrors({});
    setProblem("");
    try {
      await beforeRun();
      const made = await callApi<DraftRunRead>("POST", `${base}/run`, { project, csrf, json: { skill: skill.name, inputs, source: "studio", ...(isAgent && model && { model }) } });
      started.current = made.job_id;
      keep(slot, { job: made.job_id });
      setJob(made.job_id);
    } catch (error) {
      const wrong = errorsUnder(INPUTS, (error as ApiError).errors);
      setErrors(wrong);
      if (!Object.keys(wrong).length) setProblem(messageOf(error));
    }
    lock.current = false;
    setBusy(false);
  };
  return (
    <div className="col grow scroll try" tabIndex={0} role="region" aria-label={`Run of ${skill.name}`}>
      {examples.length > 0 && (
        <div className="row wrap chips">
          {examples.map((one, index) => (
            <button
              key={index}
              type="button"
              className="chip cut"
              onClick={() => {
                keep(slot, { inputs: one.inputs });
                setRound(round + 1);
              }}
            >
              {one.title || `Example ${index + 1}`}
            </button>
          ))}
        </div>
      )}
      {isAgent && (
        <div className="row chips">
          <Model label="Model" model={model} models={models} own={skill.model} onPick={setModel} />
        </div>
      )}
      <SchemaForm
        schema={skill.input_schema}
        value={knownInputs(skill.input_schema, triedOf(slot).inputs)}
        rev={round}
        errors={errors}
        project={project}
        csrf={csrf}
        canRun={canWrite}
        busy={isBusy}
        note={
          <Estimate
            isShort
            url={model ? "" : estimateUrl(base, skill.name)}
            project={project}
            stamp={`${revision} ${ended}`}
          />
        }
        onChange={(inputs) => {
          keep(slot, { inputs: enteredInputs(skill.input_schema, inputs) });
        }}
        onRun={run}
      />
      {problem && (
        <div className="note line-note" data-s="fail" role="alert">
          {problem}
        </div>
      )}
      {job && (
        <Run
          key={job}
          isNew={started.current === job}
          {...{ job, project, csrf, canWrite }}
          schema={skill.output_schema}
          onEnded={() => setEnded((before) => before + 1)}
        />
      )}
    </div>
  );
}

interface RunProps extends Omit<Caller, "base"> {
  job: string;
  /** The user has just started it, so that it scrolls into view. */
  isNew: boolean;
  canWrite: boolean;
  /** That of the result. */
  schema: Schema;
  onEnded: () => void;
}

function Run({ job, isNew, project, csrf, canWrite, schema, onEnded }: RunProps) {
  const src = `${project}/${job}`, [events] = useEvents(src), [ended, setEnded] = useState<JobRead | null>(null), [failure, setFailure] = useState(""), last = events.at(-1)?.type ?? "";
  const isOver = last in STATES, countOf = (type: string) => events.filter((event) => event.type === type).length, asked = countOf("approval_required"), decided = countOf("approval_decided");
  useEffect(() => { if (isOver) callApi<JobRead>("GET", `/v1/jobs/${job}`, { project }).then((found) => { setEnded(found); onEnded(); }, () => {}); }, [isOver, job, project]);
  const word = STATES[last], box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const panel = isNew && box.current?.closest(".try");
    if (panel && box.current) panel.scrollTop += box.current.getBoundingClientRect().top - panel.getBoundingClientRect().top;
  }, []);
  return (
    <div className="col trying" ref={box}>
      <div className="pane-head" style={{ fontWeight: 400 }}>
        <span className="strong" role="status">{isOver ? word : asked > decided ? "Awaiting approval" : "Running"}</span><LiveCost src={src} charged={ended ? `$${ended.cost_usd}` : ""} isOver={Boolean(ended)} />
        <span className="grow" /><a href={`/p/${project}/jobs/${job}`}>Open the job</a>
      </div>
      {!isOver && asked > decided && <PendingApprovals job={job} changes={asked + decided} {...{ project, csrf, canWrite }} onError={setFailure} />}
      {failure && <div className="note line-note" data-s="fail" role="alert">{failure}</div>}
      <Simulated job={ended} />
      {ended?.error && <div className="note line-note" data-s="fail" role="alert">{ended.error}</div>}
      {ended?.status === "succeeded" && <div className="pad" role="region" aria-label="Result"><Value value={ended.result} schema={schema} project={project} outputs={ended.outputs} /></div>}
      <EventList src={src} />
    </div>
  );
}
