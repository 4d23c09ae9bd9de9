// The drawing of a flow with React Flow: nodes, edges, minimap and zoom. The editor and the page of a job use it.
import { Background, Controls, type Edge, Handle, type Node, type NodeHandle, type NodeProps, Position, ReactFlow, type ReactFlowProps, ReactFlowProvider, type ReactFlowState, type SmoothStepEdgeProps, useStore, ViewportPortal } from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import { createContext, memo, type ReactNode, useContext } from "react";
import type { FlowReferenceRead } from "../../../clients/typescript/src/generated";
import type { Mapping } from "../editor/yaml_values";
import "./canvas.css";
import { type Drop, layoutOf, type Placed, type Slot, STEP } from "./layout";
import { Minimap } from "./minimap";
import { type Block, type Entry, KIND_LABELS, type StepPlace, summaryOf, titleOf, type Tree } from "./model";

/** A node of React Flow: of a step, of a block, or of an end of the flow, which has no data. */
export type FlowNode = Node<{ entry?: Entry; block?: Block }>;

/** An edge of React Flow. */
export type FlowEdge = Edge & Pick<SmoothStepEdgeProps, "pathOptions">;

/** Two nodes, of which the target reads the result of the source. */
interface Pair {
  source: string;
  target: string;
}

/** What a node shows of its step, apart from its kind and its title. */
interface Detail {
  badge?: ReactNode;
  /** Instead of what the step does. */
  data?: string;
  line?: ReactNode;
}

/** What nodes show and do apart from their data. It changes rarely. */
export interface Actions {
  canWrite: boolean;
  detailOf: (entry: Entry) => Detail | null;
  /** What the inputs or the result show in addition to their label. */
  badgeOfEnd?: (id: string) => ReactNode;
  /** Present if the user `canWrite`. */
  edits?: {
    placeAfter: (id: string) => StepPlace;
    onAdd: (at: StepPlace) => void;
    onAddBlock: (entry: Entry) => void;
    onRemoveBlock: (block: Block) => void;
  };
}

/** Below this zoom, only titles are drawn. */
export const FAR = 0.3;
/** How the whole flow is fitted into the canvas. */
export const FITTED = { padding: 0.15, maxZoom: 1 };
const FAR_OF_MANY = 0.55, MANY = 150;

const ActionsContext = createContext<Actions>({ canWrite: false, detailOf: () => null });

const handle = (type: NodeHandle["type"], position: Position, x: number, y: number): NodeHandle => ({ id: `${type} ${position}`, type, position, x, y, width: 1, height: 1 });
const handlesOf = ({ type, width, height }: Pick<Placed, "type" | "width" | "height">) => {
  if (type === "block") return [];
  const line = type === "group" ? 22 : height / 2;
  return [
    handle("target", Position.Top, width / 2, 0), handle("source", Position.Bottom, width / 2, height),
    handle("target", Position.Right, width, line - 9), handle("source", Position.Right, width, line + 9),
  ];
};

/** A node of React Flow. */
export function nodeOf({ x, y, entry, block, ...node }: Omit<Placed, "width" | "height"> & Partial<Placed>, more: Partial<FlowNode>): FlowNode {
  const size = { width: node.width ?? STEP.width, height: node.height ?? STEP.height }, own = { ...node, ...size };
  return { ...own, position: { x, y }, handles: handlesOf(own), measured: size, data: { entry, block }, ...more };
}

interface Drawing {
  hasEnds?: boolean;
  canDrag?: boolean;
  /** The label of a node for screen readers. */
  labelOf: (entry: Entry | undefined, id: string) => string | undefined;
  /** The distances of steps from their automatic places, by name. */
  offsets?: Mapping;
}

/** The nodes of a tree for React Flow, and the places of its blocks. */
export function drawn(tree: Tree, { hasEnds = true, canDrag = false, labelOf, offsets = {} }: Drawing): { nodes: FlowNode[]; slots: Slot[] } {
  const { nodes, slots } = layoutOf(tree, { hasEnds });
  return {
    slots,
    nodes: nodes.map((node) => nodeOf(shifted(node, offsets), {
      draggable: canDrag && Boolean(node.entry), selectable: node.type !== "block", focusable: node.type !== "block", connectable: node.type !== "block",
      dragHandle: node.type === "group" ? ".cv-head" : undefined, ariaLabel: labelOf(node.entry, node.id),
    })),
  };
}

/** A node at the place to which the user has dragged it. Only steps outside of blocks have such a place. */
function shifted(node: Placed, offsets: Mapping): Placed {
  const offset = node.entry && !node.entry.block.owner ? offsets[node.entry.name] : null;
  return isOffset(offset) ? { ...node, x: node.x + offset[0], y: node.y + offset[1] } : node;
}

const isOffset = (value: unknown): value is [number, number] => Array.isArray(value) && value.length === 2 && value.every(Number.isInteger);

/** The edges of a tree: from each step to the next one, and from each step to those that read its result. */
export function edgesOf(tree: Tree, pairs: Pair[], { hasEnds = true, chosen }: { hasEnds?: boolean; chosen: Set<string> }): FlowEdge[] {
  const edges: FlowEdge[] = [], next = (source: string, target: string) => edges.push({ id: `n:${source}:${target}`, source, target, sourceHandle: "source bottom", targetHandle: "target top", className: "cv-next", focusable: false, selectable: false });
  const chain = (ids: string[]) => ids.slice(1).forEach((id, index) => next(ids[index]!, id));
  const lists = [tree.root, ...[...tree.byId.values()].flatMap((entry) => entry.blocks)];
  for (const list of lists) chain(hasEnds && list === tree.root ? ["inputs", ...list.steps.map(({ id }) => id), "output"] : list.steps.map(({ id }) => id));
  for (const { source, target } of pairs) {
    const isChosen = chosen.has(source) || chosen.has(target);
    if (source === "inputs" && !isChosen) continue; // nearly every step reads the inputs
    edges.push({ id: `r:${source}:${target}`, source, target, sourceHandle: "source right", targetHandle: "target right", type: "smoothstep", pathOptions: { offset: 22, borderRadius: 10 }, className: isChosen ? "cv-data cv-chosen" : "cv-data", focusable: false, selectable: false });
  }
  return edges;
}

/** The pairs of nodes of which one reads the result of the other, each once. */
export function pairsOf(tree: Tree, references: Pick<FlowReferenceRead, "step" | "reader">[]): Pair[] {
  const idOf = (name: string | null, other: string) => (name === null ? other : tree.byId.has(`s:${name}`) ? `s:${name}` : null), pairs = new Map<string, Pair>();
  for (const { step, reader } of references) {
    const source = idOf(step, "inputs"), target = idOf(reader, "output");
    if (source && target && source !== target) pairs.set(`${source} ${target}`, { source, target });
  }
  return [...pairs.values()];
}

/** The ends of lines, which React Flow measures, and the dots with which users connect nodes. */
function Dots({ type, canConnect = false }: { type?: string; canConnect?: boolean }) {
  return (
    <>
      <i className="cv-end target" data-handleid="target top" data-handlepos="top" />
      <i className="cv-end source" data-handleid="source bottom" data-handlepos="bottom" />
      {type !== "inputs" && (canConnect ? <Handle type="target" id="target right" position={Position.Right} className="cv-in" /> : <i className="cv-end cv-in target" data-handleid="target right" data-handlepos="right" />)}
      {type !== "output" && (canConnect ? <Handle type="source" id="source right" position={Position.Right} className="cv-out" /> : <i className="cv-end cv-out source" data-handleid="source right" data-handlepos="right" />)}
    </>
  );
}

const isFar = ({ transform, nodes }: ReactFlowState) => transform[2] < (nodes.length > MANY ? FAR_OF_MANY : FAR);

const StepNode = memo(function StepNode({ id, data: { entry } }: NodeProps<FlowNode>) {
  const { canWrite } = useContext(ActionsContext), far = useStore(isFar);
  if (!entry) return null;
  if (far) return <><Dots /><Title entry={entry} /></>;
  return <><Dots canConnect={canWrite} /><Face entry={entry} /><After id={id} label={entry.name} /></>;
});

const GroupNode = memo(function GroupNode({ id, data: { entry } }: NodeProps<FlowNode>) {
  const { edits, canWrite } = useContext(ActionsContext), far = useStore(isFar);
  if (!entry) return null;
  if (far) return <><Dots /><div className="cv-head"><Title entry={entry} /></div></>;
  return (
    <>
      <Dots canConnect={canWrite} />
      <div className="cv-head"><Face entry={entry} />{edits && <button type="button" className="btn small nodrag" onClick={() => edits.onAddBlock(entry)}>{entry.kind === "switch" ? "Add case" : "Add branch"}</button>}</div>
      <After id={id} label={entry.name} />
    </>
  );
});

const BlockNode = memo(function BlockNode({ data: { block } }: NodeProps<FlowNode>) {
  const { edits } = useContext(ActionsContext), far = useStore(isFar);
  if (far || !block) return null;
  const owner = block.owner?.name ?? "";
  return (
    <div className="cv-block-head">
      <span className="cut grow" title={block.label}>{block.label}</span>
      {edits && block.canRemove && <button type="button" className="cv-mini nodrag" aria-label={`Remove ${block.label} of ${owner}`} onClick={() => edits.onRemoveBlock(block)}>✕</button>}
      {edits && <button type="button" className="cv-mini nodrag" aria-label={`Add step to ${block.label} of ${owner}`} onClick={() => edits.onAdd({ path: block.path, index: 0 })}>+</button>}
    </div>
  );
});

const EndNode = memo(function EndNode({ id }: NodeProps<FlowNode>) {
  const { canWrite, badgeOfEnd } = useContext(ActionsContext);
  return <><Dots type={id} canConnect={canWrite} /><span className="strong">{KIND_LABELS[id]} {badgeOfEnd?.(id)}</span>{id === "inputs" && <After id={id} label="the inputs" />}</>;
});

/** What is shown of a step from far away. */
function Title({ entry }: { entry: Entry }) {
  const { detailOf } = useContext(ActionsContext);
  return <div className="cv-far" data-kind={entry.kind}><span className="cut">{titleOf(entry)}</span>{detailOf(entry)?.badge}</div>;
}

/** A button below a node that adds a step after it. */
function After({ id, label }: { id: string; label: string }) {
  const { edits } = useContext(ActionsContext);
  return edits ? <button type="button" className="cv-plus nodrag" tabIndex={-1} aria-label={`Add step after ${label}`} onClick={(event) => { event.stopPropagation(); edits.onAdd(edits.placeAfter(id)); }}>+</button> : null;
}

function Face({ entry }: { entry: Entry }) {
  const { step, kind } = entry, { detailOf } = useContext(ActionsContext), isEach = step.for_each !== undefined, detail = detailOf(entry);
  return (
    <div className="cv-face" data-kind={kind} data-each={isEach || undefined}>
      <div className="row"><i className="cv-dot" aria-hidden="true" /><span className="strong cut grow">{titleOf(entry)}</span>{isEach && <span className="tag">for each</span>}{detail?.badge}</div>
      <div className="row t2"><span className="cut grow"><span className="t3">{KIND_LABELS[kind] ?? "Empty step"}</span> <span className="mono" title={detail?.data}>{detail?.data ?? summaryOf(entry)}</span></span></div>
      {detail?.line}
    </div>
  );
}

const NODES = { step: StepNode, group: GroupNode, block: BlockNode, end: EndNode };

interface GraphProps extends ReactFlowProps<FlowNode, FlowEdge> {
  label: string;
  actions: Actions;
  /** The nodes without selection, for the minimap. */
  shape: FlowNode[];
  /** Where a dragged step would be inserted. */
  drop?: Drop | null;
}

/** The drawing. */
export function Graph({ label, actions, shape, nodes, edges, drop, children, ...more }: GraphProps) {
  return (
    <ActionsContext.Provider value={actions}>
      <ReactFlow aria-label={label} nodes={nodes} edges={edges} nodeTypes={NODES} onlyRenderVisibleElements disableKeyboardA11y deleteKeyCode={null} elevateNodesOnSelect={false} minZoom={0.05} maxZoom={1.6}
        fitView fitViewOptions={{ ...FITTED, minZoom: 0.4 }} zoomOnDoubleClick={false} edgesFocusable={false} connectionRadius={30} {...more}>
        <Background gap={20} size={1} />
        <Controls showInteractive={false} position="bottom-left" />
        <Minimap nodes={shape} />
        {drop && <ViewportPortal><div className="cv-drop" style={{ transform: `translate(${drop.x}px, ${drop.y - 1}px)`, width: drop.width }} /></ViewportPortal>}
        {children}
      </ReactFlow>
    </ActionsContext.Provider>
  );
}

export { ReactFlowProvider };
