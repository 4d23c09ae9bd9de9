// The turns of a session, from the frames of its stream.

import type { ContentBlock, MessageRead } from "../../../clients/typescript/src/generated";

type Status = MessageRead["status"];
type Blocks = Pick<ContentBlock, "type" | "text" | "drive_path" | "url" | "media_type">[];
/** A message; its blocks have their type. */
export type Message = Omit<MessageRead, "content"> & { content: Blocks };

export interface Call {
  tool_use_id: string;
  name: string;
  label?: string;
  input?: unknown;
  /** Empty until it has ended. */
  state: "" | "ok" | "fail";
}

export interface Step {
  step: number;
  text: string;
  calls: Call[];
}

export interface Turn {
  number: number;
  jobId: string;
  message: Message;
  reply: Message | null;
  status: Status;
  steps: Step[];
  /** The text that is being written, and its step. */
  live: string;
  liveStep: number;
  /** The number of changes of approvals. */
  approvals: number;
  isSimulated: boolean;
}

interface Delta {
  step: number;
  text?: string;
  restart?: boolean;
}

/** It depends on the type of the event. */
type Payload = any;

const STATUS: Partial<Record<string, Status>> = { queued: "queued", started: "running", requeued: "queued", waiting: "waiting", succeeded: "succeeded", failed: "failed", cancelled: "cancelled" };

/** Whether the reply is still to come: it is stored, with its cost, soon after the job has ended. */
export const isLive = (turn: Turn) => turn.reply === null;

/** Return the turns after one more frame; the others are the same objects. */
export function withFrame(turns: Turn[], event: string, data: Payload): Turn[] {
  const at = turns.findIndex((turn) => turn.number === data.turn);
  if (event === "message" && data.role === "user" && at < 0) return [...turns, { number: data.turn, jobId: data.job_id, message: data, reply: null, status: data.status, steps: [], live: "", liveStep: 0, approvals: 0, isSimulated: false }];
  const turn = turns[at];
  if (!turn) return turns;
  const changed = [...turns];
  changed[at] = event === "message" ? { ...turn, reply: data.role === "assistant" ? data : turn.reply, status: data.status, live: "" } : event === "delta" ? withDelta(turn, data) : withEvent(turn, event, data.payload);
  return changed;
}

/** Add a part of the reply that is being written. The first one of a connection has the whole text so far. */
const withDelta = (turn: Turn, { step, text, restart }: Delta): Turn => ({ ...turn, live: (restart || step !== turn.liveStep ? "" : turn.live) + (text ?? ""), liveStep: step });

function withEvent(turn: Turn, type: string, payload: Payload): Turn {
  const next: Turn = { ...turn, status: STATUS[type] ?? turn.status };
  if (type === "agent_start" && payload.label) next.isSimulated = payload.label === "rehearsal";
  if (type === "model_response") {
    const text = textOf(payload.blocks ?? []);
    next.steps = [...turn.steps.filter((step) => step.step !== payload.step), { step: payload.step, text, calls: [] }];
    if (turn.liveStep <= payload.step) Object.assign(next, { live: "", liveStep: payload.step });
  }
  if (type === "tool_use" && payload.name !== "set_output" && turn.steps.length) next.steps = inLast(turn.steps, (calls) => [...calls, { ...payload, state: "" }]);
  if (type === "tool_result") next.steps = turn.steps.map((step) => ({ ...step, calls: step.calls.map((call) => (call.tool_use_id === payload.tool_use_id ? { ...call, state: payload.ok === false ? "fail" : "ok" } : call)) }));
  if (type === "approval_required" || type === "approval_decided") next.approvals = turn.approvals + 1;
  return next;
}

const inLast = (steps: Step[], change: (calls: Call[]) => Call[]) => steps.map((step, at) => (at === steps.length - 1 ? { ...step, calls: change(step.calls) } : step));

const textOf = (blocks: Blocks) => blocks.filter((block) => block.type === "text").map((block) => block.text).join("");

/** The text that a reply shows: what the agent has written last, or its result. */
export function textOfReply(turn: Turn) {
  return textOf(turn.reply?.content ?? []);
}

/** The texts before the reply: what the agent wrote between calls. The last one is the reply itself, if the turn ended with it. */
export function stepsBefore(turn: Turn) {
  const reply = turn.reply ? textOfReply(turn).trim() : null, last = turn.steps.at(-1);
  return reply !== null && last && !last.calls.length && (last.text.trim() === reply || turn.reply?.interrupted) ? turn.steps.slice(0, -1) : turn.steps;
}
