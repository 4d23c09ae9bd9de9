// The canvas of a flow.yaml in the editor. It is loaded when the user opens it.
import { useReactFlow } from "@xyflow/react";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { callApi } from "../api";
import { Broken } from "../editor/broken";
import { useYamlEdits } from "../editor/yaml_edits";
import { drawn, edgesOf, Graph, pairsOf, ReactFlowProvider } from "./graph";
import { Guard } from "./guard";
import { slotAt } from "./layout";
import { copiesOf, isObject, KIND_LABELS, namesAt, newStep, rebased, titleOf, treeOf, walk } from "./model";
import { ConnectForm, InputsView, Palette, ResultForm, StepForm } from "./panel";
import { useSkills } from "./skills";

const ONCE = 20; // edits in one request
const PLACES = "x-canvas", NUDGE = 20, MOVED = 8, MAX_OFFSET = 100_000, COLUMN = 40; // pixels
const NONE = new Set(), NO_OFFSETS = {};
const isTyping = (event) => /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);

export default function Canvas(props) {
  return <ReactFlowProvider><FlowCanvas {...props} /></ReactFlowProvider>;
}

/** The canvas of the text of the flow at `path`. `replace(text)` writes the text of the editor, `onPending(promise)` gets each edit in
 *  progress, `onCode(line)` opens the text, `onInputs(path)` the form of the skill. */
function FlowCanvas({ text, path, problems, draft, project, csrf, canWrite, replace, onPending, onCode, onInputs }) {
  const { found, failure, edit, undo, redo } = useYamlEdits("/v1/flow-yaml/edit", { text, project, csrf, replace, onPending });
  const { isLoaded, own, skills } = useSkills({ draft, path, project, csrf }), packs = useOtherSkills(project);
  if (!found || !isLoaded) return failure ? <div className="note line-note" data-s="fail" role="alert">{failure}</div> : <p className="skeleton pad">Loading canvas…</p>;
  if (!found.document) return <div className="scroll design" tabIndex={0} role="region" aria-label="Canvas"><Broken problems={found.problems} onCode={onCode} /></div>;
  const facts = { inputs: own?.input_schema, outputs: own?.output_schema, skills };
  return <Stage {...{ document: found.document, references: found.references, failure, edit, undo, redo, facts, packs, problems, canWrite, onCode }} onInputs={own ? () => onInputs(`${own.path}/skill.yaml`) : null} />;
}

/** The names of the active skills of other packs. */
function useOtherSkills(project) {
  const [names, setNames] = useState([]);
  useEffect(() => { callApi("GET", "/v1/skills", { project }).then((all) => setNames(all.map((one) => one.full_name).filter(Boolean)), () => {}); }, [project]);
  return names;
}

let copied = []; // for the buttons; the clipboard of the browser has the same

function Stage({ document, references, failure, edit: send, undo, redo, facts, packs, problems, canWrite, onCode, onInputs }) {
  const tree = useMemo(() => treeOf(document), [document]), flow = useReactFlow(), box = useRef(null);
  const edit = (edits) => send((newest) => (newest === document ? edits : rebased(edits, tree, newest)));
  const [chosen, setChosen] = useState(NONE), [adding, setAdding] = useState(null), [link, setLink] = useState(null), [moved, setMoved] = useState(null), [drop, setDrop] = useState(null);
  const offsets = isObject(document[PLACES]) ? document[PLACES] : NO_OFFSETS, layout = useMemo(() => drawn(tree, { canDrag: canWrite, labelOf, offsets }), [tree, canWrite, offsets]), taken = useMemo(() => new Set([...walk(tree.root.steps)].map(({ name }) => name)), [tree]);
  const nodes = useNodes(layout.nodes, chosen, moved), pairs = useMemo(() => pairsOf(tree, references), [tree, references]), edges = useMemo(() => edgesOf(tree, pairs, { chosen }), [tree, pairs, chosen]);
  const only = chosen.size === 1 ? [...chosen][0] : null, entry = tree.byId.get(only), place = adding ?? placeAfter(tree, only);
  const choose = useCallback((id) => { setChosen(id ? new Set([id]) : NONE); setAdding(null); setLink(null); }, []);
  const focus = (id) => { choose(id); reveal(flow, layout.nodes, id, box); };
  const insert = async (at, values) => {
    for (let index = 0; index < values.length; index += ONCE) if (!(await edit(values.slice(index, index + ONCE).map((value, more) => ({ op: "insert_step", path: at.path, index: at.index + index + more, value }))))) return;
    setChosen(new Set(values.map(({ id }) => `s:${id}`)));
    setAdding(null);
  };
  const add = (kind, skill, at = place) => insert(at, [newStep(kind, { taken, names: namesAt(tree, { step: {}, ...at, block: blockAt(tree, at.path) }, facts), skills: facts.skills, skill })]);
  const outer = () => { const all = [...walk(tree.root.steps)].filter(({ id }) => chosen.has(id)); return all.filter((one) => !all.some((other) => other !== one && other.path.every((key, index) => one.path[index] === key))); };
  const remove = async () => { const gone = outer().toReversed(), next = gone.at(-1) && neighbor(tree, gone.at(-1)); for (let index = 0; index < gone.length; index += ONCE) await edit(gone.slice(index, index + ONCE).map(({ path }) => ({ op: "remove_step", path }))); choose(next); };
  const copy = () => { copied = outer().map(({ step }) => step); return copied; };
  const paste = (values = copied) => values.length && insert(place, copiesOf(values, taken));
  const move = (by) => { if (entry) edit([{ op: "move_step", path: entry.path, to: entry.block.path, index: Math.max(0, Math.min(entry.block.steps.length - 1, entry.index + by)) }]); };
  const shift = (one, by) => one?.name && !one.block.owner && edit([{ op: "set", path: [PLACES, one.name], value: by.map((pixels, index) => Math.round(Math.max(-MAX_OFFSET, Math.min(MAX_OFFSET, (offsets[one.name]?.[index] ?? 0) + pixels)))) }]);
  const tidyUp = () => edit([{ op: "remove", path: [PLACES] }]);
  const stepTo = (by) => { const all = ["inputs", ...[...walk(tree.root.steps)].map(({ id }) => id), "output"], at = all.indexOf(only); focus(all[Math.max(0, Math.min(all.length - 1, at < 0 ? 0 : at + by))]); };
  const onKeyDown = (event) => {
    if (isTyping(event)) return;
    const isCommand = event.ctrlKey || event.metaKey, key = event.key.toLowerCase();
    const onNode = event.target.classList?.contains("react-flow__node") ? event.target.dataset.id : null;
    const nudge = event.shiftKey && !isCommand && canWrite && entry && { arrowleft: [-NUDGE, 0], arrowright: [NUDGE, 0], arrowup: [0, -NUDGE], arrowdown: [0, NUDGE] }[key];
    const does = nudge ? () => shift(entry, nudge) : isCommand ? { z: event.shiftKey ? redo : undo, y: redo, d: canWrite && (() => { copy(); paste(); }), a: () => setChosen(new Set(tree.byId.keys())) }[key]
      : { arrowdown: () => (event.altKey ? canWrite && move(1) : stepTo(1)), arrowup: () => (event.altKey ? canWrite && move(-1) : stepTo(-1)), delete: canWrite && remove, backspace: canWrite && remove, insert: canWrite && (() => setAdding(place)), escape: () => choose(null), ...((onNode && { enter: () => (onNode === only ? box.current.querySelector(".canvas-side :is(input, textarea, select)")?.focus() : choose(onNode)), " ": () => choose(onNode) }) || {}) }[key];
    if (does) { event.preventDefault(); does(); }
  };
  const onClip = (event) => {
    if (isTyping(event) || (event.type !== "paste" && !outer().length)) return;
    if (event.type === "paste") { const values = pastedFrom(event.clipboardData.getData("text/plain")); if (values.length && canWrite) { event.preventDefault(); paste(values); } return; }
    event.clipboardData.setData("text/plain", JSON.stringify({ steps: copy() }, null, 2));
    event.preventDefault();
    if (event.type === "cut" && canWrite) remove();
  };
  const slotOf = (event, one) => slotAt(layout.slots, flow.screenToFlowPosition(pointOf(event)), one);
  // Where a dragged step would be inserted; null if it stays in its order, so that only its place changes.
  const reorderOf = (event, one) => {
    const slot = slotOf(event, one), { x } = flow.screenToFlowPosition(pointOf(event));
    if (!one || one.block.owner || slot.block.owner) return slot;
    const isOutside = x < slot.x - COLUMN || x > slot.x + slot.width + COLUMN;
    return isOutside || slot.index === one.index ? null : slot;
  };
  const actions = useMemo(() => ({ canWrite, placeAfter: (id) => placeAfter(tree, id), onAdd: (at) => { setAdding(at); setLink(null); }, onRemoveBlock: (block) => edit([{ op: "remove_step", path: block.parts }]),
    onAddBlock: ({ path, kind, step }) => edit([{ op: "insert_step", path: [...path, kind], index: step[kind].length, value: kind === "switch" ? { when: true, steps: [] } : { steps: [] } }]), detailOf: (one) => ({ badge: badgeOf(one, problems) }) }), [tree, problems, canWrite]);
  const onNodesChange = (changes) => {
    const picks = changes.filter(({ type }) => type === "select"), place_ = changes.find(({ type, dragging }) => type === "position" && dragging);
    if (picks.length) { setAdding(null); setLink(null); setChosen((before) => { const next = new Set(before); for (const { id, selected } of picks) if (selected) next.add(id); else next.delete(id); return next; }); }
    if (place_?.position) setMoved({ id: place_.id, position: place_.position });
  };
  const onDragStop = async (event, node) => {
    const one = tree.byId.get(node.id), slot = reorderOf(event, one), from = layout.nodes.find(({ id }) => id === node.id)?.position, by = from && [node.position.x - from.x, node.position.y - from.y];
    setDrop(null);
    if (one && by && Math.hypot(...by) >= MOVED) await (slot ? edit([{ op: "move_step", path: one.path, to: slot.block.path, index: slot.index }]) : shift(one, by));
    setMoved(null);
  };
  return (
    <div className="canvas-box"><div className="canvas" ref={box} role="region" aria-label="Canvas" onKeyDown={onKeyDown} onCopy={onClip} onCut={onClip} onPaste={onClip}>
      <div className="canvas-main">
        <div className="row wrap canvas-bar" role="toolbar" aria-label="Canvas actions">
          {canWrite && <><button type="button" className="btn small" onClick={() => setAdding(place)}>Add step</button>
            <button type="button" className="btn quiet small" disabled={!undo} onClick={() => undo()}>Undo</button><button type="button" className="btn quiet small" disabled={!redo} onClick={() => redo()}>Redo</button>
            <button type="button" className="btn quiet small" disabled={!outer().length} onClick={copy}>Copy</button><button type="button" className="btn quiet small" onClick={() => paste()}>Paste</button>
            <button type="button" className="btn quiet small" disabled={!entry || entry.index === 0} onClick={() => move(-1)}>Move up</button><button type="button" className="btn quiet small" disabled={!entry || entry.index === entry.block.steps.length - 1} onClick={() => move(1)}>Move down</button>
            <button type="button" className="btn quiet small" disabled={!outer().length} onClick={remove}>Delete</button></>}
          <span className="grow" />{canWrite && <button type="button" className="btn quiet small" disabled={offsets === NO_OFFSETS} title="Arrange all steps automatically" onClick={tidyUp}>Tidy up</button>}<button type="button" className="btn quiet small" onClick={() => flow.fitView({ padding: 0.15, maxZoom: 1 })}>Fit</button>
        </div>
        {failure && <div className="note line-note" data-s="fail" role="alert">{failure}</div>}
        {!tree.root.steps.length && <p className="t2 canvas-hint" role="note">No steps yet. {canWrite ? "Choose the first one in the list, or drag it to the canvas." : ""}</p>}
        <div className="canvas-stage" onDragOver={(event) => { if (canWrite && event.dataTransfer.types.includes("application/x-puras-step")) { event.preventDefault(); setDrop(slotOf(event)); } }} onDragLeave={() => setDrop(null)}
          onDrop={(event) => { const value = event.dataTransfer.getData("application/x-puras-step"); if (!value) return; event.preventDefault(); const { block, index } = slotOf(event), { kind, skill } = JSON.parse(value); setDrop(null); add(kind, skill, { path: block.path, index }); }}>
          <Graph label="Steps of the flow" actions={actions} shape={layout.nodes} nodes={nodes} edges={edges} drop={drop} nodesDraggable={canWrite} nodesConnectable={canWrite} onNodesChange={onNodesChange} onPaneClick={() => choose(null)}
            onNodeDrag={(event, node) => setDrop(reorderOf(event, tree.byId.get(node.id)))} onNodeDragStop={onDragStop} isValidConnection={({ source, target }) => source !== target && target !== "inputs"} onConnect={({ source, target }) => { setChosen(new Set([target])); setAdding(null); setLink({ from: source, to: target }); }} />
        </div>
      </div>
      <div className="canvas-side" role="region" aria-label="Properties" tabIndex={0}><Guard key={only} onCode={onCode}>
        {link ? <ConnectForm key={`${link.from} ${link.to}`} {...link} {...{ tree, facts, document, edit }} onDone={() => setLink(null)} />
          : adding || !only ? (canWrite ? <Palette place={adding} skills={[...facts.skills]} onAdd={add} onCancel={() => setAdding(null)} /> : <p className="t2">Select a step.</p>)
            : entry ? <StepForm key={entry.id} {...{ tree, entry, facts, problems, canWrite, edit, onCode, packs }} onRenamed={(id) => choose(`s:${id}`)} />
              : only === "output" ? <ResultForm {...{ document, tree, facts, problems, canWrite, edit }} /> : <InputsView schema={facts.inputs} onEdit={onInputs} />}
      </Guard></div>
    </div></div>
  );
}

/** Where the pointer is on the screen. The last event of a touch has only the finger that was lifted. */
function pointOf(event) {
  const { clientX: x, clientY: y } = event.changedTouches?.[0] ?? event;
  return { x, y };
}

const labelOf = (entry, id) => (entry ? `${titleOf(entry)}, ${KIND_LABELS[entry.kind] ?? "empty step"}` : KIND_LABELS[id]);

/** The nodes with the selection and the position of a dragged one. Unchanged nodes stay the same objects. */
function useNodes(nodes, chosen, moved) {
  const former = useRef(new Map());
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

function badgeOf(entry, problems) {
  const count = problems.filter(({ keys, severity }) => severity === "error" && entry.path.every((key, index) => keys?.[index] === key)).length;
  return count ? <span className="cv-problem" title={`${count} problems`} aria-label={`${count} problems`} role="img">▲</span> : null;
}

const blockAt = (tree, path) => (path.length === 1 ? tree.root : [...walk(tree.root.steps)].flatMap(({ blocks }) => blocks).find((block) => block.path.join(".") === path.join(".")));

function placeAfter(tree, id) {
  const entry = tree.byId.get(id);
  return entry ? { path: entry.block.path, index: entry.index + 1 } : { path: ["steps"], index: id === "inputs" ? 0 : tree.root.steps.length };
}

const neighbor = (tree, { block, index }) => (block.steps[index + 1] ?? block.steps[index - 1] ?? block.owner)?.id ?? null;

/** The steps of a pasted text: a list of steps, or an object with them. */
function pastedFrom(text) {
  try {
    const value = JSON.parse(text), steps = Array.isArray(value) ? value : value.steps;
    return Array.isArray(steps) ? steps.filter((one) => one !== null && typeof one === "object" && typeof one.id === "string") : [];
  } catch { return []; }
}

/** Show a node, and move the focus to it. */
function reveal(flow, nodes, id, box) {
  const node = flow.getInternalNode(id), known = nodes.find((one) => one.id === id);
  if (!node || !known) return;
  const { x, y } = node.internals.positionAbsolute, { zoom } = flow.getViewport(), top = flow.flowToScreenPosition({ x, y }), stage = box.current.querySelector(".canvas-stage").getBoundingClientRect();
  if (top.x < stage.left || top.y < stage.top || top.x + known.width * zoom > stage.right || top.y + 70 * zoom > stage.bottom) flow.setCenter(x + known.width / 2, y + 40, { zoom });
  const focus = (left) => requestAnimationFrame(() => { const found = box.current?.querySelector(`.react-flow__node[data-id="${CSS.escape(id)}"]`); if (found) found.focus({ preventScroll: true }); else if (left) focus(left - 1); });
  focus(10);
}
