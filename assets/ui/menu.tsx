import { type FocusEvent, type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";

interface Props {
  label: string;
  onOpen?: () => void;
  children?: ReactNode;
}

/** A button that opens a panel below it. The panel closes with Escape, and with a click or the focus elsewhere. */
export function Menu({ label, onOpen, children }: Props) {
  const [isOpen, setOpen] = useState(false), box = useRef<HTMLDivElement>(null), button = useRef<HTMLButtonElement>(null), id = useId();
  useEffect(() => {
    if (!isOpen) return undefined;
    const onPointerDown = (event: PointerEvent) => { if (!box.current?.contains(event.target as Node)) setOpen(false); };
    document.addEventListener("pointerdown", onPointerDown);
    return () => document.removeEventListener("pointerdown", onPointerDown);
  }, [isOpen]);
  const toggle = () => { if (!isOpen) onOpen?.(); setOpen(!isOpen); };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || !isOpen) return;
    event.stopPropagation();
    setOpen(false);
    button.current?.focus();
  };
  const onBlur = (event: FocusEvent) => { if (event.relatedTarget && !box.current?.contains(event.relatedTarget as Node)) setOpen(false); };
  return (
    <div className="menu-box" ref={box} onKeyDown={onKeyDown} onBlur={onBlur}>
      <button type="button" className="btn quiet" ref={button} aria-expanded={isOpen} aria-controls={isOpen ? id : undefined} onClick={toggle}>{label}<span aria-hidden="true" className="t3">▾</span></button>
      {isOpen && <div className="menu-panel col" id={id} role="group" aria-label={label}>{children}</div>}
    </div>
  );
}
