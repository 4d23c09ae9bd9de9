// The skills of a draft with their schemas, also while the draft has problems.
import { useEffect, useState } from "react";
import type { DraftFileRead, SkillYamlRead } from "../../../clients/typescript/src/generated";
import { callApi } from "../api";
import type { LoadedDraft } from "../editor/draft";
import { isMapping, mappingOf, textOf } from "../editor/yaml_values";
import type { FlowSkill } from "./model";

const MAX_READ = 60;
const known = new Map<string, FlowSkill>(); // path and revision of a skill.yaml → its values

interface Session {
  draft: LoadedDraft;
  project: string;
  csrf: string;
}

/** `{isLoaded, own, skills}`: the skill whose entrypoint is the flow at `path`, and the other skills by name. */
export function useSkills({ draft, path, project, csrf }: Session & { path: string }) {
  const files = draft.view.files.filter((one) => !one.is_deleted && /^skills\/[^/]+\/skill\.yaml$/.test(one.path)).slice(0, MAX_READ), key = files.map((one) => `${one.path} ${one.revision}`).join("\n");
  const [all, setAll] = useState<FlowSkill[] | null>(null), checked = draft.check.isStale ? [] : draft.check.skills;
  useEffect(() => {
    let isOutdated = false;
    Promise.all(files.map((one) => readSkill(one, { draft, project, csrf }))).then((found) => isOutdated || setAll(found.filter((one) => one !== null)));
    return () => { isOutdated = true; };
  }, [key]);
  const found: FlowSkill[] = checked.length ? checked.filter((one) => !one.parent_skill) : all ?? [], own = found.find((one) => `${one.path}/${one.entrypoint}` === path);
  return { isLoaded: checked.length > 0 || all !== null, own, skills: new Map(found.filter((one) => one !== own).map((one) => [one.name, one])) };
}

async function readSkill({ path, revision }: DraftFileRead, { draft, project, csrf }: Session): Promise<FlowSkill | null> {
  const id = `${draft.files.base} ${path} ${revision}`, folder = path.slice(0, path.lastIndexOf("/")), before = known.get(id);
  if (before) return before;
  try {
    const { document } = await callApi<SkillYamlRead>("POST", "/v1/skill-yaml/edit", { project, csrf, json: { text: await draft.readTheirs(path), edits: [] } });
    const { entrypoint, title, description, input_schema: inputs, output_schema: outputs } = mappingOf(document);
    const found: FlowSkill = { path: folder, name: folder.split("/").at(-1) ?? "", entrypoint: textOf(entrypoint), title: textOf(title), description: textOf(description), ...(isMapping(inputs) && { input_schema: inputs }), ...(isMapping(outputs) && { output_schema: outputs }) };
    known.set(id, found);
    return found;
  } catch { return null; } // the file was deleted, or cannot be read
}
