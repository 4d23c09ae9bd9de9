// One stream per job for all subscribers: each gets the past events immediately and then every new event. All parts of a page
// read the state of a running job from here, so that they are consistent.
import { followJob } from "./line";
import { toSignIn } from "./sign_in";

const KEEP_AFTER_LAST_SUBSCRIBER_MS = 250; // a change of tabs within a page keeps the stream
const streams = new Map();

/** Follow the job `src`, which is `project/id`. `onEvents(list)` gets the past events and each later batch, including deltas of
 *  replies, which have no ID; `onState({phase, code, detail})` gets the state of the connection: `connecting`, `live`, `retrying`,
 *  `ended`, or `refused`. Returns a function that stops. */
export function follow(src, { onEvents, onState }) {
  const stream = streams.get(src) ?? start(src);
  const subscriber = { onEvents, onState };
  stream.subscribers.add(subscriber);
  clearTimeout(stream.leaving);
  const soFar = stream.reply.text ? [...stream.events, { type: "delta", ...stream.reply, restart: true }] : stream.events;
  if (soFar.length) onEvents?.(soFar);
  onState?.(stream.state);
  return () => {
    stream.subscribers.delete(subscriber);
    stream.leaving = setTimeout(() => stream.subscribers.size || stop(src, stream), KEEP_AFTER_LAST_SUBSCRIBER_MS);
  };
}

function start(src) {
  const [project, job] = src.split("/");
  const stream = { subscribers: new Set(), events: [], fresh: [], reply: { step: 0, text: "" }, seq: 0, frame: 0, state: { phase: "connecting" } };
  stream.leave = followJob(src, { project, job, after: () => stream.seq, onMessage: (kind, body) => receive(stream, kind, body) });
  streams.set(src, stream);
  return stream;
}

function stop(src, stream) {
  stream.leave();
  cancelAnimationFrame(stream.frame);
  streams.delete(src);
}

function receive(stream, kind, body) {
  if (["ended", "refused"].includes(stream.state.phase)) return;
  if (kind === "event" || kind === "delta") take(stream, kind, body);
  else if (kind === "end") { setState(stream, { phase: "ended" }); stream.leave(); }
  else if (kind === "refused" && body.code === "not_signed_in") toSignIn();
  else if (kind === "refused") { setState(stream, { phase: "refused", ...body }); stream.leave(); }
  else if (kind === "lost") setState(stream, { phase: "retrying" });
  else setState(stream, { phase: "live" });
}

function take(stream, kind, body) {
  if (kind === "event") {
    if (body.id <= stream.seq) return;
    stream.seq = body.id;
  }
  stream.fresh.push(kind === "event" ? body : { type: "delta", ...body });
  stream.frame ||= requestAnimationFrame(() => flush(stream));
}

/** Render at most once per frame of the screen, however many events arrive. */
function flush(stream) {
  cancelAnimationFrame(stream.frame);
  stream.frame = 0;
  const fresh = stream.fresh.splice(0);
  if (!fresh.length) return;
  stream.events = stream.events.concat(fresh.filter((event) => event.id));
  stream.reply = fresh.reduce(replyAfter, stream.reply);
  stream.subscribers.forEach((subscriber) => subscriber.onEvents?.(fresh));
}

/** Return the reply that is being written, `{step, text}`, after an event or a delta. */
export function replyAfter(reply, one) {
  if (one.type === "delta") return { step: one.step, text: (one.restart || one.step !== reply.step ? "" : reply.text) + (one.text ?? "") };
  return one.type === "model_response" && one.payload.step >= reply.step ? { step: one.payload.step, text: "" } : reply;
}

function setState(stream, state) {
  if (stream.fresh.length) flush(stream);
  stream.state = state;
  stream.subscribers.forEach((subscriber) => subscriber.onState?.(state));
}
