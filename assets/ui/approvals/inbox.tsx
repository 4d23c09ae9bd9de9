import { type KeyboardEvent, type ReactNode, useEffect, useRef } from "react";
import { useHeldRows } from "../held_rows";

interface Props {
  project: string;
  canWrite: boolean;
  /** The number of new approvals that the rows do not contain, because they are held. */
  fresh: number;
  onChange?: (isHeld: boolean) => void;
  onToggle?: (approval: string) => void;
  /** `kind` is `approve`, `deny` or `edit`; the ID is empty if no approval has the focus. */
  onAct?: (kind: string, approval: string) => void;
  onLeave?: () => void;
  children?: ReactNode;
}

const FIELDS = "input:not([type=checkbox]), textarea, select, [contenteditable], dialog";

/** The region of the pending approvals, which are held under the pointer and the focus. j and k move between approvals, x selects one, a
 *  approves, d rejects, e edits the arguments, and Escape deselects all. */
export function ApprovalRows({ project, canWrite, fresh, onChange, onToggle, onAct, onLeave, children }: Props) {
  const box = useRef<HTMLDivElement>(null), lastAt = useRef(0), { release, handlers } = useHeldRows(project, onChange);
  const rows = () => [...(box.current?.querySelectorAll<HTMLElement>("[data-approval]") ?? [])];
  const move = (from: HTMLElement | null, by: number) => {
    const all = rows(), at = from ? all.indexOf(from) + by : Math.min(lastAt.current, all.length - 1);
    const next = all[Math.max(0, Math.min(at, all.length - 1))];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  };
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    const target = event.target as HTMLElement;
    if (event.metaKey || event.ctrlKey || event.altKey || target.closest(FIELDS)) return;
    const row = target.closest<HTMLElement>("[data-approval]"), here = row?.dataset["approval"] ?? "";
    const act = (kind: string) => () => { if (canWrite) onAct?.(kind, here); };
    const keys: Record<string, () => void> = {
      j: () => move(row, 1), k: () => move(row, -1), x: () => { if (here && canWrite) onToggle?.(here); },
      a: act("approve"), d: act("deny"), e: act("edit"), Escape: () => onLeave?.(),
    };
    const found = keys[event.key];
    if (!found) return;
    event.preventDefault();
    event.stopPropagation();
    if (row) lastAt.current = rows().indexOf(row);
    found();
  };
  // The row with the focus disappears when it is decided: the keys continue to work for the one in its place.
  useEffect(() => {
    if (box.current && document.activeElement === document.body && lastAt.current >= 0 && box.current.dataset["used"]) move(null, 0);
  });
  return (
    <div className="scroll grow inbox" role="region" tabIndex={0} aria-label="Pending approvals" ref={box} onKeyDown={onKeyDown}
      {...handlers} onFocus={(event) => { handlers.onFocus(event); const row = (event.target as HTMLElement).closest<HTMLElement>("[data-approval]"); if (row) { lastAt.current = rows().indexOf(row); event.currentTarget.dataset["used"] = "1"; } }}>
      {fresh > 0 && <button type="button" className="fresh" onClick={release}>{fresh} new</button>}
      {children}
    </div>
  );
}
