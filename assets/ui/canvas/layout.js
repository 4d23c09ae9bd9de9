// The positions of the steps of a flow: one below the other, and the blocks of a step side by side inside it.

export const STEP = { width: 248, height: 76 };
export const END = { width: 248, height: 44 };
const GAP = 40, PAD = 16, HEAD = 60, BLOCK_HEAD = 34, EMPTY = 56;

/** `{nodes, slots}` for a tree of steps: the place of each node relative to the one that contains it, and the absolute places of blocks
 *  with those of their steps, in which a step can be dropped. */
export function layoutOf(root, { hasEnds = true } = {}) {
  const sizes = new Map(), nodes = [], slots = [], list = measureList(root.steps, sizes), top = hasEnds ? END.height + GAP : 0;
  if (hasEnds) nodes.push({ id: "inputs", type: "end", parentId: undefined, x: -END.width / 2, y: 0, ...END });
  const origin = { x: -list.width / 2, y: top };
  placeList(root, { parentId: undefined, dx: origin.x, dy: origin.y, absolute: origin, width: list.width, height: list.height, top: 0 }, sizes, nodes, slots);
  if (hasEnds) nodes.push({ id: "output", type: "end", parentId: undefined, x: -END.width / 2, y: top + (root.steps.length ? list.height + GAP : EMPTY), ...END });
  return { nodes, slots };
}

function measureList(steps, sizes) {
  const found = steps.map((one) => measure(one, sizes));
  return { width: Math.max(STEP.width, ...found.map((one) => one.width)), height: found.reduce((sum, one) => sum + one.height, 0) + GAP * Math.max(0, found.length - 1) };
}

function measure(entry, sizes) {
  const blocks = entry.blocks.map((block) => {
    const inner = measureList(block.steps, sizes), size = { width: inner.width + 2 * PAD, height: BLOCK_HEAD + Math.max(EMPTY, inner.height + GAP / 2) + PAD };
    sizes.set(block.id, size);
    return size;
  });
  const size = blocks.length ? { width: blocks.reduce((sum, one) => sum + one.width + PAD, PAD), height: HEAD + Math.max(...blocks.map((one) => one.height)) + PAD } : STEP;
  sizes.set(entry.id, size);
  return size;
}

function placeList(block, { parentId, dx, dy, absolute, width, height, top }, sizes, nodes, slots) {
  const places = [];
  let y = top;
  for (const entry of block.steps) {
    const size = sizes.get(entry.id), x = (width - size.width) / 2, at = { x: absolute.x + x, y: absolute.y + y };
    nodes.push({ id: entry.id, type: entry.blocks.length ? "group" : "step", parentId, x: dx + x, y: dy + y, ...size, entry });
    places.push({ id: entry.id, top: at.y, bottom: at.y + size.height });
    placeBlocks(entry, at, size, sizes, nodes, slots);
    y += size.height + GAP;
  }
  slots.push({ block, x: absolute.x, y: absolute.y, width, height, places });
}

function placeBlocks(entry, at, size, sizes, nodes, slots) {
  let x = PAD;
  for (const block of entry.blocks) {
    const { width } = sizes.get(block.id), height = size.height - HEAD - PAD;
    nodes.push({ id: block.id, type: "block", parentId: entry.id, x, y: HEAD, width, height, block });
    placeList(block, { parentId: block.id, dx: PAD, dy: 0, absolute: { x: at.x + x + PAD, y: at.y + HEAD }, width: width - 2 * PAD, height, top: BLOCK_HEAD }, sizes, nodes, slots);
    x += width + PAD;
  }
}

/** The slot for a step that is dropped at a point, outside of the step `moved`: `{block, index, x, y, width}`. */
export function slotAt(slots, { x, y }, moved) {
  const isInside = (block) => block.owner && (block.owner === moved || isInside(block.owner.block));
  const open = slots.filter(({ block }) => !isInside(block)), root = open.find(({ block }) => !block.owner);
  const hits = open.filter((slot) => slot.block.owner && x >= slot.x - PAD && x <= slot.x + slot.width + PAD && y >= slot.y && y <= slot.y + slot.height);
  const slot = hits.toSorted((one, other) => one.height * one.width - other.height * other.width)[0] ?? root, places = slot.places.filter(({ id }) => id !== moved?.id);
  const before = places.filter((place) => (place.top + place.bottom) / 2 < y), index = before.length, last = before.at(-1);
  return { block: slot.block, index, x: slot.x, width: slot.width, y: last ? last.bottom + GAP / 2 : (places[0]?.top ?? slot.y + (slot.block.owner ? BLOCK_HEAD + GAP / 2 : GAP / 2)) - GAP / 2 };
}
