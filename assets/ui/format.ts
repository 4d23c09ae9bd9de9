// The formats of money, time and size.
import { timeZone } from "./preferences_cookie";

/** `$0.0612` of 61200; below a cent the amount is exact. */
export const usd = (micros: number) => {
  if (micros === 0) return "$0";
  const places = Math.abs(micros) >= 1_000_000 ? 2 : micros % 100 === 0 || Math.abs(micros) >= 10_000 ? 4 : 6;
  return `$${(micros / 1e6).toFixed(places)}`;
};

/** `72 ms`, `5.44 s`, `1 m 07 s`, `2 h 05 m` of milliseconds. */
export const duration = (ms: number) => {
  if (ms < 0) return "0 ms";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toPrecision(3)} s`;
  const seconds = Math.round(ms / 1000), minutes = Math.floor(seconds / 60), pad = (n: number) => String(n).padStart(2, "0");
  return minutes < 60 ? `${minutes} m ${pad(seconds % 60)} s` : `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} m`;
};

/** `412 KB` of bytes. */
export const size = (bytes: number) => {
  for (const [unit, factor] of [["GB", 1e9], ["MB", 1e6], ["KB", 1e3]] as const) if (bytes >= factor) return `${(bytes / factor).toPrecision(3)} ${unit}`;
  return `${bytes} B`;
};

/** The last characters of the ID of a job, which are random; the first ones are a time. Like `short` in backend/core/ids.py. */
export const shortId = (id: string) => String(id).slice(-8);

/** `3 min ago`, or `in 29 m 50 s`, of a time in milliseconds. */
export const ago = (moment: number, now = Date.now()) => {
  const seconds = Math.round((now - moment) / 1000);
  if (seconds < -5) return `in ${duration(-1000 * seconds).replace(/ 00 s$|\.\d+(?= s)/, "")}`;
  if (seconds < 0) return "in a few seconds";
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
};

/** A time in the time zone of the user, or in that of the browser, and in the locale of the browser. */
export const exact = (moment: number | string) => new Date(moment).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium", timeZone: timeZone() });

/** The hour and the minute of a time, as `exact` has them. */
export const clock = (moment: number | string) => new Date(moment).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", timeZone: timeZone() });

/** A time for a tooltip, with its time zone and in UTC. */
export const exactWithUtc = (moment: number | string) => {
  const at = new Date(moment), zone = timeZone(), local = at.toLocaleString(undefined, { year: "numeric", month: "short", day: "numeric", hour: "numeric", minute: "2-digit", second: "2-digit", timeZoneName: "short", timeZone: zone });
  return `${local} (${at.toISOString().slice(0, 19).replace("T", " ")} UTC)`;
};
