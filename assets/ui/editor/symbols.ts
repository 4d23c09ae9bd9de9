/** A named place of a file. */
export interface FileSymbol {
  name: string;
  line: number;
  kind: string;
}

const PATTERNS: Record<string, [RegExp, (found: RegExpMatchArray) => Omit<FileSymbol, "line">][]> = {
  py: [
    [/^(\s*)(?:async\s+)?def\s+(\w+)/, ([, , name]) => ({ name: name!, kind: "function" })],
    [/^(\s*)class\s+(\w+)/, ([, , name]) => ({ name: name!, kind: "class" })],
    [/^([A-Z][A-Z0-9_]*)\s*(?::[^=]+)?=/, ([, name]) => ({ name: name!, kind: "constant" })],
  ],
  md: [[/^#{1,6}\s+(.+?)\s*#*$/, ([, name]) => ({ name: name!, kind: "heading" })]],
  yaml: [[/^([\w-]+):/, ([, name]) => ({ name: name!, kind: "key" })]],
  json: [[/^\s{2}"([^"]+)":/, ([, name]) => ({ name: name!, kind: "key" })]],
};

/** The functions, classes, headings or keys of a file. */
export function symbolsOf(path: string, text: string): FileSymbol[] {
  const ending = path.split(".").at(-1)!.toLowerCase(), patterns = PATTERNS[ending === "yml" ? "yaml" : ending] ?? [];
  return text.split("\n").flatMap((one, index) => patterns.flatMap(([pattern, made]) => { const found = one.match(pattern); return found ? [{ ...made(found), line: index + 1 }] : []; }));
}
