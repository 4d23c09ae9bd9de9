// The positions of the steps of a flow: one below the other, and the blocks of a step side by side inside it.
import type { Block, Entry, Tree } from "./model";

export const STEP = { width: 248, height: 76 };
export const END = { width: 248, height: 44 };
const GAP = 40, PAD = 16, HEAD = 60, BLOCK_HEAD = 34, EMPTY = 56;

interface Point {
  x: number;
  y: number;
}

interface Size {
  width: number;
  height: number;
}

/** A node with its place in the one that contains it. */
export interface Placed extends Point, Size {
  id: string;
  type: "end" | "step" | "group" | "block";
  parentId: string | undefined;
  /** The step of a step or a group. */
  entry?: Entry;
  block?: Block;
}

/** The absolute place of a block, and those of its steps. */
export interface Slot extends Point, Size {
  block: Block;
  places: { id: string; top: number; bottom: number }[];
}

/** Where a step would be inserted: its index in the block, and the line that shows it. */
export interface Drop extends Point {
  block: Block;
  index: number;
  width: number;
}

/** What is measured and placed so far. */
interface Layout {
  sizes: Map<string, Size>;
  nodes: Placed[];
  slots: Slot[];
}

/** The place of a list of steps: relative to the node that contains it, and absolute. */
interface ListPlace extends Size {
  parentId: string | undefined;
  dx: number;
  dy: number;
  absolute: Point;
  top: number;
}

/** `{nodes, slots}` for a tree of steps: the place of each node relative to the one that contains it, and the absolute places of blocks
 *  with those of their steps, in which a step can be dropped. */
export function layoutOf({ root }: Tree, { hasEnds = true } = {}): Pick<Layout, "nodes" | "slots"> {
  const layout: Layout = { sizes: new Map(), nodes: [], slots: [] }, { nodes, slots } = layout, list = measureList(root.steps, layout), top = hasEnds ? END.height + GAP : 0;
  if (hasEnds) nodes.push({ id: "inputs", type: "end", parentId: undefined, x: -END.width / 2, y: 0, ...END });
  const origin = { x: -list.width / 2, y: top };
  placeList(root, { parentId: undefined, dx: origin.x, dy: origin.y, absolute: origin, width: list.width, height: list.height, top: 0 }, layout);
  if (hasEnds) nodes.push({ id: "output", type: "end", parentId: undefined, x: -END.width / 2, y: top + (root.steps.length ? list.height + GAP : EMPTY), ...END });
  return { nodes, slots };
}

function measureList(steps: Entry[], layout: Layout): Size {
  const found = steps.map((one) => measure(one, layout));
  return { width: Math.max(STEP.width, ...found.map((one) => one.width)), height: found.reduce((sum, one) => sum + one.height, 0) + GAP * Math.max(0, found.length - 1) };
}

function measure(entry: Entry, layout: Layout): Size {
  const blocks = entry.blocks.map((block) => {
    const inner = measureList(block.steps, layout), size = { width: inner.width + 2 * PAD, height: BLOCK_HEAD + Math.max(EMPTY, inner.height + GAP / 2) + PAD };
    layout.sizes.set(block.id, size);
    return size;
  });
  const size = blocks.length ? { width: blocks.reduce((sum, one) => sum + one.width + PAD, PAD), height: HEAD + Math.max(...blocks.map((one) => one.height)) + PAD } : STEP;
  layout.sizes.set(entry.id, size);
  return size;
}

const sizeOf = (layout: Layout, id: string) => layout.sizes.get(id) ?? STEP;

function placeList(block: Block, { parentId, dx, dy, absolute, width, height, top }: ListPlace, layout: Layout) {
  const places: Slot["places"] = [];
  let y = top;
  for (const entry of block.steps) {
    const size = sizeOf(layout, entry.id), x = (width - size.width) / 2, at = { x: absolute.x + x, y: absolute.y + y };
    layout.nodes.push({ id: entry.id, type: entry.blocks.length ? "group" : "step", parentId, x: dx + x, y: dy + y, ...size, entry });
    places.push({ id: entry.id, top: at.y, bottom: at.y + size.height });
    placeBlocks(entry, at, size, layout);
    y += size.height + GAP;
  }
  layout.slots.push({ block, x: absolute.x, y: absolute.y, width, height, places });
}

function placeBlocks(entry: Entry, at: Point, size: Size, layout: Layout) {
  let x = PAD;
  for (const block of entry.blocks) {
    const { width } = sizeOf(layout, block.id), height = size.height - HEAD - PAD;
    layout.nodes.push({ id: block.id, type: "block", parentId: entry.id, x, y: HEAD, width, height, block });
    placeList(block, { parentId: block.id, dx: PAD, dy: 0, absolute: { x: at.x + x + PAD, y: at.y + HEAD }, width: width - 2 * PAD, height, top: BLOCK_HEAD }, layout);
    x += width + PAD;
  }
}

/** The slot for a step that is dropped at a point, outside of the step `moved`. */
export function slotAt(slots: Slot[], { x, y }: Point, moved?: Entry): Drop {
  const isInside = ({ owner }: Block): boolean => owner !== null && (owner === moved || isInside(owner.block));
  const open = slots.filter(({ block }) => !isInside(block)), root = open.find(({ block }) => !block.owner)!;
  const hits = open.filter((slot) => slot.block.owner && x >= slot.x - PAD && x <= slot.x + slot.width + PAD && y >= slot.y && y <= slot.y + slot.height);
  const slot = hits.toSorted((one, other) => one.height * one.width - other.height * other.width)[0] ?? root, places = slot.places.filter(({ id }) => id !== moved?.id);
  const before = places.filter((place) => (place.top + place.bottom) / 2 < y), index = before.length, last = before.at(-1);
  return { block: slot.block, index, x: slot.x, width: slot.width, y: last ? last.bottom + GAP / 2 : (places[0]?.top ?? slot.y + (slot.block.owner ? BLOCK_HEAD + GAP / 2 : GAP / 2)) - GAP / 2 };
}
