import { useEffect, useRef, useState } from "react";
import { toSignIn } from "./sign_in";
import { forgetAll, keepAll, prune, unsavedCount } from "./unsaved";

const ASK_AGAIN_MS = 3000;

/** Goes to the sign-in form, which the server renders, and comes back to this page afterwards. */
export function ToSignIn() {
  useEffect(() => { toSignIn(); }, []);
  return <p className="skeleton">Your session has ended. Taking you to the sign-in…</p>;
}

/**
 * While the page's line is `off`, asks whether the session has ended, which a refused socket cannot tell, and leaves
 * for the sign-in form when it has. A tab that was asleep asks as soon as somebody looks at it. Where as many pages are
 * open as one may have, it says so: the line comes back by itself when another one is closed.
 */
export function StaySignedIn({ off }) {
  const [isFull, setIsFull] = useState(false);
  useEffect(() => {
    if (!off) return undefined;
    let timer = 0, isGone = false;
    const ask = async () => {
      clearTimeout(timer);
      const answer = await fetch("/v1/me", { cache: "no-store" }).catch(() => null);
      if (isGone) return;
      if (answer?.status === 401) return toSignIn();
      const room = answer && await fetch("/_event/room", { cache: "no-store" }).catch(() => null);
      if (isGone) return;
      setIsFull(room?.status === 429);
      timer = setTimeout(ask, ASK_AGAIN_MS);
    };
    const onVisibility = () => document.hidden || ask();
    document.addEventListener("visibilitychange", onVisibility);
    ask();
    return () => { isGone = true; clearTimeout(timer); document.removeEventListener("visibilitychange", onVisibility); };
  }, [off]);
  if (!off || !isFull) return null;
  return (
    <p role="alert" className="note" data-s="wait" style={{ margin: "12px 16px 0" }}>
      You have as many pages of the studio open as one person may. Close another one: this page goes on by itself.
    </p>
  );
}

/**
 * A sign-out is a form: the server ends the session and answers with another page.
 * It waits for the session's token, which a page that has just been opened does not have yet.
 * Where this browser keeps text of the user that is not saved, it asks what becomes of that.
 */
export function SignOut({ csrf, user, button = false }) {
  const form = useRef(null), dialog = useRef(null), [count, setCount] = useState(0);
  useEffect(() => { prune(); }, []);
  const submit = async (event) => {
    event.preventDefault();
    await keepAll();
    const unsaved = await unsavedCount(user);
    setCount(unsaved);
    if (unsaved) dialog.current.showModal(); else form.current.submit();
  };
  return (
    <>
      <form ref={form} method="post" action="/sign-out" onSubmit={submit}>
        <input type="hidden" name="csrf" value={csrf} />
        <button type="submit" className={button ? "btn" : "nav"} title={button ? undefined : "Sign out"} disabled={!csrf}>
          <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.8" aria-hidden="true"><path d="M10 4H5v16h5M15 8l4 4-4 4M19 12H9" /></svg>
          <span className={button ? undefined : "label"}>{button ? "Sign out here" : "Sign out"}</span>
        </button>
      </form>
      <dialog className="dlg" ref={dialog} aria-label="Sign out" onClick={(event) => event.target === dialog.current && dialog.current.close()}>
        <div className="in-dlg">
          <h2>Sign out</h2>
          <p className="t2">{count === 1 ? "One file has" : `${count} files have`} text that is not saved. It is kept in this browser for 14 days and restored when you sign in here again; the studio shows it to no other user. Delete it if you share this computer.</p>
          <div className="acts">
            <button type="button" className="btn" onClick={() => dialog.current.close()}>Cancel</button>
            <button type="button" className="btn danger" onClick={async () => { await forgetAll(user); form.current.submit(); }}>Delete it and sign out</button>
            <button type="button" className="btn pri" onClick={() => form.current.submit()}>Sign out</button>
          </div>
        </div>
      </dialog>
    </>
  );
}
