import { useEffect, useState } from "react";
import { Link } from "react-router";
import { ask } from "../api";
import { duration, usd } from "../format";

const MARKS = { high: "fail", medium: "wait", low: "" };
const SINCE = [[1, "a day"], [7, "a week"], [30, "a month"], [90, "90 days"]];
const money = (micros) => (micros === null ? "" : usd(micros)), time = (ms) => (ms === null ? "" : duration(ms));

/** What the skill's own jobs say about it: what fails, what is slow or dear, and what to do. */
export function Findings({ skill, project, skillpack }) {
  const [days, setDays] = useState(7), [found, setFound] = useState(null), [failure, setFailure] = useState("");
  useEffect(() => {
    let isGone = false;
    setFound(null); setFailure("");
    const since = new Date(Date.now() - days * 86_400_000).toISOString();
    ask("GET", `/v1/skills/${encodeURIComponent(skill)}/findings?skillpack=${skillpack}&since=${since}`, { project }).then((answer) => isGone || setFound(answer), (error) => isGone || setFailure(error.detail));
    return () => { isGone = true; };
  }, [skill, project, skillpack, days]);
  return (
    <section aria-label="Findings" className="col" style={{ gap: 12 }}>
      <div className="row wrap"><div className="seg" role="group" aria-label="Jobs of the last">{SINCE.map(([value, label]) => <button key={value} type="button" aria-pressed={days === value} onClick={() => setDays(value)}>{label}</button>)}</div>
        {found && <span className="t3">{found.jobs_analyzed} {found.jobs_analyzed === 1 ? "job" : "jobs"}{found.is_capped ? `, the newest ${found.most_jobs}` : ""}</span>}</div>
      {failure && <div className="note" data-s="fail" role="alert">{failure}</div>}
      {!found && !failure && <p className="t3">Reading its jobs…</p>}
      {found && !found.findings.length && <p className="t2">{found.jobs_analyzed ? "Nothing stands out." : "No job of it has ended in this time."}</p>}
      {found?.findings.map((one, index) => (
        <article className="finding" key={index}>
          <div className="row"><span className="tag" data-s={MARKS[one.severity]}>{one.severity}</span><h3 className="grow">{one.title}</h3></div>
          <p className="t2">{one.recommendation}</p>
          <p className="row wrap t3">Seen in {one.job_ids.map((id) => <Link className="mono" key={id} to={`/p/${project}/jobs/${id}`}>{id.slice(0, 8)}</Link>)}</p>
        </article>
      ))}
      {found?.versions.length > 0 && <Table label="By version" heads={["Version", "Runs", "Failed", "Score", "Cost, half", "Cost, 95 %", "Time, half", "Time, 95 %"]} rows={found.versions.map((one) => [one.version === null ? "drafts" : `v${one.version}`, one.runs, one.failed || "", one.mean_eval_score ?? "", money(one.cost_p50_micros), money(one.cost_p95_micros), time(one.duration_p50_ms), time(one.duration_p95_ms)])} />}
      {found?.tools.length > 0 && <Table label="By tool" heads={["Tool", "Calls", "Errors", "In all", "Half", "95 %", "Cost"]} rows={found.tools.map((one) => [one.name, one.calls, one.errors || "", time(one.total_ms), time(one.p50_ms), time(one.p95_ms), money(one.billed_micros)])} />}
      {found?.steps.length > 0 && <Table label="By step" heads={["Step", "Replies", "Time", "Cost", "In all"]} rows={found.steps.map((one) => [`step ${one.step}`, one.replies, time(one.mean_ms), money(one.mean_billed_micros), money(one.billed_micros)])} />}
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
