// The suites of a skill, updated live, and the cells of its matrix: one per version and model.
import { useCallback, useEffect, useState } from "react";
import { callApi } from "../api";

const LIVE_MS = 1000, IDLE_MS = 15_000;
const MAX_SUITES = 200;
export const OWN_MODEL = "";

/** `[suites, refresh]`: newest first, null until they are loaded; loaded again every second while one runs. */
export function useSuites({ project, skillpack, skill, onError }) {
  const [suites, setSuites] = useState(null), [round, setRound] = useState(0);
  useEffect(() => setSuites(null), [project, skillpack, skill]);
  useEffect(() => {
    let timer = 0, isGone = false;
    const load = async () => {
      let wait = IDLE_MS;
      try {
        const found = document.hidden ? null : await callApi("GET", `/v1/skillpacks/${skillpack}/evals?skill=${encodeURIComponent(skill)}&limit=${MAX_SUITES}`, { project });
        if (isGone) return;
        if (found) setSuites(found);
        if (!found || found.some(isLive)) wait = LIVE_MS;
      } catch (error) { if (!isGone) onError(error.detail ?? "The request failed. Try again."); }
      if (!isGone) timer = setTimeout(load, wait);
    };
    if (skill) load();
    return () => { isGone = true; clearTimeout(timer); };
  }, [project, skillpack, skill, round]);
  return [suites, useCallback(() => setRound((before) => before + 1), [])];
}

export const isLive = (suite) => suite.finished_at === null;

/** `{versions, models, cell(version, model)}`: versions newest first, the default model first, the newest suite of each pair. */
export function matrixOf(suites, active) {
  const newest = new Map(), models = new Set([OWN_MODEL]), versions = new Set(active ? [active] : []);
  for (const suite of suites) {
    if (suite.version === null) continue;
    const model = suite.model ?? OWN_MODEL, key = `${suite.version} ${model}`;
    models.add(model);
    versions.add(suite.version);
    if (!newest.has(key)) newest.set(key, suite);
  }
  return { versions: [...versions].toSorted((one, other) => other - one), models: [...models], cell: (version, model) => newest.get(`${version} ${model}`) ?? null };
}

/** The suite to compare another one with: the baseline, otherwise the newest finished one of an earlier version. */
export function baseOf(suites, suite) {
  const finished = suites.filter((one) => one.status === "succeeded" && one.id !== suite.id);
  return finished.find((one) => one.is_baseline) ?? finished.find((one) => one.version < suite.version) ?? finished.find((one) => one.created_at < suite.created_at) ?? null;
}

export const modelName = (model) => ({ [OWN_MODEL]: "default model", recording: "recorded replies", "puras/rehearsal": "simulated model" })[model ?? OWN_MODEL] ?? model;

/** `v3`, and the model for an agent. */
export const suiteName = (suite, isAgent) => (isAgent ? `v${suite.version} on ${modelName(suite.model)}` : `v${suite.version}`);

export const awaitingApproval = (runs) => `${runs} awaiting approval`;

/** The status of a suite as text. */
export const statusOf = (suite) => (suite.status === "cancelled" ? "canceled" : suite.status);

/** `+2.5`, `−3`, or an empty text if one of the values is unknown. */
export function difference(now, before, digits = 1) {
  if (now == null || before == null) return "";
  const by = Number((now - before).toFixed(digits));
  return by === 0 ? "±0" : by > 0 ? `+${by}` : `−${-by}`;
}
