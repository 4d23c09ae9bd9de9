import { useEffect, useState } from "react";

const ASK_AGAIN_MS = 3000;

const toSignIn = () => location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);

/** Goes to the sign-in form, which the server renders, and comes back to this page afterwards. */
export function ToSignIn() {
  useEffect(toSignIn, []);
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
 */
export function SignOut({ csrf, button = false }) {
  return (
    <form method="post" action="/sign-out">
      <input type="hidden" name="csrf" value={csrf} />
      <button type="submit" className={button ? "btn" : "nav"} title={button ? undefined : "Sign out"} disabled={!csrf}>
        <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.8" aria-hidden="true"><path d="M10 4H5v16h5M15 8l4 4-4 4M19 12H9" /></svg>
        <span className={button ? undefined : "label"}>{button ? "Sign out here" : "Sign out"}</span>
      </button>
    </form>
  );
}
