import { type KeyboardEvent, type ReactNode, useRef } from "react";
import { useHeldRows } from "../held_rows";

interface Props {
  project: string;
  /** The number of new jobs that the rows do not contain, because they are held. */
  fresh: number;
  isPicking: boolean;
  canWrite: boolean;
  onChange?: (isHeld: boolean) => void;
  onToggle?: (job: string) => void;
  onAct?: (kind: string, job: string) => void;
  onLeave?: () => void;
  children?: ReactNode;
}

/** The region of the rows, which are held under the pointer and the focus. The row with the focus is selected with x, replayed with r and
 *  canceled with c; Escape deselects all rows. */
export function LiveRows({ project, fresh, isPicking, canWrite, onChange, onToggle, onAct, onLeave, children }: Props) {
  const box = useRef<HTMLDivElement>(null), { release, handlers } = useHeldRows(project, onChange);
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    const target = event.target as HTMLElement;
    if (event.metaKey || event.ctrlKey || event.altKey || target.closest("input:not([type=checkbox]), select, dialog")) return;
    const here = target.closest<HTMLElement>("tr[data-id]")?.dataset.id;
    const keys: Record<string, () => void> = {
      x: () => { if (here && canWrite) onToggle?.(here); }, r: () => { if (canWrite) onAct?.("replay", here ?? ""); },
      c: () => { if (canWrite) onAct?.("cancel", here ?? ""); }, Escape: () => onLeave?.(),
    };
    const act = keys[event.key];
    if (!act || (event.key === "Escape" && !isPicking)) return;
    event.preventDefault();
    act();
  };
  const show = () => { release(); if (box.current) box.current.scrollTop = 0; };
  return (
    <div className="scroll grow" role="region" tabIndex={0} aria-label="Job list" ref={box} onKeyDown={onKeyDown} {...handlers}>
      {fresh > 0 && <button type="button" className="fresh" onClick={show}>{fresh} new</button>}
      {children}
    </div>
  );
}
