// The skills of a draft with their schemas, also while the draft has problems.
import { useEffect, useState } from "react";
import { callApi } from "../api";

const MAX_READ = 60;
const known = new Map(); // path and revision of a skill.yaml → its values

/** `{isLoaded, own, skills}`: the skill whose entrypoint is the flow at `path`, and the other skills by name. */
export function useSkills({ draft, path, project, csrf }) {
  const files = draft.view.files.filter((one) => !one.is_deleted && /^skills\/[^/]+\/skill\.yaml$/.test(one.path)).slice(0, MAX_READ), key = files.map((one) => `${one.path} ${one.revision}`).join("\n");
  const [all, setAll] = useState(null), checked = draft.check.isStale ? [] : draft.check.skills;
  useEffect(() => {
    let isOutdated = false;
    Promise.all(files.map((one) => readSkill(one, { draft, project, csrf }))).then((found) => isOutdated || setAll(found.filter(Boolean)));
    return () => { isOutdated = true; };
  }, [key]);
  const found = checked.length ? checked.filter((one) => !one.parent_skill) : all ?? [], own = found.find((one) => `${one.path}/${one.entrypoint}` === path);
  return { isLoaded: checked.length > 0 || all !== null, own, skills: new Map(found.filter((one) => one !== own).map((one) => [one.name, one])) };
}

async function readSkill({ path, revision }, { draft, project, csrf }) {
  const id = `${draft.files.base} ${path} ${revision}`, folder = path.slice(0, path.lastIndexOf("/"));
  if (!known.has(id)) {
    try {
      const { document } = await callApi("POST", "/v1/skill-yaml/edit", { project, csrf, json: { text: await draft.readTheirs(path), edits: [] } });
      known.set(id, { ...document, path: folder, name: folder.split("/").at(-1) });
    } catch { return null; } // the file was deleted, or cannot be read
  }
  return known.get(id);
}
