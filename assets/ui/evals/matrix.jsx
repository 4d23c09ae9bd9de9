import { usd } from "../format";
import { awaitingApproval, difference, isLive, matrixOf, modelName, OWN_MODEL, statusOf } from "./suites";

/** The newest suite of each version and model; the cells of running suites are updated as their runs end. */
export function Matrix({ suites, active, isAgent, current, canWrite, onPick, onRun }) {
  const { versions, models, cell } = matrixOf(suites, active);
  const before = (version, model) => versions.filter((one) => one < version).map((one) => cell(one, model)).find((one) => one?.status === "succeeded");
  return (
    <div className="pane wide" tabIndex={0} role="region" aria-label="Scores by version and model">
      <table className="tbl matrix" aria-label="Run matrix">
        <thead><tr><th scope="col">Version</th>{models.map((model) => <th key={model} scope="col" title={model}>{isAgent ? modelName(model) : "Score"}</th>)}</tr></thead>
        <tbody>{versions.map((version) => (
          <tr key={version}>
            <th scope="row"><span className="tag">v{version}</span> {version === active && <span className="tag" data-s="ok">active</span>}</th>
            {models.map((model) => {
              const suite = cell(version, model);
              if (suite) return <td key={model}><Cell suite={suite} before={before(version, model)} isCurrent={suite.id === current} onPick={() => onPick(suite.id)} /></td>;
              return <td key={model}>{canWrite ? <button type="button" className="btn quiet small" onClick={() => onRun({ version, model })}>Run<span className="hidden-label"> {isAgent ? `v${version} on ${modelName(model)}` : `v${version}`}</span></button> : <span className="t3">Not run</span>}</td>;
            })}
          </tr>
        ))}</tbody>
      </table>
    </div>
  );
}

function Cell({ suite, before, isCurrent, onPick }) {
  const share = suite.total_runs ? (100 * suite.completed_runs) / suite.total_runs : 0, by = difference(suite.mean_score, before?.mean_score);
  return (
    <button type="button" className="cell" aria-pressed={isCurrent} onClick={onPick} title={`${suite.created_by}, ${new Date(suite.created_at).toLocaleString()}`}>
      <span className="row">
        <b className="score num">{suite.mean_score ?? "–"}</b>
        {by && <span className={`num ${by.startsWith("−") ? "fail-text" : "t3"}`} title={`Compared with v${before.version}`}>{by}</span>}
        {suite.is_baseline && <span className="tag" data-s="ok">baseline</span>}
        {suite.label && <span className="tag" title="No language model was used">{suite.label}</span>}
        {isLive(suite) && suite.waiting_runs > 0 && <span className="tag" data-s="wait">{awaitingApproval(suite.waiting_runs)}</span>}
        {["failed", "cancelled"].includes(suite.status) && <span className="tag" data-s="fail">{statusOf(suite)}</span>}
        {suite.gate_passed === false && suite.status === "succeeded" && <span className="tag" data-s="fail">below {suite.threshold} %</span>}
      </span>
      <span className="t2 num">{isLive(suite) ? `${suite.completed_runs} of ${suite.total_runs} runs` : `${suite.passed_runs} of ${suite.completed_runs} passed`} · {usd(suite.total_cost_micros)}</span>
      {isLive(suite) && <span className="progress" data-s={suite.waiting_runs > 0 ? "wait" : undefined} role="progressbar" aria-label="Finished runs" aria-valuenow={Math.round(share)} aria-valuemin={0} aria-valuemax={100}><i style={{ width: `${share}%` }} /></span>}
      {suite.waiting_reason && <span className="t3">Waiting: {suite.waiting_reason}</span>}
    </button>
  );
}

/** The scores of a skill on its default model, suite by suite. */
export function Trend({ suites, isAgent }) {
  const points = suites.filter((one) => one.status === "succeeded" && (one.model ?? OWN_MODEL) === OWN_MODEL && one.mean_score !== null).slice(0, 40).reverse();
  if (points.length < 2) return null;
  const x = (index) => 16 + (index * 544) / (points.length - 1), y = (score) => 92 - score * 0.8, text = points.map((one) => `v${one.version} ${one.mean_score}`).join(", ");
  return (
    <figure className="trend">
      <figcaption className="cap">Mean score of each suite{isAgent ? " on the default model" : ""}, oldest first</figcaption>
      <svg viewBox="0 0 600 116" role="img" aria-label={`Mean scores: ${text}`}>
        {[0, 50, 100].map((score) => <g key={score}><line x1="0" x2="600" y1={y(score)} y2={y(score)} /><text x="600" y={y(score) - 2} textAnchor="end">{score}</text></g>)}
        <polyline points={points.map((one, index) => `${x(index)},${y(one.mean_score)}`).join(" ")} />
        {points.map((one, index) => <g key={one.id}><circle cx={x(index)} cy={y(one.mean_score)} r="3.5" data-base={one.is_baseline}><title>{`v${one.version}: ${one.mean_score}`}</title></circle>{(points.length < 16 || index % 4 === 0) && <text x={x(index)} y="112" textAnchor="middle">v{one.version}</text>}</g>)}
      </svg>
    </figure>
  );
}
