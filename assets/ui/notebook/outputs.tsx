import { useEffect, useMemo, useState } from "react";
import { ChartValue } from "../chart/chart_value";
import { isChart } from "../chart/spec";
import { Json } from "../value";
import { Markdown } from "../markdown";
import { type Output as CellOutput, valuesOf } from "./file";

const IMAGE_TYPES = ["image/png", "image/jpeg", "image/gif", "image/svg+xml"];
const ESCAPES = /[\u001b\u009b](?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-_])/g; // eslint-disable-line no-control-regex
const plain = (text: unknown) => String(text ?? "").replace(ESCAPES, "");

/** The outputs of a cell. They are untrusted: text stays text, images are only displayed, HTML is in a frame without permissions. */
export function Outputs({ outputs, name }: { outputs: CellOutput[]; name: string }) {
  if (!outputs.length) return null;
  return <div className="nb-outputs" role="group" aria-label={`Output of ${name}`}>{outputs.map((one, index) => <Output key={index} output={one} />)}</div>;
}

function Output({ output }: { output: CellOutput }) {
  const { output_type: kind, traceback } = output, data = valuesOf(output["data"]);
  if (kind === "stream") return <pre className="nb-text" data-s={output["name"] === "stderr" ? "err" : undefined} tabIndex={0}>{plain(output["text"])}</pre>;
  if (kind === "error") return <pre className="nb-text" data-s="fail" tabIndex={0}>{plain(Array.isArray(traceback) && traceback.length ? traceback.join("\n") : `${String(output["ename"])}: ${String(output["evalue"])}`)}</pre>;
  const image = IMAGE_TYPES.find((one) => typeof data[one] === "string"), html = data["text/html"], markdown = data["text/markdown"], json = data["application/json"];
  if (image) return <ImageOutput kind={image} content={String(data[image])} alt={plain(data["text/plain"])} />;
  if (data["application/vnd.puras.skill+json"]) return null; // shown as a card
  if (typeof html === "string") return <Html html={html} />;
  if (typeof markdown === "string") return <div className="prose markdown nb-markdown"><Markdown text={markdown} /></div>;
  if (json !== undefined) return isChart(json) ? <ChartValue value={json} /> : <Json value={json} />;
  return <pre className="nb-text" tabIndex={0}>{plain(data["text/plain"] ?? data["text/latex"])}</pre>;
}

function ImageOutput({ kind, content, alt }: { kind: string; content: string; alt: string }) {
  const [url, setUrl] = useState("");
  useEffect(() => {
    if (kind === "image/svg+xml") { setUrl(`data:${kind},${encodeURIComponent(content)}`); return undefined; } // opened directly, it has no origin
    let made = "";
    try {
      const bytes = Uint8Array.from(atob(content.replace(/\s/g, "")), (one) => one.charCodeAt(0));
      made = URL.createObjectURL(new Blob([bytes], { type: kind }));
    } catch { /* the data is not base64: no image is shown */ }
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [kind, content]);
  return url ? <img className="nb-image" src={url} alt={alt || "Image"} /> : <p className="t3">This image cannot be displayed.</p>;
}

/** The class names of the theme of the page, updated when it changes. */
function useTheme() {
  const read = () => document.documentElement.className, [theme, setTheme] = useState(read);
  useEffect(() => {
    const watch = new MutationObserver(() => setTheme(read()));
    watch.observe(document.documentElement, { attributeFilter: ["class"] });
    return () => watch.disconnect();
  }, []);
  return theme;
}

/** HTML of a cell, in a frame without scripts, origin and network access. */
function Html({ html }: { html: string }) {
  const theme = useTheme(), page = useMemo(() => {
    const look = getComputedStyle(document.documentElement), of = (name: string) => look.getPropertyValue(name).trim();
    const style = `:root{color-scheme:${look.colorScheme}}body{margin:8px;font:13px/1.5 ui-sans-serif,system-ui,sans-serif;color:${of("--t1")};background:${of("--bg")}}table{border-collapse:collapse}th,td{border:1px solid ${of("--line-2")};padding:3px 8px;text-align:right}a{color:inherit}`;
    return `<!doctype html><meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"><style>${style}</style>${html}`;
  }, [html, theme]);
  const rows = (html.match(/<(tr|p|li|div|h\d|br)\b/gi) ?? []).length;
  return <iframe className="nb-html" title="HTML output" sandbox="" referrerPolicy="no-referrer" srcDoc={page} style={{ height: Math.min(420, Math.max(56, rows * 29 + 28)) }} />;
}
