// The display names of the skills of jobs, of all skillpacks.
import { useEffect, useState } from "react";
import type { JobRead, SkillpackRead } from "../../clients/typescript/src/generated";
import { callApi } from "./api";

type Slugs = Record<string, string>;
type NamedJob = Pick<JobRead, "skillpack_id" | "prompt" | "skill_name">;

/** `(job) => name` of a project: `resize`, or `images/resize` for a skillpack other than the default one. */
export function useNames(project: string) {
  const [slugs, setSlugs] = useState<Slugs>({});
  useEffect(() => { if (project) namesOf(project).then(setSlugs); }, [project]);
  return (job: NamedJob) => called(job, slugs);
}

/** The slugs of the skillpacks other than the default one, by ID. */
export const namesOf = (project: string): Promise<Slugs> => callApi<SkillpackRead[]>("GET", "/v1/skillpacks", { project }).then((packs) => Object.fromEntries(packs.filter((one) => !one.is_default).map((one) => [one.id, one.slug])), () => ({}));

export const called = (job: NamedJob, slugs: Slugs) => (slugs[job.skillpack_id] && job.prompt == null ? `${slugs[job.skillpack_id]}/${job.skill_name}` : job.skill_name);
