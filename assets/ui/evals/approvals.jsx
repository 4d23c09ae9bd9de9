import { useEffect, useState } from "react";
import { callApi } from "../api";
import { isLive } from "./suites";

const MAX_APPROVALS = 200;

/** The pending approvals of the runs of a suite, by job; loaded again with the suite while it runs. */
export function useApprovals({ suite, project }) {
  const [approvals, setApprovals] = useState(new Map()), waits = isLive(suite) && suite.waiting_runs > 0;
  useEffect(() => {
    if (!waits) { setApprovals((before) => (before.size ? new Map() : before)); return undefined; }
    let isGone = false;
    callApi("GET", `/v1/approvals?status=pending&limit=${MAX_APPROVALS}`, { project }).then((found) => isGone || setApprovals(Map.groupBy(found, (one) => one.job_id)), () => {}); // loaded again with the next refresh
    return () => { isGone = true; };
  }, [waits && suite, project]);
  return approvals;
}
