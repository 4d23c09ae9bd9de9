import { type FormEvent, type ReactNode, useRef, useState } from "react";
import type { ApiError } from "./api";

interface Props {
  label: ReactNode;
  /** The name for screen readers, if the label is not one. */
  name?: string;
  title: string;
  confirm?: string;
  kind?: string;
  tone?: string;
  keys?: string;
  disabled?: boolean;
  broad?: boolean;
  onConfirm?: () => unknown;
  children?: ReactNode;
}

/** A button that opens a form in a dialog. `onConfirm` is awaited; if it throws, the form shows the error and stays open.
 *  `children` are the fields, which are created again each time the dialog opens. Without `confirm`, the dialog has no submit button. */
export function Dialog({ label, name, title, confirm, kind = "", tone = "pri", keys, disabled = false, broad = false, onConfirm, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null), [isOpen, setOpen] = useState(false), [isBusy, setBusy] = useState(false), [failure, setFailure] = useState("");
  const open = () => { setFailure(""); setOpen(true); dialog.current?.showModal(); };
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFailure("");
    try {
      await onConfirm?.();
      dialog.current?.close();
    } catch (error) {
      setFailure((error as ApiError).detail ?? String(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <button type="button" className={`btn above ${kind}`} disabled={disabled} data-key={keys} aria-label={name} title={name} onClick={open}>{label}</button>
      <dialog className={`dlg above ${broad ? "broad" : ""}`} ref={dialog} aria-label={title} onClose={() => setOpen(false)} onClick={(event) => event.target === dialog.current && dialog.current?.close()}>
        {isOpen && <form className="in-dlg" onSubmit={submit}>
          <h2>{title}</h2>
          {children}
          {failure && <div className="note" data-s="fail" role="alert">{failure}</div>}
          <div className="acts">
            <button type="button" className="btn" onClick={() => dialog.current?.close()}>{confirm ? "Cancel" : "Close"}</button>
            {confirm && <button className={`btn ${tone}`} disabled={isBusy}>{isBusy && <span className="spin" />}{confirm}</button>}
          </div>
        </form>}
      </dialog>
    </>
  );
}
