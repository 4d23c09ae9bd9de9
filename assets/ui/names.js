// The display names of the skills of jobs, of all skillpacks.
import { useEffect, useState } from "react";
import { callApi } from "./api";

/** `(job) => name` of a project: `resize`, or `images/resize` for a skillpack other than the default one. */
export function useNames(project) {
  const [slugs, setSlugs] = useState({});
  useEffect(() => { if (project) namesOf(project).then(setSlugs); }, [project]);
  return (job) => called(job, slugs);
}

/** The slugs of the skillpacks other than the default one, by ID. */
export const namesOf = (project) => callApi("GET", "/v1/skillpacks", { project }).then((packs) => Object.fromEntries(packs.filter((one) => !one.is_default).map((one) => [one.id, one.slug])), () => ({}));

export const called = (job, slugs) => (slugs[job.skillpack_id] && job.prompt == null ? `${slugs[job.skillpack_id]}/${job.skill_name}` : job.skill_name);
