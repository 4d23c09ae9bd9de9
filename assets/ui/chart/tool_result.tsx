import { useMemo } from "react";
import { ChartValue } from "./chart_value";
import { isChart } from "./spec";

/** The result of a tool as text, or as the chart that it declares. A text that was cut stays text. */
export function ToolResult({ text, isOk }: { text: string; isOk: boolean }) {
  const chart = useMemo(() => chartIn(text), [text]);
  if (chart) return <ChartValue value={chart} />;
  return <pre className="code fold" data-s={isOk ? "" : "fail"} tabIndex={0}>{text || "Empty"}</pre>;
}

function chartIn(text: string) {
  if (!text.includes('"$chart"')) return null;
  try {
    const value: unknown = JSON.parse(text);
    return isChart(value) ? value : null;
  } catch {
    return null;
  }
}
