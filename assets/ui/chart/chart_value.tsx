import { lazy, Suspense, useMemo, useRef, useState } from "react";
import { csvOf } from "../csv_text";
import { JsonTree } from "../json_tree";
import { RowsTable } from "../rows_table";
import { pngOf } from "./png";
import { type Chart, chartOf, fieldsOf, KINDS, type Kind, MAX_POINTS, type Row } from "./spec";

const Plot = lazy(() => import("./plot"));
const MAX_LINES = 3;

function save(content: Blob, name: string) {
  const url = URL.createObjectURL(content);
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** A value that declares a chart: the chart, its numbers as a table, or the JSON. An invalid chart is JSON with the reason. */
export function ChartValue({ value }: { value: Row }) {
  const { chart, problem } = useMemo(() => chartOf(value), [value]), [view, setView] = useState<"chart" | "table" | "json">("chart");
  if (!chart) return <div className="chart-value"><p className="note" data-s="wait" role="status">This chart cannot be drawn: {problem}</p><JsonTree value={value} name="chart" /></div>;
  return (
    <figure className="chart-value" aria-label={chart.title || "Chart"}>
      <figcaption className="row wrap">
        <span className="strong grow">{chart.title}</span>
        <span className="seg" role="group" aria-label="View">{(["chart", "table", "json"] as const).map((one) => <button key={one} type="button" aria-pressed={view === one} onClick={() => setView(one)}>{one === "json" ? "JSON" : one === "chart" ? "Chart" : "Table"}</button>)}</span>
      </figcaption>
      {view === "chart" && <Drawing chart={chart} />}
      {view === "table" && <RowsTable rows={chart.rows} name={chart.title || "chart"} />}
      {view === "json" && <JsonTree value={value} name="chart" />}
    </figure>
  );
}

/** The chart with the buttons that save it. */
function Drawing({ chart }: { chart: Chart }) {
  const box = useRef<HTMLDivElement>(null), [failure, setFailure] = useState(""), name = (chart.title || "chart").replace(/[^\w -]+/g, "_").slice(0, 80);
  const savePng = () => {
    if (box.current) pngOf(box.current, chart.title, chart.series).then((png) => save(png, `${name}.png`), () => setFailure("The image could not be made. Download the numbers as CSV."));
  };
  const columns = [chart.x, ...chart.series], summary = `${chart.kind} chart of ${chart.series.join(", ")} by ${chart.x}, ${chart.rows.length} ${chart.rows.length === 1 ? "row" : "rows"}`;
  return (
    <>
      <div className="chart-plot" ref={box} role="img" aria-label={summary}><Suspense fallback={<p className="t3">Loading the chart…</p>}><Plot chart={chart} /></Suspense></div>
      <div className="row chart-tools">
        <button type="button" className="btn quiet small" onClick={savePng}>Download PNG</button>
        <button type="button" className="btn quiet small" onClick={() => save(new Blob([csvOf(chart.rows, columns)], { type: "text/csv" }), `${name}.csv`)}>Download CSV</button>
        {failure && <span role="alert" className="bad">{failure}</span>}
      </div>
    </>
  );
}

interface TableProps {
  rows: Row[];
  schema?: Record<string, unknown>;
  name: string;
}

/** Objects as a table, or as a chart of the fields that the user selects. */
export function TableOrChart({ rows, schema, name }: TableProps) {
  const fields = useMemo(() => fieldsOf(rows), [rows]), [isChart, setChart] = useState(false), isDrawable = fields.numbers.length > 0 && fields.places.length > 0 && rows.length <= MAX_POINTS;
  return (
    <div className="col" style={{ gap: 6 }}>
      {isDrawable && <div className="row"><button type="button" className="btn quiet small" aria-pressed={isChart} onClick={() => setChart(!isChart)}>{isChart ? "Show as table" : "Show as chart"}</button></div>}
      {isChart ? <Chosen rows={rows} fields={fields} name={name} /> : <RowsTable rows={rows} schema={schema} name={name} />}
    </div>
  );
}

function Chosen({ rows, fields, name }: { rows: Row[]; fields: ReturnType<typeof fieldsOf>; name: string }) {
  const first = fields.places.find((field) => !fields.numbers.includes(field)) ?? fields.places[0]!;
  const [kind, setKind] = useState<Kind>("bar"), [x, setX] = useState(first), [chosen, setChosen] = useState<string | null>(null);
  const free = fields.numbers.filter((field) => field !== x), y = chosen !== null && free.includes(chosen) ? [chosen] : free.slice(0, kind === "pie" ? 1 : MAX_LINES);
  const read = chartOf({ $chart: kind, data: rows, x, y, title: name });
  return (
    <figure className="chart-value" aria-label={name}>
      <figcaption className="row wrap">
        <select className="in small" aria-label="Kind of chart" value={kind} onChange={(event) => setKind(event.target.value as Kind)}>{KINDS.map((one) => <option key={one}>{one}</option>)}</select>
        <select className="in small" aria-label="Horizontal axis" value={x} onChange={(event) => setX(event.target.value)}>{fields.places.map((one) => <option key={one}>{one}</option>)}</select>
        <select className="in small" aria-label="Numbers" value={chosen ?? ""} onChange={(event) => setChosen(event.target.value || null)}><option value="">{free.slice(0, MAX_LINES).join(", ")}</option>{free.length > 1 && free.map((one) => <option key={one}>{one}</option>)}</select>
      </figcaption>
      {read.chart ? <Drawing chart={read.chart} /> : <p className="note" data-s="wait" role="status">{read.problem}</p>}
    </figure>
  );
}
