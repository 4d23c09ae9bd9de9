"""Serve `/shared-job`, a page that shows one job to everyone who has its link.

The token of the link is behind `#`, which browsers do not send: no server log contains it. The script of the page sends
it in a header, and writes what it receives as text only.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from backend.execution.shares.api import PAGE_PATH
from studio import chart_script
from studio.standalone_page import StandalonePage

URL_PATH: Final = PAGE_PATH
_STYLE: Final = """
:root { color-scheme: light dark; --line: light-dark(#dcdfe6, #33363d); --faint: light-dark(#5f6673, #9aa1ad); }
:root { --fail: light-dark(#b3261e, #ff8a80); --bar: light-dark(#5b54d6, #8f88ff); }
body { margin: 0; font: 14px/1.5 system-ui, sans-serif; background: light-dark(#fff, #111316); }
body { color: light-dark(#16181c, #eceef1); }
main { max-width: 70rem; margin: 0 auto; padding: 24px 16px 64px; }
h1 { font-size: 20px; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 15px; margin: 28px 0 8px; }
header { display: flex; gap: 12px; align-items: baseline; flex-wrap: wrap; }
.state { padding: 1px 8px; border-radius: 10px; border: 1px solid var(--line); }
.state[data-s=succeeded] { color: light-dark(#116b3a, #5fd38d); }
.state[data-s=failed], .failed { color: var(--fail); }
.faint { color: var(--faint); }
pre { background: light-dark(#f4f5f7, #1a1d22); border: 1px solid var(--line); border-radius: 6px; padding: 12px; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
.span { display: grid; grid-template-columns: minmax(120px, 38%) minmax(0, 1fr) 80px; gap: 10px; }
.span { align-items: center; min-height: 26px; }
.span > :first-child { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.span > :last-child { text-align: right; font-variant-numeric: tabular-nums; }
.bar { position: relative; height: 8px; }
.bar > i { position: absolute; top: 0; bottom: 0; min-width: 2px; border-radius: 2px; background: var(--bar); }
.failed .bar > i { background: var(--fail); }
"""
_SCRIPT: Final = """
const STATES = {
  queued: "Queued", running: "Running", waiting: "Waiting",
  succeeded: "Succeeded", failed: "Failed", cancelled: "Canceled",
};

function make(name, text = "", given = {}) {
  const node = document.createElement(name);
  node.textContent = text;
  Object.entries(given).forEach(([key, value]) => node.setAttribute(key, value));
  return node;
}

function took(ms) {
  if (ms === null) return "running";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 60000 ? `${(ms / 1000).toPrecision(3)} s` : `${Math.round(ms / 60000)} min`;
}

function rowOf(span, depth, from, total) {
  const row = make("div", "", { class: span.ok === false ? "span failed" : "span", role: "listitem" });
  const name = make("span", span.name), bar = make("span", "", { class: "bar" }), part = make("i");
  const start = Date.parse(span.started_at) - from;
  name.style.paddingLeft = `${depth * 16}px`;
  part.style.left = `${100 * start / total}%`;
  part.style.width = `${100 * (span.duration_ms ?? total - start) / total}%`;
  bar.append(part);
  row.append(name, bar, make("span", took(span.duration_ms), { class: "faint" }));
  return row;
}

function timeline(spans) {
  const box = make("div", "", { role: "list", "aria-label": "Timeline" });
  const starts = spans.map((span) => Date.parse(span.started_at)), from = Math.min(...starts);
  const ends = spans.map((span, index) => starts[index] + (span.duration_ms ?? 0));
  const total = Math.max(1, Math.max(...ends) - from), known = new Set(spans.map((span) => span.span_id));
  const add = (some, depth) => some.forEach((span) => {
    box.append(rowOf(span, depth, from, total));
    add(spans.filter((other) => other.parent_span_id === span.span_id), depth + 1);
  });
  add(spans.filter((span) => !known.has(span.parent_span_id)), 0);
  return box;
}

function show(job) {
  const state = STATES[job.status] ?? job.status, head = make("header");
  document.title = `${job.skill_name} · ${state}`;
  head.append(make("h1", job.skill_name), make("span", state, { class: "state", "data-s": job.status }));
  head.append(make("span", new Date(job.created_at).toLocaleString(), { class: "faint" }));
  const parts = [head];
  if (job.error) parts.push(make("h2", "Error"), make("pre", job.error, { class: "failed" }));
  if (job.status === "succeeded") {
    const text = typeof job.result === "string" ? job.result : JSON.stringify(job.result, null, 2);
    parts.push(make("h2", "Result"), ...chartsIn(job.result).map(drawChart).filter(Boolean));
    parts.push(make("pre", text, { tabindex: "0", role: "region", "aria-label": "Result" }));
  }
  if (job.spans.length) parts.push(make("h2", "Timeline"), timeline(job.spans));
  parts.push(make("p", `This link expires on ${new Date(job.expires_at).toLocaleString()}.`, { class: "faint" }));
  document.querySelector("main").replaceChildren(...parts);
}

async function load() {
  const main = document.querySelector("main"), token = location.hash.slice(1);
  const problem = (text) => main.replaceChildren(make("p", text, { role: "alert" }));
  if (!token) { problem("This link is not complete. Ask the sender for the whole link."); return; }
  try {
    const response = await fetch("/v1/shared-job", { headers: { "X-Puras-Share": token }, credentials: "omit" });
    const body = await response.json();
    if (response.ok) show(body); else problem(body.detail);
  } catch {
    problem("The connection was lost. Reload the page.");
  }
}
addEventListener("hashchange", load);
addEventListener("DOMContentLoaded", load);
"""
_PAGE: Final = StandalonePage("Job", _STYLE + chart_script.STYLE, chart_script.SCRIPT + _SCRIPT)


async def respond(_request: Request) -> Response:
    """Return the page, which is the same for all links."""
    return _PAGE.respond()
