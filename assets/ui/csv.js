// Text with separators, such as CSV.

/** The rows of a text with separators; quoted fields may contain separators, line ends and doubled quotes. */
export function rowsOf(text, separator, maxRows = Infinity) {
  const rows = [];
  let row = [], field = "", isQuoted = false;
  const end = () => { row.push(field); field = ""; };
  for (let at = text.charCodeAt(0) === 0xfeff ? 1 : 0; at < text.length && rows.length < maxRows; at += 1) {
    const one = text[at];
    if (isQuoted) {
      if (one !== '"') field += one;
      else if (text[at + 1] === '"') { field += one; at += 1; }
      else isQuoted = false;
    } else if (one === '"' && field === "") isQuoted = true;
    else if (one === separator) end();
    else if (one === "\n") { end(); rows.push(row); row = []; }
    else if (one !== "\r") field += one;
  }
  if (field || row.length) { end(); rows.push(row); }
  return rows;
}
