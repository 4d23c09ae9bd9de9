import { isChart } from "../../../assets/ui/chart/spec.js";
import { shownChart } from "./chart.js";
import { element } from "./dom.js";

const MAX_ITEMS = 200;
const MAX_DEPTH = 4;

type Row = Readonly<Record<string, unknown>>;

/** Show a result: a chart, an object as a list of definitions, a list of objects as a table, a text as it is. */
export function shown(value: unknown, depth = 0): Node {
  if (value === null || value === undefined) return element("span", { class: "muted" }, "None");
  if (typeof value === "boolean") return element("span", {}, value ? "Yes" : "No");
  if (typeof value !== "object") return element("span", { class: "text" }, String(value));
  if (depth >= MAX_DEPTH) return element("pre", { tabindex: "0" }, JSON.stringify(value, null, 2));
  if (Array.isArray(value)) return listed(value, depth);
  if (isChart(value)) return shownChart(value);
  const entries = Object.entries(value);
  if (entries.length === 0) return element("span", { class: "muted" }, "Empty");
  return element("dl", {}, ...entries.flatMap(([name, one]) => [
    element("dt", {}, labelled(name)),
    element("dd", {}, shown(one, depth + 1)),
  ]));
}

function listed(values: readonly unknown[], depth: number): Node {
  if (values.length === 0) return element("span", { class: "muted" }, "Empty");
  const some = values.slice(0, MAX_ITEMS);
  const rest = values.length - some.length;
  const more = rest > 0 ? [element("p", { class: "muted" }, `and ${rest} more`)] : [];
  const isTable = some.every((one) => one !== null && typeof one === "object" && !Array.isArray(one) && !isChart(one));
  return element("div", {}, isTable ? table(some as Row[], depth) : bullets(some, depth), ...more);
}

function table(rows: readonly Row[], depth: number): Node {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const head = columns.map((name) => element("th", { scope: "col" }, labelled(name)));
  const cells = (row: Row) => columns.map((name) => element("td", {}, name in row ? shown(row[name], depth + 1) : ""));
  const body = rows.map((row) => element("tr", {}, ...cells(row)));
  const all = element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body));
  return element("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Table" }, all);
}

function bullets(values: readonly unknown[], depth: number): Node {
  return element("ul", {}, ...values.map((one) => element("li", {}, shown(one, depth + 1))));
}

function labelled(name: string): string {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
