import { element } from "./dom.js";

/** Show one of several views at a time, with a button for each. A view is made when it is first shown, and keeps its state. */
export function showViews(root: ParentNode, views: Readonly<Record<string, (root: ParentNode) => void>>): void {
  const bar = element("div", { class: "row views", role: "group", "aria-label": "View", part: "views" });
  const panels = new Map<string, HTMLElement>();
  const buttons = Object.entries(views).map(([name, show]) => {
    const button = element("button", { type: "button", class: "plain" }, name);
    button.addEventListener("click", () => pick(name, show));
    return [name, button] as const;
  });
  bar.append(...buttons.map(([, button]) => button));
  root.append(bar);
  const [first] = Object.entries(views);
  if (first) pick(...first);

  function pick(name: string, show: (root: ParentNode) => void): void {
    let panel = panels.get(name);
    if (!panel) {
      panel = element("div");
      panels.set(name, panel);
      root.append(panel);
      show(panel);
    }
    for (const [other, one] of panels) one.hidden = other !== name;
    for (const [other, button] of buttons) button.setAttribute("aria-pressed", String(other === name));
  }
}
