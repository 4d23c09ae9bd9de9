// Values of the form of a skill.yaml, and the problems at them.
import { useRef, useState } from "react";
import { Field } from "../fields";

const NONE = Symbol("not edited");

/** A field whose value is committed when the user leaves it or presses Enter; a choice is committed immediately. Escape discards the
 *  text. `onCommit(value)` resolves to whether the value was accepted; until then the edited text stays. */
export function Committed({ name, schema, value, error, isBare = false, isRequired = isBare, labels, onCommit }) {
  const [edited, setEdited] = useState(NONE), box = useRef(null), isChoice = Boolean(schema.enum) || schema.type === "boolean";
  const commit = async (next) => {
    const cleaned = Array.isArray(next) ? next.filter((one) => one !== "" && one != null) : next;
    const wanted = Array.isArray(cleaned) && !cleaned.length ? undefined : cleaned;
    if (JSON.stringify(wanted) !== JSON.stringify(value) && !(await onCommit(wanted))) return;
    setEdited((now) => (now === next ? NONE : now));
  };
  const change = (next) => { setEdited(() => next); if (isChoice) commit(next); };
  const leave = (event) => { if (edited !== NONE && !isChoice && !box.current.contains(event.relatedTarget)) commit(edited); };
  const onKeyDown = (event) => {
    if (edited === NONE || isChoice) return;
    if (event.key === "Escape") setEdited(NONE);
    if (event.key === "Enter" && event.target.tagName === "INPUT") { event.preventDefault(); commit(edited); }
  };
  return (
    <div ref={box} className="committed" onBlur={leave} onKeyDown={onKeyDown}>
      <Field name={name} schema={schema} labels={labels} value={edited === NONE ? value : edited} path="value" errors={error ? { value: error } : {}} context={{}} isRequired={isRequired} isBare={isBare} onChange={change} />
    </div>
  );
}

/** The problems at the paths that the form shows: `at(path)` returns the messages of those in the value that no longer path contains;
 *  `countAt(path)` is their number, and `others` are the rest. */
export function placed(problems, shown) {
  const messages = new Map(), others = [];
  for (const problem of problems) {
    const found = shown.filter((path) => problem.keys && path.every((key, index) => problem.keys[index] === key)).toSorted((one, other) => other.length - one.length)[0];
    if (!found) { others.push(problem); continue; }
    const id = JSON.stringify(found);
    messages.set(id, [...(messages.get(id) ?? []), problem.message]);
  }
  const of = (path) => messages.get(JSON.stringify(path)) ?? [];
  return { at: (path) => of(path).join(" ") || undefined, countAt: (path) => of(path).length, others };
}
