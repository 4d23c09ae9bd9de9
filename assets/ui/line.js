// The connection of the page: one WebSocket that delivers the events of every job that the page follows.
//
// It opens with the first followed job, closes with the last one and while the tab is in the background, and reconnects
// automatically. Each follower sends its position at each connection, so no event is missed or delivered twice.

const RETRY_MS = [250, 1000, 2000, 5000];
const RETRY_JOB_MS = 2000; // a job that the instance cannot read at the moment
const SLEEP_AFTER_MS = 30_000;
const TOO_MANY = 4429;

const followed = new Map(); // key → { project, job, after(), onMessage(kind, body) }
let socket = null, failures = 0, retrying = 0, sleeping = 0, isWatching = false;

/** Follow a job. `onMessage(kind, body)` gets `open`, `lost`, and the messages of the connection: `event`, `delta`, `end`, `refused`.
 *  Returns a function that stops. */
export function followJob(key, stream) {
  if (!isWatching) document.addEventListener("visibilitychange", onVisibility);
  isWatching = true;
  followed.set(key, stream);
  if (socket?.readyState === WebSocket.OPEN) subscribe(key, stream);
  else open();
  return () => {
    if (followed.get(key) !== stream) return;
    followed.delete(key);
    send({ leave: key });
    if (!followed.size) socket?.close();
  };
}

function open() {
  clearTimeout(retrying);
  if (socket || !followed.size || document.hidden) return;
  socket = new WebSocket(`${location.origin.replace("http", "ws")}/_follow`);
  socket.onopen = () => { failures = 0; followed.forEach((stream, key) => subscribe(key, stream)); };
  socket.onmessage = ({ data }) => JSON.parse(data).forEach(([key, kind, body]) => deliver(key, kind, body));
  socket.onclose = ({ code }) => {
    socket = null;
    if (code === TOO_MANY) notifyAll("refused", { code: "too_many_pages", detail: "You have reached the maximum number of open studio pages. Close some, then reload this one." });
    else notifyAll("lost");
    retrying = setTimeout(open, RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]);
  };
}

const notifyAll = (kind, body) => [...followed.values()].forEach((stream) => stream.onMessage(kind, body));

function subscribe(key, stream) {
  stream.onMessage("open");
  send({ follow: key, project: stream.project, job: stream.job, after: stream.after() });
}

function send(message) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

function deliver(key, kind, body) {
  const stream = followed.get(key);
  if (kind !== "away") return stream?.onMessage(kind, body);
  stream?.onMessage("lost");
  setTimeout(() => followed.get(key) === stream && stream && subscribe(key, stream), RETRY_JOB_MS);
  return undefined;
}

function onVisibility() {
  clearTimeout(sleeping);
  if (document.hidden) sleeping = setTimeout(() => socket?.close(), SLEEP_AFTER_MS);
  else open();
}
