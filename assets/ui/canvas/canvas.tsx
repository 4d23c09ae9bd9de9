// The canvas of a flow.yaml in the editor. It is loaded when the user opens it.
import { getViewportForBounds, type NodeChange, type ReactFlowInstance, type ReactFlowState, useReactFlow, useStore, type XYPosition } from "@xyflow/react";
import { type ClipboardEvent, type KeyboardEvent, type RefObject, type SyntheticEvent, useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { FlowReferenceRead, SkillSummary } from "../../../clients/typescript/src/generated";
import { callApi } from "../api";
import { Broken, type OnCode } from "../editor/broken";
import type { FileProblem } from "../editor/code";
import type { LoadedDraft } from "../editor/draft";
import { type Edit, type EditedText, type FlowEdit, useYamlEdits, type Write } from "../editor/yaml_edits";
import { isMapping, listOf, type Mapping, mappingOf, type Path, startsWith } from "../editor/yaml_values";
import { type Actions, drawn, edgesOf, FAR, FITTED, type FlowEdge, type FlowNode, Graph, pairsOf, ReactFlowProvider } from "./graph";
import { Guard } from "./guard";
import { type Drop, slotAt } from "./layout";
import { type Block, copiesOf, type Entry, type Facts, KIND_LABELS, KINDS, namesAt, newStep, rebased, resultBefore, resultsOf, type StepPlace, titleOf, type Tree, treeOf, walk } from "./model";
import { ConnectForm, type DraggedStep, InputsView, Palette, ResultForm, STEP_TYPE, StepForm } from "./panel";
import { useSkills } from "./skills";

const ONCE = 20; // edits in one request
const PLACES = "x-canvas", NUDGE = 20, MOVED = 8, MAX_OFFSET = 100_000, COLUMN = 40; // pixels
const NONE = new Set<string>(), NO_OFFSETS: Mapping = {};
const isTyping = ({ target }: SyntheticEvent) => target instanceof Element && /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);

interface Props extends EditedText {
  /** The path of the flow. */
  path: string;
  /** Those of the flow. */
  problems: FileProblem[];
  draft: LoadedDraft;
  canWrite: boolean;
  /** A problem that the user has selected: its step is selected, and then `onSelected` is called. */
  selected: FileProblem | null;
  onSelected: () => void;
  onCode: OnCode;
  /** Open the form of the skill, at the path of its skill.yaml. */
  onInputs: (path: string) => void;
}

export default function Canvas(props: Props) {
  return <ReactFlowProvider><FlowCanvas {...props} /></ReactFlowProvider>;
}

/** The canvas of the text of the flow at `path`. */
function FlowCanvas({ text, path, problems, draft, project, csrf, canWrite, replace, onPending, selected, onSelected, onCode, onInputs }: Props) {
  const { found, failure, edit, undo, redo } = useYamlEdits("/v1/flow-yaml/edit", { text, project, csrf, replace, onPending });
  const { isLoaded, own, skills } = useSkills({ draft, path, project, csrf }), packs = useOtherSkills(project);
  if (!found || !isLoaded) return failure ? <div className="note line-note" data-s="fail" role="alert">{failure}</div> : <p className="skeleton pad">Loading canvas…</p>;
  if (!found.document) return <div className="scroll design" tabIndex={0} role="region" aria-label="Canvas"><Broken problems={found.problems} onCode={onCode} /></div>;
  const facts: Facts = { inputs: own?.input_schema, outputs: own?.output_schema, skills };
  return <Stage {...{ document: found.document, references: found.references, failure, edit, undo, redo, facts, packs, problems, canWrite, selected, onSelected, onCode }} onInputs={own ? () => onInputs(`${own.path}/skill.yaml`) : null} />;
}

/** The names of the active skills of other packs. */
function useOtherSkills(project: string) {
  const [names, setNames] = useState<string[]>([]);
  useEffect(() => { callApi<SkillSummary[]>("GET", "/v1/skills", { project }).then((all) => setNames(all.map((one) => one.full_name).filter(Boolean)), () => {}); }, [project]);
  return names;
}

let copied: Mapping[] = []; // for the buttons; the clipboard of the browser has the same

interface StageProps extends Pick<Props, "problems" | "canWrite" | "selected" | "onSelected" | "onCode"> {
  /** The values of the flow.yaml. */
  document: Mapping;
  references: FlowReferenceRead[];
  failure: string;
  edit: Edit<FlowEdit>;
  undo: (() => void) | null;
  redo: (() => void) | null;
  facts: Facts;
  packs: string[];
  onInputs: (() => void) | null;
}

/** What a key does; it is not handled if there is nothing to do. */
type Does = (() => unknown) | false | null | undefined;

function Stage({ document, references, failure, edit: send, undo, redo, facts, packs, problems, canWrite, selected, onSelected, onCode, onInputs }: StageProps) {
  const tree = useMemo(() => treeOf(document), [document]), flow = useReactFlow<FlowNode, FlowEdge>(), box = useRef<HTMLDivElement>(null);
  const edit: Write<FlowEdit> = (edits) => send((newest) => (newest === document ? edits : rebased(edits, tree, newest)));
  const [chosen, setChosen] = useState(NONE), [adding, setAdding] = useState<StepPlace | null>(null), [link, setLink] = useState<{ from: string; to: string } | null>(null), [moved, setMoved] = useState<Moved | null>(null), [drop, setDrop] = useState<Drop | null>(null);
  const offsets = isMapping(document[PLACES]) ? document[PLACES] : NO_OFFSETS, layout = useMemo(() => drawn(tree, { canDrag: canWrite, labelOf, offsets }), [tree, canWrite, offsets]), taken = useMemo(() => new Set([...walk(tree.root.steps)].map(({ name }) => name)), [tree]);
  useRefit(flow);
  const nodes = useNodes(layout.nodes, chosen, moved), pairs = useMemo(() => pairsOf(tree, references), [tree, references]), edges = useMemo(() => edgesOf(tree, pairs, { chosen }), [tree, pairs, chosen]);
  const only = chosen.size === 1 ? [...chosen][0] ?? null : null, entry = tree.byId.get(only ?? ""), place = adding ?? placeAfter(tree, only);
  const choose = useCallback((id: string | null) => { setChosen(id ? new Set([id]) : NONE); setAdding(null); setLink(null); }, []);
  const focus = (id: string) => { choose(id); reveal(flow, layout.nodes, id, box); };
  useEffect(() => {
    if (!selected) return;
    const id = nodeAt(tree, selected.keys ?? []);
    if (id) focus(id); else onCode(selected.line);
    onSelected();
  }, [selected]);
  const insert = async (at: StepPlace, values: Mapping[], more: FlowEdit[] = []) => {
    const edits: FlowEdit[] = [...values.map((value, index): FlowEdit => ({ op: "insert_step", path: at.path, index: at.index + index, value })), ...more];
    for (let index = 0; index < edits.length; index += ONCE) if (!(await edit(edits.slice(index, index + ONCE)))) return;
    setChosen(new Set(values.map(({ id }) => `s:${String(id)}`)));
    setAdding(null);
  };
  const add = async ({ kind, skill }: DraggedStep, at = place) => {
    const block = blockAt(tree, at.path), step = newStep(kind, { taken, names: namesAt(tree, { step: {}, index: at.index, block }, facts), skills: facts.skills, skill, shown: resultBefore(block, at.index) });
    await insert(at, [step], block.owner ? [] : resultsOf(document, step, facts));
  };
  const outer = () => { const all = [...walk(tree.root.steps)].filter(({ id }) => chosen.has(id)); return all.filter((one) => !all.some((other) => other !== one && startsWith(one.path, other.path))); };
  const remove = async () => { const gone = outer().toReversed(), last = gone.at(-1), next = last ? neighbor(last) : null; for (let index = 0; index < gone.length; index += ONCE) await edit(gone.slice(index, index + ONCE).map(({ path }): FlowEdit => ({ op: "remove_step", path }))); choose(next); };
  const copy = () => { copied = outer().map(({ step }) => step); return copied; };
  const paste = (values = copied) => values.length > 0 && insert(place, copiesOf(values, taken));
  const move = (by: number) => { if (entry) edit([{ op: "move_step", path: entry.path, to: entry.block.path, index: Math.max(0, Math.min(entry.block.steps.length - 1, entry.index + by)) }]); };
  const shift = (one: Entry | undefined, by: Distance) => one?.name && !one.block.owner && edit([{ op: "set", path: [PLACES, one.name], value: by.map((pixels, index) => Math.round(Math.max(-MAX_OFFSET, Math.min(MAX_OFFSET, Number(listOf(offsets[one.name])[index] ?? 0) + pixels)))) }]);
  const tidyUp = () => edit([{ op: "remove", path: [PLACES] }]);
  const stepTo = (by: number) => { const all = ["inputs", ...[...walk(tree.root.steps)].map(({ id }) => id), "output"], at = all.indexOf(only ?? ""); focus(all[Math.max(0, Math.min(all.length - 1, at < 0 ? 0 : at + by))] ?? "inputs"); };
  const onKeyDown = (event: KeyboardEvent) => {
    if (isTyping(event)) return;
    const isCommand = event.ctrlKey || event.metaKey, key = event.key.toLowerCase(), { target } = event;
    const onNode = target instanceof HTMLElement && target.classList.contains("react-flow__node") ? target.dataset["id"] : undefined;
    const nudge = event.shiftKey && !isCommand && canWrite && entry && NUDGES[key];
    const commands: Record<string, Does> = { z: event.shiftKey ? redo : undo, y: redo, d: canWrite && (() => { copy(); paste(); }), a: () => setChosen(new Set(tree.byId.keys())) };
    const keys: Record<string, Does> = {
      arrowdown: () => (event.altKey ? canWrite && move(1) : stepTo(1)), arrowup: () => (event.altKey ? canWrite && move(-1) : stepTo(-1)), delete: canWrite && remove, backspace: canWrite && remove, insert: canWrite && (() => setAdding(place)), escape: () => choose(null),
      ...(onNode && { enter: () => (onNode === only ? box.current?.querySelector<HTMLElement>(".canvas-side :is(input, textarea, select)")?.focus() : choose(onNode)), " ": () => choose(onNode) }),
    };
    const does: Does = nudge ? () => shift(entry, nudge) : isCommand ? commands[key] : keys[key];
    if (does) { event.preventDefault(); does(); }
  };
  const onClip = (event: ClipboardEvent) => {
    if (isTyping(event) || (event.type !== "paste" && !outer().length)) return;
    if (event.type === "paste") { const values = pastedFrom(event.clipboardData.getData("text/plain")); if (values.length && canWrite) { event.preventDefault(); paste(values); } return; }
    event.clipboardData.setData("text/plain", JSON.stringify({ steps: copy() }, null, 2));
    event.preventDefault();
    if (event.type === "cut" && canWrite) remove();
  };
  const slotOf = (event: Pointed, one?: Entry) => slotAt(layout.slots, flow.screenToFlowPosition(pointOf(event)), one);
  // Where a dragged step would be inserted; null if it stays in its order, so that only its place changes.
  const reorderOf = (event: Pointed, one: Entry | undefined) => {
    const slot = slotOf(event, one), { x } = flow.screenToFlowPosition(pointOf(event));
    if (!one || one.block.owner || slot.block.owner) return slot;
    const isOutside = x < slot.x - COLUMN || x > slot.x + slot.width + COLUMN;
    return isOutside || slot.index === one.index ? null : slot;
  };
  const actions = useMemo((): Actions => ({ canWrite, detailOf: (one) => ({ badge: badgeOf(problems, one.path) }), badgeOfEnd: (id) => badgeOf(problems, [id]), ...(canWrite && { edits: {
    placeAfter: (id) => placeAfter(tree, id), onAdd: (at) => { setAdding(at); setLink(null); }, onRemoveBlock: ({ parts }) => { if (parts) edit([{ op: "remove_step", path: parts }]); },
    onAddBlock: ({ path, kind, step }) => { edit([{ op: "insert_step", path: [...path, kind], index: listOf(step[kind]).length, value: kind === "switch" ? { when: true, steps: [] } : { steps: [] } }]); },
  } }) }), [tree, problems, canWrite]);
  const onNodesChange = (changes: NodeChange<FlowNode>[]) => {
    const picks = changes.filter((one) => one.type === "select"), dragged = changes.filter((one) => one.type === "position").find(({ dragging }) => dragging);
    if (picks.length) { setAdding(null); setLink(null); setChosen((before) => { const next = new Set(before); for (const { id, selected } of picks) if (selected) next.add(id); else next.delete(id); return next; }); }
    if (dragged?.position) setMoved({ id: dragged.id, position: dragged.position });
  };
  const onDragStop = async (event: Pointed, node: FlowNode) => {
    const one = tree.byId.get(node.id), slot = reorderOf(event, one), from = layout.nodes.find(({ id }) => id === node.id)?.position, by: Distance | undefined = from && [node.position.x - from.x, node.position.y - from.y];
    setDrop(null);
    if (one && by && Math.hypot(...by) >= MOVED) await (slot ? edit([{ op: "move_step", path: one.path, to: slot.block.path, index: slot.index }]) : shift(one, by));
    setMoved(null);
  };
  return (
    <div className="canvas-box"><div className="canvas" ref={box} role="region" aria-label="Canvas" onKeyDown={onKeyDown} onCopy={onClip} onCut={onClip} onPaste={onClip}>
      <div className="canvas-main">
        <div className="row wrap canvas-bar" role="toolbar" aria-label="Canvas actions">
          {canWrite && <><button type="button" className="btn small" onClick={() => setAdding(place)}>Add step</button>
            <button type="button" className="btn quiet small" disabled={!undo} onClick={() => undo?.()}>Undo</button><button type="button" className="btn quiet small" disabled={!redo} onClick={() => redo?.()}>Redo</button>
            <button type="button" className="btn quiet small" disabled={!outer().length} onClick={copy}>Copy</button><button type="button" className="btn quiet small" onClick={() => paste()}>Paste</button>
            <button type="button" className="btn quiet small" disabled={!entry || entry.index === 0} onClick={() => move(-1)}>Move up</button><button type="button" className="btn quiet small" disabled={!entry || entry.index === entry.block.steps.length - 1} onClick={() => move(1)}>Move down</button>
            <button type="button" className="btn quiet small" disabled={!outer().length} onClick={remove}>Delete</button></>}
          <span className="grow" />{canWrite && <button type="button" className="btn quiet small" disabled={offsets === NO_OFFSETS} title="Arrange all steps automatically" onClick={tidyUp}>Tidy up</button>}<button type="button" className="btn quiet small" onClick={() => flow.fitView(FITTED)}>Fit</button>
        </div>
        {failure && <div className="note line-note" data-s="fail" role="alert">{failure}</div>}
        {!tree.root.steps.length && <p className="t2 canvas-hint" role="note">No steps yet. {canWrite ? "Choose the first one in the list, or drag it to the canvas." : ""}</p>}
        <div className="canvas-stage" onDragOver={(event) => { if (canWrite && event.dataTransfer.types.includes(STEP_TYPE)) { event.preventDefault(); setDrop(slotOf(event)); } }} onDragLeave={() => setDrop(null)}
          onDrop={(event) => { const dragged = draggedFrom(event.dataTransfer.getData(STEP_TYPE)); if (!dragged) return; event.preventDefault(); const { block, index } = slotOf(event); setDrop(null); add(dragged, { path: block.path, index }); }}>
          <Graph label="Steps of the flow" actions={actions} shape={layout.nodes} nodes={nodes} edges={edges} drop={drop} nodesDraggable={canWrite} nodesConnectable={canWrite} onNodesChange={onNodesChange} onPaneClick={() => choose(null)}
            onNodeDrag={(event, node) => setDrop(reorderOf(event, tree.byId.get(node.id)))} onNodeDragStop={onDragStop} isValidConnection={({ source, target }) => source !== target && target !== "inputs"} onConnect={({ source, target }) => { setChosen(new Set([target])); setAdding(null); setLink({ from: source, to: target }); }} />
        </div>
      </div>
      <div className="canvas-side" role="region" aria-label="Properties" tabIndex={0}><Guard key={only} onCode={onCode}>
        {link ? <ConnectForm key={`${link.from} ${link.to}`} {...link} {...{ tree, facts, document, edit }} onDone={() => setLink(null)} />
          : adding || !only ? (canWrite ? <Palette place={adding} skills={[...facts.skills]} onAdd={(kind, skill) => add({ kind, skill })} onCancel={() => setAdding(null)} /> : <p className="t2">Select a step.</p>)
            : entry ? <StepForm key={entry.id} {...{ tree, entry, facts, problems, canWrite, edit, onCode, packs }} onRenamed={(id) => choose(`s:${id}`)} />
              : only === "output" ? <ResultForm {...{ document, tree, facts, problems, canWrite, edit }} /> : <InputsView schema={facts.inputs} onEdit={onInputs} />}
      </Guard></div>
    </div></div>
  );
}

const SQUEEZED = 80; // pixels: less is a drag of the edge, which keeps what the user looks at
const SETTLING = 500; // milliseconds: a panel changes the size of the canvas in several steps, maybe of its height alone

/** Fit the flow into the canvas after a panel has opened or closed next to it, unless it is so large that only titles would be drawn. */
function useRefit(flow: ReactFlowInstance<FlowNode, FlowEdge>) {
  const { width, height } = useStore(sizeOf, isSameSize), former = useRef(0), settledAt = useRef(0);
  useEffect(() => {
    if (former.current > 0 && Math.abs(width - former.current) >= SQUEEZED) settledAt.current = performance.now() + SETTLING;
    former.current = width;
    if (performance.now() < settledAt.current && getViewportForBounds(flow.getNodesBounds(flow.getNodes()), width, height, 0, 1, FITTED.padding).zoom >= FAR) flow.fitView(FITTED);
  }, [width, height]);
}

const sizeOf = ({ width, height }: ReactFlowState) => ({ width, height }), isSameSize = (one: Size, other: Size) => one.width === other.width && one.height === other.height;

type Size = Pick<ReactFlowState, "width" | "height">;

/** The position of a node that is being dragged. */
interface Moved {
  id: string;
  position: XYPosition;
}

/** An event of a mouse, a pen or a finger. */
type Pointed = Pick<MouseEvent, "clientX" | "clientY"> | TouchEvent;

type Distance = [x: number, y: number];

/** Where the pointer is on the screen. The last event of a touch has only the finger that was lifted. */
function pointOf(event: Pointed): XYPosition {
  const { clientX: x, clientY: y } = "changedTouches" in event ? event.changedTouches[0] ?? { clientX: 0, clientY: 0 } : event;
  return { x, y };
}

const NUDGES: Record<string, Distance> = { arrowleft: [-NUDGE, 0], arrowright: [NUDGE, 0], arrowup: [0, -NUDGE], arrowdown: [0, NUDGE] };

const labelOf = (entry: Entry | undefined, id: string) => (entry ? `${titleOf(entry)}, ${KIND_LABELS[entry.kind] ?? "empty step"}` : KIND_LABELS[id]);

/** The nodes with the selection and the position of a dragged one. Unchanged nodes stay the same objects. */
function useNodes(nodes: FlowNode[], chosen: Set<string>, moved: Moved | null) {
  const former = useRef(new Map<string, { base: FlowNode; shown: FlowNode }>());
  return useMemo(() => {
    const all = nodes.map((node) => {
      const selected = chosen.has(node.id), position = moved?.id === node.id ? moved.position : node.position, before = former.current.get(node.id);
      if (before?.base === node && before.shown.selected === selected && before.shown.position === position) return before;
      return { base: node, shown: { ...node, selected, position } };
    });
    former.current = new Map(all.map((one) => [one.base.id, one]));
    return all.map(({ shown }) => shown);
  }, [nodes, chosen, moved]);
}

/** The ID of the node that shows the value at a path: of the innermost step that contains it, or of the result; null if there is none. */
function nodeAt(tree: Tree, path: Path): string | null {
  const steps = [...walk(tree.root.steps)].filter((one) => startsWith(path, one.path)).toSorted((one, other) => other.path.length - one.path.length);
  return steps[0]?.id ?? (path[0] === "output" ? "output" : null);
}

/** The numbers of problems and warnings below a path of the flow, each with a sign of its own. */
function badgeOf(problems: FileProblem[], path: Path) {
  const own = problems.filter(({ keys }) => startsWith(keys, path)), errors = own.filter((one) => one.severity === "error").length, warnings = own.filter((one) => one.severity === "warning").length;
  const sign = (count: number, noun: string, mark: string) => count > 0 && <span className="cv-problem" data-s={noun} title={`${count} ${noun}${count === 1 ? "" : "s"}`} aria-label={`${count} ${noun}${count === 1 ? "" : "s"}`} role="img">{mark}</span>;
  return <>{sign(errors, "problem", "▲")}{sign(warnings, "warning", "!")}</>;
}

const blockAt = (tree: Tree, path: Path): Block => [...walk(tree.root.steps)].flatMap(({ blocks }) => blocks).find((block) => block.path.join(".") === path.join(".")) ?? tree.root;

function placeAfter(tree: Tree, id: string | null): StepPlace {
  const entry = tree.byId.get(id ?? "");
  return entry ? { path: entry.block.path, index: entry.index + 1 } : { path: ["steps"], index: id === "inputs" ? 0 : tree.root.steps.length };
}

const neighbor = ({ block, index }: Entry) => (block.steps[index + 1] ?? block.steps[index - 1] ?? block.owner)?.id ?? null;

const valueOf = (text: string): unknown => { try { return JSON.parse(text); } catch { return null; } };

/** The steps of a pasted text: a list of steps, or an object with them. */
function pastedFrom(text: string): Mapping[] {
  const value = valueOf(text), steps = Array.isArray(value) ? value : mappingOf(value).steps;
  return listOf(steps).filter(isMapping).filter((one) => typeof one.id === "string");
}

/** The step of the data of a drag; null if it is none. */
function draggedFrom(text: string): DraggedStep | null {
  const { kind, skill } = mappingOf(valueOf(text)), known = ["for_each", ...KINDS].find((one) => one === kind);
  return known ? { kind: known, ...(typeof skill === "string" && { skill }) } : null;
}

/** Show a node, and move the focus to it. */
function reveal(flow: ReactFlowInstance<FlowNode, FlowEdge>, nodes: FlowNode[], id: string, box: RefObject<HTMLDivElement | null>) {
  const node = flow.getInternalNode(id), known = nodes.find((one) => one.id === id);
  if (!node || !known) return;
  const { x, y } = node.internals.positionAbsolute, { zoom } = flow.getViewport(), top = flow.flowToScreenPosition({ x, y }), width = known.width ?? 0, stage = box.current?.querySelector(".canvas-stage")?.getBoundingClientRect();
  if (!stage || top.x < stage.left || top.y < stage.top || top.x + width * zoom > stage.right || top.y + 70 * zoom > stage.bottom) flow.setCenter(x + width / 2, y + 40, { zoom });
  const focus = (left: number) => requestAnimationFrame(() => { const found = box.current?.querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(id)}"]`); if (found) found.focus({ preventScroll: true }); else if (left) focus(left - 1); });
  focus(10);
}
