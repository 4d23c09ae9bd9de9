// Values of the form of a skill.yaml, and the problems at them.
import { type FocusEvent, type KeyboardEvent, type MouseEvent, type SyntheticEvent, useEffect, useRef, useState } from "react";
import { Field, type FieldProps } from "../fields";
import { placeOf } from "./design_place";
import { type Path, startsWith } from "./yaml_values";

const NONE = Symbol("not edited"), NO_UPLOADS = { project: "", csrf: "" }, CLICKED = "button, label, summary, input[type=checkbox]";

let committing: Promise<void> | null = null; // the text of the field that the user left last

interface Props extends Pick<FieldProps, "name" | "schema" | "value" | "isBare" | "isRequired" | "labels"> {
  /** The path of the value in the document. */
  path?: Path;
  error?: string;
  /** Resolves to whether the value was accepted; undefined if the field is cleared. */
  onCommit: (value: unknown) => Promise<boolean>;
}

/** The messages of the problems at a path; undefined if there is none. */
export type At = (path: Path) => string | undefined;

/** A field whose value is committed when the user leaves it or presses Enter; a choice is committed immediately. Escape discards the
 *  text. The edited text stays until the value was accepted. */
export function Committed({ path, name, schema, value, error, isBare = false, isRequired = isBare, labels, onCommit }: Props) {
  const [edited, setEdited] = useState<unknown>(NONE), box = useRef<HTMLDivElement>(null), isChoice = Boolean(schema.enum) || schema.type === "boolean";
  const commit = async (next: unknown) => {
    const cleaned: unknown = Array.isArray(next) ? next.filter((one) => one !== "" && one != null) : next;
    const wanted = Array.isArray(cleaned) && !cleaned.length ? undefined : cleaned;
    if (JSON.stringify(wanted) !== JSON.stringify(value) && !(await onCommit(wanted))) return;
    setEdited((now: unknown) => (now === next ? NONE : now));
  };
  const commitText = () => {
    const work = commit(edited).finally(() => { if (committing === work) committing = null; });
    committing = work;
  };
  const change = (next: unknown) => { setEdited(() => next); if (isChoice) commit(next); };
  const leave = (event: FocusEvent) => { if (edited !== NONE && !isChoice && !box.current?.contains(event.relatedTarget)) commitText(); };
  const onKeyDown = (event: KeyboardEvent) => {
    if (edited === NONE || isChoice) return;
    if (event.key === "Escape") setEdited(NONE);
    if (event.key === "Enter" && event.target instanceof HTMLInputElement) { event.preventDefault(); commitText(); }
  };
  return (
    <div ref={box} className="committed" {...placeOf(path)} onBlur={leave} onKeyDown={onKeyDown}>
      <Field name={name} schema={schema} labels={labels} value={edited === NONE ? value : edited} path="value" errors={error ? { value: error } : {}} context={NO_UPLOADS} isRequired={isRequired} isBare={isBare} onChange={change} />
    </div>
  );
}

/** Handlers of a form with fields: a click or a choice right after the user has edited a field waits until the text of the field is
 *  committed, and then acts on the new values. */
export function useClicksAfterCommits() {
  const waiting = useRef<(() => void)[]>([]), [committed, setCommitted] = useState(0);
  useEffect(() => { for (const repeat of waiting.current.splice(0)) repeat(); }, [committed]); // the form has rendered the new values
  const hold = (event: SyntheticEvent, repeat: () => void) => {
    if (!committing) return;
    event.preventDefault(); event.stopPropagation();
    const act = () => { waiting.current.push(repeat); setCommitted((before) => before + 1); };
    committing.then(act, act);
  };
  const onClickCapture = (event: MouseEvent) => {
    const clicked = event.target instanceof Element ? event.target.closest<HTMLElement>(CLICKED) : null, active = document.activeElement, edited = active?.closest(".committed");
    if (!clicked) return;
    if (active instanceof HTMLElement && edited && !edited.contains(clicked)) active.blur(); // a click by a script leaves the focus where it is
    hold(event, () => clicked.click());
  };
  const onChangeCapture = (event: SyntheticEvent) => {
    const { target } = event;
    if (!(target instanceof HTMLSelectElement)) return;
    const chosen = target.value;
    hold(event, () => { target.value = chosen; target.dispatchEvent(new Event("change", { bubbles: true })); });
  };
  return { onClickCapture, onChangeCapture };
}

/** The problems at the paths that the form shows: `at(path)` returns the messages of those in the value that no longer path contains;
 *  `countAt(path)` is their number, and `others` are the rest. */
export function placed<Problem extends { message: string; keys?: Path | null }>(problems: Problem[], shown: Path[]) {
  const messages = new Map<string, string[]>(), others: Problem[] = [];
  for (const problem of problems) {
    const found = shown.filter((path) => problem.keys && startsWith(problem.keys, path)).toSorted((one, other) => other.length - one.length)[0];
    if (!found) { others.push(problem); continue; }
    const id = JSON.stringify(found);
    messages.set(id, [...(messages.get(id) ?? []), problem.message]);
  }
  const of = (path: Path) => messages.get(JSON.stringify(path)) ?? [];
  const at: At = (path) => of(path).join(" ") || undefined;
  return { at, countAt: (path: Path) => of(path).length, others };
}
