// The text of each type of event: a title, the main fields, and the color of its mark.
import { duration, exact, shortId } from "./format";
import type { JobEvent, Payload } from "./job_events";
import { waitingTitle } from "./spans";

type Text = [what: string, more: string, kind: string];

const some = (...parts: (string | number | false | null | undefined)[]) => parts.filter((part) => part !== undefined && part !== null && part !== "" && part !== false).join(" · ");
const tokens = (p: Payload) => (p.input_tokens ?? p.output_tokens) == null ? "" : `${(p.input_tokens ?? 0) + (p.output_tokens ?? 0)} tokens`;

const TEXTS: Record<string, (p: Payload) => Text> = {
  queued: (p) => ["Queued", some(p.skill, p.version && `v${p.version}`, p.source && `from ${p.source}`), "run"],
  started: (p) => ["Started", some(p.attempt && `attempt ${p.attempt}`, p.worker && `worker ${String(p.worker).slice(0, 8)}`), "run"],
  requeued: (p) => ["Requeued", some(p.reason), "approval"],
  waiting: (p) => [waitingTitle(p), some((p.approvals ?? 0) > 1 && `${p.approvals} calls`, p.until && `until ${exact(Date.parse(p.until))}`), "approval"],
  step_started: (p) => ["Step started", some(p.name, p.kind === "step" ? "" : p.kind, p.branch && `branch ${p.branch}`), "sandbox"],
  step_finished: (p) => [p.status === "failed" ? "Step failed" : "Step finished", some(p.name, p.tries && `${p.tries} tries`, p.error), p.status === "failed" ? "fail" : "sandbox"],
  resumed: (p) => ["Resumed", some(p.from_step && `from step ${p.from_step}`), "run"],
  forked: (p) => ["Forked", some(p.from_job_id && `from job ${shortId(p.from_job_id)}`, p.first_step ? `runs from step ${p.first_step}` : `after step ${p.from_step}`, p.edits && `${p.edits.length} edited`, p.model, p.version && `v${p.version}`), "run"],
  continued: (p) => ["Continued", some(p.from_job_id && `from job ${shortId(p.from_job_id)}`), "run"],
  subagent_start: (p) => ["Subjob started", some(p.label ?? p.skill), "tool"],
  subagent_end: (p) => [p.status === "succeeded" ? "Subjob ended" : "Subjob failed", some(p.skill, p.status), p.status === "succeeded" ? "tool" : "fail"],
  succeeded: () => ["Succeeded", "", "ok"],
  failed: (p) => ["Failed", some(p.error), "fail"],
  cancelled: (p) => ["Canceled", some(p.by && `by ${p.by}`), ""],
  sandbox: (p) => ["Sandbox", some(p.warm === undefined ? "" : p.warm ? "warm" : "cold", p.reason, p.network && `network ${[p.network].flat().join(", ")}`, Array.isArray(p.layers) ? p.layers.join(", ") : ""), "sandbox"],
  network_refused: (p) => ["Network blocked", some(p.host && `${p.host}${p.port ? `:${p.port}` : ""}`, p.message), "fail"],
  network: (p) => ["Network", some(`${p.connections} connections`, p.refused && `${p.refused} blocked`, `${p.sent_bytes} bytes sent`, `${p.received_bytes} bytes received`), "sandbox"],
  environment: (p) => ["Environment", String(p.log ?? "").trimEnd().split("\n").at(-1) ?? "", "sandbox"],
  limits: (p) => ["Limits", some(...Object.entries(p).slice(0, 5).map(([name, value]) => `${name} ${value}`)), "sandbox"],
  function_start: (p) => ["Function", some(p.module && `${p.module}:${p.func}`), "sandbox"],
  agent_start: (p) => ["Agent", some(p.model, p.tool_count && `${p.tool_count} tools`), "model"],
  model_response: (p) => ["Model", some(p.model, p.step && `step ${p.step}`, tokens(p), p.stop_reason), "model"],
  tool_use: (p) => ["Tool", some(p.name, p.label), "tool"],
  tool_started: (p) => ["Tool started", some(p.tool), "tool"],
  tool_result: (p) => [p.ok === false ? "Tool failed" : "Tool result", some(p.tool ?? p.name, p.preview), p.ok === false ? "fail" : "tool"],
  approval_required: (p) => ["Approval required", some(p.tool), "approval"],
  approval_decided: (p) => ["Approval decided", some(p.decision === "denied" ? "rejected" : p.decision, p.changed && `changed ${p.changed.join(", ")}`, p.reason), "approval"],
  timeout: (p) => ["Timed out", some(p.limit_s && `after ${duration(p.limit_s * 1000)}`), "fail"],
  cost_capped: () => ["Cost cap reached", "", "fail"],
};

/** `{what, more, kind}` of an event; an event without a text here is shown with its type. */
export function textOf({ type, payload }: Pick<JobEvent, "type" | "payload">) {
  const [what, more, kind] = TEXTS[type]?.(payload) ?? [type.replaceAll("_", " "), "", ""];
  return { what, more, kind };
}
