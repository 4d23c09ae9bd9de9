// The options of a playground: the versions of the skillpack, the models, and the skill in each version.
import { useCallback, useEffect, useRef, useState } from "react";
import { callApi, read } from "../api";

export const DRAFT = "draft";
export const PRODUCTION = "production";

/** `{versions, models, active, environments, skills, load, reload}`; `skills` maps a version (empty: the active one of the
 *  environment) to the skill, or to an error. */
export function useChoices({ project, skill, skillpack, environment, canWrite }) {
  const [versions, setVersions] = useState([]), [models, setModels] = useState([]), [skills, setSkills] = useState({}), requested = useRef(new Set());
  const load = useCallback((version) => {
    if (requested.current.has(version)) return;
    requested.current.add(version);
    const found = version === DRAFT ? ofDraft(project, skillpack, skill) : callApi("GET", `/v1/skills/${path(skill)}?skillpack=${skillpack}${version ? `&version=${version}` : `&environment=${environment}`}`, { project });
    found.then((one) => setSkills((known) => ({ ...known, [version]: one })), (failure) => setSkills((known) => ({ ...known, [version]: { failure: failure.detail } })));
  }, [project, skill, skillpack, environment]);
  const reload = useCallback((version) => { requested.current.delete(version); load(version); }, [load]);
  useEffect(() => {
    callApi("GET", `/v1/skillpacks/${skillpack}/deployments?limit=100`, { project }).then(setVersions, () => {});
    if (canWrite) modelsOf(project).then(setModels, () => {});
    reload("");
  }, [project, skillpack, canWrite, reload]);
  const environments = [...new Set([PRODUCTION, environment, ...versions.flatMap((one) => one.environments)])];
  return { versions, models, environments, skills, load, reload, active: versions.find((one) => one.environments.includes(environment))?.version };
}

/** The available language models: `[{slug, hasKey}]`. */
export async function modelsOf(project) {
  const families = await callApi("GET", "/v1/providers", { project });
  return families.flatMap((one) => one.models.map((slug) => ({ slug, hasKey: one.has_own_key || one.has_instance_key })));
}

async function ofDraft(project, skillpack, name) {
  const checked = await callApi("GET", `/v1/skillpacks/${skillpack}/drafts/check`, { project });
  const found = checked.skills.find((one) => one.name === name);
  if (!found) throw { detail: checked.problems.length ? `The draft has problems: ${checked.problems[0].path}: ${checked.problems[0].message}` : "The draft does not contain this skill." };
  return found;
}

/** The prompt of the skill in a version: `{path, text}`. */
export async function promptOf({ project, skill, skillpack, version }) {
  if (version !== DRAFT) return callApi("GET", `/v1/skillpacks/${skillpack}/prompts/${path(skill)}${version && `?version=${version}`}`, { project });
  const found = await ofDraft(project, skillpack, skill), file = [found.path, found.entrypoint].filter(Boolean).join("/");
  const { bytes } = await read(`/v1/skillpacks/${skillpack}/drafts/files/${path(file)}`, { project });
  return { path: file, text: new TextDecoder().decode(bytes) };
}

/** Submit a job with the options of a column; resolves to the ID of the job. */
export async function submit(column, { project, csrf, skill, skillpack, environment, active, inputs }) {
  const body = { skill, inputs, source: "studio", ...(environment !== PRODUCTION && { environment }), ...(column.model && { model: column.model }) }, session = { project, csrf, slot: column.key };
  const isOther = column.version === DRAFT || column.prompt;
  if (!isOther) return (await callApi("POST", `/v1/jobs?skillpack=${skillpack}${column.version && `&version=${column.version}`}`, { ...session, json: body })).id;
  const version = column.version === DRAFT ? {} : { version: Number(column.version || active) };
  const files = column.prompt ? { files: { [column.prompt.path]: column.prompt.text } } : {};
  return (await callApi("POST", `/v1/skillpacks/${skillpack}/drafts/run`, { ...session, json: { ...body, ...version, ...files } })).job_id;
}

export const path = (name) => name.split("/").map(encodeURIComponent).join("/");
