import { useEffect, useRef, useState } from "react";
import { ask } from "../api";
import { DEAR, SLOW, STATES } from "./filters";

const SOURCES = ["api", "studio", "cli", "mcp", "schedule", "replay", "fork", "continue", "eval", "subagent"];
const SEARCH_AFTER_MS = 300;

/** What narrows the list. `onAsk(change)` gets the filters that are other now. */
export function Filters({ project, filters, isPicking, canWrite, onAsk, onPicking }) {
  const [choices, setChoices] = useState({ skills: [], versions: [], keys: [] });
  useEffect(() => {
    const none = () => [];
    Promise.all([ask("GET", "/v1/skills", { project }).catch(none), ask("GET", "/v1/deployments?limit=50", { project }).catch(none), ask("GET", "/v1/api-keys?limit=100", { project }).catch(none)])
      .then(([skills, versions, keys]) => setChoices({ skills: [...new Set(skills.map((one) => one.name))], versions, keys }));
  }, [project]);
  const isNarrow = ["version", "source", "key", "min_seconds", "min_cost_usd", "since"].some((name) => filters[name]);
  return (
    <div className="job-bar col" style={{ gap: 8 }}>
      <div className="row wrap">
        <div className="seg" role="group" aria-label="Status">
          {[["", "All"], ...Object.entries(STATES)].map(([state, word]) => <button key={state} type="button" aria-pressed={(filters.status ?? "") === state} onClick={() => onAsk({ status: state })}>{word}</button>)}
        </div>
        <Choice label="Skill" none="All skills" value={filters.skill} options={choices.skills.map((name) => [name, name])} onPick={(skill) => onAsk({ skill })} />
        <Words value={filters.q ?? ""} onSay={(q) => onAsk({ q })} />
        <span className="grow" />
        {canWrite && <button type="button" className="btn quiet" aria-pressed={isPicking} onClick={onPicking}>{isPicking ? "Done choosing" : "Choose…"}<kbd>x</kbd></button>}
      </div>
      <details open={isNarrow || undefined} className="more-filters">
        <summary>More filters</summary>
        <div className="row wrap">
          <Choice label="Version" none="Any version" value={filters.version} options={choices.versions.map((one) => [String(one.version), `v${one.version}`])} onPick={(version) => onAsk({ version })} />
          <Choice label="Source" none="Any source" value={filters.source} options={SOURCES.map((name) => [name, name])} onPick={(source) => onAsk({ source })} />
          {choices.keys.length > 0 && <Choice label="Key" none="Any key" value={filters.key} options={choices.keys.map((one) => [one.id, one.name || one.prefix])} onPick={(key) => onAsk({ key })} />}
          <Choice label="Time" none="Any time" value={filters.min_seconds} options={Object.entries(SLOW)} onPick={(seconds) => onAsk({ min_seconds: seconds })} />
          <Choice label="Cost" none="Any cost" value={filters.min_cost_usd} options={Object.entries(DEAR)} onPick={(cost) => onAsk({ min_cost_usd: cost })} />
          {filters.since && <button type="button" className="chip" onClick={() => onAsk({ since: "", until: "" })}>{new Date(filters.since).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" })}, half an hour ✕</button>}
        </div>
      </details>
    </div>
  );
}

function Choice({ label, none, value = "", options, onPick }) {
  const isKnown = !value || options.some(([one]) => one === value);
  return (
    <select className="in" aria-label={label} value={value} onChange={(event) => onPick(event.target.value)}>
      <option value="">{none}</option>
      {!isKnown && <option value={value}>{value}</option>}
      {options.map(([one, word]) => <option key={one} value={one}>{word}</option>)}
    </select>
  );
}

function Words({ value, onSay }) {
  const [typed, setTyped] = useState(value), timer = useRef(0);
  useEffect(() => { setTyped(value); }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const say = (text) => { setTyped(text); clearTimeout(timer.current); timer.current = setTimeout(() => onSay(text.trim()), SEARCH_AFTER_MS); };
  return <input className="in" type="search" style={{ maxWidth: 240 }} aria-label="Find jobs" placeholder="Find by id, skill, error…" maxLength={200} value={typed} onChange={(event) => say(event.target.value)} />;
}
