// The drawing of a flow with React Flow: nodes, edges, minimap and zoom. The editor and the page of a job use it.
import { Background, Controls, Handle, Position, ReactFlow, ReactFlowProvider, useStore, ViewportPortal } from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import { createContext, memo, useContext } from "react";
import "./canvas.css";
import { layoutOf, STEP } from "./layout";
import { Minimap } from "./minimap";
import { KIND_LABELS, summaryOf, titleOf } from "./model";

const FAR = 0.3, FAR_OF_MANY = 0.55, MANY = 150; // below this zoom, only titles are drawn

/** What nodes show and do apart from their data: `{onAdd, onRemoveBlock, onAddBlock, statusOf, canWrite}`. It changes rarely. */
export const Actions = createContext({});

const handle = (type, position, x, y) => ({ id: `${type} ${position}`, type, position, x, y, width: 1, height: 1 });
const handlesOf = ({ type, width, height }) => {
  if (type === "block") return [];
  const line = type === "group" ? 22 : height / 2;
  return [
    handle("target", Position.Top, width / 2, 0), handle("source", Position.Bottom, width / 2, height),
    handle("target", Position.Right, width, line - 9), handle("source", Position.Right, width, line + 9),
  ];
};

/** A node of React Flow. */
export function nodeOf({ x, y, entry, block, ...node }, more) {
  const size = { width: node.width ?? STEP.width, height: node.height ?? STEP.height }, own = { ...node, ...size };
  return { ...own, position: { x, y }, handles: handlesOf(own), measured: size, data: { entry, block }, ...more };
}

/** The nodes of a tree for React Flow, and the places of its blocks. `offsets` are the distances of steps from their automatic places. */
export function drawn(tree, { hasEnds = true, canDrag = false, labelOf, offsets = {} }) {
  const { nodes, slots } = layoutOf(tree.root, { hasEnds });
  return {
    slots,
    nodes: nodes.map((node) => nodeOf(shifted(node, offsets), {
      draggable: canDrag && Boolean(node.entry), selectable: node.type !== "block", focusable: node.type !== "block", connectable: node.type !== "block",
      dragHandle: node.type === "group" ? ".cv-head" : undefined, ariaLabel: labelOf(node.entry, node.id),
    })),
  };
}

/** A node at the place to which the user has dragged it. Only steps outside of blocks have such a place. */
function shifted(node, offsets) {
  const offset = node.entry && !node.entry.block.owner ? offsets[node.entry.name] : null;
  return isOffset(offset) ? { ...node, x: node.x + offset[0], y: node.y + offset[1] } : node;
}

const isOffset = (value) => Array.isArray(value) && value.length === 2 && value.every(Number.isInteger);

/** The edges of a tree: from each step to the next one, and from each step to those that read its result. */
export function edgesOf(tree, references, { hasEnds = true, chosen } = {}) {
  const edges = [], next = (source, target) => edges.push({ id: `n:${source}:${target}`, source, target, sourceHandle: "source bottom", targetHandle: "target top", className: "cv-next", focusable: false, selectable: false });
  const chain = (ids) => ids.slice(1).forEach((id, index) => next(ids[index], id));
  const lists = [tree.root, ...[...tree.byId.values()].flatMap((entry) => entry.blocks)];
  for (const list of lists) chain(hasEnds && list === tree.root ? ["inputs", ...list.steps.map(({ id }) => id), "output"] : list.steps.map(({ id }) => id));
  for (const { source, target } of references) {
    const isChosen = chosen?.has(source) || chosen?.has(target);
    if (source === "inputs" && !isChosen) continue; // nearly every step reads the inputs
    edges.push({ id: `r:${source}:${target}`, source, target, sourceHandle: "source right", targetHandle: "target right", type: "smoothstep", pathOptions: { offset: 22, borderRadius: 10 }, className: isChosen ? "cv-data cv-chosen" : "cv-data", focusable: false, selectable: false });
  }
  return edges;
}

/** The pairs of nodes of which one reads the result of the other, each once. */
export function pairsOf(tree, references) {
  const idOf = (name, other) => (name === null ? other : tree.byId.has(`s:${name}`) ? `s:${name}` : null), pairs = new Map();
  for (const { step, reader } of references) {
    const source = idOf(step, "inputs"), target = idOf(reader, "output");
    if (source && target && source !== target) pairs.set(`${source} ${target}`, { source, target });
  }
  return [...pairs.values()];
}

/** The ends of lines, which React Flow measures, and the dots with which users connect nodes. */
function Dots({ type, canConnect }) {
  return (
    <>
      <i className="cv-end target" data-handleid="target top" data-handlepos="top" />
      <i className="cv-end source" data-handleid="source bottom" data-handlepos="bottom" />
      {type !== "inputs" && (canConnect ? <Handle type="target" id="target right" position={Position.Right} className="cv-in" /> : <i className="cv-end cv-in target" data-handleid="target right" data-handlepos="right" />)}
      {type !== "output" && (canConnect ? <Handle type="source" id="source right" position={Position.Right} className="cv-out" /> : <i className="cv-end cv-out source" data-handleid="source right" data-handlepos="right" />)}
    </>
  );
}

const isFar = ({ transform, nodes }) => transform[2] < (nodes.length > MANY ? FAR_OF_MANY : FAR);

const StepNode = memo(function StepNode({ id, data: { entry } }) {
  const { canWrite } = useContext(Actions), far = useStore(isFar);
  if (far) return <><Dots /><Title entry={entry} /></>;
  return <><Dots canConnect={canWrite} /><Face entry={entry} /><After id={id} label={entry.name} /></>;
});

const GroupNode = memo(function GroupNode({ id, data: { entry } }) {
  const { onAddBlock, canWrite } = useContext(Actions), far = useStore(isFar);
  if (far) return <><Dots /><div className="cv-head"><Title entry={entry} /></div></>;
  return (
    <>
      <Dots canConnect={canWrite} />
      <div className="cv-head"><Face entry={entry} />{canWrite && <button type="button" className="btn small nodrag" onClick={() => onAddBlock(entry)}>{entry.kind === "switch" ? "Add case" : "Add branch"}</button>}</div>
      <After id={id} label={entry.name} />
    </>
  );
});

const BlockNode = memo(function BlockNode({ data: { block } }) {
  const { onAdd, onRemoveBlock, canWrite } = useContext(Actions), far = useStore(isFar);
  if (far) return null;
  return (
    <div className="cv-block-head">
      <span className="cut grow" title={block.label}>{block.label}</span>
      {canWrite && block.canRemove && <button type="button" className="cv-mini nodrag" aria-label={`Remove ${block.label} of ${block.owner.name}`} onClick={() => onRemoveBlock(block)}>✕</button>}
      {canWrite && <button type="button" className="cv-mini nodrag" aria-label={`Add step to ${block.label} of ${block.owner.name}`} onClick={() => onAdd({ path: block.path, index: 0 })}>+</button>}
    </div>
  );
});

const EndNode = memo(function EndNode({ id }) {
  const { canWrite } = useContext(Actions);
  return <><Dots type={id} canConnect={canWrite} /><span className="strong">{KIND_LABELS[id]}</span>{id === "inputs" && <After id={id} label="the inputs" />}</>;
});

/** What is shown of a step from far away. */
function Title({ entry }) {
  const { detailOf } = useContext(Actions);
  return <div className="cv-far" data-kind={entry.kind}><span className="cut">{titleOf(entry)}</span>{detailOf?.(entry)?.badge}</div>;
}

/** A button below a node that adds a step after it. */
function After({ id, label }) {
  const { onAdd, placeAfter, canWrite } = useContext(Actions);
  return canWrite ? <button type="button" className="cv-plus nodrag" tabIndex={-1} aria-label={`Add step after ${label}`} onClick={(event) => { event.stopPropagation(); onAdd(placeAfter(id)); }}>+</button> : null;
}

function Face({ entry }) {
  const { step, kind } = entry, { detailOf } = useContext(Actions), isEach = step.for_each !== undefined, detail = detailOf?.(entry);
  return (
    <div className="cv-face" data-kind={kind} data-each={isEach || undefined}>
      <div className="row"><i className="cv-dot" aria-hidden="true" /><span className="strong cut grow">{titleOf(entry)}</span>{isEach && <span className="tag">for each</span>}{detail?.badge}</div>
      <div className="row t2"><span className="cut grow"><span className="t3">{KIND_LABELS[kind] ?? "Empty step"}</span> <span className="mono" title={detail?.data}>{detail?.data ?? summaryOf(entry)}</span></span></div>
      {detail?.line}
    </div>
  );
}

const NODES = { step: StepNode, group: GroupNode, block: BlockNode, end: EndNode };

/** The drawing. `shape` are the nodes without selection, for the minimap, and `drop` is the place at which a dragged step would be inserted. */
export function Graph({ label, actions, shape, nodes, edges, drop, children, ...more }) {
  return (
    <Actions.Provider value={actions}>
      <ReactFlow aria-label={label} nodes={nodes} edges={edges} nodeTypes={NODES} onlyRenderVisibleElements disableKeyboardA11y deleteKeyCode={null} elevateNodesOnSelect={false} minZoom={0.05} maxZoom={1.6}
        fitView fitViewOptions={{ padding: 0.15, maxZoom: 1, minZoom: 0.4 }} zoomOnDoubleClick={false} edgesFocusable={false} connectionRadius={30} {...more}>
        <Background gap={20} size={1} />
        <Controls showInteractive={false} position="bottom-left" />
        <Minimap nodes={shape} />
        {drop && <ViewportPortal><div className="cv-drop" style={{ transform: `translate(${drop.x}px, ${drop.y - 1}px)`, width: drop.width }} /></ViewportPortal>}
        {children}
      </ReactFlow>
    </Actions.Provider>
  );
}

export { ReactFlowProvider };
