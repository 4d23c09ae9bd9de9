import { Link } from "react-router";
import { Copy } from "../controls";
import { ago } from "../format";

const GATE = "evals:\n  dataset: cases.jsonl\n  gate: {threshold: 90, repeat: 3}\n  graders:\n    - {name: form, kind: schema}\n";

/** What a version of the skill has to reach before it becomes the active one, and what it is held to. */
export function Gates({ skill, suites, project, skillpack, onPick }) {
  const baseline = suites.find((one) => one.is_baseline), latest = suites.find((one) => one.status === "succeeded");
  return (
    <section aria-label="Gate" className="col" style={{ gap: 24 }}>
      <div>
        <h2>Gate</h2>
        {skill.gate ? <p className="t2">A version becomes the active one when {skill.gate.threshold} % of its runs pass; each case runs {skill.gate.repeat === 1 ? "once" : `${skill.gate.repeat} times`}.</p> : <p className="t2">None: a version becomes active as soon as somebody says so. With a gate, it first has to pass its cases.</p>}
        <p className="t2">It is part of the skill, so it is versioned with it: <Link to={`/p/${project}/editor?skillpack=${skillpack}`}>change skill.yaml in the editor</Link>.</p>
        {!skill.gate && <div className="copied" style={{ marginTop: 8 }}><div className="copy"><Copy text={GATE} /></div><pre className="code" tabIndex={0}>{GATE}</pre></div>}
      </div>
      <div>
        <h2>Baseline</h2>
        {baseline ? <p className="t2">Gates refuse what is worse than the suite of <button type="button" className="plain-link" onClick={() => onPick(baseline.id)}>v{baseline.version}, which scored {baseline.mean_score}</button>, {baseline.pass_rate_pct} % passed, {ago(Date.parse(baseline.created_at))}.</p> : <p className="t2">None: gates compare with nothing. Somebody looks at a suite that is good, and makes it the baseline: later versions must not be worse.</p>}
        {latest && latest !== baseline && <p className="t2"><button type="button" className="plain-link" onClick={() => onPick(latest.id)}>Review the newest suite, v{latest.version} with {latest.mean_score}</button></p>}
      </div>
      <div>
        <h2>Graders</h2>
        <ul className="problems">{skill.graders.map((one) => <li key={one.name}><span><span className="strong">{one.name}</span> <span className="t3">{one.kind}{one.weight === 1 ? "" : `, weight ${one.weight}`}</span></span><span className="t2">{one.criteria ?? one.entrypoint ?? (one.field ? `field ${one.field}` : "")}</span></li>)}</ul>
      </div>
    </section>
  );
}
