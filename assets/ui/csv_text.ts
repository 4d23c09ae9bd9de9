const textOf = (value: unknown) => (value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value));

/** Rows as CSV. A cell that a spreadsheet could execute starts with an apostrophe. */
export function csvOf(rows: Record<string, unknown>[], columns: string[]): string {
  const cell = (value: unknown) => {
    const text = textOf(value), safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return [columns, ...rows.map((row) => columns.map((column) => row[column]))].map((row) => row.map(cell).join(",")).join("\r\n");
}
