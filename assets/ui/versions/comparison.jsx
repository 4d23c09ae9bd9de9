import { useEffect, useState } from "react";
import { ask, read } from "../api";
import { Changes } from "./changes";

/** What the version `head` changes over `base`; both are numbers of versions of one skillpack. */
export function Comparison({ project, skillpack, base, head }) {
  const [found, setFound] = useState(null), [failure, setFailure] = useState(""), [round, setRound] = useState(0);
  const versions = `/v1/skillpacks/${skillpack}/deployments`;
  useEffect(() => {
    let isGone = false;
    setFound(null);
    setFailure("");
    ask("GET", `${versions}/${head}/diff?base=${base}`, { project }).then((answer) => isGone || setFound(answer), (error) => isGone || setFailure(error.detail));
    return () => { isGone = true; };
  }, [versions, base, head, project, round]);
  if (failure) return <div className="note row" data-s="fail" role="alert"><span className="grow">{failure}</span><button type="button" className="btn small" onClick={() => setRound(round + 1)}>Try again</button></div>;
  if (!found) return <p className="t3" role="status">Comparing v{base} with v{head}…</p>;
  if (!found.files.length && !found.skills.length) return <p className="t2" role="status">v{base} and v{head} are the same, file by file.</p>;
  return <Changes skills={found.skills} files={found.files} read={(file) => bothOf(file, versions, base, head, project)} />;
}

/** The file in both versions, null where one has none. */
export function bothOf(file, versions, base, head, project) {
  const one = (version, bytes) => (bytes === null ? null : read(`${versions}/${version}/files/${encoded(file.path)}`, { project }).then((answer) => answer.bytes));
  return Promise.all([one(base, file.base_bytes), one(head, file.head_bytes)]);
}

/** A path as a part of an address. */
export const encoded = (path) => path.split("/").map(encodeURIComponent).join("/");
