import { type ReactNode, useEffect, useRef } from "react";

interface Props {
  label: string;
  broad?: boolean;
  kind?: string;
  onClose?: () => void;
  children?: ReactNode;
}

/** A dialog that is open while it is on the page. The dialog element of the browser traps the focus and restores it. */
export function Modal({ label, broad = false, kind = "", onClose, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null), close = useRef(onClose);
  close.current = onClose;
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    element?.querySelector<HTMLElement>("[data-first=true]")?.focus();
    return () => { if (element?.open) { element.close(); close.current?.(); } };
  }, []);
  return <dialog className={`dlg ${broad ? "broad" : ""} ${kind}`} ref={dialog} aria-label={label} onCancel={(event) => { event.preventDefault(); close.current?.(); }}>{children}</dialog>;
}
