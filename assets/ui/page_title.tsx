import { useEffect } from "react";

const SUFFIX = " · Puras Studio";

/** Renders nothing; sets the title of the page while it is shown. */
export function PageTitle({ text }: { text: string }) {
  useEffect(() => {
    const before = document.title, own = `${text}${SUFFIX}`;
    document.title = own;
    return () => { if (document.title === own) document.title = before; };
  }, [text]);
  return null;
}
