import { Link } from "react-router";
import { shortId, usd } from "../format";
import { SimulatedTag } from "../simulated";
import { Ago, Elapsed } from "../time";
import { STATES } from "./filters";

const COLUMNS = [["Status", "23%"], ["Job", "10%"], ["Skill", "17%"], ["Version", "13%"], ["Source", "8%"], ["Duration", "9%", "num"], ["Cost", "10%", "num"], ["Submitted", "10%", "num"]];

/** The table of jobs. */
export function Rows({ rows, named, project, isPicking, picked, onToggle, onAll }) {
  return (
    <table className="tbl" aria-label="Jobs">
      <thead><tr>
        {isPicking && <th scope="col" style={{ width: 36 }}><input type="checkbox" aria-label="Select all" checked={rows.every((job) => picked.has(job.id))} onChange={onAll} /></th>}
        {COLUMNS.map(([name, width, kind]) => <th key={name} scope="col" className={kind} style={{ width }}>{name}</th>)}
      </tr></thead>
      <tbody>
        {rows.map((job) => <Row key={job.id} job={job} skill={named(job)} project={project} isPicking={isPicking} isPicked={picked.has(job.id)} onToggle={() => onToggle(job.id)} />)}
      </tbody>
    </table>
  );
}

function Row({ job, skill, project, isPicking, isPicked, onToggle }) {
  const number = job.deployment_version ?? job.listing_version, version = number == null ? "draft" : `v${number}`, reason = reasonOf(job);
  return (
    <tr data-id={job.id} data-picked={isPicked}>
      {isPicking && <td><input type="checkbox" className="above" aria-label={`Select job ${shortId(job.id)}`} checked={isPicked} onChange={onToggle} /></td>}
      <td><span className="st" data-s={job.status}><b><i />{STATES[job.status]}</b><em className="cut" title={reason}>{reason}</em></span><SimulatedTag job={job} /></td>
      <td><Link className="mono whole" to={`/p/${project}/jobs/${job.id}`} title={job.id}>{shortId(job.id)}</Link></td>
      <td title={skill}>{skill}</td>
      <td><span className="row" style={{ gap: 4 }}><span className="tag">{version}</span>{job.environment !== "production" && <span className="tag">{job.environment}</span>}</span></td>
      <td className="t2" title={job.source}>{job.source}</td>
      <td className="num t2"><Elapsed start={job.started_at ?? ""} end={job.finished_at ?? ""} /></td>
      <td className="num" title={job.finished_at ? usd(job.cost_micros) : undefined}>{job.finished_at ? usd(job.cost_micros) : ""}</td>
      <td className="num t3"><Ago moment={job.created_at} /></td>
    </tr>
  );
}

function reasonOf(job) {
  if (job.status === "failed" || job.status === "cancelled") return (job.error ?? "").slice(0, 160);
  if (job.status === "running") return job.attempt > 1 ? `attempt ${job.attempt}` : "";
  return job.status === "queued" ? job.waiting_reason ?? "" : "";
}
