// Search in the text of an element: the number of matches, and the one that is shown. Matches are highlighted without
// changes of the document.
import { type RefObject, useEffect, useState } from "react";

const ALL = "found", HERE = "found-here", MAX_FOUND = 2_000;

/** `{count, at, go(by)}` of the matches of `query` in the element of `box`; `version` changes with its content. */
export function useTextSearch(box: RefObject<HTMLElement | null>, query: string, version: unknown) {
  const [ranges, setRanges] = useState<Range[]>([]), [at, setAt] = useState(0), here = Math.min(at, ranges.length - 1);
  useEffect(() => {
    const timer = setTimeout(() => { setRanges(query && box.current ? rangesOf(box.current, query.toLowerCase()) : []); setAt(0); }, 80);
    return () => clearTimeout(timer);
  }, [query, version]);
  useEffect(() => {
    if (!(CSS.highlights as HighlightRegistry | undefined)) return undefined;
    CSS.highlights.set(ALL, new Highlight(...ranges));
    const shown = ranges[here];
    if (shown) CSS.highlights.set(HERE, new Highlight(shown)); else CSS.highlights.delete(HERE);
    return () => { CSS.highlights.delete(ALL); CSS.highlights.delete(HERE); };
  }, [ranges, here]);
  useEffect(() => { ranges[here]?.startContainer.parentElement?.scrollIntoView({ block: "center" }); }, [ranges, here]);
  return { count: ranges.length, at: here, go: (by: number) => { if (ranges.length) setAt((here + by + ranges.length) % ranges.length); } };
}

function rangesOf(root: HTMLElement, wanted: string) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT), found: Range[] = [];
  for (let node = walker.nextNode() as Text | null; node && found.length < MAX_FOUND; node = walker.nextNode() as Text | null) {
    const text = node.data.toLowerCase();
    for (let index = text.indexOf(wanted); index >= 0; index = text.indexOf(wanted, index + wanted.length)) {
      const range = document.createRange();
      range.setStart(node, index);
      range.setEnd(node, Math.min(node.data.length, index + wanted.length));
      found.push(range);
    }
  }
  return found;
}
