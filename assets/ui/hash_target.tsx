import { useEffect, useRef } from "react";

/** An invisible component that scrolls to the element that the URL names after `#`, when it appears, and marks it.
 *  The browser itself looks for it only while the page loads. */
export function HashTarget({ count }: { count: number }) {
  const shown = useRef("");
  useEffect(() => {
    const show = () => {
      const id = decodeURIComponent(location.hash.slice(1)), element = id && document.getElementById(id);
      if (!element || shown.current === id) return;
      shown.current = id;
      document.querySelectorAll("[data-hash-target]").forEach((one) => one.removeAttribute("data-hash-target"));
      element.setAttribute("data-hash-target", "");
      element.scrollIntoView({ block: "center" });
    };
    show();
    addEventListener("hashchange", show);
    return () => removeEventListener("hashchange", show);
  }, [count]);
  return null;
}
