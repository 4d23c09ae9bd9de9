// An agent with its tools, sub-skills and MCP servers. It is loaded when the user opens it.
import { useMemo } from "react";
import type { AgentTool } from "../agent_tools";
import { usd } from "../format";
import { type Actions, type FlowEdge, Graph, nodeOf, ReactFlowProvider } from "./graph";
import { type Block, type Entry, KIND_LABELS, titleOf } from "./model";

const GAP = 24, ROW = 116, WIDTH = 248;

/** How often a job has called the model or a tool, and the cost. */
interface Calls {
  calls?: number;
  failed?: number;
  tokens?: number;
  cost?: number;
}

/** A node: the agent itself, or one of its tools. */
interface Part extends AgentTool, Calls {
  id: string;
}

interface Props {
  name: string;
  model: Calls & { name: string };
  tools: (AgentTool & Calls)[];
  columns?: number;
}

const NO_BLOCK: Block = { id: "root", label: "", owner: null, path: [], steps: [] };

export default function AgentGraph({ name, model, tools, columns = 4 }: Props) {
  const parts = useMemo((): Part[] => [{ ...model, id: "agent", name, kind: "agent", hint: model.name }, ...tools.map((one, index) => ({ ...one, id: `t:${index}` }))], [name, model, tools]);
  const nodes = useMemo(() => parts.map((one, index) => {
    const at = index - 1, row = Math.floor(at / columns), inRow = Math.min(columns, tools.length - row * columns);
    const x = index ? ((at % columns) - (inRow - 1) / 2) * (WIDTH + GAP) : 0, entry: Entry = { id: one.id, name: one.name, kind: one.kind, step: { title: one.name, [one.kind]: one.hint }, path: [], index, block: NO_BLOCK, blocks: [] };
    return nodeOf({ id: one.id, type: "step", parentId: undefined, x: x - WIDTH / 2, y: index ? ROW * (row + 1) + GAP : 0, entry }, { ariaLabel: [titleOf(entry), KIND_LABELS[one.kind], factsOf(one)].filter(Boolean).join(", ") });
  }), [parts, columns]);
  const edges = useMemo(() => tools.map((_, index): FlowEdge => ({ id: `e:${index}`, source: "agent", target: `t:${index}`, sourceHandle: "source bottom", targetHandle: "target top", className: "cv-next", focusable: false, selectable: false })), [tools]);
  const actions = useMemo((): Actions => {
    const byId = new Map(parts.map((one) => [one.id, one]));
    return { canWrite: false, detailOf: ({ id }) => lineOf(byId.get(id)) };
  }, [parts]);
  return (
    <div className="canvas-box"><div className="canvas-view" role="region" aria-label="Graph"><div className="canvas-stage">
      <ReactFlowProvider><Graph label="Tools of the agent" actions={actions} shape={nodes} nodes={nodes} edges={edges} nodesDraggable={false} nodesConnectable={false} elementsSelectable={false} /></ReactFlowProvider>
    </div></div></div>
  );
}

const lineOf = (part: Part | undefined) => (part?.calls === undefined ? null : { line: <div className="cv-run"><span className="grow">{factsOf(part)}</span><span className="num">{part.cost ? usd(part.cost) : ""}</span></div> });

const counted = (count: number, one: string, many: string) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

function factsOf({ kind, calls, failed, tokens }: Part) {
  if (calls === undefined) return "";
  return [kind === "agent" ? counted(calls, "reply", "replies") : counted(calls, "call", "calls"), failed && `${failed} failed`, tokens && counted(tokens, "token", "tokens")].filter(Boolean).join(", ");
}
