// Where the form of a skill.yaml shows the values of the document.
import type { Path } from "./yaml_values";

/** The attribute of the element that shows the value at a path. */
export const placeOf = (path: Path | undefined) => (path ? { "data-place": JSON.stringify(path) } : {});

/** Scroll only the form to an element: the page itself does not scroll. */
export function scrollToPart(target: Element) {
  const form = target.closest(".design"), links = form?.querySelector(".design-links");
  if (form && links) form.scrollTop += target.getBoundingClientRect().top - links.getBoundingClientRect().bottom - 12;
}

/** Focus the field of the value at a path, or the smallest part of the form that contains the value. Returns whether there is one. */
export function focusValue(path: Path) {
  const shown = new Map(Array.from(document.querySelectorAll<HTMLElement>(".design [data-place]"), (one) => [one.dataset["place"], one]));
  const own = path.map((_, outer) => shown.get(JSON.stringify(path.slice(0, path.length - outer)))).find((one) => one !== undefined);
  if (!own) return false;
  for (let outer = own.closest("details"); outer; outer = outer.parentElement?.closest("details") ?? null) outer.open = true;
  scrollToPart(own);
  const field = own.tabIndex < 0 && own.hasAttribute("tabindex") ? own : own.querySelector<HTMLElement>("input, select, textarea, button") ?? own;
  field.focus({ preventScroll: true });
  return true;
}
