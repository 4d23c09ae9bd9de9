// The script of `/shared-job`, the page of a job for everyone who has its link.

import { isChart, type Row } from "../../../assets/ui/chart/spec.js";
import type { SharedJobRead, SharedSpan } from "../../typescript/src/generated.js";
import { CHART_STYLE, shownChart } from "./chart.js";
import { element } from "./dom.js";

const MAX_CHARTS = 20, MAX_DEPTH = 4, MAX_PARTS = 200;
const STATES: Readonly<Record<string, string>> = {
  queued: "Queued",
  running: "Running",
  waiting: "Waiting",
  succeeded: "Succeeded",
  failed: "Failed",
  cancelled: "Canceled",
};

const sheet = new CSSStyleSheet();
sheet.replaceSync(CHART_STYLE);
document.adoptedStyleSheets = [sheet];
addEventListener("hashchange", () => void load());
addEventListener("DOMContentLoaded", () => void load());

async function load(): Promise<void> {
  const main = document.querySelector("main"), token = location.hash.slice(1);
  if (!main) return;
  const problem = (text: string) => main.replaceChildren(element("p", { role: "alert" }, text));
  if (!token) {
    problem("This link is not complete. Ask the sender for the whole link.");
    return;
  }
  try {
    const response = await fetch("/v1/shared-job", { headers: { "X-Puras-Share": token }, credentials: "omit" });
    const body: unknown = await response.json();
    if (response.ok) main.replaceChildren(...shown(body as SharedJobRead));
    else problem(String((body as { detail?: unknown }).detail));
  } catch {
    problem("The connection was lost. Reload the page.");
  }
}

function shown(job: SharedJobRead): HTMLElement[] {
  const state = STATES[job.status] ?? job.status;
  document.title = `${job.skill_name} · ${state}`;
  const parts: HTMLElement[] = [
    element(
      "header",
      {},
      element("h1", {}, job.skill_name),
      element("span", { class: "state", "data-s": job.status }, state),
      element("span", { class: "faint" }, new Date(job.created_at).toLocaleString()),
    ),
  ];
  if (job.error) parts.push(element("h2", {}, "Error"), element("pre", { class: "failed" }, job.error));
  if (job.status === "succeeded") {
    const text = typeof job.result === "string" ? job.result : JSON.stringify(job.result, null, 2);
    parts.push(element("h2", {}, "Result"), ...chartsIn(job.result).map(shownChart));
    parts.push(element("pre", { tabindex: "0", role: "region", "aria-label": "Result" }, text));
  }
  if (job.spans.length) parts.push(element("h2", {}, "Timeline"), timeline(job.spans));
  parts.push(element("p", { class: "faint" }, `This link expires on ${new Date(job.expires_at).toLocaleString()}.`));
  return parts;
}

/** The charts within a value, in their order. */
function chartsIn(value: unknown, found: Row[] = [], depth = 0): Row[] {
  if (depth > MAX_DEPTH || found.length >= MAX_CHARTS || typeof value !== "object" || value === null) return found;
  if (isChart(value)) found.push(value);
  else for (const part of Object.values(value).slice(0, MAX_PARTS)) chartsIn(part, found, depth + 1);
  return found;
}

function timeline(spans: readonly SharedSpan[]): HTMLElement {
  const box = element("div", { role: "list", "aria-label": "Timeline" });
  const starts = spans.map((span) => Date.parse(span.started_at)), from = Math.min(...starts);
  const ends = spans.map((span, index) => (starts[index] ?? 0) + (span.duration_ms ?? 0));
  const total = Math.max(1, Math.max(...ends) - from), known = new Set(spans.map((span) => span.span_id));
  const add = (some: readonly SharedSpan[], depth: number): void =>
    some.forEach((span) => {
      box.append(rowOf(span, depth, from, total));
      add(spans.filter((other) => other.parent_span_id === span.span_id), depth + 1);
    });
  add(spans.filter((span) => span.parent_span_id === null || !known.has(span.parent_span_id)), 0);
  return box;
}

function rowOf(span: SharedSpan, depth: number, from: number, total: number): HTMLElement {
  const name = element("span", {}, span.name), part = element("i"), start = Date.parse(span.started_at) - from;
  name.style.paddingLeft = `${depth * 16}px`;
  part.style.left = `${(100 * start) / total}%`;
  part.style.width = `${(100 * (span.duration_ms ?? total - start)) / total}%`;
  const bar = element("span", { class: "bar" }, part), took = element("span", { class: "faint" }, duration(span.duration_ms));
  return element("div", { class: span.ok === false ? "span failed" : "span", role: "listitem" }, name, bar, took);
}

function duration(ms: number | null): string {
  if (ms === null) return "running";
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  return ms < 60_000 ? `${(ms / 1_000).toPrecision(3)} s` : `${Math.round(ms / 60_000)} min`;
}
