import { type FocusEvent, type PointerEvent, useEffect, useRef } from "react";
import { followJobs } from "./line";

/** Follows the jobs of a project, and reports at each change whether the rows are held, because the pointer or the focus is on them: a row must
 *  not move under a click. Returns the handlers of the region of the rows, and `release`, which shows what has changed meanwhile. */
export function useHeldRows(project: string, onChange?: (isHeld: boolean) => void) {
  const change = useRef(onChange), touched = useRef({ pointer: false, focus: false });
  change.current = onChange;
  const isHeld = () => touched.current.pointer || touched.current.focus;
  useEffect(() => followJobs(project, () => change.current?.(isHeld())), [project]);
  const touch = (what: "pointer" | "focus", isOn: boolean) => {
    const was = isHeld();
    touched.current[what] = isOn;
    if (was && !isHeld()) change.current?.(false);
  };
  return {
    release: () => change.current?.(false),
    handlers: {
      onPointerEnter: (event: PointerEvent) => { if (event.pointerType === "mouse") touch("pointer", true); },
      onPointerLeave: () => touch("pointer", false),
      onFocus: (event: FocusEvent) => { if (event.target !== event.currentTarget) touch("focus", true); },
      onBlur: (event: FocusEvent) => { if (!event.currentTarget.contains(event.relatedTarget)) touch("focus", false); },
    },
  };
}
