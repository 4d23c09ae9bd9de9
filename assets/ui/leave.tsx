import { type FormEvent, useEffect, useRef, useState } from "react";
import { toSignIn } from "./sign_in";
import { forgetAll, keepAll, prune, unsavedCount } from "./unsaved";

const CHECK_INTERVAL_MS = 3000;

/** Redirects to the sign-in form, which the server renders and which returns to this page. */
export function ToSignIn() {
  useEffect(() => { toSignIn(); }, []);
  return <p className="skeleton">Your session has ended. Redirecting to sign-in…</p>;
}

/**
 * While the connection of the page is `off`, checks whether the session has ended, which a rejected socket does not report,
 * and redirects to the sign-in form if it has. A tab in the background checks as soon as it becomes visible. If the user has
 * the maximum number of pages open, shows a message; the page reconnects automatically after another one is closed.
 */
export function StaySignedIn({ off }: { off: boolean }) {
  const [isFull, setIsFull] = useState(false);
  useEffect(() => {
    if (!off) return undefined;
    let timer = 0, isGone = false;
    const check = async () => {
      clearTimeout(timer);
      const response = await fetch("/v1/me", { cache: "no-store" }).catch(() => null);
      if (isGone) return;
      if (response?.status === 401) return toSignIn();
      const room = response && await fetch("/_event/room", { cache: "no-store" }).catch(() => null);
      if (isGone) return;
      setIsFull(room?.status === 429);
      timer = window.setTimeout(check, CHECK_INTERVAL_MS);
    };
    const onVisibility = () => { if (!document.hidden) check(); };
    document.addEventListener("visibilitychange", onVisibility);
    check();
    return () => { isGone = true; clearTimeout(timer); document.removeEventListener("visibilitychange", onVisibility); };
  }, [off]);
  if (!off || !isFull) return null;
  return (
    <p role="alert" className="note" data-s="wait" style={{ margin: "12px 16px 0" }}>
      You have reached the maximum number of open studio pages. Close another one; this page then reconnects automatically.
    </p>
  );
}

/**
 * The sign-out form: the server ends the session and responds with another page.
 * The button is disabled until the page has the token of the session.
 * If this browser stores unsaved text of the user, a dialog offers to keep or delete it.
 */
export function SignOut({ csrf, user, button = false }: { csrf: string; user: string; button?: boolean }) {
  const form = useRef<HTMLFormElement>(null), dialog = useRef<HTMLDialogElement>(null), [count, setCount] = useState(0);
  useEffect(() => { prune(); }, []);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    await keepAll();
    const unsaved = await unsavedCount(user);
    setCount(unsaved);
    if (unsaved) dialog.current?.showModal(); else form.current?.submit();
  };
  return (
    <>
      <form ref={form} method="post" action="/sign-out" onSubmit={submit}>
        <input type="hidden" name="csrf" value={csrf} />
        <button type="submit" className={button ? "btn" : "nav"} title={button ? undefined : "Sign out"} disabled={!csrf}>
          <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.8" aria-hidden="true"><path d="M10 4H5v16h5M15 8l4 4-4 4M19 12H9" /></svg>
          <span className={button ? undefined : "label"}>{button ? "Sign out of this browser" : "Sign out"}</span>
        </button>
      </form>
      <dialog className="dlg" ref={dialog} aria-label="Sign out" onClick={(event) => event.target === dialog.current && dialog.current?.close()}>
        <div className="in-dlg">
          <h2>Sign out</h2>
          <p className="t2">{count === 1 ? "1 file has" : `${count} files have`} unsaved text. It is stored in this browser for 14 days and restored when you sign in here again. The studio does not show it to other users. Delete it if you share this computer.</p>
          <div className="acts">
            <button type="button" className="btn" onClick={() => dialog.current?.close()}>Cancel</button>
            <button type="button" className="btn danger" onClick={async () => { await forgetAll(user); form.current?.submit(); }}>Delete text and sign out</button>
            <button type="button" className="btn pri" onClick={() => form.current?.submit()}>Sign out</button>
          </div>
        </div>
      </dialog>
    </>
  );
}
