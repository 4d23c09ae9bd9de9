import { type ReactNode, useEffect, useState } from "react";
import { Link } from "react-router";
import type { Finding, FindingChart, Findings } from "../../../clients/typescript/src/generated";
import { type ApiError, callApi } from "../api";
import { duration, shortId, usd } from "../format";

const MARKS = { high: "fail", medium: "wait", low: "" } as const;
const SINCE = [[1, "1 day"], [7, "7 days"], [30, "30 days"], [90, "90 days"]] as const;
const money = (micros: number | null) => (micros === null ? "" : usd(micros)), time = (ms: number | null) => (ms === null ? "" : duration(ms));
const UNITS: Record<FindingChart["unit"], (value: number) => string> = {
  jobs: (value) => `${value} ${value === 1 ? "job" : "jobs"}`,
  calls: (value) => `${value} ${value === 1 ? "call" : "calls"}`,
  tokens: (value) => `${value.toLocaleString()} tokens`,
  seconds: (value) => duration(value * 1000),
  usd: (value) => usd(Math.round(value * 1e6)),
};

interface Props {
  skill: string;
  project: string;
  skillpack: string;
}

/** Insights from the jobs of a skill: failures, slow or expensive parts, and recommendations. */
export function Insights({ skill, project, skillpack }: Props) {
  const [days, setDays] = useState(7), [found, setFound] = useState<Findings | null>(null), [failure, setFailure] = useState("");
  useEffect(() => {
    let isGone = false;
    setFound(null); setFailure("");
    const since = new Date(Date.now() - days * 86_400_000).toISOString();
    callApi<Findings>("GET", `/v1/skills/${encodeURIComponent(skill)}/findings?skillpack=${skillpack}&since=${since}`, { project }).then((response) => { if (!isGone) setFound(response); }, (error: ApiError) => { if (!isGone) setFailure(error.detail); });
    return () => { isGone = true; };
  }, [skill, project, skillpack, days]);
  return (
    <section aria-label="Insights" className="col" style={{ gap: 12 }}>
      <div className="row wrap"><div className="seg" role="group" aria-label="Period">{SINCE.map(([value, label]) => <button key={value} type="button" aria-pressed={days === value} onClick={() => setDays(value)}>{label}</button>)}</div>
        {found && <span className="t3">{found.jobs_analyzed} {found.jobs_analyzed === 1 ? "job" : "jobs"}{found.is_capped ? ` (newest ${found.max_jobs} only)` : ""}</span>}</div>
      {failure && <div className="note" data-s="fail" role="alert">{failure}</div>}
      {!found && !failure && <p className="t3">Analyzing jobs…</p>}
      {found && !found.findings.length && <p className="t2">{found.jobs_analyzed ? "No insights in this period." : "No jobs ended in this period."}</p>}
      {found && found.findings.length > 0 && <ul className="findings" aria-label="Found insights">{found.findings.map((one) => <Card key={one.title} insight={one} project={project} />)}</ul>}
      {found && found.versions.length > 0 && <Table label="By version" heads={["Version", "Runs", "Failed", "Score", "p50 cost", "p95 cost", "p50 duration", "p95 duration"]} rows={found.versions.map((one) => [one.version === null ? "drafts" : `v${one.version}`, one.runs, one.failed || "", one.mean_eval_score ?? "", money(one.cost_p50_micros), money(one.cost_p95_micros), time(one.duration_p50_ms), time(one.duration_p95_ms)])} />}
      {found && found.tools.length > 0 && <Table label="By tool" heads={["Tool", "Calls", "Errors", "Total duration", "p50 duration", "p95 duration", "Cost"]} rows={found.tools.map((one) => [one.name, one.calls, one.errors || "", time(one.total_ms), time(one.p50_ms), time(one.p95_ms), money(one.billed_micros)])} />}
      {found && found.steps.length > 0 && <Table label="By step" heads={["Step", "Replies", "Mean duration", "Mean cost", "Total cost"]} rows={found.steps.map((one) => [`step ${one.step}`, one.replies, time(one.mean_ms), money(one.mean_billed_micros), money(one.billed_micros)])} />}
    </section>
  );
}

function Card({ insight, project }: { insight: Finding; project: string }) {
  const jobs = `/p/${project}/jobs`, count = `${insight.jobs} ${insight.jobs === 1 ? "job" : "jobs"}`;
  return (
    <li className="finding">
      <div className="row"><span className="tag" data-s={MARKS[insight.severity]}>{insight.severity}</span><strong className="finding-value num grow">{insight.value}</strong></div>
      <h3>{insight.title}</h3>
      {insight.chart && <Bars chart={insight.chart} />}
      <p className="t2">{insight.recommendation}</p>
      <p className="row wrap t3">
        <Link to={`${jobs}?ids=${(insight.all_job_ids ?? insight.job_ids).join(",")}`}>Show {count}</Link>
        <span className="row wrap" style={{ gap: "2px 8px" }}>Examples {insight.job_ids.map((id) => <Link className="mono" key={id} to={`${jobs}/${id}`}>{shortId(id)}</Link>)}</span>
      </p>
    </li>
  );
}

/** Horizontal bars, each with its label and its number. */
function Bars({ chart }: { chart: FindingChart }) {
  const max = Math.max(...chart.values, Number.MIN_VALUE);
  return (
    <dl className="finding-bars">
      {chart.labels.map((label, index) => {
        const value = chart.values[index] ?? 0;
        return (
          <div key={label} data-highlighted={chart.highlighted === null || chart.highlighted === index || undefined}>
            <dt className="cut" title={label}>{label}</dt>
            <dd><i style={{ width: `${(100 * value) / max}%` }} /><span className="num">{UNITS[chart.unit](value)}</span></dd>
          </div>
        );
      })}
    </dl>
  );
}

function Table({ label, heads, rows }: { label: string; heads: string[]; rows: ReactNode[][] }) {
  return (
    <div className="pane wide" tabIndex={0} role="region" aria-label={label}>
      <table className="tbl" aria-label={label}><thead><tr>{heads.map((head, index) => <th key={head} scope="col" className={index ? "num" : ""}>{head}</th>)}</tr></thead>
        <tbody>{rows.map((row) => <tr key={String(row[0])}>{row.map((cell, index) => <td key={heads[index]} className={index ? "num t2" : ""}>{cell}</td>)}</tr>)}</tbody></table>
    </div>
  );
}
