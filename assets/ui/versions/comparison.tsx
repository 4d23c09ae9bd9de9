import { useEffect, useState } from "react";
import type { DiffRead, FileChangeRead } from "../../../clients/typescript/src/generated";
import { type ApiError, callApi, encoded, read } from "../api";
import { Changes } from "./changes";

/** The changes from version `base` to version `head`; both are numbers of versions of one skillpack. */
export function Comparison({ project, skillpack, base, head }: { project: string; skillpack: string; base: number; head: number }) {
  const [found, setFound] = useState<DiffRead | null>(null), [failure, setFailure] = useState(""), [round, setRound] = useState(0);
  const versions = `/v1/skillpacks/${skillpack}/deployments`;
  useEffect(() => {
    let isGone = false;
    setFound(null);
    setFailure("");
    callApi<DiffRead>("GET", `${versions}/${head}/diff?base=${base}`, { project }).then((response) => { if (!isGone) setFound(response); }, (error: ApiError) => { if (!isGone) setFailure(error.detail); });
    return () => { isGone = true; };
  }, [versions, base, head, project, round]);
  if (failure) return <div className="note row" data-s="fail" role="alert"><span className="grow">{failure}</span><button type="button" className="btn small" onClick={() => setRound(round + 1)}>Try again</button></div>;
  if (!found) return <p className="t3" role="status">Comparing v{base} with v{head}…</p>;
  if (!found.files.length && !found.skills.length) return <p className="t2" role="status">v{base} and v{head} are identical.</p>;
  return <Changes skills={found.skills} files={found.files} read={(file) => bothOf(file, versions, base, head, project)} />;
}

/** The file in both versions; null if a version does not have it. */
export function bothOf(file: Pick<FileChangeRead, "path" | "base_bytes" | "head_bytes">, versions: string, base: number | string, head: number | string, project: string) {
  const one = (version: number | string, bytes: number | null) => (bytes === null ? null : read(`${versions}/${version}/files/${encoded(file.path)}`, { project }).then((content) => content.bytes));
  return Promise.all([one(base, file.base_bytes), one(head, file.head_bytes)]);
}
