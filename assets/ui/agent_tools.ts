// The tools of an agent: those that its skill.yaml names, and those that a job has called.

import type { Span } from "./spans";

/** A tool in the graph of an agent. */
export interface AgentTool {
  name: string;
  kind: string;
  hint: string;
}

export interface CalledTool extends AgentTool {
  calls: number;
  failed: number;
  cost: number;
}

/** The tools of the values of a skill.yaml, for the graph of the agent. */
export function toolsOfSkill(document: { tools?: unknown }): AgentTool[] {
  const tools: unknown[] = Array.isArray(document.tools) ? document.tools : [], known = tools.filter((one): one is Record<string, unknown> => one !== null && typeof one === "object");
  return known.map(({ name, skill, mcp, builtin, entrypoint }) => {
    if (mcp) return { name: String(name ?? hostOf(String(mcp))), kind: "mcp", hint: String(mcp) };
    if (skill) return { name: String(name ?? skill), kind: "skill", hint: String(skill) };
    if (builtin) return { name: String(builtin), kind: "builtin", hint: "" };
    return { name: String(name ?? "tool"), kind: "python", hint: String(entrypoint ?? "") };
  });
}

/** The host of a URL; the text itself if it is none. */
export function hostOf(url: string) {
  try { return new URL(url).host; } catch { return url; }
}

/** `{model, tools}` of the spans of a job: how often each was called, and the cost, which includes that of subjobs. */
export function callsOf(spans: Span[]) {
  const model = { name: "", calls: 0, tokens: 0, cost: 0 }, tools = new Map<string, CalledTool>(), callers = new Set(spans.filter(({ kind }) => kind === "child").map(({ parent }) => parent));
  for (const { id, kind, name, cost, tokens, state, hint, end } of spans) {
    if (kind === "llm" && !(end === null && hint === "replying")) Object.assign(model, { name, calls: model.calls + 1, tokens: model.tokens + (tokens ?? 0), cost: model.cost + (cost ?? 0) });
    if (kind !== "tool") continue;
    const known = tools.get(name) ?? { name, kind: "tool", hint: "", calls: 0, failed: 0, cost: 0 };
    tools.set(name, { ...known, kind: callers.has(id) ? "skill" : known.kind, calls: known.calls + 1, failed: known.failed + (state === "failed" ? 1 : 0), cost: known.cost + (cost ?? 0) });
  }
  return { model, tools: [...tools.values()] };
}
