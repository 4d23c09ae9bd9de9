// One stream per job for all subscribers: each gets the past events immediately and then every new event. All parts of a page
// read the state of a running job from here, so that they are consistent.
import { type Delta, isEvent, type JobEvent, type Received } from "./job_events";
import { followJob, type Kind, type Refusal } from "./line";
import { toSignIn } from "./sign_in";

const KEEP_AFTER_LAST_SUBSCRIBER_MS = 250; // a change of tabs within a page keeps the stream

/** The state of the connection; `code` and `detail` if it is refused. */
export interface StreamState extends Partial<Refusal> {
  phase: "connecting" | "live" | "retrying" | "ended" | "refused";
}

/** The reply that is being written. */
export interface Reply {
  step: number;
  text: string;
}

export interface Subscriber {
  onEvents?: (fresh: Received[]) => void;
  onState?: (state: StreamState) => void;
}

interface Stream {
  subscribers: Set<Subscriber>;
  events: JobEvent[];
  fresh: Received[];
  reply: Reply;
  /** The number of the newest event. */
  seq: number;
  frame: number;
  leaving: number;
  state: StreamState;
  leave: () => void;
}

const streams = new Map<string, Stream>();

/** Follow the job `src`, which is `project/id`. `onEvents(list)` gets the past events and each later batch, including deltas of
 *  replies, which have no ID; `onState` gets the state of the connection. Returns a function that stops. */
export function follow(src: string, subscriber: Subscriber): () => void {
  const stream = streams.get(src) ?? start(src), own = { ...subscriber };
  stream.subscribers.add(own);
  clearTimeout(stream.leaving);
  const soFar: Received[] = stream.reply.text ? [...stream.events, { type: "delta", ...stream.reply, restart: true }] : stream.events;
  if (soFar.length) own.onEvents?.(soFar);
  own.onState?.(stream.state);
  return () => {
    stream.subscribers.delete(own);
    stream.leaving = window.setTimeout(() => stream.subscribers.size || stop(src, stream), KEEP_AFTER_LAST_SUBSCRIBER_MS);
  };
}

function start(src: string): Stream {
  const [project = "", job = ""] = src.split("/");
  const stream: Stream = { subscribers: new Set(), events: [], fresh: [], reply: { step: 0, text: "" }, seq: 0, frame: 0, leaving: 0, state: { phase: "connecting" }, leave: () => {} };
  stream.leave = followJob(src, { project, job, after: () => stream.seq, onMessage: (kind, body) => receive(stream, kind, body) });
  streams.set(src, stream);
  return stream;
}

function stop(src: string, stream: Stream) {
  stream.leave();
  cancelAnimationFrame(stream.frame);
  streams.delete(src);
}

function receive(stream: Stream, kind: Kind, body: unknown) {
  if (["ended", "refused"].includes(stream.state.phase)) return;
  if (kind === "event") takeEvent(stream, body as JobEvent);
  else if (kind === "delta") take(stream, { ...(body as Delta), type: "delta" });
  else if (kind === "end") { setState(stream, { phase: "ended" }); stream.leave(); }
  else if (kind === "refused" && (body as Refusal).code === "not_signed_in") toSignIn();
  else if (kind === "refused") { setState(stream, { phase: "refused", ...(body as Refusal) }); stream.leave(); }
  else if (kind === "lost") setState(stream, { phase: "retrying" });
  else setState(stream, { phase: "live" });
}

function takeEvent(stream: Stream, event: JobEvent) {
  if (event.id <= stream.seq) return;
  stream.seq = event.id;
  take(stream, event);
}

function take(stream: Stream, one: Received) {
  stream.fresh.push(one);
  stream.frame ||= requestAnimationFrame(() => flush(stream));
}

/** Render at most once per frame of the screen, however many events arrive. */
function flush(stream: Stream) {
  cancelAnimationFrame(stream.frame);
  stream.frame = 0;
  const fresh = stream.fresh.splice(0);
  if (!fresh.length) return;
  stream.events = stream.events.concat(fresh.filter(isEvent));
  stream.reply = fresh.reduce(replyAfter, stream.reply);
  stream.subscribers.forEach((subscriber) => subscriber.onEvents?.(fresh));
}

/** Return the reply that is being written after an event or a delta. */
export function replyAfter(reply: Reply, one: Received): Reply {
  if (!isEvent(one)) return { step: one.step, text: (one.restart || one.step !== reply.step ? "" : reply.text) + (one.text ?? "") };
  const { step } = one.payload;
  return one.type === "model_response" && step !== undefined && step >= reply.step ? { step, text: "" } : reply;
}

function setState(stream: Stream, state: StreamState) {
  if (stream.fresh.length) flush(stream);
  stream.state = state;
  stream.subscribers.forEach((subscriber) => subscriber.onState?.(state));
}
