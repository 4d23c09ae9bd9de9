// The spans of a job, derived from its events as in `backend/execution/events/spans.py`, and updated with new events.
//
import type { JobEvent, Payload } from "./job_events";

type OpenKind = "run" | "queue" | "attempt" | "function" | "waiting";

/** A part of a job; times are in milliseconds. */
export interface Span {
  id: string;
  parent: string | null;
  kind: OpenKind | "step" | "durable_step" | "llm" | "tool" | "child" | "phase" | "ghost" | "mark";
  name: string;
  hint: string;
  start: number;
  /** Null while it is open. */
  end: number | null;
  /** In millionths of a dollar, including all spans within it. */
  cost: number | null;
  tokens: number | null;
  state: "" | "failed" | "lost" | "replayed";
  /** The numbers of the event that it starts with, and of the one that it ends with. */
  event: number | null;
  result?: number;
  /** The numbers of the log events of a durable step. */
  logs?: number[];
  /** The number of the reply of a model. */
  step?: number | undefined;
  /** The ID of the call of a tool. */
  call?: string | undefined;
  /** The ID of a subjob. */
  job?: string | undefined;
  /** The ID of the subjob that it belongs to, in the tree of a page. */
  of?: string;
}

type Facts = Pick<Span, "kind" | "name" | "parent"> & Partial<Span> & { suffix?: string };

/** The spans so far, and those that are open. */
interface Fold {
  spans: Span[];
  open: Partial<Record<OpenKind, Span>>;
  step: Span | null;
  tools: Map<string | undefined, Span>;
  steps: Map<string, Span>;
  children: Map<string | undefined, Span>;
  isAgent: boolean;
  model?: string | undefined;
  /** When the agent could call its model, and the number of that event. */
  readyAt?: number;
  readyId?: number;
  installing?: Span | null;
}

const TERMINAL = ["succeeded", "failed", "cancelled"];
const OPENS: Record<string, [kind: "queue" | "attempt" | "function" | "waiting", name: string]> = {
  queued: ["queue", "Queued"],
  started: ["attempt", "Attempt"],
  function_start: ["function", "Function"],
  waiting: ["waiting", "Awaiting approval"],
};
const WITHIN_ATTEMPT: OpenKind[] = ["function", "attempt"];
const CLOSES: Record<string, OpenKind[]> = {
  started: ["queue", "waiting"],
  waiting: WITHIN_ATTEMPT,
  requeued: WITHIN_ATTEMPT,
  ...Object.fromEntries(TERMINAL.map((type): [string, OpenKind[]] => [type, [...WITHIN_ATTEMPT, "waiting", "queue", "run"]])),
};
const WAITING: Record<string, string> = { sleep: "Sleeping", event: "Awaiting event", steps: "Waiting for steps" };
/** Durations that an event reports about the parts before it, in their order, as in `phase_spans.py`. */
const PHASES: Record<string, string> = { load: "Load environment", guardrails: "Check inputs", packages: "Install packages", sandbox: "Prepare sandbox", tools: "Start tools and MCP servers", files: "Load files of the inputs", store: "Store files", grade: "Grade the result" };
/** By kind of span, the names of the parts of which no event reports a duration: before, between, and after its children. */
const GAPS: Partial<Record<Span["kind"], [before: string, between: string, after: string]>> = { attempt: ["Prepare", "Continue the run", "End the attempt"], step: ["Call the model", "Check the calls", "End the step"] };
const LEAST_GAP_MS = 50;
/** Codes of failures of model calls. */
const MODEL_FAILURE = /^(model_|prompt_too_long$|context_full$)/;
/** Events after which an agent calls its model. */
const CALLS_MODEL_AFTER = new Set(["agent_start", "resumed", "model_response", "tool_result"]);
/** Codes of failures because of what the last reply is. */
const REPLY_FAILURE = /^(refused|truncated|no_output)$/;
const PARENT: Record<string, OpenKind> = { queue: "run", waiting: "run", attempt: "run", function: "attempt" };

/** The title of an event `waiting`, by what the job waits for. */
export const waitingTitle = (payload: Payload) => WAITING[payload.reason ?? ""] ?? "Awaiting approval";

/** The spans of a job's events, each after its parent. */
export function spansOf(events: JobEvent[], skill = ""): Span[] {
  const fold: Fold = { spans: [], open: {}, step: null, tools: new Map(), steps: new Map(), children: new Map(), isAgent: false };
  for (const event of events) {
    if (!fold.spans.length) fold.open.run = add(fold, event, { kind: "run", name: event.payload.skill ?? skill, parent: null });
    take(fold, event, Date.parse(event.ts));
  }
  const last = events.at(-1);
  if (last) addOpenReply(fold, last);
  const children = byParent(fold.spans);
  fold.spans.push(...fold.spans.flatMap((span) => gapsOf(span, children.get(span.id) ?? [])));
  price(fold.spans);
  return fold.spans;
}

function add(fold: Fold, event: Pick<JobEvent, "id" | "ts">, { suffix = "", ...facts }: Facts): Span {
  const start = facts.start ?? Date.parse(event.ts);
  const span: Span = { hint: "", end: null, cost: null, tokens: null, state: "", event: event.id, ...facts, start, id: `${facts.kind}-${event.id}${suffix}` };
  fold.spans.push(span);
  return span;
}

function take(fold: Fold, event: JobEvent, at: number) {
  const { type, payload } = event;
  if (payload.phases && fold.open.attempt) addPhases(fold, event, fold.open.attempt, at);
  const closed = CLOSES[type];
  if (closed) close(fold, type, closed, payload, at);
  const opened = OPENS[type];
  if (opened) begin(fold, event, opened);
  if (type === "requeued") fold.open.queue = add(fold, event, { kind: "queue", name: "Requeued", hint: payload.reason ?? "", parent: fold.open.run?.id ?? null });
  if (type === "agent_start") Object.assign(fold, { isAgent: true, model: payload.model });
  if (["agent_start", "function_start", "resumed"].includes(type)) endInstallation(fold, payload, at);
  if (CALLS_MODEL_AFTER.has(type)) Object.assign(fold, { readyAt: at, readyId: event.id });
  READS[type]?.(fold, event, at);
}

/** The installation of packages, while no event reports its duration. */
function endInstallation(fold: Fold, payload: Payload, at: number) {
  if (!fold.installing) return;
  if (payload.phases?.packages) fold.spans.splice(fold.spans.indexOf(fold.installing), 1);
  else fold.installing.end = at;
  fold.installing = null;
}

/** The model call that failed with the job: it has no reply, and so no event. */
function addFailedCall(fold: Fold, attempt: Span, payload: Payload, at: number) {
  const last = fold.spans.findLast((span) => span.kind === "llm"), start = Math.max(attempt.start, fold.readyAt ?? 0);
  endStep(fold, start);
  add(fold, { id: fold.readyId ?? 0, ts: "" }, { kind: "llm", name: last?.name ?? fold.model ?? "model", hint: payload.code ?? "", start, end: at, parent: attempt.id, state: "failed", suffix: "-failed", step: (last?.step ?? 0) + 1, event: null });
}

function begin(fold: Fold, event: JobEvent, [kind, name]: [kind: "queue" | "attempt" | "function" | "waiting", name: string]) {
  const { payload } = event;
  const parent = fold.open[PARENT[kind] ?? "run"] ?? fold.open.run;
  const hint = { queue: payload.source && `from ${payload.source}`, attempt: payload.worker && `worker ${String(payload.worker).slice(0, 8)}`, waiting: payload.tool ?? payload.reason, function: payload.module && `${payload.module}:${payload.func}` }[kind];
  const title = kind === "waiting" ? waitingTitle(payload) : name;
  fold.open[kind] = add(fold, event, { kind, name: payload.attempt ? `${name} ${payload.attempt}` : payload.name ?? title, hint: hint || "", parent: parent?.id ?? null });
}

/** The spans of the durations that an event reports; they lie one after another before the event. */
function addPhases(fold: Fold, event: JobEvent, attempt: Span, at: number) {
  const { phases = {} } = event.payload;
  let end = at;
  for (const name of Object.keys(PHASES).toReversed().filter((one) => one in phases)) {
    const start = Math.max(attempt.start, end - (phases[name] ?? 0));
    add(fold, event, { kind: "phase", name: PHASES[name] ?? name, start, end, parent: attempt.id, suffix: `-${name}` });
    end = start;
  }
}

/** Spans for the parts of a span that no child explains. An open span has no last part yet. */
function gapsOf(span: Span, children: Span[]): Span[] {
  const names = GAPS[span.kind], found: Span[] = [];
  if (!names) return found;
  let at = span.start, name: string = names[0];
  const gap = (start: number, end: number) => end - start >= LEAST_GAP_MS && found.push({ hint: "by the runtime", cost: null, tokens: null, state: "", event: null, kind: "phase", name, start, end, parent: span.id, id: `gap-${span.id}-${found.length}` });
  for (const child of children.filter(({ kind }) => kind !== "mark" && kind !== "ghost").toSorted((one, other) => one.start - other.start)) {
    gap(at, child.start);
    at = Math.max(at, child.end ?? Infinity);
    name = names[1];
  }
  name = names[2];
  if (children.length && span.end != null) gap(at, span.end);
  return found;
}

function close(fold: Fold, type: string, closed: OpenKind[], payload: Payload, at: number) {
  const ending = closed.filter((kind) => fold.open[kind]), { attempt } = fold.open;
  endInstallation(fold, payload, at);
  if (type === "failed" && attempt && MODEL_FAILURE.test(payload.code ?? "")) addFailedCall(fold, attempt, payload, at);
  if (type === "failed" && REPLY_FAILURE.test(payload.code ?? "")) Object.assign(fold.spans.findLast((span) => span.kind === "llm") ?? {}, { state: "failed" });
  if (attempt && ending.includes("attempt")) {
    endStep(fold, at);
    fold.steps.forEach((step) => { step.end = at; });
    fold.steps.clear();
    if (type === "requeued") Object.assign(attempt, { state: payload.reason?.includes("lost") ? "lost" : "", hint: payload.reason ?? "" });
    if (type === "failed") Object.assign(attempt, { state: "failed", hint: payload.code ?? "" });
  }
  if (type === "failed" && fold.open.function) fold.open.function.state = "failed";
  for (const kind of ending) {
    const span = fold.open[kind];
    if (span) span.end = at;
    if (span && kind === "run" && type !== "succeeded") span.state = type === "failed" ? "failed" : "";
    delete fold.open[kind];
  }
}

const READS: Record<string, (fold: Fold, event: JobEvent, at: number) => void> = {
  model_response(fold, event, at) {
    const { payload } = event, start = at - (payload.duration_ms ?? 0);
    endStep(fold, start);
    fold.step = add(fold, event, { kind: "step", name: `Step ${payload.step ?? 0}`, start, parent: (fold.open.attempt ?? fold.open.run)?.id ?? null });
    add(fold, event, { kind: "llm", name: payload.model ?? "model", hint: payload.label ?? (payload.cache_hit ? "from the cache" : ""), start, end: at, parent: fold.step.id, cost: payload.billed_micros ?? null, tokens: tokensOf(payload), step: payload.step });
  },
  environment(fold, event, at) {
    fold.installing ??= fold.open.attempt ? add(fold, event, { kind: "phase", name: "Install packages", parent: fold.open.attempt.id, start: at }) : null;
  },
  tool_use: startTool,
  tool_started: startTool,
  tool_result(fold, event, at) {
    const { payload } = event, tool = fold.tools.get(payload.tool_use_id);
    if (!tool) return;
    fold.tools.delete(payload.tool_use_id);
    Object.assign(tool, { end: at, result: event.id, state: payload.ok === false ? "failed" : "", cost: payload.billed_micros ?? null });
  },
  step_started(fold, event) {
    const { payload } = event;
    fold.steps.set(stepKey(payload), add(fold, event, { kind: "durable_step", name: payload.name ?? "", hint: stepHint(payload), parent: (fold.open.function ?? fold.open.attempt ?? fold.open.run)?.id ?? null }));
  },
  step_finished(fold, event, at) {
    const { payload } = event, step = fold.steps.get(stepKey(payload));
    fold.steps.delete(stepKey(payload));
    const facts = { end: at, result: event.id, state: payload.status === "failed" ? "failed" as const : "" as const };
    if (step) Object.assign(step, facts);
    else add(fold, event, { kind: "durable_step", name: payload.name ?? "", hint: stepHint(payload), start: at - (payload.duration_ms ?? 0), parent: innermost(fold), ...facts });
  },
  media(fold, event, at) {
    const { payload } = event;
    add(fold, event, { kind: "tool", name: payload.verb ?? "media", hint: payload.model ?? "", start: at - (payload.duration_ms ?? 1000 * (payload.took_s ?? 0)), end: at, parent: innermost(fold, payload), cost: payload.billed_micros ?? null });
  },
  web(fold, event) {
    const step = stepOf(fold, event.payload);
    if (step) step.cost = (step.cost ?? 0) + (event.payload.billed_micros ?? 0);
  },
  log(fold, event) {
    const step = stepOf(fold, event.payload);
    if (step) (step.logs ??= []).push(event.id);
  },
  subagent_start(fold, event) {
    const { payload } = event, key = payload.job_id ?? payload.sid;
    const within = [...fold.tools.values()].at(-1);
    fold.children.set(key, add(fold, event, { kind: "child", name: payload.label ?? payload.skill ?? "skill", hint: payload.skill ?? "", parent: within?.id ?? innermost(fold, payload), job: payload.job_id ?? undefined }));
  },
  subagent_end(fold, event, at) {
    const { payload } = event, child = fold.children.get(payload.job_id ?? payload.sid);
    if (child) Object.assign(child, { end: at, state: payload.status === "succeeded" ? "" : "failed", cost: payload.used_micros ?? null });
  },
  resumed(fold, event, at) {
    const { from_step: step } = event.payload;
    const isFunction = fold.open.function || !fold.isAgent && fold.spans.some((span) => span.kind === "durable_step");
    if (step && isFunction) add(fold, event, { kind: "ghost", name: step > 1 ? `${step} steps` : "1 step", hint: "stored, not repeated", end: at, state: "replayed", parent: innermost(fold) });
    else if (step) add(fold, event, { kind: "ghost", name: step > 1 ? `Steps 1–${step}` : "Step 1", hint: "from the journal, no cost", end: at, cost: 0, state: "replayed", parent: innermost(fold) });
  },
  model_retry(fold, event, at) {
    add(fold, event, { kind: "mark", name: "Retry", hint: event.payload.reason ?? event.payload.error ?? "", end: at, state: "failed", parent: innermost(fold) });
  },
  network_refused(fold, event, at) {
    add(fold, event, { kind: "mark", name: "Network blocked", hint: event.payload.host ?? "", end: at, state: "failed", parent: innermost(fold) });
  },
  rail(fold, event, at) {
    add(fold, event, { kind: "mark", name: `Guardrail ${event.payload.rail ?? ""}`, hint: event.payload.action ?? "", end: at, state: event.payload.action === "block" ? "failed" : "", parent: innermost(fold) });
  },
};

function startTool(fold: Fold, event: JobEvent, at: number) {
  const { payload } = event, known = fold.tools.get(payload.tool_use_id);
  if (known) known.start = at;
  else fold.tools.set(payload.tool_use_id, add(fold, event, { kind: "tool", name: payload.name ?? payload.tool ?? "", hint: payload.label ?? "", parent: fold.step?.id ?? innermost(fold), call: payload.tool_use_id }));
}

const stepKey = (payload: Payload) => `${payload.branch}:${payload.position}`;
const stepHint = (payload: Payload) => [payload.kind === "step" ? "" : payload.kind, payload.branch && `branch ${payload.branch}`].filter(Boolean).join(" · ");
/** The durable step that an event names; without a name, the one that runs, unless branches of `parallel` run several. */
const stepOf = (fold: Fold, payload: Payload = {}) => (payload.durable_step ? fold.steps.get(payload.durable_step) : fold.steps.size === 1 ? [...fold.steps.values()][0] : null);

const innermost = (fold: Fold, payload?: Payload) => (stepOf(fold, payload) ?? fold.open.function ?? fold.step ?? fold.open.attempt ?? fold.open.run)?.id ?? null;

function endStep(fold: Fold, at: number) {
  fold.tools.forEach((tool) => { tool.end = at; });
  fold.tools.clear();
  if (fold.step) fold.step.end = at;
  fold.step = null;
}

/** Add the reply that is being generated: it has no event before it is complete. */
function addOpenReply(fold: Fold, event: JobEvent) {
  if (!fold.isAgent || !fold.open.attempt || fold.tools.size) return;
  add(fold, event, { kind: "llm", name: "Model", hint: "replying", parent: fold.open.attempt.id, suffix: "-now" });
}

const tokensOf = (p: Payload) => (p.output_tokens == null ? null : (p.input_tokens ?? 0) + p.output_tokens + (p.cache_creation_input_tokens ?? 0) + (p.cache_read_input_tokens ?? 0));

/** Add the cost and the tokens of each span to its parent. Children follow their parents, so start at the end. */
function price(spans: Span[]) {
  const known = new Map(spans.map((span) => [span.id, span]));
  for (const span of spans.toReversed()) {
    const parent = known.get(span.parent ?? "");
    if (!parent) continue;
    if (span.cost != null) parent.cost = (parent.cost ?? 0) + span.cost;
    if (span.tokens != null) parent.tokens = (parent.tokens ?? 0) + span.tokens;
  }
}

/** The children of each span. */
function byParent(spans: Span[]) {
  const found = new Map<string | null, Span[]>();
  for (const span of spans) {
    const siblings = found.get(span.parent);
    if (siblings) siblings.push(span); else found.set(span.parent, [span]);
  }
  return found;
}

export interface Row {
  span: Span;
  depth: number;
  hasChildren: boolean;
}

/** The rows of the tree: `{span, depth, hasChildren}`, without the children of closed rows. */
export function rowsOf(spans: Span[], closed: Set<string>): Row[] {
  const children = byParent(spans), rows: Row[] = [];
  const walk = (parent: string | null, depth: number): void => (children.get(parent) ?? []).toSorted((one, other) => one.start - other.start).forEach((span) => {
    rows.push({ span, depth, hasChildren: children.has(span.id) });
    if (!closed.has(span.id)) walk(span.id, depth + 1);
  });
  walk(null, 0);
  return rows;
}
