// One stream per job, whoever looks: each looker gets the past at once and then every event as it comes. All that a page
// says of a running job is read from here, so that two places cannot disagree.
import { attend } from "./line";
import { toSignIn } from "./sign_in";

const KEEP_AFTER_LAST_LOOKER_MS = 250; // a change of tabs within a page keeps the stream
const streams = new Map();

/** Follow the job `src`, which is `project/id`. `onEvents(list)` gets the past and each batch after it, deltas of replies among
 *  them, which have no id; `onState({phase, code, detail})` what the line does: `connecting`, `live`, `retrying`, `ended`, or
 *  `refused`. Returns a function that stops. */
export function follow(src, { onEvents, onState }) {
  const stream = streams.get(src) ?? start(src);
  const looker = { onEvents, onState };
  stream.lookers.add(looker);
  clearTimeout(stream.leaving);
  if (stream.events.length) onEvents?.(stream.events);
  onState?.(stream.state);
  return () => {
    stream.lookers.delete(looker);
    stream.leaving = setTimeout(() => stream.lookers.size || stop(src, stream), KEEP_AFTER_LAST_LOOKER_MS);
  };
}

function start(src) {
  const [project, job] = src.split("/");
  const stream = { lookers: new Set(), events: [], fresh: [], seq: 0, frame: 0, state: { phase: "connecting" } };
  stream.leave = attend(src, { project, job, after: () => stream.seq, hear: (kind, body) => hear(stream, kind, body) });
  streams.set(src, stream);
  return stream;
}

function stop(src, stream) {
  stream.leave();
  cancelAnimationFrame(stream.frame);
  streams.delete(src);
}

function hear(stream, kind, body) {
  if (["ended", "refused"].includes(stream.state.phase)) return;
  if (kind === "event" || kind === "delta") take(stream, kind, body);
  else if (kind === "end") { tell(stream, { phase: "ended" }); stream.leave(); }
  else if (kind === "refused" && body.code === "not_signed_in") toSignIn();
  else if (kind === "refused") { tell(stream, { phase: "refused", ...body }); stream.leave(); }
  else if (kind === "lost") tell(stream, { phase: "retrying" });
  else tell(stream, { phase: "live" });
}

function take(stream, kind, body) {
  if (kind === "event") {
    if (body.id <= stream.seq) return;
    stream.seq = body.id;
  }
  stream.fresh.push(kind === "event" ? body : { type: "delta", ...body });
  stream.frame ||= requestAnimationFrame(() => flush(stream));
}

/** At most one rendering per frame of the screen, however many events came. */
function flush(stream) {
  cancelAnimationFrame(stream.frame);
  stream.frame = 0;
  const fresh = stream.fresh.splice(0);
  if (!fresh.length) return;
  stream.events = stream.events.concat(fresh.filter((event) => event.id));
  stream.lookers.forEach((looker) => looker.onEvents?.(fresh));
}

function tell(stream, state) {
  if (stream.fresh.length) flush(stream);
  stream.state = state;
  stream.lookers.forEach((looker) => looker.onState?.(state));
}
