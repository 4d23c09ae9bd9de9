// A skill.yaml for a plain Agent Skill, so that it can be edited as a form. Its SKILL.md stays the prompt.
import { callApi } from "../api";

/** The text of a skill.yaml with the values that the validator has derived from the SKILL.md of a skill. */
async function skillYamlOf(skill, session) {
  const values = { entrypoint: "SKILL.md", ...(skill.description && { description: skill.description }), input_schema: skill.input_schema, output_schema: skill.output_schema };
  const edits = Object.entries(values).map(([key, value]) => ({ op: "set", path: [key], value }));
  return (await callApi("POST", "/v1/skill-yaml/edit", { ...session, json: { text: "", edits } })).text;
}

/** The new files for the Agent Skills in these folders, or in all of them: a skill.yaml for each, by path. */
export async function skillYamls({ base, project, csrf, folders = null }) {
  const { skills } = await callApi("GET", `${base}/check`, { project }), found = {};
  for (const skill of skills) {
    if (skill.origin === "agent_skill" && skill.path && (!folders || folders.has(skill.path))) found[`${skill.path}/skill.yaml`] = await skillYamlOf(skill, { project, csrf });
  }
  return found;
}
