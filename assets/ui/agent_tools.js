// The tools of an agent: those that its skill.yaml names, and those that a job has called.

/** The tools of the values of a skill.yaml, for the graph of the agent. */
export function toolsOfSkill(document) {
  const tools = Array.isArray(document.tools) ? document.tools.filter((one) => one !== null && typeof one === "object") : [];
  return tools.map(({ name, skill, mcp, builtin, entrypoint }) => {
    if (mcp) return { name: name ?? hostOf(mcp), kind: "mcp", hint: String(mcp) };
    if (skill) return { name: String(name ?? skill), kind: "skill", hint: String(skill) };
    if (builtin) return { name: String(builtin), kind: "builtin", hint: "" };
    return { name: String(name ?? "tool"), kind: "python", hint: String(entrypoint ?? "") };
  });
}

function hostOf(url) {
  try { return new URL(url).host; } catch { return String(url); }
}

/** `{model, tools}` of the spans of a job: how often each was called, and the cost, which includes that of subjobs. */
export function callsOf(spans) {
  const model = { name: "", calls: 0, tokens: 0, cost: 0 }, tools = new Map(), callers = new Set(spans.filter(({ kind }) => kind === "child").map(({ parent }) => parent));
  for (const { id, kind, name, cost, tokens, state, hint, end } of spans) {
    if (kind === "llm" && !(end === null && hint === "replying")) Object.assign(model, { name, calls: model.calls + 1, tokens: model.tokens + (tokens ?? 0), cost: model.cost + (cost ?? 0) });
    if (kind !== "tool") continue;
    const known = tools.get(name) ?? { name, kind: "tool", hint: "", calls: 0, failed: 0, cost: 0 };
    tools.set(name, { ...known, kind: callers.has(id) ? "skill" : known.kind, calls: known.calls + 1, failed: known.failed + (state === "failed" ? 1 : 0), cost: known.cost + (cost ?? 0) });
  }
  return { model, tools: [...tools.values()] };
}
