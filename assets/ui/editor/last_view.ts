// Whether a user edits files with a form, such as skill.yaml, as a form or as code: as last time, in this browser.
import { useEffect, useState } from "react";

const keyOf = (user: string) => `editor-view:${user}`;

/** `[isForm, choose, show]`: `choose` also remembers the view for the next time, `show` does not. */
export function useLastView(user: string): [isForm: boolean, choose: (isForm: boolean) => void, show: (isForm: boolean) => void] {
  const [isForm, show] = useState(false);
  useEffect(() => { if (user && localStorage.getItem(keyOf(user)) === "form") show(true); }, [user]);
  const choose = (isWanted: boolean) => { show(isWanted); localStorage.setItem(keyOf(user), isWanted ? "form" : "code"); };
  return [isForm, choose, show];
}
