import { Link } from "react-router";
import { Copy } from "../controls";
import { ago } from "../format";

const GATE = "evals:\n  dataset: cases.jsonl\n  gate: {threshold: 90, repeat: 3}\n  graders:\n    - {name: form, kind: schema}\n";

/** The gate of a skill, its baseline, and its graders. */
export function Gates({ skill, suites, project, skillpack, onPick }) {
  const baseline = suites.find((one) => one.is_baseline), latest = suites.find((one) => one.status === "succeeded");
  return (
    <section aria-label="Gate" className="col" style={{ gap: 24 }}>
      <div>
        <h2>Gate</h2>
        {skill.gate ? <p className="t2">A version becomes active when at least {skill.gate.threshold} % of its runs pass. Each case runs {skill.gate.repeat === 1 ? "once" : `${skill.gate.repeat} times`}.</p> : <p className="t2">No gate: versions become active without running their cases. With a gate, the cases must pass first.</p>}
        <p className="t2">The gate is part of the skill and is versioned with it. <Link to={`/p/${project}/editor?skillpack=${skillpack}`}>Edit skill.yaml</Link></p>
        {!skill.gate && <div className="copied" style={{ marginTop: 8 }}><div className="copy"><Copy text={GATE} /></div><pre className="code" tabIndex={0}>{GATE}</pre></div>}
      </div>
      <div>
        <h2>Baseline</h2>
        {baseline ? <p className="t2">Gates reject versions that are worse than the suite of <button type="button" className="plain-link" onClick={() => onPick(baseline.id)}>v{baseline.version} (score {baseline.mean_score})</button>, with {baseline.pass_rate_pct} % of runs passed, {ago(Date.parse(baseline.created_at))}.</p> : <p className="t2">No baseline: gates do not compare versions. Review a suite with good results and set it as the baseline; later versions must not be worse.</p>}
        {latest && latest !== baseline && <p className="t2"><button type="button" className="plain-link" onClick={() => onPick(latest.id)}>Review the latest suite: v{latest.version}, score {latest.mean_score}</button></p>}
      </div>
      <div>
        <h2>Graders</h2>
        <ul className="problems">{skill.graders.map((one) => <li key={one.name}><span><span className="strong">{one.name}</span> <span className="t3">{one.kind}{one.weight === 1 ? "" : `, weight ${one.weight}`}</span></span><span className="t2">{one.criteria ?? one.entrypoint ?? (one.field ? `field ${one.field}` : "")}</span></li>)}</ul>
      </div>
    </section>
  );
}
