// The options of a playground: the versions of the skillpack, the models, and the skill in each version.
import type { DraftCheckRead, DraftRunCreate, DraftRunRead, Example, JobCreate, JobRead, ListedDeployment, PromptRead, ProviderRead, Skill, SkillRead } from "../../../clients/typescript/src/generated";
import { useCallback, useEffect, useRef, useState } from "react";
import { type ApiError, callApi, read } from "../api";
import type { ColumnState } from "./url_state";

export type Environment = JobRead["environment"];

export interface LanguageModel {
  slug: string;
  /** Whether the project or the instance has a key for it. */
  hasKey: boolean;
}

/** A skill in one version. */
export interface PlaySkill {
  is_agentic: boolean;
  input_schema: Record<string, unknown>;
  output_schema: Record<string, unknown>;
  title?: string | null;
  description?: string;
  examples?: Example[];
  /** The default language model. */
  model?: string | null;
  /** The number of the version; none for the draft. */
  version?: number | null;
  failure?: undefined;
}

/** Why a version does not have the skill. */
export interface NoSkill extends Partial<Omit<PlaySkill, "failure">> {
  failure: string;
}

export interface Choices {
  versions: ListedDeployment[];
  models: LanguageModel[];
  environments: Environment[];
  /** The skill by version; the version "" is the active one of the environment. */
  skills: Partial<Record<string, PlaySkill | NoSkill>>;
  /** The number of the active version. */
  active: number | null | undefined;
  load: (version: string) => void;
  reload: (version: string) => void;
}

interface Where {
  project: string;
  skill: string;
  skillpack: string;
}

export const DRAFT = "draft";
export const PRODUCTION: Environment = "production";

/** The versions, models and skills that columns can choose. */
export function useChoices({ project, skill, skillpack, environment, canWrite }: Where & { environment: Environment; canWrite: boolean }): Choices {
  const [versions, setVersions] = useState<ListedDeployment[]>([]), [models, setModels] = useState<LanguageModel[]>([]), [skills, setSkills] = useState<Choices["skills"]>({}), requested = useRef(new Set<string>());
  const load = useCallback((version: string) => {
    if (requested.current.has(version)) return;
    requested.current.add(version);
    const found: Promise<PlaySkill> = version === DRAFT ? ofDraft(project, skillpack, skill) : callApi<SkillRead>("GET", `/v1/skills/${path(skill)}?skillpack=${skillpack}${version ? `&version=${version}` : `&environment=${environment}`}`, { project });
    found.then((one) => setSkills((known) => ({ ...known, [version]: one })), (failure: ApiError) => setSkills((known) => ({ ...known, [version]: { failure: failure.detail } })));
  }, [project, skill, skillpack, environment]);
  const reload = useCallback((version: string) => { requested.current.delete(version); load(version); }, [load]);
  useEffect(() => {
    callApi<ListedDeployment[]>("GET", `/v1/skillpacks/${skillpack}/deployments?limit=100`, { project }).then(setVersions, () => {});
    if (canWrite) modelsOf(project).then(setModels, () => {});
    reload("");
  }, [project, skillpack, canWrite, reload]);
  const environments = [...new Set<Environment>([PRODUCTION, environment, ...versions.flatMap((one) => one.environments)])];
  return { versions, models, environments, skills, load, reload, active: versions.find((one) => one.environments.includes(environment))?.version };
}

/** The available language models. */
export async function modelsOf(project: string): Promise<LanguageModel[]> {
  const families = await callApi<ProviderRead[]>("GET", "/v1/providers", { project });
  return families.flatMap((one) => one.models.map((slug) => ({ slug, hasKey: one.has_own_key || one.has_instance_key })));
}

async function ofDraft(project: string, skillpack: string, name: string): Promise<Skill> {
  const checked = await callApi<DraftCheckRead>("GET", `/v1/skillpacks/${skillpack}/drafts/check`, { project });
  const found = checked.skills.find((one) => one.name === name), [problem] = checked.problems;
  if (!found) throw { detail: problem ? `The draft has problems: ${problem.path}: ${problem.message}` : "The draft does not contain this skill." } satisfies ApiError;
  return found;
}

/** The prompt of the skill in a version. */
export async function promptOf({ project, skill, skillpack, version }: Where & { version: string }): Promise<PromptRead> {
  if (version !== DRAFT) return callApi<PromptRead>("GET", `/v1/skillpacks/${skillpack}/prompts/${path(skill)}${version && `?version=${version}`}`, { project });
  const found = await ofDraft(project, skillpack, skill), file = [found.path, found.entrypoint].filter(Boolean).join("/");
  const { bytes } = await read(`/v1/skillpacks/${skillpack}/drafts/files/${path(file)}`, { project });
  return { path: file, text: new TextDecoder().decode(bytes) };
}

interface Submission extends Where {
  csrf: string;
  environment: Environment;
  active: number | null | undefined;
  inputs: Record<string, unknown>;
}

/** Submit a job with the options of a column; resolves to the ID of the job. */
export async function submit(column: ColumnState & { key: number }, { project, csrf, skill, skillpack, environment, active, inputs }: Submission): Promise<string> {
  const body: JobCreate = { skill, inputs, source: "studio", ...(environment !== PRODUCTION && { environment }), ...(column.model && { model: column.model }) }, session = { project, csrf, slot: String(column.key) };
  const isOther = column.version === DRAFT || column.prompt;
  if (!isOther) return (await callApi<JobRead>("POST", `/v1/jobs?skillpack=${skillpack}${column.version && `&version=${column.version}`}`, { ...session, json: body })).id;
  const version = column.version === DRAFT ? {} : { version: Number(column.version || active) };
  const files = column.prompt ? { files: { [column.prompt.path]: column.prompt.text } } : {}, json: DraftRunCreate = { ...body, ...version, ...files };
  return (await callApi<DraftRunRead>("POST", `/v1/skillpacks/${skillpack}/drafts/run`, { ...session, json })).job_id;
}

export const path = (name: string) => name.split("/").map(encodeURIComponent).join("/");
