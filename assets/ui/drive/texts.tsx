import { rowsOf } from "../csv";
import { Json } from "../value";
import type { Beginning } from "./files";

const MAX_ROWS = 200, MAX_COLUMNS = 40, MAX_JSON = 200_000;
const SEPARATORS: Partial<Record<string, string>> = { "text/csv": ",", "text/tab-separated-values": "\t" };

/** The preview of a text file: a table, JSON, or plain text, never markup. */
export function TextPreview({ text, isWhole, mime }: Beginning & { mime: string }) {
  const rest = !isWhole && <p className="t3">Only the beginning is shown. Download the file for the rest.</p>;
  if (text === "") return <p className="t2">The file is empty.</p>;
  if (mime in SEPARATORS) return <>{<Sheet rows={rowsOf(text, SEPARATORS[mime], MAX_ROWS + 2)} isWhole={isWhole} />}{rest}</>;
  const value = isWhole && /json$/.test(mime) && text.length < MAX_JSON ? parsed(text) : undefined;
  if (value !== undefined) return <Json value={value} />;
  return <><pre className="code fold" tabIndex={0}>{text}</pre>{rest}</>;
}

function parsed(text: string): unknown {
  try { return JSON.parse(text); } catch { return undefined; }
}

function Sheet({ rows, isWhole }: { rows: string[][]; isWhole: boolean }) {
  const [head = [], ...body] = rows, columns = Math.min(MAX_COLUMNS, Math.max(...rows.map((row) => row.length))), shown = body.slice(0, MAX_ROWS);
  const all = [...Array(columns).keys()];
  return (
    <>
      <div className="sheet" tabIndex={0} role="region" aria-label="Table"><table>
        <thead><tr>{all.map((at) => <th key={at} scope="col">{head[at]}</th>)}</tr></thead>
        <tbody>{shown.map((row, line) => <tr key={line}>{all.map((at) => <td key={at}>{row[at]}</td>)}</tr>)}</tbody>
      </table></div>
      <p className="t3">{shown.length < body.length || !isWhole ? `The first ${shown.length.toLocaleString()} rows` : `${body.length.toLocaleString()} ${body.length === 1 ? "row" : "rows"}`}, {columns.toLocaleString()} {columns === 1 ? "column" : "columns"}</p>
    </>
  );
}
