// The differences between the results of several columns.

type Branch = Record<string, unknown>;

/** A list counts as a branch, too: its keys are its indexes. */
const isBranch = (value: unknown): value is Branch => value !== null && typeof value === "object";

/** Paths (`a.b[0]`) of the leaves that differ between the values; empty for fewer than two values. */
export function differing(values: unknown[]): Set<string> {
  const found = new Set<string>();
  if (values.length > 1) walk(values, "", found);
  return found;
}

function walk(values: unknown[], path: string, found: Set<string>) {
  const branches = values.filter(isBranch), isMixed = branches.length !== values.length || new Set(branches.map((one) => Array.isArray(one))).size > 1;
  if (isMixed) {
    if (new Set(values.map((value) => JSON.stringify(value))).size > 1) values.forEach((value) => leaves(value, path, found));
    return;
  }
  for (const key of new Set(branches.flatMap((one) => Object.keys(one)))) walk(branches.map((one) => one[key]), step(path, key, branches[0]), found);
}

/** Add all paths below a value that the others do not have. */
function leaves(value: unknown, path: string, found: Set<string>) {
  found.add(path);
  if (isBranch(value)) Object.keys(value).forEach((key) => leaves(value[key], step(path, key, value), found));
}

/** The path of a key of a value. */
export const step = (path: string, key: string | number, holder: unknown) => (Array.isArray(holder) ? `${path}[${key}]` : path ? `${path}.${key}` : String(key));
