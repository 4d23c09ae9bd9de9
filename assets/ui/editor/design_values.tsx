// Values of the form of a skill.yaml, and the problems at them.
import { type FocusEvent, type KeyboardEvent, useRef, useState } from "react";
import { Field, type FieldProps } from "../fields";
import { type Path, startsWith } from "./yaml_values";

const NONE = Symbol("not edited"), NO_UPLOADS = { project: "", csrf: "" };

interface Props extends Pick<FieldProps, "name" | "schema" | "value" | "isBare" | "isRequired" | "labels"> {
  error?: string;
  /** Resolves to whether the value was accepted; undefined if the field is cleared. */
  onCommit: (value: unknown) => Promise<boolean>;
}

/** The messages of the problems at a path; undefined if there is none. */
export type At = (path: Path) => string | undefined;

/** A field whose value is committed when the user leaves it or presses Enter; a choice is committed immediately. Escape discards the
 *  text. The edited text stays until the value was accepted. */
export function Committed({ name, schema, value, error, isBare = false, isRequired = isBare, labels, onCommit }: Props) {
  const [edited, setEdited] = useState<unknown>(NONE), box = useRef<HTMLDivElement>(null), isChoice = Boolean(schema.enum) || schema.type === "boolean";
  const commit = async (next: unknown) => {
    const cleaned: unknown = Array.isArray(next) ? next.filter((one) => one !== "" && one != null) : next;
    const wanted = Array.isArray(cleaned) && !cleaned.length ? undefined : cleaned;
    if (JSON.stringify(wanted) !== JSON.stringify(value) && !(await onCommit(wanted))) return;
    setEdited((now: unknown) => (now === next ? NONE : now));
  };
  const change = (next: unknown) => { setEdited(() => next); if (isChoice) commit(next); };
  const leave = (event: FocusEvent) => { if (edited !== NONE && !isChoice && !box.current?.contains(event.relatedTarget)) commit(edited); };
  const onKeyDown = (event: KeyboardEvent) => {
    if (edited === NONE || isChoice) return;
    if (event.key === "Escape") setEdited(NONE);
    if (event.key === "Enter" && event.target instanceof HTMLInputElement) { event.preventDefault(); commit(edited); }
  };
  return (
    <div ref={box} className="committed" onBlur={leave} onKeyDown={onKeyDown}>
      <Field name={name} schema={schema} labels={labels} value={edited === NONE ? value : edited} path="value" errors={error ? { value: error } : {}} context={NO_UPLOADS} isRequired={isRequired} isBare={isBare} onChange={change} />
    </div>
  );
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
