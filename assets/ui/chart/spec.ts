// The charts that results may contain: `{"$chart": "bar", "data": […], "x": "month", "y": "sales"}`. `puras.chart` of the kit has the same rules.

export const KINDS = ["bar", "line", "area", "scatter", "pie"] as const;
export type Kind = (typeof KINDS)[number];
export type Row = Record<string, unknown>;
export type Point = Record<string, string | number | null>;

export const MAX_POINTS = 5_000, MAX_SERIES = 20, MAX_SLICES = 50;
const MAX_TITLE = 200;

export interface Chart {
  kind: Kind;
  title: string;
  /** The name of the field of the horizontal axis, or of the labels of a pie. */
  x: string;
  xIsNumber: boolean;
  /** The names of the lines, groups of bars or points. */
  series: string[];
  /** A row for each place on the horizontal axis: the place under `x`, and a number or null for each series. */
  rows: Point[];
}

export type Read = { chart: Chart; problem?: undefined } | { chart?: undefined; problem: string };

const isRow = (value: unknown): value is Row => typeof value === "object" && value !== null && !Array.isArray(value);
const quoted = (value: unknown) => { const text = JSON.stringify(value) ?? "undefined"; return text.length > 60 ? `${text.slice(0, 60)}…` : text; };

/** Whether a value declares a chart, even an invalid one. */
export const isChart = (value: unknown): value is Row => isRow(value) && "$chart" in value;

class Invalid extends Error {}

/** The chart that a value declares, or why it cannot be drawn. */
export function chartOf(value: Row): Read {
  try {
    return { chart: read(value) };
  } catch (error) {
    if (error instanceof Invalid) return { problem: error.message };
    throw error;
  }
}

function read(value: Row): Chart {
  const { $chart: kind, data, x, y, series, title } = value;
  if (!KINDS.includes(kind as Kind)) throw new Invalid(`"$chart" is ${quoted(kind)}; it must be one of ${KINDS.join(", ")}.`);
  if (!Array.isArray(data) || !data.length || !data.every(isRow)) throw new Invalid('"data" must be a list of objects with at least one element.');
  if (typeof x !== "string" || !x) throw new Invalid('"x" must be the name of a field of the objects in "data".');
  const fields = typeof y === "string" ? [y] : y;
  if (!Array.isArray(fields) || !fields.length || !fields.every((one): one is string => typeof one === "string" && one !== "")) throw new Invalid('"y" must be the name of a field, or a list of names.');
  if (new Set([x, ...fields]).size <= fields.length) throw new Invalid('"x" and "y" must name different fields.');
  if (series !== undefined && series !== null && (typeof series !== "string" || !series)) throw new Invalid('"series" must be the name of a field.');
  if (typeof series === "string" && series && fields.length > 1) throw new Invalid('"series" and a list in "y" cannot be combined: name one field in "y".');
  if (title !== undefined && title !== null && typeof title !== "string") throw new Invalid('"title" must be a text.');
  const points = data.length * fields.length;
  if (points > MAX_POINTS) throw new Invalid(`The chart has ${points.toLocaleString("en")} points; at most ${MAX_POINTS.toLocaleString("en")} are drawn. Return fewer, for example sums per day.`);
  const head = { kind: kind as Kind, title: (title ?? "").slice(0, MAX_TITLE), x };
  data.forEach((row, index) => check(row, index, x, fields));
  const xIsNumber = data.every((row) => typeof row[x] === "number");
  if (kind === "scatter" && !xIsNumber) throw new Invalid(`A scatter chart needs numbers in ${quoted(x)}.`);
  const drawn = { ...head, xIsNumber, ...(series ? grouped(data, x, fields[0]!, series, kind === "scatter") : { series: fields, rows: data.map((row) => point(row, x, fields)) }) };
  if (drawn.series.length > MAX_SERIES) throw new Invalid(`The chart has ${drawn.series.length} series; at most ${MAX_SERIES} are drawn.`);
  if (kind === "pie") checkPie(drawn);
  return drawn;
}

function check(row: Row, index: number, x: string, fields: string[]) {
  const place = row[x];
  if (typeof place !== "string" && !(typeof place === "number" && Number.isFinite(place))) throw new Invalid(`data[${index}].${x} is ${quoted(place)}; it must be a text or a number.`);
  for (const field of fields) {
    const value = row[field];
    if (value !== null && value !== undefined && !(typeof value === "number" && Number.isFinite(value))) throw new Invalid(`data[${index}].${field} is ${quoted(value)}; it must be a number or null.`);
  }
  if (fields.every((field) => !(field in row))) throw new Invalid(`data[${index}] has no field ${quoted(fields[0])}.`);
}

const numberOf = (value: unknown) => (typeof value === "number" ? value : null);

function point(row: Row, x: string, fields: string[]): Point {
  return { ...Object.fromEntries(fields.map((field) => [field, numberOf(row[field])])), [x]: row[x] as string | number };
}

/** The rows with a column for each value of the field `series`. Points of a scatter chart stay rows of their own. */
function grouped(data: Row[], x: string, y: string, series: string, isScattered: boolean): Pick<Chart, "series" | "rows"> {
  const names = new Set<string>(), rows = new Map<unknown, Point>();
  data.forEach((row, index) => {
    if (typeof row[series] !== "string" && typeof row[series] !== "number") throw new Invalid(`data[${index}].${series} is ${quoted(row[series])}; it must be a text or a number.`);
    const name = String(row[series]), key = isScattered ? index : row[x], whole = rows.get(key) ?? { [x]: row[x] as string | number };
    if (name === x) throw new Invalid(`A series has the name ${quoted(x)}, which is the field of "x".`);
    if (Object.hasOwn(whole, name)) throw new Invalid(`"data" has two objects with ${x} ${quoted(row[x])} and ${series} ${quoted(row[series])}.`);
    whole[name] = numberOf(row[y]);
    names.add(name);
    rows.set(key, whole);
  });
  return { series: [...names], rows: [...rows.values()] };
}

function checkPie({ rows, series }: Chart) {
  if (series.length > 1) throw new Invalid("A pie chart has one series of numbers.");
  if (rows.length > MAX_SLICES) throw new Invalid(`A pie chart has at most ${MAX_SLICES} slices; this one has ${rows.length}.`);
  if (rows.some((row) => Number(row[series[0]!] ?? 0) < 0)) throw new Invalid("A pie chart has no negative numbers.");
}

/** The fields of rows that a chart can use: places for the horizontal axis, and numbers. */
export function fieldsOf(rows: Row[]): { places: string[]; numbers: string[] } {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const all = (name: string, test: (value: unknown) => boolean) => rows.every((row) => test(row[name]));
  return {
    places: names.filter((name) => all(name, (value) => typeof value === "string" || typeof value === "number")),
    numbers: names.filter((name) => all(name, (value) => value === null || value === undefined || typeof value === "number") && rows.some((row) => typeof row[name] === "number")),
  };
}
