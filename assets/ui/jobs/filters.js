// The filters of the list of jobs, as in the URL of the page and as in the API.

export const STATES = { queued: "Queued", running: "Running", waiting: "Waiting", succeeded: "Succeeded", failed: "Failed", cancelled: "Canceled" };
export const NAMES = ["status", "skill", "version", "source", "environment", "key", "min_seconds", "min_cost_usd", "since", "until", "q"];
export const DURATIONS = { 1: "over 1 s", 10: "over 10 s", 60: "over 1 min", 600: "over 10 min" };
export const COSTS = { 0.001: "over $0.001", 0.01: "over $0.01", 0.1: "over $0.10", 1: "over $1" };
const VALIDATORS = { status: (text) => text in STATES, version: (text) => /^[1-9]\d{0,8}$/.test(text), key: (text) => /^[0-9a-f-]{36}$/i.test(text), min_seconds: isNumber, min_cost_usd: isNumber, since: isTime, until: isTime, q: (text) => text.length <= 200 };

function isNumber(text) { return Number.isFinite(Number(text)) && Number(text) >= 0; }
function isTime(text) { return Number.isFinite(Date.parse(text)); }

/** The filters of a URL, without invalid ones. */
export const filtersOf = (params) => Object.fromEntries(NAMES.map((name) => [name, params.get(name) ?? ""]).filter(([name, text]) => text && (VALIDATORS[name]?.(text) ?? true)));

/** The query of the list with a change; an empty value removes a filter. */
export const changed = (filters, change) => new URLSearchParams(Object.entries({ ...filters, ...change }).filter(([, text]) => text !== ""));
