// Uploads to the drive with the tus protocol: after a lost connection, an upload resumes where it stopped.
// Uploads continue while the user opens other pages of the studio, so each project has one queue outside of the components.
import { useEffect, useSyncExternalStore } from "react";
import { type ApiError, callApi } from "../api";
import { toSignIn } from "../sign_in";
import type { DroppedFile } from "./dropping";
import { rooted, type Who } from "./files";

const MAX_RUNNING = 2, MAX_ATTEMPTS = 4, WAIT_MS = 1500;
const TUS = { "Tus-Resumable": "1.0.0" };

export interface UploadItem {
  id: number;
  /** Null after the upload. */
  file: File | null;
  path: string;
  size: number;
  /** The share that was sent, from 0 to 1. */
  part: number;
  state: "waiting" | "sending" | "done" | "failed";
  failure: string;
  /** The URL of the upload, once it has one. */
  url: string | null;
}

/** The uploads of a project. */
export interface Uploads {
  items: UploadItem[];
  add: (files: DroppedFile[]) => void;
  retry: (id: number) => void;
  forget: (id: number) => void;
  clear: () => void;
}

interface UploadError extends ApiError {
  /** The server does not have the upload any more. */
  isGone?: boolean;
  /** The upload can continue where it stopped. */
  isCut?: boolean;
}

const queues = new Map<string, Queue>(), NONE: UploadItem[] = [];
let lastId = 0;

/** The uploads of this project, updated live. */
export function useUploads(project: string, csrf: string): Uploads {
  const queue = queueOf(project);
  queue.csrf = csrf;
  const items = useSyncExternalStore(queue.listen, () => queue.items, () => NONE);
  const isBusy = items.some((one) => one.state === "sending" || one.state === "waiting");
  useEffect(() => {
    if (!isBusy) return undefined;
    const confirmLeave = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", confirmLeave);
    return () => removeEventListener("beforeunload", confirmLeave);
  }, [isBusy]);
  return { items, add: queue.add, retry: queue.retry, forget: queue.forget, clear: queue.clear };
}

function queueOf(project: string): Queue {
  const queue = queues.get(project) ?? new Queue(project);
  queues.set(project, queue);
  return queue;
}

class Queue implements Who {
  items: UploadItem[] = [];
  csrf = "";
  project: string;
  #listeners = new Set<() => void>();

  constructor(project: string) { this.project = project; }

  listen = (listener: () => void) => { this.#listeners.add(listener); return () => this.#listeners.delete(listener); };
  add = (files: DroppedFile[]) => { this.#set([...this.items, ...files.map(({ file, path }) => ({ id: ++lastId, file, path, size: file.size, part: 0, state: "waiting" as const, failure: "", url: null }))]); this.#next(); };
  retry = (id: number) => { this.#change(id, { state: "waiting", failure: "" }); this.#next(); };
  forget = (id: number) => {
    const item = this.items.find((one) => one.id === id);
    if (item?.url && item.state === "failed") callApi("DELETE", item.url, { project: this.project, csrf: this.csrf, headers: TUS }).catch(() => {}); // otherwise the server deletes it after a day
    this.#set(this.items.filter((one) => one.id !== id));
  };
  clear = () => this.#set(this.items.filter((one) => one.state !== "done"));

  #set(items: UploadItem[]) { this.items = items; for (const listener of this.#listeners) listener(); }
  #change(id: number, facts: Partial<UploadItem>) { this.#set(this.items.map((one) => (one.id === id ? { ...one, ...facts } : one))); }

  #next() {
    const running = this.items.filter((one) => one.state === "sending").length;
    for (const item of this.items.filter((one) => one.state === "waiting").slice(0, Math.max(0, MAX_RUNNING - running))) {
      this.#change(item.id, { state: "sending" });
      this.#send(item)
        .then(() => this.#change(item.id, { state: "done", part: 1, file: null }), (error: UploadError) => this.#change(item.id, { state: "failed", failure: error.detail ?? String(error), ...(error.isGone && { url: null }) }))
        .finally(() => this.#next());
    }
  }

  async #send(item: UploadItem) {
    let url = item.url;
    if (!url) {
      url = await begin(item, this);
      this.#change(item.id, { url });
    }
    for (let left = MAX_ATTEMPTS; ; left -= 1) {
      try {
        const offset = await offsetOf(url, this);
        if (offset < item.size && item.file) await sendRest(url, item.file, offset, this, (sent) => this.#change(item.id, { part: (offset + sent) / item.size }));
        return;
      } catch (error) {
        if (!(error as UploadError).isCut || left <= 1) throw error;
        await new Promise((done) => setTimeout(done, WAIT_MS));
      }
    }
  }
}

const inBase64 = (text: string) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
const CUT: UploadError = { detail: "The connection was lost during the upload. Try again to resume it.", isCut: true };
const errorOf = async (response: Response): Promise<UploadError> => {
  if (response.status === 401) toSignIn();
  return { ...(await response.json().catch(() => ({ detail: `The server returned status ${response.status} without details.` }))), isGone: response.status === 404, isCut: response.status === 423 };
};

async function fetched(url: string, options: RequestInit) {
  const response = await fetch(url, options).catch(() => { throw CUT; });
  if (!response.ok) throw await errorOf(response);
  return response;
}

const credentials = ({ project, csrf }: Who) => ({ ...TUS, "X-Puras-Project": project, "X-CSRF-Token": csrf });

async function begin(item: UploadItem, who: Who) {
  const headers = { ...credentials(who), "Upload-Length": String(item.size), "Upload-Metadata": `path ${inBase64(rooted(item.path))}` };
  return (await fetched("/v1/drive/uploads", { method: "POST", headers })).headers.get("location") ?? "";
}

async function offsetOf(url: string, who: Who) {
  return Number((await fetched(url, { method: "HEAD", headers: credentials(who) })).headers.get("upload-offset"));
}

/** Send the rest of the file in one request, with XMLHttpRequest, since fetch does not report upload progress. */
function sendRest(url: string, file: File, offset: number, who: Who, onProgress: (sent: number) => void) {
  return new Promise<void>((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PATCH", url);
    for (const [name, value] of Object.entries({ ...credentials(who), "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream" })) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onProgress(event.loaded);
    request.onload = () => (request.status < 300 ? resolve() : errorOf(new Response(request.responseText, { status: request.status })).then(reject));
    request.onerror = () => reject(CUT);
    request.send(file.slice(offset));
  });
}
