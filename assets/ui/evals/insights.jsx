import { useEffect, useState } from "react";
import { Link } from "react-router";
import { callApi } from "../api";
import { duration, shortId, usd } from "../format";

const MARKS = { high: "fail", medium: "wait", low: "" };
const SINCE = [[1, "1 day"], [7, "7 days"], [30, "30 days"], [90, "90 days"]];
const money = (micros) => (micros === null ? "" : usd(micros)), time = (ms) => (ms === null ? "" : duration(ms));

/** Insights from the jobs of a skill: failures, slow or expensive parts, and recommendations. */
export function Insights({ skill, project, skillpack }) {
  const [days, setDays] = useState(7), [found, setFound] = useState(null), [failure, setFailure] = useState("");
  useEffect(() => {
    let isGone = false;
    setFound(null); setFailure("");
    const since = new Date(Date.now() - days * 86_400_000).toISOString();
    callApi("GET", `/v1/skills/${encodeURIComponent(skill)}/findings?skillpack=${skillpack}&since=${since}`, { project }).then((response) => isGone || setFound(response), (error) => isGone || setFailure(error.detail));
    return () => { isGone = true; };
  }, [skill, project, skillpack, days]);
  return (
    <section aria-label="Insights" className="col" style={{ gap: 12 }}>
      <div className="row wrap"><div className="seg" role="group" aria-label="Period">{SINCE.map(([value, label]) => <button key={value} type="button" aria-pressed={days === value} onClick={() => setDays(value)}>{label}</button>)}</div>
        {found && <span className="t3">{found.jobs_analyzed} {found.jobs_analyzed === 1 ? "job" : "jobs"}{found.is_capped ? ` (newest ${found.max_jobs} only)` : ""}</span>}</div>
      {failure && <div className="note" data-s="fail" role="alert">{failure}</div>}
      {!found && !failure && <p className="t3">Analyzing jobs…</p>}
      {found && !found.findings.length && <p className="t2">{found.jobs_analyzed ? "No insights in this period." : "No jobs ended in this period."}</p>}
      {found?.findings.map((one, index) => (
        <article className="finding" key={index}>
          <div className="row"><span className="tag" data-s={MARKS[one.severity]}>{one.severity}</span><h3 className="grow">{one.title}</h3></div>
          <p className="t2">{one.recommendation}</p>
          <p className="row wrap t3">Jobs {one.job_ids.map((id) => <Link className="mono" key={id} to={`/p/${project}/jobs/${id}`}>{shortId(id)}</Link>)}</p>
        </article>
      ))}
      {found?.versions.length > 0 && <Table label="By version" heads={["Version", "Runs", "Failed", "Score", "p50 cost", "p95 cost", "p50 duration", "p95 duration"]} rows={found.versions.map((one) => [one.version === null ? "drafts" : `v${one.version}`, one.runs, one.failed || "", one.mean_eval_score ?? "", money(one.cost_p50_micros), money(one.cost_p95_micros), time(one.duration_p50_ms), time(one.duration_p95_ms)])} />}
      {found?.tools.length > 0 && <Table label="By tool" heads={["Tool", "Calls", "Errors", "Total duration", "p50 duration", "p95 duration", "Cost"]} rows={found.tools.map((one) => [one.name, one.calls, one.errors || "", time(one.total_ms), time(one.p50_ms), time(one.p95_ms), money(one.billed_micros)])} />}
      {found?.steps.length > 0 && <Table label="By step" heads={["Step", "Replies", "Mean duration", "Mean cost", "Total cost"]} rows={found.steps.map((one) => [`step ${one.step}`, one.replies, time(one.mean_ms), money(one.mean_billed_micros), money(one.billed_micros)])} />}
    </section>
  );
}

function Table({ label, heads, rows }) {
  return (
    <div className="pane wide" tabIndex={0} role="region" aria-label={label}>
      <table className="tbl" aria-label={label}><thead><tr>{heads.map((head, index) => <th key={head} scope="col" className={index ? "num" : ""}>{head}</th>)}</tr></thead>
        <tbody>{rows.map((row) => <tr key={row[0]}>{row.map((cell, index) => <td key={heads[index]} className={index ? "num t2" : ""}>{cell}</td>)}</tr>)}</tbody></table>
    </div>
  );
}
