// The filters of the list of jobs, as the address names them and as the API takes them.

export const STATES = { queued: "Queued", running: "Running", waiting: "Waiting", succeeded: "Succeeded", failed: "Failed", cancelled: "Cancelled" };
export const NAMES = ["status", "skill", "version", "source", "key", "min_seconds", "min_cost_usd", "since", "until", "q"];
export const SLOW = { 1: "over 1 s", 10: "over 10 s", 60: "over 1 min", 600: "over 10 min" };
export const DEAR = { 0.001: "over $0.001", 0.01: "over $0.01", 0.1: "over $0.10", 1: "over $1" };
const FITS = { status: (text) => text in STATES, version: (text) => /^[1-9]\d{0,8}$/.test(text), key: (text) => /^[0-9a-f-]{36}$/i.test(text), min_seconds: isNumber, min_cost_usd: isNumber, since: isMoment, until: isMoment, q: (text) => text.length <= 200 };

function isNumber(text) { return Number.isFinite(Number(text)) && Number(text) >= 0; }
function isMoment(text) { return Number.isFinite(Date.parse(text)); }

/** What an address asks for; what makes no sense is left out. */
export const filtersOf = (params) => Object.fromEntries(NAMES.map((name) => [name, params.get(name) ?? ""]).filter(([name, text]) => text && (FITS[name]?.(text) ?? true)));

/** The address of the list with one thing other; an empty value takes it out. */
export const changed = (filters, change) => new URLSearchParams(Object.entries({ ...filters, ...change }).filter(([, text]) => text !== ""));
