import { type ReactNode, useEffect } from "react";
import { useHeldRows } from "../held_rows";
import { useKeyedRows } from "../keyed_rows";

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

const ACTS = { a: "approve", d: "deny", e: "edit" };

/** The region of the pending approvals, which are held under the pointer and the focus. j and k move between approvals, x selects one, a
 *  approves, d rejects, e edits the arguments, and Escape deselects all. */
export function ApprovalRows({ project, canWrite, fresh, onChange, onToggle, onAct, onLeave, children }: Props) {
  const { release, handlers } = useHeldRows(project, onChange);
  const { box, restore, onKeyDown, onFocus } = useKeyedRows({ attribute: "data-approval", acts: ACTS, canWrite, onToggle, onAct, onLeave });
  // The row with the focus disappears when it is decided: the keys continue to work for the one in its place.
  useEffect(restore);
  return (
    <div className="scroll grow inbox" role="region" tabIndex={0} aria-label="Pending approvals" ref={box} onKeyDown={onKeyDown}
      {...handlers} onFocus={(event) => { handlers.onFocus(event); onFocus(event); }}>
      {fresh > 0 && <button type="button" className="fresh" onClick={release}>{fresh} new</button>}
      {children}
    </div>
  );
}
