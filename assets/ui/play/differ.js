// The differences between the results of several columns.

const isBranch = (value) => value !== null && typeof value === "object";

/** Paths (`a.b[0]`) of the leaves that differ between the values; empty for fewer than two values. */
export function differing(values) {
  const found = new Set();
  if (values.length > 1) walk(values, "", found);
  return found;
}

function walk(values, path, found) {
  const branches = values.filter(isBranch), isMixed = branches.length !== values.length || new Set(branches.map(Array.isArray)).size > 1;
  if (isMixed) {
    if (new Set(values.map((value) => JSON.stringify(value))).size > 1) values.forEach((value) => leaves(value, path, found));
    return;
  }
  for (const key of new Set(values.flatMap(Object.keys))) walk(values.map((value) => value[key]), step(path, key, values[0]), found);
}

/** Add all paths below a value that the others do not have. */
function leaves(value, path, found) {
  found.add(path);
  if (isBranch(value)) Object.keys(value).forEach((key) => leaves(value[key], step(path, key, value), found));
}

/** The path of a key of a value. */
export const step = (path, key, holder) => (Array.isArray(holder) ? `${path}[${key}]` : path ? `${path}.${key}` : String(key));
