// What columns of the playground and other runs choose: the language model, and the prompt of a version.
import type { DraftCheckRead, JobRead, PromptRead, ProviderRead, Skill } from "../../../clients/typescript/src/generated";
import { type ApiError, callApi, read } from "../api";

export type Environment = JobRead["environment"];

export interface LanguageModel {
  slug: string;
  /** Whether the project or the instance has a key for it. */
  hasKey: boolean;
}

interface Where {
  project: string;
  skill: string;
  skillpack: string;
}

export const DRAFT = "draft";
export const PRODUCTION: Environment = "production";

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

export const path = (name: string) => name.split("/").map(encodeURIComponent).join("/");
