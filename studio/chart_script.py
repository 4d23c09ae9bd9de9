"""A script that draws the charts of a result on pages outside of the studio, which have no library.

It accepts what `assets/ui/chart/spec.ts` accepts, draws SVG elements, and writes what it receives as text only.
"""

from __future__ import annotations

from typing import Final

STYLE: Final = """
figure.chart { margin: 0 0 16px; border: 1px solid var(--line); border-radius: 6px; padding: 12px; }
figure.chart svg { width: 100%; height: auto; display: block; }
figure.chart text { font: 11px system-ui, sans-serif; fill: var(--faint); }
figure.chart figcaption { font-weight: 600; }
figure.chart .keys { display: flex; flex-wrap: wrap; gap: 4px 14px; font-size: 12px; }
"""
SCRIPT: Final = """
const CHARTS = ["bar", "line", "area", "scatter", "pie"], MAX_POINTS = 5000, MAX_CHARTS = 20;
const COLORS = ["#6a63e8", "#1f9d5c", "#c98a12", "#d6453c", "#2b8fc7", "#8a8f99"];
const WIDTH = 720, HEIGHT = 280, LEFT = 56, TOP = 10, BOTTOM = 26;
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

function svg(name, given = {}, text = "") {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  Object.entries(given).forEach(([key, value]) => node.setAttribute(key, String(value)));
  if (text) node.textContent = text;
  return node;
}

/** The charts within a value, in their order. */
function chartsIn(value, found = [], depth = 0) {
  if (depth > 4 || found.length >= MAX_CHARTS || typeof value !== "object" || value === null) return found;
  if (!Array.isArray(value) && "$chart" in value) found.push(value);
  else Object.values(value).slice(0, 200).forEach((part) => chartsIn(part, found, depth + 1));
  return found;
}

/** The points of a chart by the names of its series. */
function seriesOf({ $chart: kind, data, x, y, series }) {
  const fields = typeof y === "string" ? [y] : y, found = new Map();
  if (!CHARTS.includes(kind) || !Array.isArray(data) || !data.length || typeof x !== "string") throw new Error();
  if (!Array.isArray(fields) || !fields.length || data.length * fields.length > MAX_POINTS) throw new Error();
  for (const row of data) {
    if (!isObject(row) || !["string", "number"].includes(typeof row[x])) throw new Error();
    for (const field of fields) {
      const value = row[field] ?? null, name = typeof series === "string" ? String(row[series]) : field;
      if (value !== null && !Number.isFinite(value)) throw new Error();
      if (!found.has(name)) found.set(name, []);
      if (value !== null) found.get(name).push([row[x], value]);
    }
  }
  if (found.size > 20) throw new Error();
  return found;
}

/** A figure with a chart; null if it cannot be drawn. */
function drawChart(chart) {
  const figure = document.createElement("figure"), caption = document.createElement("figcaption");
  try {
    const series = seriesOf(chart), root = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
    caption.textContent = typeof chart.title === "string" ? chart.title : "";
    root.setAttribute("aria-label", `${chart.$chart} chart of ${[...series.keys()].join(", ")} by ${chart.x}`);
    figure.className = "chart";
    (chart.$chart === "pie" ? drawPie : drawAxes)(root, series, chart);
    figure.append(caption, root);
    const names = chart.$chart === "pie" ? [...series.values()][0].map(([name]) => name) : [...series.keys()];
    if (names.length > 1) figure.append(keysOf(names));
    return figure;
  } catch {
    return null;
  }
}

function keysOf(names) {
  const keys = document.createElement("div");
  keys.className = "keys";
  names.forEach((name, index) => {
    const key = document.createElement("span"), mark = document.createElement("b");
    mark.textContent = "■ ";
    mark.style.color = COLORS[index % COLORS.length];
    key.append(mark, String(name));
    keys.append(key);
  });
  return keys;
}

function drawAxes(root, series, { $chart: kind }) {
  const points = [...series.values()].flat(), places = [...new Set(points.map(([place]) => place))];
  const isNumber = kind !== "bar" && places.every((place) => typeof place === "number");
  const lowest = (some) => some.reduce((one, other) => Math.min(one, other), Infinity);
  const highest = (some) => some.reduce((one, other) => Math.max(one, other), -Infinity);
  const values = points.map(([, value]) => value), low = Math.min(0, lowest(values));
  const high = Math.max(low + 1e-9, 0, highest(values)), from = isNumber ? lowest(places) : 0;
  const width = isNumber ? highest(places) - from || 1 : places.length;
  const indexes = new Map(places.map((place, at) => [place, at]));
  const part = (place) => isNumber ? (place - from) / width : (indexes.get(place) + 0.5) / width;
  const across = (place) => LEFT + (WIDTH - LEFT - 10) * part(place);
  const up = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - low) / (high - low));
  const format = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 });
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const value = low + share * (high - low), y = up(value), line = { x1: LEFT, x2: WIDTH - 10, y1: y, y2: y };
    root.append(svg("line", { ...line, stroke: "currentColor", "stroke-opacity": 0.12 }));
    root.append(svg("text", { x: LEFT - 6, y: y + 4, "text-anchor": "end" }, format.format(value)));
  }
  const shown = Math.max(1, Math.ceil(places.length / 8));
  places.forEach((place, index) => {
    if (index % shown) return;
    const text = typeof place === "number" ? format.format(place) : place.slice(0, 14);
    root.append(svg("text", { x: across(place), y: HEIGHT - 8, "text-anchor": "middle" }, text));
  });
  const slot = (WIDTH - LEFT - 10) / width, shared = { kind, across, up, low, slot, count: series.size };
  [...series.values()].forEach((some, index) => drawSeries(root, { ...shared, some, index }));
}

function drawSeries(root, { kind, some, index, across, up, low, count, slot }) {
  const fill = COLORS[index % COLORS.length], zero = up(Math.max(0, low)), width = Math.min(48, slot * 0.8 / count);
  for (const [place, value] of kind === "bar" ? some : []) {
    const x = across(place) + width * (index - count / 2), y = Math.min(zero, up(value));
    root.append(svg("rect", { x, y, width, height: Math.abs(up(value) - zero), fill }));
  }
  for (const [place, value] of kind === "scatter" ? some : []) {
    root.append(svg("circle", { cx: across(place), cy: up(value), r: 3, fill }));
  }
  if (kind === "bar" || kind === "scatter") return;
  const line = some.map(([place, value]) => `${across(place)},${up(value)}`).join(" ");
  if (kind === "area" && some.length) {
    const area = `${across(some[0][0])},${zero} ${line} ${across(some.at(-1)[0])},${zero}`;
    root.append(svg("polygon", { points: area, fill, "fill-opacity": 0.2 }));
  }
  root.append(svg("polyline", { points: line, fill: "none", stroke: fill, "stroke-width": 2 }));
}

function drawPie(root, series) {
  const slices = [...series.values()][0], total = slices.reduce((sum, [, value]) => sum + value, 0);
  if (series.size > 1 || slices.some(([, value]) => value < 0) || !total) throw new Error();
  let angle = -Math.PI / 2;
  const x = WIDTH / 2, y = HEIGHT / 2, radius = HEIGHT / 2 - 10;
  slices.forEach(([, value], index) => {
    const fill = COLORS[index % COLORS.length], next = angle + 2 * Math.PI * value / total;
    const at = (turn) => `${x + radius * Math.cos(turn)},${y + radius * Math.sin(turn)}`;
    const arc = `A${radius},${radius} 0 ${value / total > 0.5 ? 1 : 0} 1 ${at(next)}`;
    if (value === total) root.append(svg("circle", { cx: x, cy: y, r: radius, fill }));
    else root.append(svg("path", { d: `M${x},${y} L${at(angle)} ${arc} Z`, fill }));
    angle = next;
  });
}
"""
