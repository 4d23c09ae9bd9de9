// The steps of the job of a flow on a canvas, with the state, the duration and the cost of each. It is loaded when the user opens it.
import type { NodeChange } from "@xyflow/react";
import { type KeyboardEvent, type ReactNode, useMemo, useState } from "react";
import type { JobStepRead } from "../../../clients/typescript/src/generated";
import { countsOf, Status, took } from "../flow/step_facts";
import { usd } from "../format";
import { type Actions, drawn, edgesOf, type FlowNode, Graph, pairsOf, ReactFlowProvider } from "./graph";
import { type Block, type Entry, KIND_LABELS, type Tree, walk } from "./model";

interface Props {
  steps: JobStepRead[];
  now: number;
  /** What is shown for the selected step. */
  detailsOf: (step: JobStepRead) => ReactNode;
}

export default function JobCanvas({ steps, now, detailsOf }: Props) {
  const shape = JSON.stringify(steps.map(({ name, title, kind, parent, block, reads, elements }) => [name, title, kind, parent, block, reads, Boolean(elements)]));
  const tree = useMemo(() => treeOfSteps(steps), [shape]), [chosen, setChosen] = useState<string | null>(null), byName = useMemo(() => new Map(steps.map((one) => [one.name, one])), [steps]);
  const base = useMemo(() => drawn(tree, { hasEnds: false, labelOf: () => "" }), [tree]);
  const pairs = useMemo(() => pairsOf(tree, steps.flatMap(({ name, reads }) => (reads ?? []).map((step) => ({ step, reader: name })))), [shape]);
  const nodes = useMemo(() => base.nodes.map((node) => (node.data.entry ? { ...node, selected: node.id === chosen, ariaLabel: labelOf(byName.get(node.data.entry.name)) } : node)), [base, chosen, byName]);
  const edges = useMemo(() => edgesOf(tree, pairs, { hasEnds: false, chosen: new Set(chosen === null ? [] : [chosen]) }), [tree, pairs, chosen]);
  const actions = useMemo((): Actions => ({ canWrite: false, detailOf: ({ name }) => detailOf(byName.get(name), now) }), [byName, now]);
  const step = byName.get(tree.byId.get(chosen ?? "")?.name ?? "");
  const onNodesChange = (changes: NodeChange<FlowNode>[]) => { for (const one of changes) if (one.type === "select") setChosen((before) => (one.selected ? one.id : before === one.id ? null : before)); };
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    const all = [...walk(tree.root.steps)].map(({ id }) => id), id = event.target instanceof HTMLElement ? event.target.dataset["id"] : undefined, by = STEPS_BY_KEY[event.key];
    if (!id || !(by || event.key === "Enter" || event.key === " ")) return;
    event.preventDefault();
    const next = (by && all[Math.max(0, Math.min(all.length - 1, all.indexOf(id) + by))]) || id;
    setChosen(next);
    event.currentTarget.querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(next)}"]`)?.focus();
  };
  return (
    <div className="canvas-box">
      <div className="canvas-view" role="region" aria-label="Canvas" onKeyDown={onKeyDown}>
        <div className="canvas-stage"><ReactFlowProvider><Graph label="Steps of the flow" actions={actions} shape={base.nodes} nodes={nodes} edges={edges} nodesDraggable={false} nodesConnectable={false} onNodesChange={onNodesChange} onPaneClick={() => setChosen(null)} /></ReactFlowProvider></div>
        {step && (
          <div className="canvas-side" role="region" aria-label="Step" tabIndex={0}>
            <div className="row wrap"><h2 className="grow">{step.title ?? step.name}</h2><button type="button" className="btn quiet small" onClick={() => setChosen(null)}>Close</button></div>
            <div className="row wrap"><Status status={step.status} /><span className="t3">{KIND_LABELS[step.kind] ?? step.kind}</span>{step.elements && <span className="t2">{countsOf(step.elements)}</span>}<span className="num t2">{took(step, now)}</span><span className="num">{step.cost_micros ? usd(step.cost_micros) : ""}</span></div>
            {step.error && <p className="fail-text break">{step.error}</p>}
            {detailsOf(step)}
          </div>
        )}
      </div>
    </div>
  );
}

const STEPS_BY_KEY: Record<string, number> = { ArrowDown: 1, ArrowUp: -1 };

const labelOf = (step: JobStepRead | undefined) => step && `${step.title ?? step.name}, ${KIND_LABELS[step.kind] ?? step.kind}, ${step.status}`;

function detailOf(step: JobStepRead | undefined, now: number) {
  if (!step) return null;
  const data = step.elements ? countsOf(step.elements) : step.error ?? (step.result == null ? "" : JSON.stringify(step.result).slice(0, 80));
  return { data, line: <div className="cv-run"><Status status={step.status} /><span className="grow" /><span className="num">{took(step, now)}</span><span className="num">{step.cost_micros ? usd(step.cost_micros) : ""}</span></div> };
}

/** The tree of the steps of a job, as that of a flow.yaml. */
function treeOfSteps(steps: JobStepRead[]): Tree {
  const byId = new Map<string, Entry>(), root: Block = { id: "root", label: "", owner: null, path: ["steps"], steps: [] };
  for (const { name, title, kind, elements } of steps) {
    const id = `s:${name}`;
    byId.set(id, { id, name, kind, step: { id: name, title, [kind]: "", ...(elements && { for_each: true }) }, path: [], index: 0, block: root, blocks: [] });
  }
  for (const { name, parent, block } of steps) {
    const entry = byId.get(`s:${name}`), owner = parent ? byId.get(`s:${parent}`) : null;
    if (!entry) continue;
    entry.block = owner ? blockOf(owner, block ?? "") : root;
    entry.index = entry.block.steps.push(entry) - 1;
  }
  return { root, byId };
}

function blockOf(owner: Entry, name: string): Block {
  const id = `b:${owner.id}:${name}`, index = Number(/\[(\d+)\]/.exec(name)?.[1] ?? 0) + 1;
  let found = owner.blocks.find((one) => one.id === id);
  if (!found) owner.blocks.push(found = { id, label: name === "default" ? "Otherwise" : owner.kind === "switch" ? `Case ${index}` : `Branch ${index}`, owner, path: [], steps: [] });
  return found;
}
