/** A value that differs; `undefined` is a missing one. */
export interface Change {
  path: string;
  before: unknown;
  after: unknown;
}

const isObject = (value: unknown): value is Record<string, unknown> => value !== null && typeof value === "object" && !Array.isArray(value);
const written = (value: unknown) => (value === undefined ? "none" : typeof value === "string" ? value : JSON.stringify(value, null, 2));

/** The values that differ between two values, in the order of the first. */
export function differences(before: unknown, after: unknown, path = ""): Change[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  if (!isObject(before) || !isObject(after)) return [{ path: path || "arguments", before, after }];
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((name) => differences(before[name], after[name], path ? `${path}.${name}` : name));
}

/** The values that a person has changed, before and after. */
export function Changes({ changes }: { changes: Change[] }) {
  return (
    <dl className="changes" aria-label="Changed arguments">
      {changes.map(({ path, before, after }) => (
        <div key={path}><dt className="mono">{path}</dt><dd><del>{written(before)}</del> <ins>{written(after)}</ins></dd></div>
      ))}
    </dl>
  );
}

interface Decision {
  by?: string;
  changed?: string[];
  input?: unknown;
  arguments?: unknown;
}

/** What a person has changed in the arguments of a call, from the event of the decision. */
export function EditedArguments({ decision }: { decision: Decision }) {
  const changed = decision.changed ?? [];
  if (!changed.length) return null;
  return (
    <div className="col edited" style={{ gap: 6 }}>
      <span className="t2">{(decision.by ?? "A user").replace(/^user:/, "")} changed the arguments before approving:</span>
      {decision.arguments === undefined ? <span className="mono">{changed.join(", ")}</span> : <Changes changes={differences(decision.input, decision.arguments)} />}
    </div>
  );
}
