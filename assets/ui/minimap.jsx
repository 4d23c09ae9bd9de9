import { useEffect, useRef } from "react";

const HEIGHT = 34, TOP = 12; // px; the ticks are above the bars
const LAYERS = ["group", "sandbox", "tool", "model", "approval"]; // in drawing order: later layers cover earlier ones

/** An overview of the run: the activity over time, the cumulative cost, and the part that the rows show. */
export function Minimap({ spans, from, total, now, view, colorOf, onView }) {
  const canvas = useRef(null);
  useEffect(() => draw(canvas.current, { spans, from, total, now, colorOf }), [spans, from, total, now, colorOf]);
  const brush = (event) => {
    const box = event.currentTarget, edge = box.getBoundingClientRect();
    const at = (x) => Math.max(0, Math.min(1, (x - edge.left) / edge.width)) * total;
    const began = at(event.clientX);
    const move = (moved) => { const here = at(moved.clientX); if (Math.abs(here - began) > total / 200) onView([Math.min(began, here), Math.max(began, here)]); };
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

function draw(canvas, { spans, from, total, now, colorOf }) {
  if (!canvas) return;
  const ratio = devicePixelRatio || 1, width = canvas.clientWidth, pen = canvas.getContext("2d"), style = getComputedStyle(canvas);
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

function drawCost(pen, style, { leaves, from, total, width, now }) {
  const paid = leaves.filter((span) => span.cost > 0).toSorted((one, other) => (one.end ?? now) - (other.end ?? now));
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
