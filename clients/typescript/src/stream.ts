import { PurasAPIError } from "./errors.js";
import type { EventRead } from "./generated.js";
import { pause, rejection, type Transport } from "./transport.js";

/** A part of a reply while the model writes it. With `restart: true` in the payload, its text replaces the earlier parts: the first
 *  delta after a connection during the reply has the whole text so far. */
export interface Delta {
  type: "delta";
  job_id: string;
  payload: { step?: number; text?: string; [name: string]: unknown };
}

/** Options of the stream. */
export interface StreamOptions {
  /** Return only events after this number; default: 0. */
  after?: number;
  /** Also return the text of a model while it is written. */
  deltas?: boolean;
  signal?: AbortSignal;
}

/** Maximum time without a heartbeat (every 15 s) before the connection counts as broken. */
const SILENCE_MS = 45_000;

export interface Frame {
  id: string | undefined;
  event: string;
  data: string;
}

/** Yield the events of a job in order, each exactly once, until its end. Continue after a disconnect. */
export async function* follow(
  transport: Transport,
  jobId: string,
  options: StreamOptions,
): AsyncGenerator<EventRead | Delta> {
  let last = options.after ?? 0;
  const path = `/v1/jobs/${encodeURIComponent(jobId)}/stream`;
  for await (const frame of continued(transport, path, String(last), {}, options.signal)) {
    if (frame.event === "delta") {
      if (options.deltas) yield { type: "delta", job_id: jobId, payload: JSON.parse(frame.data) };
    } else if (frame.id !== undefined && Number(frame.id) > last) {
      last = Number(frame.id);
      yield JSON.parse(frame.data) as EventRead;
    }
  }
}

/** Yield the frames of a stream until its end. After a disconnect, continue after the last ID. */
export async function* continued(
  transport: Transport,
  path: string,
  after: string,
  headers: Record<string, string>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Frame> {
  let last = after;
  let failures = 0;
  for (;;) {
    let broken: unknown = new Error("the connection ended before the stream");
    try {
      for await (const frame of frames(transport, path, { ...headers, "Last-Event-ID": last }, signal)) {
        failures = 0;
        if (frame.event === "end") return;
        yield frame;
        last = frame.id ?? last;
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof PurasAPIError && (error.status ?? 0) < 500 && error.status !== 429) throw error;
      broken = error;
    }
    const pauseMs = transport.pausesMs[failures++];
    if (pauseMs === undefined) throw broken instanceof PurasAPIError ? broken : transport.noResponse(broken);
    await pause(pauseMs, signal);
  }
}

/** Yield the complete frames of one connection. */
async function* frames(
  transport: Transport,
  path: string,
  headers: Record<string, string>,
  outer: AbortSignal | undefined,
): AsyncGenerator<Frame> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(new Error("no data was received")), SILENCE_MS);
  const signal = outer ? AbortSignal.any([outer, silence.signal]) : silence.signal;
  try {
    const accepted = { ...headers, Accept: "text/event-stream" };
    const response = await transport.once("GET", path, { headers: accepted }, signal);
    if (!response.ok || response.body === null) throw await rejection(response);
    const decoder = new TextDecoder();
    let text = "";
    const reader = response.body.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(new Error("no data was received")), SILENCE_MS);
        text += decoder.decode(value, { stream: true });
        for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
          const frame = parsed(text.slice(0, end));
          text = text.slice(end + 2);
          if (frame) yield frame;
        }
      }
    } finally {
      await reader.cancel().catch(() => undefined);
    }
  } finally {
    clearTimeout(timer);
  }
}

function parsed(block: string): Frame | undefined {
  const frame: Frame = { id: undefined, event: "message", data: "" };
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    const [name, value] = [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, "")];
    if (name === "id") frame.id = value;
    else if (name === "event") frame.event = value;
    else if (name === "data") data.push(value);
  }
  frame.data = data.join("\n");
  return data.length ? frame : undefined;
}
