// The overview of a flow. All nodes of a type are one path, so that it costs nothing while the canvas moves.
import { Panel, useReactFlow, useStore } from "@xyflow/react";
import { memo, type PointerEvent, useMemo } from "react";
import type { FlowNode } from "./graph";

const WIDTH = 160, HEIGHT = 110, MARGIN = 40;

/** The nodes and the visible part. A press or a drag shows another part. */
export function Minimap({ nodes }: { nodes: FlowNode[] }) {
  const flow = useReactFlow(), [x, y, zoom] = useStore(({ transform }) => transform), width = useStore((state) => state.width), height = useStore((state) => state.height);
  const { box, paths } = useMemo(() => overviewOf(nodes), [nodes]);
  const go = (event: PointerEvent<SVGSVGElement>) => {
    if (event.type === "pointermove" && !event.buttons) return;
    const { left, top, width: shown, height: tall } = event.currentTarget.getBoundingClientRect(), scale = Math.max(box.width / shown, box.height / tall);
    flow.setCenter(box.x + box.width / 2 + (event.clientX - left - shown / 2) * scale, box.y + box.height / 2 + (event.clientY - top - tall / 2) * scale, { zoom });
  };
  return (
    <Panel position="bottom-right" className="cv-minimap">
      <svg width={WIDTH} height={HEIGHT} viewBox={`${box.x} ${box.y} ${box.width} ${box.height}`} role="img" aria-label="Minimap" onPointerDown={go} onPointerMove={go}>
        <Paths paths={paths} />
        <rect className="cv-view" x={-x / zoom} y={-y / zoom} width={width / zoom} height={height / zoom} vectorEffect="non-scaling-stroke" />
      </svg>
    </Panel>
  );
}

const Paths = memo(function Paths({ paths }: { paths: Record<string, string> }) {
  return Object.entries(paths).map(([type, path]) => <path key={type} data-type={type} d={path} />);
});

function overviewOf(nodes: FlowNode[]) {
  const places = new Map<string | undefined, { x: number; y: number }>(), paths: Record<string, string> = { group: "", block: "", step: "", end: "" };
  let left = 0, top = 0, right = 1, bottom = 1;
  for (const { id, type = "step", parentId, position, width = 0, height = 0 } of nodes) { // a node follows the one that contains it
    const around = places.get(parentId) ?? { x: 0, y: 0 }, x = around.x + position.x, y = around.y + position.y;
    places.set(id, { x, y });
    paths[type] = `${paths[type] ?? ""}M${x} ${y}h${width}v${height}h${-width}z`;
    [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x + width), Math.max(bottom, y + height)];
  }
  return { paths, box: { x: left - MARGIN, y: top - MARGIN, width: right - left + 2 * MARGIN, height: bottom - top + 2 * MARGIN } };
}
