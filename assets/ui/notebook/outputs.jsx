import { useEffect, useMemo, useState } from "react";
import { Json } from "../value";
import { Markdown } from "../markdown";

const PICTURES = ["image/png", "image/jpeg", "image/gif", "image/svg+xml"];
const ESCAPES = /[\u001b\u009b](?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-_])/g; // eslint-disable-line no-control-regex
const plain = (text) => String(text ?? "").replace(ESCAPES, "");

/** What a cell gave. All of it is what some code said: texts stay texts, pictures are only looked at, HTML has a frame without any rights. */
export function Outputs({ outputs, name }) {
  if (!outputs.length) return null;
  return <div className="nb-outputs" role="group" aria-label={`Output of ${name}`}>{outputs.map((one, index) => <Output key={index} output={one} />)}</div>;
}

function Output({ output }) {
  const { output_type: kind, data = {} } = output;
  if (kind === "stream") return <pre className="nb-text" data-s={output.name === "stderr" ? "err" : undefined} tabIndex={0}>{plain(output.text)}</pre>;
  if (kind === "error") return <pre className="nb-text" data-s="fail" tabIndex={0}>{plain(output.traceback?.length ? output.traceback.join("\n") : `${output.ename}: ${output.evalue}`)}</pre>;
  const picture = PICTURES.find((one) => typeof data[one] === "string");
  if (picture) return <Picture kind={picture} content={data[picture]} what={plain(data["text/plain"])} />;
  if (data["application/vnd.puras.skill+json"]) return null; // has a card of its own
  if (typeof data["text/html"] === "string") return <Html html={data["text/html"]} />;
  if (typeof data["text/markdown"] === "string") return <div className="prose markdown nb-markdown"><Markdown text={data["text/markdown"]} /></div>;
  if (data["application/json"] !== undefined) return <Json value={data["application/json"]} />;
  return <pre className="nb-text" tabIndex={0}>{plain(data["text/plain"] ?? data["text/latex"])}</pre>;
}

function Picture({ kind, content, what }) {
  const [address, setAddress] = useState("");
  useEffect(() => {
    if (kind === "image/svg+xml") { setAddress(`data:${kind},${encodeURIComponent(content)}`); return undefined; } // opened alone, it has no origin
    let made = "";
    try {
      const bytes = Uint8Array.from(atob(content.replace(/\s/g, "")), (one) => one.charCodeAt(0));
      made = URL.createObjectURL(new Blob([bytes], { type: kind }));
    } catch { /* it is no base64: the frame of the picture stays empty */ }
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [kind, content]);
  return address ? <img className="nb-picture" src={address} alt={what || "A picture"} /> : <p className="t3">This picture cannot be shown.</p>;
}

/** The classes that say which theme the page has; told anew when it changes. */
function useTheme() {
  const read = () => document.documentElement.className, [theme, setTheme] = useState(read);
  useEffect(() => {
    const watch = new MutationObserver(() => setTheme(read()));
    watch.observe(document.documentElement, { attributeFilter: ["class"] });
    return () => watch.disconnect();
  }, []);
  return theme;
}

/** HTML of a cell: in a frame without scripts, without an origin and without a way to anywhere. */
function Html({ html }) {
  const theme = useTheme(), page = useMemo(() => {
    const look = getComputedStyle(document.documentElement), of = (name) => look.getPropertyValue(name).trim();
    const style = `:root{color-scheme:${look.colorScheme}}body{margin:8px;font:13px/1.5 ui-sans-serif,system-ui,sans-serif;color:${of("--t1")};background:${of("--bg")}}table{border-collapse:collapse}th,td{border:1px solid ${of("--line-2")};padding:3px 8px;text-align:right}a{color:inherit}`;
    return `<!doctype html><meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"><style>${style}</style>${html}`;
  }, [html, theme]);
  const rows = (html.match(/<(tr|p|li|div|h\d|br)\b/gi) ?? []).length;
  return <iframe className="nb-html" title="HTML that the cell gave" sandbox="" referrerPolicy="no-referrer" srcDoc={page} style={{ height: Math.min(420, Math.max(56, rows * 29 + 28)) }} />;
}
