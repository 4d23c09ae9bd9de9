// The expected cost of one run of a skill of the draft.
import { useEffect, useState } from "react";
import type { CostEstimateRead } from "../../clients/typescript/src/generated";
import { callApi } from "./api";
import { usd } from "./format";

const READ_AFTER_MS = 400;

interface Estimated extends CostEstimateRead {
  url: string;
}

interface Where {
  project: string;
  /** The estimate is read again after this has changed. */
  stamp?: unknown;
}

const readers = new Set<(estimate: Estimated) => void>(); // functions that receive each estimate with its URL: the form and the playground show the same one

async function read(url: string, project: string) {
  const estimate: Estimated = { ...(await callApi<CostEstimateRead>("GET", url, { project })), url };
  for (const receive of readers) receive(estimate);
}

/** The estimate of the route `url`, read again after `stamp` has changed. While the draft has problems, the last one stays. */
export function useEstimate(url: string | null | undefined, { project, stamp }: Where) {
  const [found, setFound] = useState<Estimated | null>(null);
  useEffect(() => {
    const receive = (estimate: Estimated) => { if (estimate.url === url) setFound(estimate); };
    readers.add(receive);
    return () => { readers.delete(receive); };
  }, [url]);
  useEffect(() => {
    if (!url) return undefined;
    const timer = setTimeout(() => read(url, project).catch(() => {}), found?.url === url ? READ_AFTER_MS : 0);
    return () => clearTimeout(timer);
  }, [url, project, stamp]);
  return found?.url === url ? found : null;
}

export const estimateUrl = (base: string, skill: string) => `${base}/cost-estimate?skill=${encodeURIComponent(skill)}`;

/** The amounts of an estimate in one line, such as `$0.0123, 95 % at most $0.0210`. */
export function amountOf({ basis, expected_micros: expected, p95_micros: p95 }: CostEstimateRead) {
  if (basis === "free") return "no cost";
  if (expected === null) return "not known yet";
  return `${basis === "jobs" ? "" : "about "}${usd(expected)}${p95 === null ? "" : `, 95 % at most ${usd(p95)}`}`;
}

/** The expected cost of a run with its basis. */
export function Estimate({ url, project, stamp, isShort = false }: Where & { url: string | null | undefined; isShort?: boolean }) {
  const found = useEstimate(url, { project, stamp });
  if (!found) return null;
  if (isShort) return <p className="t2 estimate" role="status" aria-label="Cost of a run" title={found.explanation}>Cost of a run: <span className="num">{amountOf(found)}</span></p>;
  return (
    <p className="t2 estimate" role="status" aria-label="Cost of a run">
      Cost of a run: <span className="num strong">{amountOf(found)}</span>{found.max_micros > 0 && <>, limit <span className="num">{usd(found.max_micros)}</span></>}. {found.explanation}
    </p>
  );
}
