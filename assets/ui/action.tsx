import { type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import { newKey } from "./api";

const BURST_MS = 700; // clicks that follow each other faster count as one, even if the page has changed between them
const RELEASE_MS = 15_000; // then the server has not reported the end, and the next attempt uses the same key

/** How a component follows its action: the state sets `settled` to the key of the action when it has ended. */
export interface Watched {
  settled?: string;
  onSettle?: (key: string) => void;
}

type Begin = (name: string, act: (key: string) => void) => boolean;

let last = { name: "", at: -BURST_MS };

/** Run one action with effects at a time: `[begin, isBusy]`. `begin(name, act)` calls `act(key)` unless the action is in progress or the
 *  click belongs to the burst that started it; without a name, bursts are not detected. The action is in progress until the state sets
 *  `settled` to its key, which `onSettle` requests after the action. Until then, another attempt uses the same key, so the server does the
 *  work once. */
export function useAction({ settled, onSettle }: Watched): [Begin, boolean] {
  const key = useRef(""), timer = useRef(0), lock = useRef(false), [isBusy, setBusy] = useState(false);
  const release = useCallback(() => { clearTimeout(timer.current); lock.current = false; setBusy(false); }, []);
  useEffect(() => { if (settled && settled === key.current) { key.current = ""; release(); } }, [settled, release]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const begin: Begin = (name, act) => {
    const at = performance.now(), isBurst = name !== "" && name === last.name && at - last.at < BURST_MS;
    last = { name, at };
    if (lock.current || isBurst) return false;
    key.current ||= newKey();
    act(key.current);
    if (!onSettle) { key.current = ""; return true; } // the caller detects the end itself
    lock.current = true;
    setBusy(true);
    timer.current = window.setTimeout(release, RELEASE_MS);
    setTimeout(onSettle, 0, key.current); // after the events of the action itself
    return true;
  };
  return [begin, isBusy];
}

interface ActionProps extends Watched {
  label: string;
  kind?: string;
  title?: string;
  ariaName?: string;
  keys?: string;
  keyLabel?: string;
  disabled?: boolean;
  children?: ReactNode;
  onAct?: (key: string) => void;
}

/** A button for an action with effects. */
export function Action({ label, kind = "", title, ariaName, keys, keyLabel, disabled = false, children, settled, onSettle, onAct }: ActionProps) {
  const [begin, isBusy] = useAction({ settled, onSettle });
  return (
    <button type="button" className={`btn ${kind}`} title={title} aria-label={ariaName || undefined} disabled={disabled} aria-busy={isBusy} aria-disabled={isBusy} data-key={keys || undefined} data-label={keyLabel || undefined} onClick={() => begin(`${ariaName ?? ""} ${label}`, (key) => onAct?.(key))}>
      {isBusy ? <span className="spin" /> : children}{label}
    </button>
  );
}

/** The submit button of a form. The form sends the key of the action in the field `action_key`. */
export function Submit({ label, kind = "pri", settled, onSettle }: Watched & { label: string; kind?: string }) {
  const button = useRef<HTMLButtonElement>(null), field = useRef<HTMLInputElement>(null), [begin, isBusy] = useAction({ settled, onSettle }), latest = useRef(begin);
  latest.current = begin;
  useEffect(() => {
    const form = button.current?.form;
    const onSubmit = (event: Event) => {
      if (!latest.current("", (key) => { if (field.current) field.current.value = key; })) { event.preventDefault(); event.stopImmediatePropagation(); }
    };
    form?.addEventListener("submit", onSubmit, true); // before the form's own handler
    return () => form?.removeEventListener("submit", onSubmit, true);
  }, []);
  return (
    <>
      <input ref={field} type="hidden" name="action_key" defaultValue="" />
      <button ref={button} type="submit" className={`btn ${kind}`} aria-busy={isBusy} aria-disabled={isBusy}>{isBusy && <span className="spin" />}{label}</button>
    </>
  );
}
