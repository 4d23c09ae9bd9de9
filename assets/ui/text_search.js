// Search in the text of an element: the number of matches, and the one that is shown. Matches are highlighted without
// changes of the document.
import { useEffect, useState } from "react";

const ALL = "found", HERE = "found-here", MAX_FOUND = 2_000;

/** `{count, at, go(by)}` of the matches of `query` in the element of `box`; `version` changes with its content. */
export function useTextSearch(box, query, version) {
  const [ranges, setRanges] = useState([]), [at, setAt] = useState(0), here = Math.min(at, ranges.length - 1);
  useEffect(() => {
    const timer = setTimeout(() => { setRanges(query && box.current ? rangesOf(box.current, query.toLowerCase()) : []); setAt(0); }, 80);
    return () => clearTimeout(timer);
  }, [query, version]);
  useEffect(() => {
    if (!CSS.highlights) return undefined;
    CSS.highlights.set(ALL, new Highlight(...ranges));
    if (ranges[here]) CSS.highlights.set(HERE, new Highlight(ranges[here])); else CSS.highlights.delete(HERE);
    return () => { CSS.highlights.delete(ALL); CSS.highlights.delete(HERE); };
  }, [ranges, here]);
  useEffect(() => { ranges[here]?.startContainer.parentElement?.scrollIntoView({ block: "center" }); }, [ranges, here]);
  return { count: ranges.length, at: here, go: (by) => ranges.length && setAt((here + by + ranges.length) % ranges.length) };
}

function rangesOf(root, wanted) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT), found = [];
  for (let node = walker.nextNode(); node && found.length < MAX_FOUND; node = walker.nextNode()) {
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
