import { Markdown } from "../markdown";

/** A rendered Markdown file, with its front matter above. */
export function Preview({ text }: { text: string }) {
  const [head, body] = split(text);
  return (
    <div className="scroll as-read prose markdown" tabIndex={0} role="region" aria-label="Preview">
      {head && <pre><code>{head}</code></pre>}
      {body.trim() ? <Markdown text={body} /> : <p className="t3">This file is empty.</p>}
    </div>
  );
}

function split(text: string): [head: string, body: string] {
  const found = /^---\r?\n([\s\S]*?)\r?\n---\r?\n?/.exec(text);
  return found ? [found[1] ?? "", text.slice(found[0].length)] : ["", text];
}
