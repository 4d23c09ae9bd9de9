import { useEffect, useRef, useState } from "react";
import { callApi } from "../api";
import { COSTS, DURATIONS, STATES } from "./filters";

const SOURCES = ["api", "studio", "cli", "mcp", "schedule", "replay", "fork", "continue", "eval", "subagent"];
const ENVIRONMENTS = ["production", "staging", "development"];
const SEARCH_AFTER_MS = 300;

/** The filters of the list. `onFilter(change)` gets the changed filters. */
export function Filters({ project, filters, isPicking, canWrite, onFilter, onPicking }) {
  const [choices, setChoices] = useState({ skills: [], versions: [], keys: [] });
  useEffect(() => {
    const none = () => [];
    Promise.all([callApi("GET", "/v1/skills", { project }).catch(none), callApi("GET", "/v1/deployments?limit=50", { project }).catch(none), callApi("GET", "/v1/api-keys?limit=100", { project }).catch(none)])
      .then(([skills, versions, keys]) => setChoices({ skills: [...new Set(skills.map((one) => one.name))], versions, keys }));
  }, [project]);
  const isNarrow = ["version", "source", "environment", "key", "min_seconds", "min_cost_usd", "since"].some((name) => filters[name]);
  return (
    <div className="job-bar col" style={{ gap: 8 }}>
      <div className="row wrap">
        <div className="seg" role="group" aria-label="Status">
          {[["", "All"], ...Object.entries(STATES)].map(([state, word]) => <button key={state} type="button" aria-pressed={(filters.status ?? "") === state} onClick={() => onFilter({ status: state })}>{word}</button>)}
        </div>
        <Choice label="Skill" none="All skills" value={filters.skill} options={choices.skills.map((name) => [name, name])} onPick={(skill) => onFilter({ skill })} />
        <Search value={filters.q ?? ""} onSearch={(q) => onFilter({ q })} />
        <span className="grow" />
        {canWrite && <button type="button" className="btn quiet" aria-pressed={isPicking} onClick={onPicking}>{isPicking ? "Done selecting" : "Select…"}<kbd>x</kbd></button>}
      </div>
      <details open={isNarrow || undefined} className="more-filters">
        <summary>More filters</summary>
        <div className="row wrap">
          <Choice label="Version" none="Any version" value={filters.version} options={choices.versions.map((one) => [String(one.version), `v${one.version}`])} onPick={(version) => onFilter({ version })} />
          <Choice label="Source" none="Any source" value={filters.source} options={SOURCES.map((name) => [name, name])} onPick={(source) => onFilter({ source })} />
          <Choice label="Environment" none="Any environment" value={filters.environment} options={ENVIRONMENTS.map((name) => [name, name])} onPick={(environment) => onFilter({ environment })} />
          {choices.keys.length > 0 && <Choice label="API key" none="Any API key" value={filters.key} options={choices.keys.map((one) => [one.id, one.name || one.prefix])} onPick={(key) => onFilter({ key })} />}
          <Choice label="Duration" none="Any duration" value={filters.min_seconds} options={Object.entries(DURATIONS)} onPick={(seconds) => onFilter({ min_seconds: seconds })} />
          <Choice label="Cost" none="Any cost" value={filters.min_cost_usd} options={Object.entries(COSTS)} onPick={(cost) => onFilter({ min_cost_usd: cost })} />
          {filters.since && <button type="button" className="chip" onClick={() => onFilter({ since: "", until: "" })}>{new Date(filters.since).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" })}, 30 min ✕</button>}
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

function Search({ value, onSearch }) {
  const [typed, setTyped] = useState(value), timer = useRef(0);
  useEffect(() => { setTyped(value); }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const search = (text) => { setTyped(text); clearTimeout(timer.current); timer.current = setTimeout(() => onSearch(text.trim()), SEARCH_AFTER_MS); };
  return <input className="in" type="search" style={{ maxWidth: 240 }} aria-label="Search jobs" placeholder="Search by ID, skill or error…" maxLength={200} value={typed} onChange={(event) => search(event.target.value)} />;
}
