import { useState } from "react";
import { ask } from "../api";
import { Publish } from "../editor/publish";
import { Try } from "../editor/try";
import { skillOf } from "./file";

const TYPE = "application/vnd.puras.skill+json";
const FILES = new Set(["prompt.md", "main.py", "skill.yaml", "requirements.txt"]);

/** What a `%%skill` cell has said of its skill; null where it is not that cell's, or nothing a skill is made of. */
export function toldOf(cell) {
  const told = cell.outputs.map((one) => one.data?.[TYPE]).find(Boolean), name = skillOf(cell.source);
  const isSound = told && name && told.name === name && Object.entries(told.files ?? {}).every(([path, text]) => FILES.has(path) && typeof text === "string");
  return isSound ? told : null;
}

/** Where a skill's folder is in the working copy: below `skills/`, unless its skills lie at the root. */
export const folderOf = (name, skills) => (skills.some((one) => one.path && !one.path.startsWith("skills/")) ? name : `skills/${name}`);

/** Put a skill's files into the working copy, over those of the same names. */
export async function place(told, folder, { base, project, csrf }) {
  for (const [path, text] of Object.entries(told.files)) await ask("PUT", `${base}/files/${folder}/${path}`, { project, csrf, body: text, headers: { "If-Match": "*" } });
}

/** A skill that a cell defines: whether it is in the working copy, its run, and its publish. */
export function SkillCard({ told, state, draft, base, project, csrf, skillpack, canManage, canWrite, onPlace, beforeRun }) {
  const [isTrying, setTrying] = useState(false), folder = folderOf(told.name, draft.check.skills), skill = draft.check.skills.find((one) => one.name === told.name);
  const problems = draft.check.problems.filter((one) => one.path.startsWith(`${folder}/`)), isThere = draft.view.files.some((one) => !one.is_deleted && one.path.startsWith(`${folder}/`));
  const word = state === "taken" ? `The working copy has another skill ${told.name} already; this cell has not written over it.` : state === "writing" ? "Writing it into the working copy…" : isThere ? `Its files are in ${folder}/ of the working copy.` : "It is not in the working copy. Run the cell to put it there.";
  return (
    <section className="nb-skill pane" aria-label={`Skill ${told.name}`}>
      <div className="pane-head wrap"><span className="strong">{told.name}</span><span className="tag">{told.kind}</span><span className="t2 grow" role="status">{word}</span>
        {canWrite && state === "taken" && <button type="button" className="btn" onClick={onPlace}>Write over it</button>}
        {canWrite && skill && state !== "taken" && <><button type="button" className="btn" aria-expanded={isTrying} onClick={() => setTrying(!isTrying)}>Try it</button><Publish base={base} project={project} csrf={csrf} skillpack={skillpack} problems={draft.check.problems} skill={skill} canManage={canManage} beforeOpen={beforeRun} onPublished={draft.refresh} label="Publish this skill…" /></>}
      </div>
      {problems.length > 0 && <ul className="problem-list" aria-label={`Problems of ${told.name}`}>{problems.map((one, index) => <li key={index} className="pad-x"><span className="mono">{one.path.split("/").at(-1)}{one.line ? `:${one.line}` : ""}</span> {one.message}</li>)}</ul>}
      {isTrying && skill && <div className="nb-try"><Try skill={skill} base={base} project={project} csrf={csrf} canWrite={canWrite} beforeRun={beforeRun} /></div>}
    </section>
  );
}
