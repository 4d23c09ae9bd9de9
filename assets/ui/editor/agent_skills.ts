// A skill.yaml for a plain Agent Skill, so that it can be edited as a form. Its SKILL.md stays the prompt.
import type { Skill, SkillYamlRead } from "../../../clients/typescript/src/generated";
import { callApi } from "../api";
import type { Caller, DraftCheck } from "./draft";
import type { SkillEdit } from "./yaml_edits";

/** The text of a skill.yaml with the values that the validator has derived from the SKILL.md of a skill. */
async function skillYamlOf(skill: Skill, session: Omit<Caller, "base">) {
  const values = { entrypoint: "SKILL.md", ...(skill.description && { description: skill.description }), input_schema: skill.input_schema, output_schema: skill.output_schema };
  const edits = Object.entries(values).map(([key, value]): SkillEdit => ({ op: "set", path: [key], value }));
  return (await callApi<SkillYamlRead>("POST", "/v1/skill-yaml/edit", { ...session, json: { text: "", edits } })).text;
}

/** The new files for the Agent Skills in these folders, or in all of them: a skill.yaml for each, by path. */
export async function skillYamls({ base, project, csrf, folders = null }: Caller & { folders?: Set<string> | null }) {
  const { skills } = await callApi<DraftCheck>("GET", `${base}/check`, { project }), found: Record<string, string> = {};
  for (const skill of skills) {
    if (skill.origin === "agent_skill" && skill.path && (!folders || folders.has(skill.path))) found[`${skill.path}/skill.yaml`] = await skillYamlOf(skill, { project, csrf });
  }
  return found;
}
