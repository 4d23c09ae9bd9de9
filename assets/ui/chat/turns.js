// The turns of a session, from the frames of its stream.

const STATUS = { queued: "queued", started: "running", requeued: "queued", waiting: "waiting", succeeded: "succeeded", failed: "failed", cancelled: "cancelled" };

/** Whether the reply is still to come: it is stored, with its cost, soon after the job has ended. */
export const isLive = (turn) => turn.reply === null;

/** Return the turns after one more frame; the others are the same objects. */
export function withFrame(turns, event, data) {
  const at = turns.findIndex((turn) => turn.number === data.turn);
  if (event === "message" && data.role === "user" && at < 0) return [...turns, { number: data.turn, jobId: data.job_id, message: data, reply: null, status: data.status, steps: [], live: "", liveStep: 0, approvals: 0, isSimulated: false }];
  if (at < 0) return turns;
  const changed = [...turns];
  changed[at] = event === "message" ? { ...turns[at], reply: data.role === "assistant" ? data : turns[at].reply, status: data.status, live: "" } : event === "delta" ? withDelta(turns[at], data) : withEvent(turns[at], event, data.payload);
  return changed;
}

/** Add a part of the reply that is being written. The first one of a connection has the whole text so far. */
const withDelta = (turn, { step, text, restart }) => ({ ...turn, live: (restart || step !== turn.liveStep ? "" : turn.live) + (text ?? ""), liveStep: step });

function withEvent(turn, type, payload) {
  const next = { ...turn, status: STATUS[type] ?? turn.status };
  if (type === "agent_start" && payload.label) next.isSimulated = payload.label === "rehearsal";
  if (type === "model_response") {
    const text = (payload.blocks ?? []).filter((block) => block.type === "text").map((block) => block.text).join("");
    next.steps = [...turn.steps.filter((step) => step.step !== payload.step), { step: payload.step, text, calls: [] }];
    if (turn.liveStep <= payload.step) Object.assign(next, { live: "", liveStep: payload.step });
  }
  if (type === "tool_use" && payload.name !== "set_output" && turn.steps.length) next.steps = inLast(turn.steps, (calls) => [...calls, { ...payload, state: "" }]);
  if (type === "tool_result") next.steps = turn.steps.map((step) => ({ ...step, calls: step.calls.map((call) => (call.tool_use_id === payload.tool_use_id ? { ...call, state: payload.ok === false ? "fail" : "ok" } : call)) }));
  if (type === "approval_required" || type === "approval_decided") next.approvals = turn.approvals + 1;
  return next;
}

const inLast = (steps, change) => steps.map((step, at) => (at === steps.length - 1 ? { ...step, calls: change(step.calls) } : step));

/** The text that a reply shows: what the agent has written last, or its result. */
export function textOfReply(turn) {
  return (turn.reply?.content ?? []).filter((block) => block.type === "text").map((block) => block.text).join("");
}

/** The texts before the reply: what the agent wrote between calls. The last one is the reply itself, if the turn ended with it. */
export function stepsBefore(turn) {
  const reply = turn.reply ? textOfReply(turn).trim() : null, last = turn.steps.at(-1);
  return reply !== null && last && !last.calls.length && (last.text.trim() === reply || turn.reply.interrupted) ? turn.steps.slice(0, -1) : turn.steps;
}
