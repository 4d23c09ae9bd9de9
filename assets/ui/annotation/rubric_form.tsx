import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import type { Criterion } from "../../../clients/typescript/src/generated";
import { useAction, type Watched } from "../action";

type Score = number | boolean | string;

interface Review {
  scores: Record<string, Score>;
  comment: string;
  has_output: boolean;
  output: unknown;
}

interface Props extends Watched {
  /** Differs for each job and step; the fields are set again when it changes. */
  subject: string;
  rubric: Criterion[];
  scores: Record<string, Score>;
  comment: string;
  /** The corrected output as the reviewer types it; empty if there is none. */
  corrected: string;
  /** The output of the job, with which a correction starts. */
  output: string;
  /** Whether the output is a text, which is typed without quotation marks. */
  isText: boolean;
  steps: string[];
  step: string;
  /** The error of the last attempt to save. */
  problem: string;
  canGoBack: boolean;
  onSave?: (review: Review, key: string) => void;
  onSkip?: () => void;
  onNext?: () => void;
  onPrevious?: () => void;
  onStep?: (step: string) => void;
}

const STEPS_OF_SCORE = [0, 0.25, 0.5, 0.75, 1];

/** The rubric next to a job. Digits choose a value of the marked criterion and mark the next one. Enter saves unless a control has the
 *  focus, and with Ctrl or ⌘ also from a text. */
export function RubricForm(props: Props) {
  const { subject, rubric, steps, step, problem, canGoBack, settled, onSettle, onSave, onSkip, onNext, onPrevious, onStep } = props;
  const [begin, isBusy] = useAction({ settled, onSettle });
  const [scores, setScores] = useState(props.scores), [comment, setComment] = useState(props.comment), [corrected, setCorrected] = useState(props.corrected);
  const [isCorrecting, setCorrecting] = useState(props.corrected !== ""), [invalid, setInvalid] = useState(""), [at, setAt] = useState(0);
  const commentField = useRef<HTMLTextAreaElement>(null), outputField = useRef<HTMLTextAreaElement>(null), save = useRef(() => {});
  useEffect(() => {
    setScores(props.scores);
    setComment(props.comment);
    setCorrected(props.corrected);
    setCorrecting(props.corrected !== "");
    setInvalid("");
    setAt(Math.max(0, rubric.findIndex(({ key }) => !(key in props.scores))));
  }, [subject]);
  save.current = () => {
    const output = parsed(corrected, props.isText);
    if (isCorrecting && output === undefined) { setInvalid("The corrected output is not valid JSON."); outputField.current?.focus(); return; }
    setInvalid("");
    begin("", (key) => onSave?.({ scores, comment, has_output: isCorrecting, output: isCorrecting ? output : null }, key));
  };
  useEffect(() => {
    const onKey = (event: globalThis.KeyboardEvent) => {
      const isOnControl = (event.target as HTMLElement).closest("a, button, input, select, textarea, summary, [role=tab]") !== null;
      if (event.key !== "Enter" || (isOnControl && !event.metaKey && !event.ctrlKey) || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      save.current();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  const choose = (index: number, value: Score) => {
    const { key } = rubric[index]!;
    setScores((before) => ({ ...before, [key]: value }));
    setAt(Math.min(index + 1, rubric.length - 1));
  };
  const clear = (key: string) => setScores((before) => Object.fromEntries(Object.entries(before).filter(([name]) => name !== key)));
  const correct = () => { setCorrected((before) => before || props.output); setCorrecting(true); setTimeout(() => outputField.current?.focus()); };
  const leaveText = (event: KeyboardEvent<HTMLElement>) => { if (event.key === "Escape") (event.target as HTMLElement).blur(); };
  return (
    <form className="rubric col" aria-label="Review" onSubmit={(event) => { event.preventDefault(); save.current(); }}>
      {steps.length > 0 && (
        <label className="col field"><span className="label">Review of</span>
          <select className="in" value={step} onChange={(event) => onStep?.(event.target.value)}>
            <option value="">the whole job</option>
            {steps.map((one) => <option key={one} value={one}>step {one}</option>)}
          </select>
        </label>
      )}
      {rubric.map((criterion, index) => (
        <fieldset key={criterion.key} className="criterion" data-current={index === at} onFocus={() => setAt(index)}>
          <legend>{criterion.label}{!criterion.required && <span className="t3"> optional</span>}</legend>
          {criterion.description && <p className="t3">{criterion.description}</p>}
          <Options criterion={criterion} value={scores[criterion.key]} hasKeys={index === at} onChoose={(value) => choose(index, value)} onClear={() => clear(criterion.key)} />
        </fieldset>
      ))}
      <label className="col field"><span className="label">Comment</span>
        <textarea ref={commentField} className="in" rows={3} maxLength={10_000} value={comment} onChange={(event) => setComment(event.target.value)} onKeyDown={leaveText} />
      </label>
      {isCorrecting ? (
        <div className="col field">
          <label className="label" htmlFor="corrected-output">Corrected output{props.isText ? "" : " (JSON)"}</label>
          <textarea id="corrected-output" ref={outputField} className={`in ${props.isText ? "" : "code"}`} rows={8} spellCheck={props.isText} value={corrected} aria-invalid={invalid !== ""} onChange={(event) => setCorrected(event.target.value)} onKeyDown={leaveText} />
          <button type="button" className="btn quiet small" onClick={() => { setCorrecting(false); setCorrected(""); setInvalid(""); }}>Keep the output as it is</button>
        </div>
      ) : (
        <div className="row wrap">
          {step === "" && <button type="button" className="btn" data-key="e" data-label="Correct the output" onClick={correct}>Correct the output <kbd>e</kbd></button>}
          <button type="button" className="btn quiet" data-key="c" data-label="Write a comment" onClick={() => commentField.current?.focus()}>Comment <kbd>c</kbd></button>
        </div>
      )}
      {(invalid || problem) && <div className="note" role="alert" data-s="fail">{invalid || problem}</div>}
      <div className="row wrap acts">
        <button type="submit" className="btn pri" aria-busy={isBusy} aria-disabled={isBusy}>{isBusy && <span className="spin" />}{step === "" ? "Save and next" : "Save step"} <kbd>⏎</kbd></button>
        <button type="button" className="btn" data-key="s" data-label="Skip" onClick={onSkip}>Skip <kbd>s</kbd></button>
      </div>
      <div className="row wrap">
        <button type="button" className="btn quiet" data-key="p" data-label="Previous" disabled={!canGoBack} onClick={onPrevious}>Previous <kbd>p</kbd></button>
        <button type="button" className="btn quiet" data-key="n" data-label="Next" onClick={onNext}>Next <kbd>n</kbd></button>
      </div>
    </form>
  );
}

interface OptionsProps {
  criterion: Criterion;
  value: Score | undefined;
  /** Whether the digits choose a value of this criterion. */
  hasKeys: boolean;
  onChoose: (value: Score) => void;
  onClear: () => void;
}

function Options({ criterion, value, hasKeys, onChoose, onClear }: OptionsProps) {
  const options: { value: Score; label: string }[] = criterion.kind === "yes_no" ? [{ value: true, label: "Yes" }, { value: false, label: "No" }]
    : criterion.kind === "category" ? (criterion.categories ?? []).map((one) => ({ value: one, label: one }))
    : STEPS_OF_SCORE.map((one) => ({ value: one, label: String(one) }));
  return (
    <div className="row wrap options">
      {options.map((one, index) => (
        <button key={one.label} type="button" className="btn small" aria-pressed={value === one.value} data-key={hasKeys && index < 9 ? String(index + 1) : undefined} data-label={`${criterion.label}: ${one.label}`}
          onClick={() => (value === one.value ? onClear() : onChoose(one.value))}>
          {one.label}{hasKeys && index < 9 && <kbd>{index + 1}</kbd>}
        </button>
      ))}
      {criterion.kind === "score" && <input className="in num" type="number" placeholder="0–1" min={0} max={1} step="any" aria-label={`${criterion.label}, from 0 to 1`} value={typeof value === "number" ? value : ""}
        onChange={(event) => (event.target.value === "" ? onClear() : onChoose(Number(event.target.value)))} />}
    </div>
  );
}

/** The typed output; `undefined` if it is not valid JSON. */
function parsed(text: string, isText: boolean): unknown {
  if (isText) return text;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
