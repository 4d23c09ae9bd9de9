// An agent with its tools, sub-skills and MCP servers. It is loaded when the user opens it.
import { useMemo } from "react";
import { usd } from "../format";
import { Graph, nodeOf, ReactFlowProvider } from "./graph";
import { KIND_LABELS, titleOf } from "./model";

const GAP = 24, ROW = 116, WIDTH = 248;

/** `tools` are `{name, kind, hint, calls, failed, cost}`; the last three are those of a job. `model` is the same for the model. */
export default function AgentGraph({ name, model, tools, columns = 4 }) {
  const nodes = useMemo(() => [{ ...model, id: "agent", title: name, kind: "agent", hint: model.name }, ...tools.map((one, index) => ({ ...one, id: `t:${index}`, title: one.name }))].map((one, index) => {
    const at = index - 1, row = Math.floor(at / columns), inRow = Math.min(columns, tools.length - row * columns);
    const x = index ? ((at % columns) - (inRow - 1) / 2) * (WIDTH + GAP) : 0, entry = { id: one.id, name: one.title, kind: one.kind, step: { title: one.title, [one.kind]: one.hint ?? "" }, blocks: [], facts: one };
    return nodeOf({ id: one.id, type: "step", x: x - WIDTH / 2, y: index ? ROW * (row + 1) + GAP : 0, entry }, { ariaLabel: [titleOf(entry), KIND_LABELS[one.kind], factsOf(one)].filter(Boolean).join(", ") });
  }), [name, model, tools, columns]);
  const edges = useMemo(() => tools.map((_, index) => ({ id: `e:${index}`, source: "agent", target: `t:${index}`, sourceHandle: "source bottom", targetHandle: "target top", className: "cv-next", focusable: false, selectable: false })), [tools]);
  const actions = useMemo(() => ({ canWrite: false, detailOf: ({ facts }) => (facts.calls === undefined ? null : { line: <div className="cv-run"><span className="grow">{factsOf(facts)}</span><span className="num">{facts.cost ? usd(facts.cost) : ""}</span></div> }) }), []);
  return (
    <div className="canvas-box"><div className="canvas-view" role="region" aria-label="Graph"><div className="canvas-stage">
      <ReactFlowProvider><Graph label="Tools of the agent" actions={actions} shape={nodes} nodes={nodes} edges={edges} nodesDraggable={false} nodesConnectable={false} elementsSelectable={false} /></ReactFlowProvider>
    </div></div></div>
  );
}

const counted = (count, one, many) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

function factsOf({ kind, calls, failed, tokens }) {
  if (calls === undefined) return "";
  const words = kind === "agent" ? ["reply", "replies"] : ["call", "calls"];
  return [counted(calls, ...words), failed && `${failed} failed`, tokens && counted(tokens, "token", "tokens")].filter(Boolean).join(", ");
}
