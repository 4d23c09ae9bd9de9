// What the sections of the form of a skill.yaml share: sections with their problems, lists of mappings, and single values of them.
import { type ChangeEvent, type ReactNode, useRef, useState } from "react";
import type { DraftFileRead, Skill } from "../../../clients/typescript/src/generated";
import type { Schema } from "../schema_types";
import type { OnCode } from "./broken";
import type { FileProblem } from "./code";
import { placeOf, scrollToPart } from "./design_place";
import { type At, Committed } from "./design_values";
import type { Caller, LoadedDraft } from "./draft";
import type { Edit, SkillEdit, Write } from "./yaml_edits";
import { isMapping, listOf, type Mapping, type Path, valueAt } from "./yaml_values";

/** Open a file of the draft at a line. */
export type OnOpen = (path: string, line?: number | null) => void;

/** The problems of the values that a part of the form shows, and how it changes them. */
export interface Editing {
  at: At;
  edit: Edit;
}

/** What each section of the form gets. */
export interface SectionProps extends Editing, Caller {
  /** The values of the skill.yaml. */
  document: Mapping;
  /** The folder of the skill; empty for the folder of the bundle. */
  folder: string;
  files: DraftFileRead[];
  /** The skill as the validator read it last. */
  skill: Skill | undefined;
  skills: Skill[];
  draft: LoadedDraft;
  skillpack: string;
  canWrite: boolean;
  isAgent: boolean;
  onCode: OnCode;
  onOpen: OnOpen;
  /** The revision of the draft. */
  revision: number;
}

/** The edit that adds an item to the list at `path`. */
export const added = (path: Path, list: unknown, value: unknown): SkillEdit => (Array.isArray(list) ? { op: "set", path: [...path, list.length], value } : { op: "set", path, value: [value] });

/** The edit that removes an item of the list at `path`, or the key of a list that would be empty. */
export const removed = (path: Path, list: unknown[], index: number): SkillEdit => ({ op: "remove", path: list.length > 1 ? [...path, index] : path });

/** The edits that change a value into another one, so that only different keys of mappings are written. */
export function differences(path: Path, before: unknown, after: unknown): SkillEdit[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  if (!isMapping(before) || !isMapping(after) || !Object.keys(before).length) return [{ op: "set", path, value: after }];
  return [
    ...Object.keys(before).filter((key) => !(key in after)).map((key): SkillEdit => ({ op: "remove", path: [...path, key] })),
    ...Object.entries(after).flatMap(([key, value]): SkillEdit[] => (key in before ? differences([...path, key], before[key], value) : [{ op: "set", path: [...path, key], value }])),
  ];
}

/** A section with the number of its problems, which the list of sections shows too. */
export function Section({ title, path, count = 0, error, children }: { title: string; path?: Path; count?: number; error?: string; children: ReactNode }) {
  return (
    <section className="sf" id={idOf(title)} tabIndex={-1} {...placeOf(path)}>
      <h2>{title}{count > 0 && <span className="tag" data-s="fail">{problemsText(count)}</span>}</h2>
      {error && <div className="err" role="alert">{error}</div>}
      {children}
    </section>
  );
}

const idOf = (title: string) => `design-${title.toLowerCase().replace(/\W+/g, "-")}`;
const problemsText = (count: number) => `${count} ${count === 1 ? "problem" : "problems"}`;

function show(title: string) {
  const target = document.getElementById(idOf(title));
  if (!target) return;
  scrollToPart(target);
  target.focus({ preventScroll: true });
}

/** Links to the sections, with their numbers of problems. */
export function SectionLinks({ sections }: { sections: [title: string, count: number][] }) {
  return (
    <nav className="design-links row" aria-label="Sections of the form">
      {sections.map(([title, count]) => <button key={title} type="button" className="chip" onClick={() => show(title)}>{title}{count > 0 && <span className="design-count"> {count}<span className="hidden-label"> {count === 1 ? "problem" : "problems"}</span></span>}</button>)}
    </nav>
  );
}

/** Problems in other files of the skill, with links to their lines. */
export function FileProblems({ problems, onOpen }: { problems: FileProblem[]; onOpen: OnOpen }) {
  if (!problems.length) return null;
  return <ul className="note design-problems" data-s="fail">{problems.map((one, index) => <li key={index}>{one.message} <button type="button" className="btn quiet small" onClick={() => onOpen(one.path, one.line)}>{one.path.split("/").at(-1)}{one.line ? `:${one.line}` : ""}</button></li>)}</ul>;
}

interface ValueProps {
  path: Path;
  label: string;
  name?: string;
  schema: Schema;
  value: unknown;
  labels?: Record<string, string>;
  at: At;
  edit: Write;
  isBare?: boolean;
  isRequired?: boolean;
}

/** A value at a path of the document; an empty one is removed. */
export function Value({ path, label, name = label, schema, value, labels, at, edit, isBare = false, isRequired = isBare }: ValueProps) {
  return <Committed path={path} name={name} schema={{ ...schema, title: label }} value={value} labels={labels} error={at(path)} isBare={isBare} isRequired={isRequired} onCommit={(next) => edit(next === undefined ? [{ op: "remove", path }] : [{ op: "set", path, value: next }])} />;
}

interface CheckProps {
  checked: boolean;
  disabled?: boolean;
  /** It replaces the text for screen readers. */
  name?: string;
  children: ReactNode;
  onToggle: (isWanted: boolean) => Promise<unknown>;
}

/** A check box that shows the choice of the user until `onToggle` has written it. */
export function Check({ checked, disabled = false, name, children, onToggle }: CheckProps) {
  const [wanted, setWanted] = useState<boolean | null>(null);
  const change = async (event: ChangeEvent<HTMLInputElement>) => { setWanted(event.target.checked); await onToggle(event.target.checked); setWanted(null); };
  return <label className="check"><input type="checkbox" checked={wanted ?? checked} disabled={disabled} aria-label={name} onChange={change} />{children}</label>;
}

/** A check box for a key that is `true` or missing. */
export function Flag({ path, label, value, edit, at }: { path: Path; label: string; value: unknown; edit: Write; at: At }) {
  const error = at(path);
  return (
    <div {...placeOf(path)}>
      <Check checked={value === true} onToggle={(isOn) => edit([isOn ? { op: "set", path, value: true } : { op: "remove", path }])}>{label}</Check>
      {error && <div className="err" role="alert">{error}</div>}
    </div>
  );
}

/** The words of a key with their labels. */
type WordOptions = [word: string, label: string][];

/** The words of a key with a list of words or a single one; `all` stands for each of them. */
const wordsOf = (value: unknown, options: WordOptions): unknown[] => { const words: unknown[] = value === undefined || value === null ? [] : [value].flat(); return words.includes("all") ? options.map(([word]) => word) : words; };

/** Check boxes for a key with a list of words, or a single word. */
export function Words({ path, label, options, value, edit, at }: Editing & { path: Path; label: string; options: WordOptions; value: unknown }) {
  const chosen = wordsOf(value, options), error = at(path);
  const toggle = (word: string) => (isOn: boolean) => edit((document) => {
    const before = wordsOf(valueAt(document, path), options);
    return [{ op: "set", path, value: options.map(([one]) => one).filter((one) => (one === word ? isOn : before.includes(one))) }];
  });
  return (
    <fieldset className="design-words" {...placeOf(path)}>
      <legend>{label}</legend>
      <div className="row wrap">{options.map(([word, text]) => <Check key={word} checked={chosen.includes(word)} onToggle={toggle(word)}>{text}</Check>)}</div>
      {error && <div className="err" role="alert">{error}</div>}
    </fieldset>
  );
}

interface CardsProps {
  path: Path;
  list: unknown[];
  noun: string;
  titleOf: (item: unknown, index: number) => unknown;
  at: At;
  edit: Write;
  onRemove?: (index: number) => Promise<boolean>;
  onCode: OnCode;
  children: (item: Mapping, path: Path, index: number) => ReactNode;
}

/** A list of mappings at `path` as cards. `titleOf(item, index)` names a card, `children(item, path, index)` shows its fields. */
export function Cards({ path, list, noun, titleOf, at, edit, onRemove, onCode, children }: CardsProps) {
  const box = useRef<HTMLOListElement>(null);
  const remove = async (index: number) => { box.current?.focus(); await (onRemove ? onRemove(index) : edit([removed(path, list, index)])); };
  return (
    <ol className="design-fields" ref={box} tabIndex={-1} aria-label={`${noun}s`}>
      {list.map((item, index) => {
        const own = [...path, index], title = String(titleOf(item, index)), error = at(own);
        return (
          <li key={index}>
            <div className="design-field" role="group" aria-label={`${noun} ${title}`} {...placeOf(own)}>
              <div className="row"><span className="strong grow break">{title}</span><button type="button" className="btn quiet icon" aria-label={`Remove ${noun.toLowerCase()} ${title}`} onClick={() => remove(index)}>✕</button></div>
              {error && <div className="err" role="alert">{error}</div>}
              {isMapping(item) ? children(item, own, index) : <p className="t2">This entry is not a mapping. <button type="button" className="btn quiet small" onClick={() => onCode()}>Edit in code</button></p>}
            </div>
          </li>
        );
      })}
    </ol>
  );
}

/** A select that adds something and then shows its label again. */
export function AddMenu({ label, options, onPick }: { label: string; options: [value: string, label: string][]; onPick: (value: string) => void }) {
  return (
    <select className="in fit" aria-label={label} value="" onChange={(event) => onPick(event.target.value)}>
      <option value="">{label}</option>
      {options.map(([value, text]) => <option key={value} value={value}>{text}</option>)}
    </select>
  );
}

/** A name that no item of the list has. */
export function freeName(wanted: string, taken: unknown[]) {
  for (let count = 1; ; count += 1) {
    const name = count === 1 ? wanted : `${wanted}_${count}`;
    if (!taken.includes(name)) return name;
  }
}
