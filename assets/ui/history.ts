// Entries of the browser's history for states of one page, such as its tab: Back returns to the state before.
import { useEffect, useRef } from "react";

/** Add an entry with a URL of the same page, without a navigation. */
export function pushUrl(url: URL) {
  if (String(url) !== location.href) history.pushState(history.state, "", url);
}

/** Call `onBack` after the user went back or forward. */
export function useBack(onBack: () => void) {
  const call = useRef(onBack);
  call.current = onBack;
  useEffect(() => {
    const update = () => call.current();
    addEventListener("popstate", update);
    return () => removeEventListener("popstate", update);
  }, []);
}
