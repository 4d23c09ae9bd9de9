// One stream per URL and page, whoever looks: each looker gets the past at once and then every event as it comes.
//
// A browser opens at most six connections per origin over all its tabs, so a stream sleeps while its tab is hidden.
// It resumes behind the newest event that it has seen, so nothing is missed and nothing comes twice.

const SLEEP_AFTER_MS = 5000;
const KEEP_AFTER_LAST_LOOKER_MS = 250; // a change of tabs within a page keeps the stream
const RETRY_MS = [500, 1000, 2000, 5000];
const streams = new Map();

/** Follow a job. `onEvents(list)` gets the past and each batch after it; `onState({phase, detail})` what the line does:
 *  `connecting`, `live`, `retrying`, `ended`, or `refused` with the API's code and sentence. Returns a function that stops. */
export function follow(url, { onEvents, onState }) {
  const stream = streams.get(url) ?? start(url);
  const looker = { onEvents, onState };
  stream.lookers.add(looker);
  clearTimeout(stream.leaving);
  if (stream.events.length) onEvents?.(stream.events);
  onState?.(stream.state);
  return () => {
    stream.lookers.delete(looker);
    stream.leaving = setTimeout(() => stream.lookers.size || stop(url, stream), KEEP_AFTER_LAST_LOOKER_MS);
  };
}

function start(url) {
  const stream = { url, lookers: new Set(), events: [], fresh: [], seq: 0, state: { phase: "connecting" }, failures: 0 };
  stream.onVisibility = () => {
    clearTimeout(stream.sleeping);
    if (document.hidden) stream.sleeping = setTimeout(() => stream.abort?.abort(), SLEEP_AFTER_MS);
    else open(stream);
  };
  document.addEventListener("visibilitychange", stream.onVisibility);
  streams.set(url, stream);
  open(stream);
  return stream;
}

function stop(url, stream) {
  stream.isStopped = true;
  stream.abort?.abort();
  clearTimeout(stream.sleeping);
  clearTimeout(stream.retrying);
  cancelAnimationFrame(stream.frame);
  document.removeEventListener("visibilitychange", stream.onVisibility);
  streams.delete(url);
}

async function open(stream) {
  if (stream.abort || stream.isStopped || ["ended", "refused"].includes(stream.state.phase)) return;
  clearTimeout(stream.retrying);
  stream.abort = new AbortController();
  try {
    await read(stream);
  } catch {
    if (!stream.abort.signal.aborted) tell(stream, { phase: "retrying" });
  }
  const wasAborted = stream.abort.signal.aborted;
  stream.abort = null;
  if (stream.isStopped || wasAborted || ["ended", "refused"].includes(stream.state.phase)) return;
  tell(stream, { phase: "retrying" });
  stream.retrying = setTimeout(() => document.hidden || open(stream), RETRY_MS[Math.min(stream.failures++, RETRY_MS.length - 1)]);
}

async function read(stream) {
  const url = new URL(stream.url, location.origin);
  url.searchParams.set("after", stream.seq);
  const answer = await fetch(url, { headers: { Accept: "text/event-stream" }, signal: stream.abort.signal });
  if (answer.status >= 400 && answer.status < 500 && answer.status !== 429) {
    const body = await answer.json().catch(() => ({}));
    return tell(stream, { phase: "refused", code: body.code, detail: body.detail ?? `The stream was refused (${answer.status}).` });
  }
  if (!answer.ok) throw new Error(String(answer.status));
  tell(stream, { phase: "live" });
  stream.failures = 0;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return undefined;
    const frames = (rest + value).split("\n\n");
    rest = frames.pop();
    frames.forEach((frame) => take(stream, parse(frame)));
  }
}

/** `{id, type, data}` of a frame; comments and unknown fields say nothing. */
function parse(frame) {
  const event = { id: 0, type: "message", data: "" };
  for (const line of frame.split("\n")) {
    const at = line.indexOf(":"), field = line.slice(0, at), text = line.slice(at + 1).trimStart();
    if (field === "id") event.id = Number(text);
    else if (field === "event") event.type = text;
    else if (field === "data") event.data += text;
  }
  return event;
}

function take(stream, frame) {
  if (frame.type === "end") return tell(stream, { phase: "ended" });
  if (!frame.data || (frame.id && frame.id <= stream.seq)) return undefined;
  if (frame.id) stream.seq = frame.id;
  stream.fresh.push(JSON.parse(frame.data));
  stream.frame ||= requestAnimationFrame(() => flush(stream));
  return undefined;
}

/** At most one rendering per frame of the screen, however many events came. */
function flush(stream) {
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
