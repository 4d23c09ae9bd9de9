import { useEffect } from "react";

/** Goes to the sign-in form, which the server renders, and comes back to this page afterwards. */
export function ToSignIn() {
  useEffect(() => location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`), []);
  return <p className="skeleton">Your session has ended. Taking you to the sign-in…</p>;
}

/**
 * A sign-out is a form: the server ends the session and answers with another page.
 * It waits for the session's token, which a page that has just been opened does not have yet.
 */
export function SignOut({ csrf }) {
  return (
    <form method="post" action="/sign-out">
      <input type="hidden" name="csrf" value={csrf} />
      <button type="submit" className="nav" title="Sign out" disabled={!csrf}>
        <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.8" aria-hidden="true"><path d="M10 4H5v16h5M15 8l4 4-4 4M19 12H9" /></svg>
        <span className="label">Sign out</span>
      </button>
    </form>
  );
}
