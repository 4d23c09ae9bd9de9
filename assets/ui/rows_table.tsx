import { type CSSProperties, useMemo, useState } from "react";
import { Copy } from "./controls";
import { csvOf } from "./csv_text";
import { Download, JsonTree } from "./json_tree";
import type { Schema } from "./schema_types";
import { VirtualRows } from "./virtual";

type Row = Record<string, unknown>;

interface Order {
  column: string;
  isDown: boolean;
}

interface Props {
  rows: Row[];
  /** The schema of a row, with the titles of columns. */
  schema?: Schema;
  name?: string;
}

const ROW = 28, MAX_COLUMNS = 24, MAX_CELL = 200;

/** Whether a list is a table: objects, most of whose fields are plain values. */
export const isTable = (value: unknown): value is Row[] => Array.isArray(value) && value.length > 3 && value.every((item: unknown) => item !== null && typeof item === "object" && !Array.isArray(item) && Object.keys(item).length > 0);

/** Objects as rows of a table with a filter and sorting. Only the rows in sight are in the document. */
export function RowsTable({ rows, schema = {}, name = "rows" }: Props) {
  const [order, setOrder] = useState<Order | null>(null), [filter, setFilter] = useState(""), [open, setOpen] = useState<number | null>(null);
  const columns = useMemo(() => columnsOf(rows), [rows]), shownColumns = columns.slice(0, MAX_COLUMNS);
  const texts = useMemo(() => (filter ? rows.map((row) => columns.map((column) => textOf(row[column])).join("\u0000").toLowerCase()) : null), [rows, columns, filter !== ""]);
  const shown = useMemo(() => {
    const places = rows.map((_, index) => index), kept = texts ? places.filter((index) => texts[index]?.includes(filter.toLowerCase())) : places;
    return order ? kept.toSorted((one, other) => (order.isDown ? -1 : 1) * compare(rows[one]?.[order.column], rows[other]?.[order.column])) : kept;
  }, [rows, texts, filter, order]);
  const sort = (column: string) => setOrder((before) => (before?.column !== column ? { column, isDown: false } : before.isDown ? null : { column, isDown: true }));
  const isNumber = (column: string) => typeof rows.find((row) => row[column] != null)?.[column] === "number";
  const titleOf = (column: string) => schema.properties?.[column]?.title ?? column, state = (column: string) => (order?.column === column ? (order.isDown ? "descending" : "ascending") : "none");
  return (
    <div className="rows-table" style={{ "--columns": shownColumns.length } as CSSProperties}>
      <div className="row wrap tools-row">
        <input
          className="in small"
          type="search"
          placeholder="Filter rows…"
          aria-label="Filter rows"
          value={filter}
          onChange={(event) => {
            setFilter(event.target.value);
            setOpen(null);
          }}
        />
        <span className="t3 num" role="status">
          {filter
            ? `${shown.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")}`
            : rows.length.toLocaleString("en")}{" "}
          rows
        </span>
        {columns.length > MAX_COLUMNS && (
          <span className="t3">{columns.length - MAX_COLUMNS} more columns are in each row.</span>
        )}
        <span className="grow" />
        <Copy text={JSON.stringify(rows, null, 2)} label="Copy JSON" />
        <Download
          text={() =>
            csvOf(
              shown.map((index) => rows[index]).filter((row) => row !== undefined),
              columns,
            )
          }
          name={`${name}.csv`}
          type="text/csv"
          label="Download CSV"
        />
      </div>
      <div className="rows-scroll" role="table" aria-label={name} aria-rowcount={shown.length + 1}>
        <div className="rows-head" role="row">
          <span role="columnheader" className="num t3">
            #
          </span>
          {shownColumns.map((column) => (
            <span
              key={column}
              role="columnheader"
              className={isNumber(column) ? "num" : undefined}
              aria-sort={state(column)}
            >
              <button type="button" onClick={() => sort(column)} title={column}>
                {titleOf(column)}
                {order?.column === column && (order.isDown ? " ↓" : " ↑")}
              </button>
            </span>
          ))}
        </div>
        <VirtualRows
          className="rows-body"
          role="rowgroup"
          label="Rows"
          count={shown.length}
          rowPx={ROW}
          row={(place) => {
            const index = shown[place],
              row = index === undefined ? undefined : rows[index];
            return (
              index !== undefined &&
              row && (
                <div
                  key={index}
                  role="row"
                  aria-rowindex={place + 2}
                  aria-selected={open === index}
                  className="rows-row"
                  onClick={() => setOpen(open === index ? null : index)}
                >
                  <span role="cell" className="num t3">
                    {index + 1}
                  </span>
                  {shownColumns.map((column) => (
                    <span key={column} role="cell" className={typeof row[column] === "number" ? "num cut" : "cut"}>
                      {textOf(row[column]).slice(0, MAX_CELL)}
                    </span>
                  ))}
                </div>
              )
            );
          }}
        />
      </div>
      {!shown.length && <p className="t3">No matching rows</p>}
      {open !== null && (
        <>
          <h3>Row {open + 1}</h3>
          <JsonTree key={open} value={rows[open]} name={`${name}-${open + 1}`} label={`Row ${open + 1}`} />
        </>
      )}
    </div>
  );
}

function columnsOf(rows: Row[]) {
  const found = new Set<string>();
  for (const row of rows) for (const column of Object.keys(row)) found.add(column);
  return [...found];
}

const textOf = (value: unknown) => (value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value));

function compare(one: unknown, other: unknown) {
  if (typeof one === "number" && typeof other === "number") return one - other;
  return textOf(one).localeCompare(textOf(other), undefined, { numeric: true });
}
