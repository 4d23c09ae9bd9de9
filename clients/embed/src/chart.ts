import { type Chart, chartOf, type Point, type Row } from "../../../assets/ui/chart/spec.js";
import { csvOf } from "../../../assets/ui/csv_text.js";
import { element } from "./dom.js";
import { type Key, pngOf } from "./png.js";

/** The style of charts, which uses the variables `--border` and `--muted`. */
export const CHART_STYLE = `
figure.chart { margin: 0 0 16px; border: 1px solid var(--border); border-radius: 6px; padding: 12px; }
figure.chart svg { width: 100%; height: auto; display: block; }
figure.chart text { font: 11px system-ui, sans-serif; fill: var(--muted); }
figure.chart figcaption { font-weight: 600; }
figure.chart figcaption:empty { display: none; }
figure.chart .keys, figure.chart .tools { display: flex; flex-wrap: wrap; gap: 4px 14px; font-size: 12px; }
figure.chart .tools { margin-top: 8px; }
figure.chart .tools button { font-size: 12px; padding: 2px 10px; }
`;
const COLORS = ["#6a63e8", "#1f9d5c", "#c98a12", "#d6453c", "#2b8fc7", "#8a8f99"] as const;
const WIDTH = 720, HEIGHT = 280, LEFT = 56, RIGHT = 10, TOP = 10, BOTTOM = 26, MAX_LABELS = 8;
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 });

type Place = string | number;
type Attributes = Readonly<Record<string, string | number>>;

/** A part of a series at a place: from `from` to `to`. */
interface Mark {
  place: Place;
  from: number;
  to: number;
}

/** Show a value that declares a chart: the chart with buttons that save it, or its JSON with the reason if it is not valid. */
export function shownChart(value: Row): HTMLElement {
  const { chart, problem } = chartOf(value);
  if (chart) return figureOf(chart);
  const reason = element("p", { class: "muted", role: "status" }, `This chart cannot be drawn: ${problem}`);
  return element("div", {}, reason, element("pre", { tabindex: "0" }, JSON.stringify(value, null, 2)));
}

function figureOf(chart: Chart): HTMLElement {
  const { title, kind, x, series, rows } = chart;
  const label = `${kind} chart of ${series.join(", ")} by ${x}, ${rows.length} ${rows.length === 1 ? "row" : "rows"}`;
  const root = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label });
  if (kind === "pie") drawPie(root, chart);
  else drawAxes(root, chart);
  const names = kind === "pie" ? rows.map((row) => String(row[x])) : series;
  const keys = names.length > 1 ? names.map((name, index): Key => [name, colorOf(index)]) : [];
  const parts = [element("figcaption", {}, title), root, ...(keys.length ? [keysOf(keys)] : []), toolsOf(chart, root, keys)];
  return element("figure", { class: "chart", "aria-label": title || "Chart" }, ...parts);
}

function keysOf(keys: readonly Key[]): HTMLElement {
  const shown = keys.map(([name, color]) => {
    const mark = element("b", { "aria-hidden": "true" }, "■ ");
    mark.style.color = color;
    return element("span", {}, mark, name);
  });
  return element("div", { class: "keys" }, ...shown);
}

function toolsOf(chart: Chart, root: SVGSVGElement, keys: readonly Key[]): HTMLElement {
  const name = (chart.title || "chart").replace(/[^\w -]+/g, "_").slice(0, 80);
  const png = element("button", { type: "button", class: "plain" }, "Download PNG");
  const csv = element("button", { type: "button", class: "plain" }, "Download CSV");
  const problem = element("span", { class: "problem", role: "alert" });
  const failed = "The image could not be made. Download the numbers as CSV.";
  png.addEventListener("click", () => {
    const image = pngOf(root, chart.title, keys);
    image.then((content) => save(content, `${name}.png`)).catch(() => void (problem.textContent = failed));
  });
  csv.addEventListener("click", () => {
    save(new Blob([csvOf(chart.rows, [chart.x, ...chart.series])], { type: "text/csv" }), `${name}.csv`);
  });
  return element("div", { class: "tools" }, png, csv, problem);
}

function save(content: Blob, name: string): void {
  const url = URL.createObjectURL(content);
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function drawAxes(root: SVGSVGElement, chart: Chart): void {
  const { kind, x, series, rows } = chart;
  const places = [...new Set(rows.map((row) => row[x] as Place))];
  const isNumber = chart.xIsNumber && kind !== "bar";
  const marks = kind === "area" ? stacked(chart) : series.map((name) => marksOf(rows, x, name));
  const values = marks.flat().flatMap((mark) => [mark.from, mark.to]);
  const low = lowest([0, ...values]), high = Math.max(low + 1e-9, highest([0, ...values]));
  const numbers = isNumber ? (places as number[]) : [0], from = lowest(numbers);
  const width = isNumber ? highest(numbers) - from || 1 : places.length;
  const indexes = new Map(places.map((place, at) => [place, at]));
  const part = (place: Place) => (isNumber ? (Number(place) - from) / width : ((indexes.get(place) ?? 0) + 0.5) / width);
  const across = (place: Place) => LEFT + (WIDTH - LEFT - RIGHT) * part(place);
  const up = (value: number) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - low) / (high - low));
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const value = low + share * (high - low), y = up(value);
    root.append(svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y, y2: y, stroke: "currentColor", "stroke-opacity": 0.12 }));
    root.append(svg("text", { x: LEFT - 6, y: y + 4, "text-anchor": "end" }, compact.format(value)));
  }
  const every = Math.max(1, Math.ceil(places.length / MAX_LABELS));
  places.forEach((place, index) => {
    if (index % every) return;
    const text = typeof place === "number" ? compact.format(place) : place.slice(0, 14);
    root.append(svg("text", { x: across(place), y: HEIGHT - 8, "text-anchor": "middle" }, text));
  });
  const slot = Math.min(48, ((WIDTH - LEFT - RIGHT) / width) * (0.8 / series.length));
  marks.forEach((some, index) => {
    if (kind === "bar") drawBars(root, some, colorOf(index), up, (place) => across(place) + slot * (index - series.length / 2), slot);
    else if (kind === "scatter") drawPoints(root, some, colorOf(index), up, across);
    else drawLine(root, some, colorOf(index), up, across, kind === "area");
  });
}

function drawBars(root: SVGSVGElement, marks: readonly Mark[], fill: string, up: (value: number) => number, left: (place: Place) => number, width: number): void {
  for (const { place, from, to } of marks) {
    const y = Math.min(up(from), up(to)), height = Math.abs(up(to) - up(from));
    root.append(svg("rect", { x: left(place), y, width, height, fill }));
  }
}

function drawPoints(root: SVGSVGElement, marks: readonly Mark[], fill: string, up: (value: number) => number, across: (place: Place) => number): void {
  for (const { place, to } of marks) root.append(svg("circle", { cx: across(place), cy: up(to), r: 3, fill }));
}

function drawLine(root: SVGSVGElement, marks: readonly Mark[], color: string, up: (value: number) => number, across: (place: Place) => number, isArea: boolean): void {
  const line = marks.map(({ place, to }) => `${across(place)},${up(to)}`);
  if (isArea) {
    const back = marks.map(({ place, from }) => `${across(place)},${up(from)}`).reverse();
    root.append(svg("polygon", { points: [...line, ...back].join(" "), fill: color, "fill-opacity": 0.25 }));
  }
  root.append(svg("polyline", { points: line.join(" "), fill: "none", stroke: color, "stroke-width": 2 }));
}

function drawPie(root: SVGSVGElement, { series, rows }: Chart): void {
  const name = series[0] ?? "", values = rows.map((row) => Number(row[name] ?? 0)), total = values.reduce((sum, one) => sum + one, 0);
  const x = WIDTH / 2, y = HEIGHT / 2, radius = HEIGHT / 2 - 10;
  const at = (turn: number) => `${x + radius * Math.cos(turn)},${y + radius * Math.sin(turn)}`;
  let angle = -Math.PI / 2;
  values.forEach((value, index) => {
    if (!value) return;
    const fill = colorOf(index), next = angle + (2 * Math.PI * value) / total;
    const arc = `A${radius},${radius} 0 ${value / total > 0.5 ? 1 : 0} 1 ${at(next)}`;
    if (value === total) root.append(svg("circle", { cx: x, cy: y, r: radius, fill }));
    else root.append(svg("path", { d: `M${x},${y} L${at(angle)} ${arc} Z`, fill }));
    angle = next;
  });
}

function marksOf(rows: readonly Point[], x: string, name: string): Mark[] {
  return rows.flatMap((row) => (typeof row[name] === "number" ? [{ place: row[x] as Place, from: 0, to: row[name] }] : []));
}

/** The series one above the other. */
function stacked({ rows, x, series }: Chart): Mark[][] {
  const sums = rows.map(() => 0);
  return series.map((name) =>
    rows.map((row, index) => {
      const from = sums[index] ?? 0, to = from + Number(row[name] ?? 0);
      sums[index] = to;
      return { place: row[x] as Place, from, to };
    }),
  );
}

const colorOf = (index: number): string => COLORS[index % COLORS.length] ?? COLORS[0];
// Not `Math.min(...values)`: a call has fewer arguments than a chart has points.
const lowest = (values: readonly number[]) => values.reduce((one, other) => Math.min(one, other), Infinity);
const highest = (values: readonly number[]) => values.reduce((one, other) => Math.max(one, other), -Infinity);

function svg<K extends keyof SVGElementTagNameMap>(name: K, attributes: Attributes, text = ""): SVGElementTagNameMap[K] {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  if (text) node.textContent = text;
  return node;
}
