import { type ReactNode, useState } from "react";
import type { JobRead } from "../../clients/typescript/src/generated";
import { ChartValue, TableOrChart } from "./chart/chart_value";
import { isChart } from "./chart/spec";
import { Copy } from "./controls";
import { size } from "./format";
import { JsonTree } from "./json_tree";
import { Markdown } from "./markdown";
import { step } from "./play/differ";
import { isTable } from "./rows_table";
import { type Schema, typeOf } from "./schema_types";

type Marks = ReadonlySet<string>;

interface ValueProps {
  value: unknown;
  schema?: Schema | null;
  project: string;
  /** The files that the result names. */
  outputs?: JobRead["outputs"];
  marks?: Marks;
}

/** A part of a value, with its schema and its path. */
interface PartProps extends Required<ValueProps> {
  schema: Schema;
  path: string;
}

/** Where a file is; `isOurs` if it may be loaded. */
interface Source {
  url: string;
  name: string;
  /** Its path in the drive. */
  path?: string;
  isOurs: boolean;
}

const MEDIA = new Set(["image", "video", "audio", "file"]);
const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|\b(true|false|null)\b/g;

/** The URL of a file of the project's drive for the signed-in user. */
export const driveUrl = (path: string, project: string) =>
  `/v1/drive/files/${path.replace(/^(\.?\/)?drive\//, "").split("/").map(encodeURIComponent).join("/")}?project=${encodeURIComponent(project)}`;

const NONE: Marks = new Set<string>();

/** JSON with syntax highlighting; the values at the paths in `marks` are highlighted. */
export function Json({ value, marks = NONE }: Pick<ValueProps, "value" | "marks">) {
  if (marks.size) return <pre className="code fold" tabIndex={0}><Marked value={value} path="" pad="" marks={marks} /></pre>;
  const text = JSON.stringify(value, null, 2) ?? "null", parts: ReactNode[] = [];
  let at = 0;
  for (const found of text.matchAll(TOKEN)) {
    const [whole, quoted, colon, number] = found;
    const kind = quoted ? (colon ? "key" : "text") : number ? "number" : "word", token: string = quoted ?? whole;
    parts.push(text.slice(at, found.index), <span className={`tok-${kind}`} key={found.index}>{token}</span>);
    at = found.index + token.length;
  }
  parts.push(text.slice(at));
  return <pre className="code fold" tabIndex={0}>{parts}</pre>;
}

const isNode = (value: unknown): value is Record<string, unknown> => value !== null && typeof value === "object";

function Marked({ value, path, pad, marks }: Pick<PartProps, "value" | "path" | "marks"> & { pad: string }) {
  if (marks.has(path)) return <mark className="differs">{JSON.stringify(value, null, 2)?.replaceAll("\n", `\n${pad}`) ?? "none"}</mark>;
  const names = isNode(value) ? Object.keys(value) : [], isList = Array.isArray(value);
  if (!isNode(value) || !names.length) return JSON.stringify(value) ?? "null";
  return (
    <>{isList ? "[" : "{"}{names.map((name, index) => (
      <span key={name}>{`\n${pad}  `}{!isList && <><span className="tok-key">{JSON.stringify(name)}</span>: </>}<Marked value={value[name]} path={step(path, name, value)} pad={`${pad}  `} marks={marks} />{index < names.length - 1 && ","}</span>
    ))}{`\n${pad}`}{isList ? "]" : "}"}</>
  );
}

/** A value rendered by its schema: media are shown, files are linked, the rest is text and numbers. The values at the
 *  paths in `marks` are highlighted. */
export function Value({ value, schema, project, outputs = [], marks = NONE }: ValueProps) {
  return <div className="value"><Shown value={value} schema={schema ?? {}} project={project} outputs={outputs} path="" marks={marks} /></div>;
}

function Shown({ path, marks, ...props }: PartProps) {
  if (marks.has(path)) return <div className="differs" role="mark"><Plain {...props} path={path} marks={NONE} /></div>;
  return <Plain {...props} path={path} marks={marks} />;
}

function Plain({ value, schema, project, outputs, path, marks }: PartProps) {
  const type = typeOf(schema);
  if (value === null || value === undefined) return <span className="t3">None</span>;
  if (MEDIA.has(type)) return <Media value={value} kind={type} project={project} outputs={outputs} />;
  if (Array.isArray(value)) return <Items {...{ value, schema, project, outputs, path, marks }} />;
  if (isChart(value) && !marks.size) return <ChartValue value={value} />;
  if (isNode(value)) return <Fields {...{ value, schema, project, outputs, path, marks }} />;
  if (type === "color") return <span className="mono"><i className="swatch" style={{ background: color(String(value)) }} />{String(value)}</span>;
  if (typeof value === "string") return /^https?:\/\/\S+$/.test(value) ? <ExternalLink url={value} /> : <Text value={value} format={schema.format} />;
  return <span className="mono">{String(value)}</span>;
}

const MARKDOWN = /^(?:#{1,6} |\s*[-*] |\d+\. |```|> |\|.+\|)|\*\*[^*]+\*\*|\[[^\]]+\]\([^)]+\)/m, LONG = 120;

/** A text; Markdown is rendered, and can be shown as it was written. */
function Text({ value, format }: { value: string; format: string | undefined }) {
  const isMarkdown = format === "markdown" || (value.includes("\n") && MARKDOWN.test(value)), [isPlain, setPlain] = useState(false);
  if (value === "") return <span className="text t3">Empty text</span>;
  if (value.length < LONG && !isMarkdown) return <span className="text">{value}</span>;
  return (
    <div className="text-value">
      <div className="row text-tools">{isMarkdown && <button type="button" className="btn quiet small" aria-pressed={isPlain} onClick={() => setPlain(!isPlain)}>As text</button>}<Copy text={value} label="Copy text" bare /></div>
      {isMarkdown && !isPlain ? <div className="prose markdown"><Markdown text={value} /></div> : <span className="text">{value}</span>}
    </div>
  );
}

const isMedia = (schema: Schema | null | undefined) => MEDIA.has(typeOf(schema ?? {}));
const hasMedia = (schema: Schema | undefined) => Object.values(schema?.properties ?? {}).some((field) => isMedia(field));

const color = (text: string) => (/^#?([0-9a-f]{3}|[0-9a-f]{6})$/i.test(text) ? `#${text.replace("#", "")}` : "transparent");

function Fields({ value, schema, project, outputs, path, marks }: PartProps & { value: Record<string, unknown> }) {
  const names = Object.keys(value), rank = (name: string) => Number(isMedia(schema.properties?.[name]));
  names.sort((one, other) => rank(other) - rank(one)); // media first
  if (!names.length) return <span className="t3">Empty object</span>;
  return (
    <dl>{names.map((name) => {
      const field = schema.properties?.[name] ?? {};
      return [<dt key={`${name}:`} title={field.description}>{field.title ?? name}</dt>,
        <dd key={name}><Shown value={value[name]} schema={field} path={step(path, name, value)} {...{ project, outputs, marks }} /></dd>];
    })}</dl>
  );
}

function Items({ value, schema, project, outputs, path, marks }: PartProps & { value: unknown[] }) {
  if (!value.length) return <span className="t3">Empty list</span>;
  if (isTable(value) && !marks.size && !hasMedia(schema.items)) return <TableOrChart rows={value} schema={schema.items} name={path.split(/[./]/).at(-1) || "rows"} />;
  if (value.length > 200) return <JsonTree value={value} name={path.split(/[./]/).at(-1) || "list"} label="List" />;
  return <ol className="items">{value.map((item, index) => <li key={index}><Shown value={item} schema={schema.items ?? {}} path={step(path, index, value)} {...{ project, outputs, marks }} /></li>)}</ol>;
}

function Media({ value, kind, project, outputs }: Pick<PartProps, "value" | "project" | "outputs"> & { kind: string }) {
  const source = sourceOf(value, project), [isBlocked, setBlocked] = useState(false);
  if (!source) return <Json value={value} />;
  const file = outputs.find((output) => output.drive_path === source.path);
  return (
    <figure>
      {isBlocked && <p className="note" role="status">{isSvg(source) ? "This SVG image is not shown, because SVG files can contain scripts. Download it to open it." : "This file cannot be shown here. Download it to open it."}</p>}
      {source.isOurs && kind === "image" && !isBlocked && <a href={source.url} target="_blank" rel="noreferrer"><img className="media" src={source.url} alt={source.name} onError={() => setBlocked(true)} /></a>}
      {source.isOurs && kind === "video" && <video className="media" src={source.url} controls preload="metadata" />}
      {source.isOurs && kind === "audio" && <audio src={source.url} controls preload="metadata" />}
      <figcaption className="row" style={{ marginTop: 6 }}>
        {source.isOurs ? <a className="mono cut" href={source.url} download={source.name}>{source.name}</a> : <ExternalLink url={source.url} />}
        {file?.size_bytes != null && <span className="t3 num">{size(file.size_bytes)}</span>}
      </figcaption>
    </figure>
  );
}

const isSvg = ({ url, name }: Source) => /^data:image\/svg|\.svg$/i.test(`${name}`) || url.startsWith("data:image/svg");

/** The source of a file value; null if the value is not a file. URLs of other hosts are linked, never loaded. */
function sourceOf(value: unknown, project: string): Source | null {
  const text = isNode(value) ? value["drive_path"] ?? value["url"] ?? value["data"] : value;
  if (typeof text !== "string" || !text) return null;
  if (/^https?:\/\//.test(text)) return { url: text, name: text, isOurs: text.startsWith(`${location.origin}/`) };
  if (/^data:(image|audio|video)\/[\w.+-]+[;,]/.test(text)) return { url: text, name: "inline data", isOurs: true };
  if (/^[a-z][a-z0-9+.-]*:/i.test(text)) return null;
  return { url: driveUrl(text, project), path: text, name: text, isOurs: true };
}

function ExternalLink({ url }: { url: string }) {
  return <a href={url} target="_blank" rel="noreferrer noopener" className="cut">{url}</a>;
}
