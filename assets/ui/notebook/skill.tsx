import { useState } from "react";
import type { DraftProblemRead, DraftRead, Skill } from "../../../clients/typescript/src/generated";
import { callApi } from "../api";
import { Publish } from "../editor/publish";
import { Try } from "../editor/try";
import { type Cell, skillOf, valuesOf } from "./file";

/** A skill that a cell defines. */
export interface Definition {
  name: string;
  kind: string;
  /** The texts of its files, by name. */
  files: Record<string, string>;
}

/** Whether the draft has another skill of this name, the files are being written, or neither. */
export type SkillState = "" | "taken" | "writing";

export interface Caller {
  /** URL of the draft in the API. */
  base: string;
  project: string;
  csrf: string;
}

/** What the card needs of the draft. */
export interface DraftOfSkills {
  view: Pick<DraftRead, "files"> | null;
  check: { problems: DraftProblemRead[]; skills: Skill[] };
  refresh: () => Promise<unknown>;
}

interface Props extends Caller {
  /** The ID of the user. */
  user: string;
  definition: Definition;
  state: SkillState;
  draft: DraftOfSkills;
  skillpack: string;
  canManage: boolean;
  canWrite: boolean;
  /** Overwrite the other skill. */
  onAdd: () => void;
  /** Save the open files. */
  beforeRun: () => Promise<unknown>;
}

const TYPE = "application/vnd.puras.skill+json";
const FILES = new Set(["prompt.md", "main.py", "skill.yaml", "requirements.txt"]);

/** The definition of the skill in the output of a `%%skill` cell; null if it is missing, invalid, or of another skill. */
export function definitionOf(cell: Pick<Cell, "source" | "outputs">): Definition | null {
  const definition = valuesOf(cell.outputs.map((one) => valuesOf(one["data"])[TYPE]).find(Boolean)), name = skillOf(cell.source), files = valuesOf(definition["files"]);
  return name && definition["name"] === name && isTexts(files) ? { name, kind: String(definition["kind"] ?? ""), files } : null;
}

const isTexts = (files: Record<string, unknown>): files is Record<string, string> => Object.entries(files).every(([path, text]) => FILES.has(path) && typeof text === "string");

/** The folder of a skill in the draft: below `skills/`, unless the skills of the draft are at the root. */
export const folderOf = (name: string, skills: Pick<Skill, "path">[]) => (skills.some((one) => one.path && !one.path.startsWith("skills/")) ? name : `skills/${name}`);

/** Write the files of a skill to the draft; existing files of the same names are overwritten. */
export async function writeSkill(definition: Definition, folder: string, { base, project, csrf }: Caller) {
  for (const [path, text] of Object.entries(definition.files)) await callApi("PUT", `${base}/files/${folder}/${path}`, { project, csrf, body: text, headers: { "If-Match": "*" } });
}

/** A skill that a cell defines: whether it is in the draft, with buttons to try and publish it. */
export function SkillCard({ definition, state, draft, user, base, project, csrf, skillpack, canManage, canWrite, onAdd, beforeRun }: Props) {
  const [isTrying, setTrying] = useState(false), folder = folderOf(definition.name, draft.check.skills), skill = draft.check.skills.find((one) => one.name === definition.name);
  const problems = draft.check.problems.filter((one) => one.path.startsWith(`${folder}/`)), isThere = draft.view?.files.some((one) => !one.is_deleted && one.path.startsWith(`${folder}/`));
  const text = state === "taken" ? `The draft already has another skill named ${definition.name}. This cell did not overwrite it.` : state === "writing" ? "Writing to the draft…" : isThere ? `The files are in ${folder}/ of the draft.` : "Not in the draft. Run the cell to add it.";
  return (
    <section className="nb-skill pane" aria-label={`Skill ${definition.name}`}>
      <div className="pane-head wrap"><span className="strong">{definition.name}</span><span className="tag">{definition.kind}</span><span className="t2 grow" role="status">{text}</span>
        {canWrite && state === "taken" && <button type="button" className="btn" onClick={onAdd}>Overwrite</button>}
        {canWrite && skill && state !== "taken" && <><button type="button" className="btn" aria-expanded={isTrying} onClick={() => setTrying(!isTrying)}>Try it</button><Publish base={base} project={project} csrf={csrf} skillpack={skillpack} problems={draft.check.problems} skill={skill} canManage={canManage} beforeOpen={beforeRun} onPublished={draft.refresh} label="Publish skill…" /></>}
      </div>
      {problems.length > 0 && <ul className="problem-list" aria-label={`Problems of ${definition.name}`}>{problems.map((one, index) => <li key={index} className="pad-x"><span className="mono">{one.path.split("/").at(-1)}{one.line ? `:${one.line}` : ""}</span> {one.message}</li>)}</ul>}
      {isTrying && skill && <div className="nb-try"><Try skill={skill} user={user} base={base} project={project} csrf={csrf} canWrite={canWrite} beforeRun={beforeRun} /></div>}
    </section>
  );
}
