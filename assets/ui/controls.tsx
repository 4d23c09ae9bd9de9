import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";
import { useAction, type Watched } from "./action";
import { pushUrl, useBack } from "./history";

const COPY = "M9 9h11v11H9z M5 15H4V4h11v1";
const DONE = "M5 12l5 5L20 7";

/** A button that copies `text` and confirms it. */
export function Copy({ text, label = "Copy", bare = false }: { text: string; label?: string; bare?: boolean }) {
  const [copied, setCopied] = useState(false), timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async () => {
    await toClipboard(text);
    setCopied(true);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => setCopied(false), 1500);
  };
  return (
    <button type="button" className={`btn quiet above ${bare ? "icon small" : ""}`} onClick={copy} aria-label={bare ? label : undefined} title={label}>
      <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.8" aria-hidden="true"><path d={copied ? DONE : COPY} /></svg>
      {!bare && (copied ? "Copied" : label)}
      {bare && <span className="hidden-label" role="status">{copied ? "Copied" : ""}</span>}
    </button>
  );
}

/** Copy with the Clipboard API, or with a selection if the page is not served securely. */
async function toClipboard(text: string): Promise<void> {
  if (navigator.clipboard as Clipboard | undefined) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
  return undefined;
}

interface ConfirmProps extends Watched {
  label: ReactNode;
  title: string;
  text: ReactNode;
  confirm?: string;
  kind?: string;
  typed?: string;
  keys?: string;
  disabled?: boolean;
  onConfirm?: (key: string) => void;
}

/** A button with a confirmation dialog. If `typed` is set, the user must type it to confirm.
 *  The dialog element of the browser traps the focus and restores it. */
export function Confirm({ label, title, text, confirm, kind = "", typed = "", keys, disabled = false, settled, onSettle, onConfirm }: ConfirmProps) {
  const [begin, isBusy] = useAction({ settled, onSettle }), dialog = useRef<HTMLDialogElement>(null), field = useId(), [written, setWritten] = useState("");
  const open = () => { setWritten(""); dialog.current?.showModal(); };
  return (
    <>
      <button type="button" className={`btn above ${kind}`} disabled={disabled || isBusy} aria-busy={isBusy} data-key={keys} onClick={open}>{isBusy && <span className="spin" />}{label}</button>
      <dialog className="dlg" ref={dialog} aria-label={title} onClick={(e) => { if (e.target === dialog.current) dialog.current?.close(); }}>
        <form method="dialog" className="in-dlg" onSubmit={() => begin("", (key) => onConfirm?.(key))}>
          <h2>{title}</h2>
          <p className="t2">{text}</p>
          {typed && <div className="col" style={{ gap: 4 }}>
            <label htmlFor={field}>Type <span className="mono strong">{typed}</span> to confirm</label>
            <input id={field} className="in" autoComplete="off" spellCheck={false} value={written} onChange={(event) => setWritten(event.target.value)} />
          </div>}
          <div className="acts">
            <button type="button" className="btn" onClick={() => dialog.current?.close()}>{confirm?.startsWith("Cancel") ? "Go back" : "Cancel"}</button>
            <button className={`btn ${kind.includes("danger") ? "danger" : "pri"}`} disabled={typed !== "" && written !== typed}>{confirm}</button>
          </div>
        </form>
      </dialog>
    </>
  );
}

/** A checkbox that shows the new value immediately, before the server has stored it. */
export function Check({ checked, label, className, onChange }: { checked: boolean; label: string; className?: string; onChange?: () => void }) {
  const [shown, setShown] = useState(checked);
  useEffect(() => setShown(checked), [checked]);
  return <input type="checkbox" className={className} checked={shown} aria-label={label} onChange={() => { setShown(!shown); onChange?.(); }} />;
}

interface Tab {
  id: string;
  label: ReactNode;
}

interface TabsProps {
  items: Tab[];
  current: string | undefined;
  label: string;
  param?: string;
  /** Whether the tabs look like one button with parts. */
  segmented?: boolean;
  onPick?: (id: string) => void;
}

/** Tabs with arrow keys; `items` is a list of {id, label}. With `param`, the URL names the selected tab, without a navigation, and
 *  Back returns to the tab before. */
export function Tabs({ items, current, label, param, segmented = false, onPick }: TabsProps) {
  const first = useRef(current);
  const pick = (id: string) => {
    if (param && id !== current) { const url = new URL(location.href); url.searchParams.set(param, id); url.hash = ""; pushUrl(url); }
    onPick?.(id);
  };
  useBack(() => {
    const wanted = param && (new URLSearchParams(location.search).get(param) ?? first.current);
    if (wanted && wanted !== current && items.some(({ id }) => id === wanted)) onPick?.(wanted);
  });
  const step = (event: KeyboardEvent<HTMLButtonElement>, index: number) => {
    const move = ({ ArrowRight: 1, ArrowLeft: -1 } as Record<string, number>)[event.key];
    if (!move) return;
    event.preventDefault();
    const next = (index + move + items.length) % items.length;
    (event.currentTarget.parentElement?.children[next] as HTMLElement).focus();
    const item = items[next];
    if (item) pick(item.id);
  };
  const list = (
    <div role="tablist" aria-label={label} className={segmented ? "seg" : undefined}>
      {items.map((item, index) => (
        <button key={item.id} role="tab" type="button" aria-selected={item.id === current} tabIndex={item.id === current ? 0 : -1}
          onClick={() => pick(item.id)} onKeyDown={(event) => step(event, index)}>{item.label}</button>
      ))}
    </div>
  );
  return segmented ? list : <div className="tabs">{list}</div>;
}
