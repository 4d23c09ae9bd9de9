// What the user has entered and run in the panel Try, by skill. It stays in this tab, also while another page is open, such as that of the job.
import { startOf } from "../fields";
import type { Schema } from "../schema_types";

export type Inputs = Record<string, unknown>;

export interface Tried {
  /** Those that differ from the defaults. */
  inputs: Inputs;
  /** The ID of the last job. */
  job: string;
}

const MAX_CHARACTERS = 200_000;
const all = new Map<string, Tried>();

/** The key of what a user tries of a skill of the draft at `base` of a project. */
export const slotOf = (user: string, project: string, base: string, skill: string) => `try:${JSON.stringify([user, project, base, skill])}`;

/** What was tried of a skill. */
export function triedOf(slot: string): Tried {
  const known = all.get(slot) ?? read(slot);
  all.set(slot, known);
  return known;
}

/** Changes what was tried of a skill. */
export function keep(slot: string, change: Partial<Tried>) {
  const tried = { ...triedOf(slot), ...change }, text = JSON.stringify(tried);
  all.set(slot, tried);
  try {
    if (text.length <= MAX_CHARACTERS) sessionStorage.setItem(slot, text); else sessionStorage.removeItem(slot);
  } catch { /* without session storage, it is lost when another page is opened */ }
}

function read(slot: string): Tried {
  const tried: Tried = { inputs: {}, job: "" };
  try { return { ...tried, ...(JSON.parse(sessionStorage.getItem(slot) ?? "{}") as Partial<Tried>) }; } catch { return tried; }
}

/** The inputs that differ from the defaults of the schema, so that a changed default applies. */
export function enteredInputs(schema: Schema, inputs: Inputs): Inputs {
  const defaults = { ...(startOf({ ...schema, type: "object" }) as Inputs | undefined) };
  return Object.fromEntries(Object.entries(inputs).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(defaults[name])));
}

/** The inputs that the schema still has. */
export function knownInputs({ properties, additionalProperties }: Schema, inputs: Inputs): Inputs {
  return additionalProperties ? inputs : Object.fromEntries(Object.entries(inputs).filter(([name]) => name in (properties ?? {})));
}
