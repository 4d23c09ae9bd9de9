import { Markdown } from "../markdown";

/** A file of Markdown as people read it, with what stands between its first two lines of dashes before it. */
export function Preview({ text }) {
  const [head, body] = split(text);
  return (
    <div className="scroll as-read prose markdown" tabIndex={0} role="region" aria-label="Preview">
      {head && <pre><code>{head}</code></pre>}
      {body.trim() ? <Markdown text={body} /> : <p className="t3">Nothing is written yet.</p>}
    </div>
  );
}

function split(text) {
  const found = /^---\r?\n([\s\S]*?)\r?\n---\r?\n?/.exec(text);
  return found ? [found[1], text.slice(found[0].length)] : ["", text];
}
