import { type ReactNode, useEffect } from "react";
import { useKeyedRows } from "../keyed_rows";

interface Props {
  canWrite: boolean;
  onToggle?: (signature: string) => void;
  /** `kind` is `resolve`, `ignore` or `reopen`; the signature is empty if no error has the focus. */
  onAct?: (kind: string, signature: string) => void;
  onLeave?: () => void;
  children?: ReactNode;
}

const ACTS = { r: "resolve", i: "ignore", o: "reopen" };

/** The region of the errors. j and k move between errors, x selects one, r resolves, i ignores, o reopens, and Escape deselects all. */
export function FailureRows({ canWrite, onToggle, onAct, onLeave, children }: Props) {
  const { box, restore, onKeyDown, onFocus } = useKeyedRows({ attribute: "data-signature", acts: ACTS, canWrite, onToggle, onAct, onLeave });
  // The error with the focus disappears when it is resolved: the keys continue to work for the one in its place.
  useEffect(restore);
  return (
    <div className="col clusters-region" role="region" aria-label="Errors" ref={box} onKeyDown={onKeyDown} onFocus={onFocus}>
      {children}
    </div>
  );
}
