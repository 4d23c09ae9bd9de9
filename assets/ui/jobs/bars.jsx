import { useCallback, useEffect, useState } from "react";
import { callApi } from "../api";
import { usd } from "../format";
import { Pulse } from "../time";

const HALF_HOUR_MS = 30 * 60_000;
const REFRESH_S = 15;
const clock = (moment) => new Date(moment).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });

/** Totals of the last 24 hours, and a bar for each half hour. A click on a bar filters the list to its jobs. */
export function Bars({ project, since, onPick }) {
  const [bars, setBars] = useState([]), [at, setAt] = useState(47);
  const read = useCallback(() => callApi("GET", "/v1/jobs/activity", { project }).then(setBars, () => {}), [project]);
  useEffect(() => { read(); }, [read]);
  if (!bars.length) return <div className="job-day" />;
  const max = Math.max(1, ...bars.map((bar) => bar.jobs)), sum = (name) => bars.reduce((total, bar) => total + bar[name], 0), ended = sum("succeeded") + sum("failed");
  const move = (event, index) => {
    const next = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: bars.length - 1 }[event.key];
    if (next === undefined || !bars[next]) return;
    event.preventDefault();
    setAt(next);
    event.currentTarget.parentNode.children[next].focus();
  };
  const isPicked = (bar) => Date.parse(since) === Date.parse(bar.begins_at);
  const pick = (bar) => onPick(isPicked(bar) ? { since: "", until: "" } : { since: bar.begins_at, until: new Date(Date.parse(bar.begins_at) + HALF_HOUR_MS).toISOString() });
  return (
    <div className="job-day">
      <Pulse seconds={REFRESH_S} onTick={read} />
      <dl>
        <div><dt>Jobs (24 h)</dt><dd>{sum("jobs").toLocaleString("en")}</dd></div>
        <div><dt>Succeeded</dt><dd>{ended ? `${((100 * sum("succeeded")) / ended).toFixed(1)} %` : "No data"}</dd></div>
        <div><dt>Failed</dt><dd>{sum("failed").toLocaleString("en")}</dd></div>
        <div><dt>Spent</dt><dd>{usd(sum("cost_micros"))}</dd></div>
      </dl>
      <div className="day-bars" role="group" aria-label="Jobs of the last 24 hours, per half hour">
        {bars.map((bar, index) => (
          <button key={bar.begins_at} type="button" tabIndex={index === Math.min(at, bars.length - 1) ? 0 : -1} aria-pressed={isPicked(bar)} title={`${clock(bar.begins_at)}: ${bar.jobs} jobs, ${bar.failed} failed`} aria-label={`${clock(bar.begins_at)}: ${bar.jobs} jobs, ${bar.failed} failed`} onClick={() => { setAt(index); pick(bar); }} onKeyDown={(event) => move(event, index)}>
            <i style={{ height: `${(100 * (bar.jobs - bar.failed)) / max}%` }} /><i data-s="fail" style={{ height: `${(100 * bar.failed) / max}%` }} />
          </button>
        ))}
      </div>
    </div>
  );
}
