// The page's line: one socket that brings the events of every job that the page looks at.
//
// It opens with the first that is attended to, closes with the last and while nobody looks at the tab, and opens again by
// itself. Whoever attends says at each opening how far it is, so nothing is missed and nothing comes twice.

const RETRY_MS = [250, 1000, 2000, 5000];
const ASK_AGAIN_MS = 2000; // a job that the instance cannot read just now
const SLEEP_AFTER_MS = 30_000;
const TOO_MANY = 4429;

const attended = new Map(); // key → { project, job, after(), hear(kind, body) }
let socket = null, failures = 0, retrying = 0, sleeping = 0, isWatching = false;

/** Attend to a job. `hear(kind, body)` gets `open`, `lost`, and what the line brings: `event`, `delta`, `end`, `refused`.
 *  Returns a function that stops. */
export function attend(key, stream) {
  if (!isWatching) document.addEventListener("visibilitychange", onVisibility);
  isWatching = true;
  attended.set(key, stream);
  if (socket?.readyState === WebSocket.OPEN) ask(key, stream);
  else open();
  return () => {
    if (attended.get(key) !== stream) return;
    attended.delete(key);
    say({ leave: key });
    if (!attended.size) socket?.close();
  };
}

function open() {
  clearTimeout(retrying);
  if (socket || !attended.size || document.hidden) return;
  socket = new WebSocket(`${location.origin.replace("http", "ws")}/_follow`);
  socket.onopen = () => { failures = 0; attended.forEach((stream, key) => ask(key, stream)); };
  socket.onmessage = ({ data }) => JSON.parse(data).forEach(([key, kind, body]) => bring(key, kind, body));
  socket.onclose = ({ code }) => {
    socket = null;
    if (code === TOO_MANY) tellAll("refused", { code: "too_many_pages", detail: "You have as many pages open as one may. Close some, then reload this one." });
    else tellAll("lost");
    retrying = setTimeout(open, RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]);
  };
}

const tellAll = (kind, body) => [...attended.values()].forEach((stream) => stream.hear(kind, body));

function ask(key, stream) {
  stream.hear("open");
  say({ follow: key, project: stream.project, job: stream.job, after: stream.after() });
}

function say(message) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

function bring(key, kind, body) {
  const stream = attended.get(key);
  if (kind !== "away") return stream?.hear(kind, body);
  stream?.hear("lost");
  setTimeout(() => attended.get(key) === stream && stream && ask(key, stream), ASK_AGAIN_MS);
  return undefined;
}

function onVisibility() {
  clearTimeout(sleeping);
  if (document.hidden) sleeping = setTimeout(() => socket?.close(), SLEEP_AFTER_MS);
  else open();
}
