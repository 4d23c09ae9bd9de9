import { useEffect, useRef } from "react";

/** Call functions for combinations of keys, such as `mod shift f`, on the whole page, unless a dialog is open. */
export function useKeys(keys: Record<string, (() => void) | undefined>) {
  const calls = useRef(keys);
  calls.current = keys;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
      const call = calls.current[`mod ${event.shiftKey ? "shift " : ""}${event.key.toLowerCase()}`];
      if (!call || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      event.stopPropagation();
      call();
    };
    addEventListener("keydown", onKey, true); // before the editor, and before what the browser does with them
    return () => removeEventListener("keydown", onKey, true);
  }, []);
}
