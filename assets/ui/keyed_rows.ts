import { type FocusEvent, type KeyboardEvent, useRef } from "react";

interface Options {
  /** The attribute of a row that contains its ID. */
  attribute: string;
  /** The kind of action by its key. */
  acts: Record<string, string>;
  canWrite: boolean;
  onToggle?: ((id: string) => void) | undefined;
  /** The ID is empty if no row has the focus. */
  onAct?: ((kind: string, id: string) => void) | undefined;
  onLeave?: (() => void) | undefined;
}

const FIELDS = "input:not([type=checkbox]), textarea, select, [contenteditable], dialog";

/** The keys of a region of rows: j and k move between rows, x selects one, Escape deselects all, and those of `acts` act on the row with the
 *  focus. Returns the reference of the region, its handlers, and `restore`, which gives the focus to the row that follows a removed one. */
export function useKeyedRows({ attribute, acts, canWrite, onToggle, onAct, onLeave }: Options) {
  const box = useRef<HTMLDivElement>(null), lastAt = useRef(0), isUsed = useRef(false);
  const rows = () => [...(box.current?.querySelectorAll<HTMLElement>(`[${attribute}]`) ?? [])];
  const rowOf = (target: EventTarget) => (target as HTMLElement).closest<HTMLElement>(`[${attribute}]`);
  const move = (from: HTMLElement | null, by: number) => {
    const all = rows(), at = from ? all.indexOf(from) + by : Math.min(lastAt.current, all.length - 1);
    const next = all[Math.max(0, Math.min(at, all.length - 1))];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  };
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    if (event.metaKey || event.ctrlKey || event.altKey || (event.target as HTMLElement).closest(FIELDS)) return;
    const row = rowOf(event.target), here = row?.getAttribute(attribute) ?? "";
    const keys: Record<string, () => void> = {
      j: () => move(row, 1), k: () => move(row, -1), x: () => { if (here && canWrite) onToggle?.(here); }, Escape: () => onLeave?.(),
      ...Object.fromEntries(Object.entries(acts).map(([key, kind]) => [key, () => { if (canWrite) onAct?.(kind, here); }])),
    };
    const found = keys[event.key];
    if (!found) return;
    event.preventDefault();
    event.stopPropagation();
    if (row) lastAt.current = rows().indexOf(row);
    found();
  };
  const onFocus = (event: FocusEvent) => {
    const row = rowOf(event.target);
    if (row) { lastAt.current = rows().indexOf(row); isUsed.current = true; }
  };
  const restore = () => { if (isUsed.current && document.activeElement === document.body) move(null, 0); };
  return { box, restore, onKeyDown, onFocus };
}
