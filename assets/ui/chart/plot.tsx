import { Area, AreaChart, Bar, BarChart, CartesianGrid, Cell, Legend, Line, LineChart, Pie, PieChart, ResponsiveContainer, Scatter, ScatterChart, Tooltip, XAxis, YAxis } from "recharts";
import { colorOf, dashOf } from "./colors";
import type { Chart } from "./spec";

const FONT = { fontSize: 11, fill: "var(--t2)" }, STILL = { isAnimationActive: false } as const;
const BOX = { background: "var(--bg-raise)", border: "1px solid var(--line-2)", borderRadius: 6, fontSize: 12, color: "var(--t1)" };
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 });
const tick = (value: unknown) => (typeof value === "number" ? compact.format(value) : String(value));

/** A chart, drawn as SVG. The element around it determines its size. */
export default function Plot({ chart }: { chart: Chart }) {
  return <ResponsiveContainer width="100%" height="100%" debounce={50}>{drawn(chart)}</ResponsiveContainer>;
}

function drawn(chart: Chart) {
  const { kind, x, xIsNumber, series, rows } = chart, hasLegend = series.length > 1;
  const frame = { data: rows, margin: { top: 8, right: 12, bottom: 0, left: 0 }, accessibilityLayer: false };
  const shared = [
    <CartesianGrid key="grid" vertical={kind === "scatter"} stroke="var(--line)" />,
    <XAxis key="x" dataKey={x} type={xIsNumber && kind !== "bar" ? "number" : "category"} domain={["auto", "auto"]} tick={FONT} tickFormatter={tick} stroke="var(--line-2)" minTickGap={24} name={x} />,
    <YAxis key="y" tick={FONT} tickFormatter={tick} stroke="var(--line-2)" width={52} name={hasLegend ? "" : series[0]} />,
    <Tooltip key="tip" contentStyle={BOX} itemStyle={{ color: "var(--t1)" }} cursor={kind === "bar" ? { fill: "var(--bg-hover)" } : { stroke: "var(--line-2)" }} isAnimationActive={false} />,
    ...(hasLegend ? [<Legend key="legend" itemSorter={null} wrapperStyle={{ fontSize: 12 }} formatter={(name: string) => <span style={{ color: "var(--t1)" }}>{name}</span>} />] : []),
  ];
  if (kind === "pie") return <PieChart accessibilityLayer={false}>{shared[3]}<Pie data={rows} dataKey={series[0]!} nameKey={x} {...STILL} label={({ name }: { name?: unknown }) => String(name)} fontSize={11}>{rows.map((row, index) => <Cell key={String(row[x])} fill={colorOf(index)} stroke="var(--bg)" />)}</Pie></PieChart>;
  if (kind === "scatter") return <ScatterChart {...frame}>{shared}{series.map((name, index) => <Scatter key={name} name={name} data={rows.filter((row) => row[name] !== undefined)} dataKey={name} fill={colorOf(index)} {...STILL} />)}</ScatterChart>;
  if (kind === "bar") return <BarChart {...frame}>{shared}{series.map((name, index) => <Bar key={name} dataKey={name} fill={colorOf(index)} fillOpacity={dashOf(index) ? 0.6 : 1} maxBarSize={48} {...STILL} />)}</BarChart>;
  if (kind === "area") return <AreaChart {...frame}>{shared}{series.map((name, index) => <Area key={name} dataKey={name} stackId="all" type="linear" stroke={colorOf(index)} strokeDasharray={dashOf(index)} fill={colorOf(index)} fillOpacity={0.25} {...STILL} />)}</AreaChart>;
  return <LineChart {...frame}>{shared}{series.map((name, index) => <Line key={name} dataKey={name} type="linear" stroke={colorOf(index)} strokeDasharray={dashOf(index)} strokeWidth={2} dot={rows.length < 60 ? { r: 2 } : false} connectNulls {...STILL} />)}</LineChart>;
}
