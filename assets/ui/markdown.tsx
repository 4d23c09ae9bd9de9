import { createElement, type ReactNode, useDeferredValue, useEffect, useMemo, useState } from "react";

/** A node of the tree of the parser. */
interface Node {
  name: string;
  from: number;
  to: number;
  firstChild: Node | null;
  nextSibling: Node | null;
}

interface Parser {
  parse: (text: string) => { topNode: Node };
}

/** Rendered Markdown. HTML in it is shown as text, and nothing that it references is loaded. */
export function Markdown({ text }: { text: string }) {
  const [parser, setParser] = useState<Parser | null>(null), late = useDeferredValue(text);
  useEffect(() => { import("@codemirror/lang-markdown").then((module) => setParser(module.markdownLanguage.parser)); }, []);
  const shown = useMemo(() => parser && blocks(parser.parse(late).topNode, late), [parser, late]);
  return <>{shown ?? <p className="as-written">{late}</p>}</>;
}

const HIDDEN = new Set(["HeaderMark", "QuoteMark", "ListMark", "EmphasisMark", "CodeMark", "CodeInfo", "LinkMark", "LinkTitle", "StrikethroughMark", "TableDelimiter", "LinkReference"]);
const BLOCKS: Record<string, string> = { BulletList: "ul", Blockquote: "blockquote", ListItem: "li", TableRow: "tr" };
const INLINE: Record<string, string> = { Paragraph: "p", Emphasis: "em", StrongEmphasis: "strong", Strikethrough: "del", InlineCode: "code", TableCell: "td" };

function children(node: Node) {
  const found: Node[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling) found.push(child);
  return found;
}

/** The children of a node, without the text between them. */
const blocks = (node: Node, text: string): ReactNode[] => children(node).filter((child) => !HIDDEN.has(child.name)).map((child) => drawn(child, text));

/** The children of a node, with the text between them. */
function words(node: Node, text: string, hidden = HIDDEN): ReactNode[] {
  const parts: ReactNode[] = [];
  let at = node.from;
  for (const child of children(node)) {
    if (child.from > at) parts.push(text.slice(at, child.from));
    if (!hidden.has(child.name)) parts.push(drawn(child, text));
    at = child.to;
  }
  return at < node.to ? [...parts, text.slice(at, node.to)] : parts;
}

function drawn(node: Node, text: string): ReactNode {
  const { name, from: key } = node, source = text.slice(node.from, node.to), heading = /^(?:ATX|Setext)Heading(\d)$/.exec(name);
  if (heading) return <Named as={`h${heading[1]}`} key={key}>{words(node, text)}</Named>;
  const block = BLOCKS[name], inline = INLINE[name];
  if (block) return <Named as={block} key={key}>{blocks(node, text)}</Named>;
  if (inline) return <Named as={inline} key={key}>{words(node, text)}</Named>;
  if (name === "OrderedList") return <ol key={key} start={Number.parseInt(source, 10) || 1}>{blocks(node, text)}</ol>;
  if (name === "FencedCode" || name === "CodeBlock") return <pre key={key} tabIndex={0}><code>{children(node).filter((one) => one.name === "CodeText").map((one) => text.slice(one.from, one.to)).join("\n")}</code></pre>;
  if (name === "Link") return <Named as="a" key={key} {...target(node, text)}>{words(node, text, new Set([...HIDDEN, "URL", "LinkLabel"]))}</Named>;
  if (name === "Image") return <span key={key} className="tag">image: {words(node, text, new Set([...HIDDEN, "URL"]))}</span>;
  if (name === "Table") return <table key={key}><tbody>{blocks(node, text)}</tbody></table>;
  if (name === "TableHeader") return <tr key={key}>{children(node).filter((one) => one.name === "TableCell").map((one) => <th key={one.from}>{words(one, text)}</th>)}</tr>;
  if (name === "Task") return <p key={key}>{words(node, text)}</p>;
  if (name === "TaskMarker") return <span key={key}>{/x/i.test(source) ? "☑" : "☐"}</span>;
  if (name === "HorizontalRule") return <hr key={key} />;
  if (name === "HardBreak") return <br key={key} />;
  if (name === "Escape") return source.slice(1);
  if (name === "HTMLBlock" || name === "CommentBlock") return <pre key={key} tabIndex={0}><code>{source}</code></pre>;
  return source;
}

const Named = ({ as, children: inside, ...rest }: { as: string; children: ReactNode[] }) => createElement(as, rest, ...inside);

/** The target of a link. A link to a file of the draft is not followed; its target is shown as a tooltip. */
function target(node: Node, text: string) {
  const url = children(node).find((one) => one.name === "URL"), href = url ? text.slice(url.from, url.to) : "";
  return /^https?:\/\//.test(href) ? { href, target: "_blank", rel: "noreferrer noopener" } : { title: href };
}
