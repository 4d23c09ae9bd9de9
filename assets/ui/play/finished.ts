// The jobs of the playground that have ended. The widgets of the page share them: each column loads its own job.
import { useMemo, useSyncExternalStore } from "react";
import type { JobRead } from "../../../clients/typescript/src/generated";
import { differing } from "./differ";

const MAX_JOBS = 100;
const listeners = new Set<() => void>();
let finished: ReadonlyMap<string, JobRead> = new Map();

export function addFinished(job: JobRead) {
  finished = new Map([...[...finished].slice(1 - MAX_JOBS), [job.id, job]]);
  listeners.forEach((listener) => listener());
}

const subscribe = (listener: () => void) => { listeners.add(listener); return () => { listeners.delete(listener); }; };
const snapshot = () => finished;

/** The jobs with these IDs that have ended. */
export function useFinished(ids: string[]): JobRead[] {
  const all = useSyncExternalStore(subscribe, snapshot, snapshot);
  return useMemo(() => ids.flatMap((id) => all.get(id) ?? []), [all, ids.join()]);
}

/** The jobs with these IDs that have succeeded, and the paths at which their results differ. */
export function useDifferences(ids: string[]) {
  const jobs = useFinished(ids);
  return useMemo(() => {
    const succeeded = jobs.filter((job) => job.status === "succeeded");
    return { succeeded, marks: differing(succeeded.map((job) => job.result)) };
  }, [jobs]);
}
