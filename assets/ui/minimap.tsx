import { type PointerEvent as Pressed, useEffect, useRef } from "react";
import type { Span } from "./spans";

const HEIGHT = 34, TOP = 12; // px; the ticks are above the bars
const LAYERS = ["group", "sandbox", "tool", "model", "approval"]; // in drawing order: later layers cover earlier ones

/** A part of the time axis, in milliseconds since the start of the run. */
export type View = [from: number, to: number] | null;

interface Drawn {
  spans: Span[];
  /** The start of the run. */
  from: number;
  total: number;
  now: number;
  colorOf: (span: Span) => string;
}

interface Props extends Drawn {
  view: View;
  onView: (view: View) => void;
}

/** An overview of the run: the activity over time, the cumulative cost, and the part that the rows show. */
export function Minimap({ spans, from, total, now, view, colorOf, onView }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => draw(canvas.current, { spans, from, total, now, colorOf }), [spans, from, total, now, colorOf]);
  const brush = (event: Pressed<HTMLDivElement>) => {
    const box = event.currentTarget, edge = box.getBoundingClientRect();
    const at = (x: number) => Math.max(0, Math.min(1, (x - edge.left) / edge.width)) * total;
    const began = at(event.clientX);
    const move = (moved: PointerEvent) => { const here = at(moved.clientX); if (Math.abs(here - began) > total / 200) onView([Math.min(began, here), Math.max(began, here)]); };
    box.setPointerCapture(event.pointerId);
    box.addEventListener("pointermove", move);
    box.addEventListener("pointerup", () => box.removeEventListener("pointermove", move), { once: true });
  };
  return (
    <div className="wf-map" onPointerDown={brush} onDoubleClick={() => onView(null)}>
      <canvas ref={canvas} />
      {view && <i className="window" style={{ left: `${(view[0] / total) * 100}%`, width: `${((view[1] - view[0]) / total) * 100}%` }} />}
    </div>
  );
}

function draw(canvas: HTMLCanvasElement | null, { spans, from, total, now, colorOf }: Drawn) {
  const pen = canvas?.getContext("2d");
  if (!canvas || !pen) return;
  const ratio = devicePixelRatio || 1, width = canvas.clientWidth, style = getComputedStyle(canvas);
  Object.assign(canvas, { width: width * ratio, height: HEIGHT * ratio });
  pen.scale(ratio, ratio);
  const parents = new Set(spans.map((span) => span.parent)), leaves = spans.filter((span) => !parents.has(span.id));
  for (const layer of LAYERS) for (const span of leaves.filter((one) => colorOf(one) === layer)) {
    const left = ((span.start - from) / total) * width, right = (((span.end ?? now) - from) / total) * width;
    pen.fillStyle = style.getPropertyValue(span.state === "failed" || span.state === "lost" ? "--fail-dot" : `--k-${layer}`);
    pen.fillRect(left, TOP + 2, Math.max(1, right - left), HEIGHT - TOP - 4);
  }
  drawCost(pen, style, { leaves, from, total, width, now });
}

function drawCost(pen: CanvasRenderingContext2D, style: CSSStyleDeclaration, { leaves, from, total, width, now }: { leaves: Span[]; from: number; total: number; width: number; now: number }) {
  const paid = leaves.flatMap((span) => (span.cost && span.cost > 0 ? [{ end: span.end, cost: span.cost }] : [])).toSorted((one, other) => (one.end ?? now) - (other.end ?? now));
  const sum = paid.reduce((all, span) => all + span.cost, 0);
  if (!sum) return;
  let so_far = 0;
  pen.strokeStyle = style.getPropertyValue("--t1");
  pen.lineWidth = 1.25;
  pen.beginPath();
  pen.moveTo(0, HEIGHT - 1);
  for (const span of paid) {
    const x = (((span.end ?? now) - from) / total) * width;
    pen.lineTo(x, HEIGHT - 1 - (so_far / sum) * (HEIGHT - TOP - 2));
    so_far += span.cost;
    pen.lineTo(x, HEIGHT - 1 - (so_far / sum) * (HEIGHT - TOP - 2));
  }
  pen.lineTo(width, HEIGHT - 1 - (HEIGHT - TOP - 2));
  pen.stroke();
}
