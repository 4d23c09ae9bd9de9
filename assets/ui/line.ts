// The connection of the page: one WebSocket that delivers the events of every job that the page follows.
//
// It opens with the first followed job, closes with the last one and while the tab is in the background, and reconnects
// automatically. Each follower sends its position at each connection, so no event is missed or delivered twice.

const RETRY_MS = [250, 1000, 2000, 5000];
const RETRY_JOB_MS = 2000; // a job that the instance cannot read at the moment
const SLEEP_AFTER_MS = 30_000;
const TOO_MANY = 4429;

/** `open` and `lost` are of the connection, the others of the server. */
export type Kind = "open" | "lost" | "event" | "delta" | "end" | "refused";

export interface Refusal {
  code: string;
  detail: string;
}

/** A followed job, the list of the jobs of a project if it has no `job`, or a topic of either. The body of a message depends on its kind. */
export interface Followed {
  project: string;
  job?: string;
  topic?: string;
  /** The number of the newest event that has been received. */
  after?: () => number;
  onMessage: (kind: Kind, body?: any) => void;
}

const followed = new Map<string, Followed>();
let socket: WebSocket | null = null, failures = 0, retrying = 0, sleeping = 0, isWatching = false;

/** Follow a job under a key. Returns a function that stops. */
export function followJob(key: string, stream: Followed): () => void {
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

/** Call `onChange` when the list of the jobs of a project may have changed. Returns a function that stops. */
export const followJobs = (project: string, onChange: () => void) =>
  followJob(`jobs of ${project}`, { project, onMessage: (kind) => { if (kind === "event") onChange(); } });

/** Call `onChange` when what a topic names may have changed on a job, or in the project if there is no job. Returns a function that stops. */
export const followTopic = (project: string, topic: string, job: string, onChange: () => void) =>
  followJob(`${topic} of ${project}/${job}`, { project, topic, ...(job && { job }), onMessage: (kind) => { if (kind === "event") onChange(); } });

function open() {
  clearTimeout(retrying);
  if (socket || !followed.size || document.hidden) return;
  socket = new WebSocket(`${location.origin.replace("http", "ws")}/_follow`);
  socket.onopen = () => { failures = 0; followed.forEach((stream, key) => subscribe(key, stream)); };
  socket.onmessage = ({ data }) => (JSON.parse(data) as [string, Kind | "away", unknown][]).forEach(([key, kind, body]) => deliver(key, kind, body));
  socket.onclose = ({ code }) => {
    socket = null;
    if (code === TOO_MANY) notifyAll("refused", { code: "too_many_pages", detail: "You have reached the maximum number of open studio pages. Close some, then reload this one." });
    else notifyAll("lost");
    retrying = window.setTimeout(open, RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]);
  };
}

const notifyAll = (kind: Kind, body?: Refusal) => [...followed.values()].forEach((stream) => stream.onMessage(kind, body));

function subscribe(key: string, stream: Followed) {
  stream.onMessage("open");
  send({ follow: key, project: stream.project, ...(stream.job && { job: stream.job, after: stream.after?.() ?? 0 }), ...(stream.topic && { topic: stream.topic }) });
}

function send(message: object) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

function deliver(key: string, kind: Kind | "away", body: unknown) {
  const stream = followed.get(key);
  if (kind !== "away") return stream?.onMessage(kind, body);
  stream?.onMessage("lost");
  setTimeout(() => { if (stream && followed.get(key) === stream) subscribe(key, stream); }, RETRY_JOB_MS);
  return undefined;
}

function onVisibility() {
  clearTimeout(sleeping);
  if (document.hidden) sleeping = window.setTimeout(() => socket?.close(), SLEEP_AFTER_MS);
  else open();
}
