// Files on their way into the drive, as tus uploads: what came before a cut is not sent again.
// They go on while the person looks at other pages of the studio, hence one queue for each project, outside of components.
import { useEffect, useSyncExternalStore } from "react";
import { ask } from "../api";
import { toSignIn } from "../sign_in";
import { asked } from "./files";

const AT_ONCE = 2, TRIES = 4, WAIT_MS = 1500;
const TUS = { "Tus-Resumable": "1.0.0" };
const queues = new Map(), NONE = [];
let lastId = 0;

/** What is sent in this project: `{items, add, retry, forget, clear}`; `items` are `{id, path, size, part, state, failure}`,
 *  their states `waiting`, `sending`, `done`, `failed`. */
export function useSending(project, csrf) {
  const queue = queueOf(project);
  queue.csrf = csrf;
  const items = useSyncExternalStore(queue.listen, () => queue.items, () => NONE);
  const isBusy = items.some((one) => one.state === "sending" || one.state === "waiting");
  useEffect(() => {
    if (!isBusy) return undefined;
    const ask_first = (event) => event.preventDefault();
    addEventListener("beforeunload", ask_first);
    return () => removeEventListener("beforeunload", ask_first);
  }, [isBusy]);
  return { items, add: queue.add, retry: queue.retry, forget: queue.forget, clear: queue.clear };
}

function queueOf(project) {
  if (!queues.has(project)) queues.set(project, new Queue(project));
  return queues.get(project);
}

class Queue {
  items = [];
  csrf = "";
  #listeners = new Set();

  constructor(project) { this.project = project; }

  listen = (told) => { this.#listeners.add(told); return () => this.#listeners.delete(told); };
  add = (files) => { this.#set([...this.items, ...files.map(({ file, path }) => ({ id: ++lastId, file, path, size: file.size, part: 0, state: "waiting", failure: "", url: null }))]); this.#next(); };
  retry = (id) => { this.#change(id, { state: "waiting", failure: "" }); this.#next(); };
  forget = (id) => {
    const { url, state } = this.items.find((one) => one.id === id);
    if (url && state === "failed") ask("DELETE", url, { project: this.project, csrf: this.csrf, headers: TUS }).catch(() => {}); // else it goes by itself in a day
    this.#set(this.items.filter((one) => one.id !== id));
  };
  clear = () => this.#set(this.items.filter((one) => one.state !== "done"));

  #set(items) { this.items = items; for (const told of this.#listeners) told(); }
  #change(id, facts) { this.#set(this.items.map((one) => (one.id === id ? { ...one, ...facts } : one))); }

  #next() {
    const running = this.items.filter((one) => one.state === "sending").length;
    for (const item of this.items.filter((one) => one.state === "waiting").slice(0, Math.max(0, AT_ONCE - running))) {
      this.#change(item.id, { state: "sending" });
      this.#send(item)
        .then(() => this.#change(item.id, { state: "done", part: 1, file: null }), (error) => this.#change(item.id, { state: "failed", failure: error.detail ?? String(error), ...(error.isGone && { url: null }) }))
        .finally(() => this.#next());
    }
  }

  async #send(item) {
    let url = item.url;
    if (!url) {
      url = await begin(item, this);
      this.#change(item.id, { url });
    }
    for (let left = TRIES; ; left -= 1) {
      try {
        const offset = await offsetOf(url, this);
        if (offset < item.size) await goOn(url, item.file, offset, this, (sent) => this.#change(item.id, { part: (offset + sent) / item.size }));
        return;
      } catch (error) {
        if (!error.isCut || left <= 1) throw error;
        await new Promise((done) => setTimeout(done, WAIT_MS));
      }
    }
  }
}

const inBase64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
const CUT = { detail: "The connection was lost while sending. What has arrived is kept: try again.", isCut: true };
const refusal = async (answer) => {
  if (answer.status === 401) toSignIn();
  return { ...(await answer.json().catch(() => ({ detail: `The server answered ${answer.status} without a reason.` }))), isGone: answer.status === 404, isCut: answer.status === 423 };
};

async function fetched(url, options) {
  const answer = await fetch(url, options).catch(() => { throw CUT; });
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

const credentials = ({ project, csrf }) => ({ ...TUS, "X-Puras-Project": project, "X-CSRF-Token": csrf });

async function begin(item, who) {
  const headers = { ...credentials(who), "Upload-Length": String(item.size), "Upload-Metadata": `path ${inBase64(asked(item.path))}` };
  return (await fetched("/v1/drive/uploads", { method: "POST", headers })).headers.get("location");
}

async function offsetOf(url, who) {
  return Number((await fetched(url, { method: "HEAD", headers: credentials(who) })).headers.get("upload-offset"));
}

/** Send what is left in one request; XMLHttpRequest, since fetch tells no progress of uploads. */
function goOn(url, file, offset, who, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PATCH", url);
    for (const [name, value] of Object.entries({ ...credentials(who), "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream" })) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onProgress(event.loaded);
    request.onload = () => (request.status < 300 ? resolve() : refusal(new Response(request.responseText, { status: request.status })).then(reject));
    request.onerror = () => reject(CUT);
    request.send(file.slice(offset));
  });
}
