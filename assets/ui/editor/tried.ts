// What the user has entered and run in the panel Try, by skill, until the page is reloaded.
import { startOf } from "../fields";
import type { Schema } from "../schema_types";

export type Inputs = Record<string, unknown>;

interface Tried {
  /** Those that differ from the defaults. */
  inputs: Inputs;
  /** The ID of the last job. */
  job: string;
}

const all = new Map<string, Tried>();

/** What was tried of a skill of the draft at `base`. */
export function triedOf(project: string, base: string, skill: string): Tried {
  const id = JSON.stringify([project, base, skill]), known = all.get(id) ?? { inputs: {}, job: "" };
  all.set(id, known);
  return known;
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
