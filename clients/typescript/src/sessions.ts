import { PurasAPIError } from "./errors.js";
import type { EventRead, MessageCreate, MessageRead, MessageSent, SessionCreate, AgentSessionRead, SessionUpdate } from "./generated.js";
import { continued } from "./stream.js";
import { newKey, type Transport } from "./transport.js";

/** A message of a session, or the reply to it. */
export interface SessionMessage {
  type: "message";
  /** Its position in the stream, such as `3.0` or `3.end`. */
  id: string;
  turn: number;
  message: MessageRead;
}

/** An event of the job of a turn. */
export interface SessionJobEvent {
  type: "event";
  /** Its position in the stream, such as `3.17`. */
  id: string;
  turn: number;
  event: EventRead;
}

/** A part of a reply while the model writes it. With `restart`, `text` replaces the earlier parts: the first delta after a connection
 *  during the reply has the whole text so far. */
export interface SessionDelta {
  type: "delta";
  turn: number;
  job_id: string;
  step: number;
  text: string;
  restart?: boolean;
}

export type SessionItem = SessionMessage | SessionJobEvent | SessionDelta;

/** Options of the stream of a session. */
export interface SessionStreamOptions {
  /** Return only what follows this position. */
  after?: string;
  /** `false`: end when no turn runs. */
  follow?: boolean;
  signal?: AbortSignal;
}

/** Conversations with agents. Every turn is a job. */
export class Sessions {
  constructor(
    private readonly transport: Transport,
    private readonly endUserToken: (() => string | Promise<string>) | undefined,
  ) {}

  /** Start a session with an agent. Nothing runs until the first message. */
  async create(session: SessionCreate): Promise<AgentSessionRead> {
    return await this.call("POST", "", session, newKey());
  }

  /** Send a message, and return without waiting for the reply. */
  async send(
    sessionId: string,
    content: MessageCreate["content"],
    options: Omit<MessageCreate, "content"> & { idempotencyKey?: string } = {},
  ): Promise<MessageSent> {
    const { idempotencyKey, ...rest } = options;
    return await this.call("POST", `${segment(sessionId)}/messages`, { content, ...rest }, idempotencyKey ?? newKey());
  }

  /** Send a message, and return the reply when the turn has ended, with any status. */
  async ask(
    sessionId: string,
    content: MessageCreate["content"],
    options: Omit<MessageCreate, "content"> & { onText?: (text: string) => void; signal?: AbortSignal } = {},
  ): Promise<MessageRead> {
    const { onText, signal, ...rest } = options;
    const sent = await this.send(sessionId, content, rest);
    const following: SessionStreamOptions = { after: `${sent.turn - 1}.end`, ...(signal ? { signal } : {}) };
    let [step, written] = [0, ""]; // a delta with `restart` repeats what was passed on before a disconnect
    for await (const item of this.stream(sessionId, following)) {
      if (item.type === "delta" && item.job_id === sent.job_id) {
        const before: string = item.step === step ? written : "";
        const rest = item.restart && item.text.startsWith(before) ? item.text.slice(before.length) : item.text;
        [step, written] = [item.step, item.restart ? item.text : before + item.text];
        if (rest) onText?.(rest);
      }
      if (item.type === "message" && item.message.id === sent.job_id) return item.message;
    }
    throw new PurasAPIError("The stream has ended before the turn.", null, "no_response");
  }

  /** Return the messages and replies of up to 200 turns after a turn, the oldest first. */
  async messages(sessionId: string): Promise<MessageRead[]> {
    return await this.call("GET", `${segment(sessionId)}/messages?limit=200`);
  }

  /** Yield the messages and events of all turns as they happen. Continue after a disconnect. */
  async *stream(sessionId: string, options: SessionStreamOptions = {}): AsyncGenerator<SessionItem> {
    const path = `/v1/sessions${segment(sessionId)}/stream?follow=${options.follow ?? true}`;
    const headers = await this.headers();
    for await (const frame of continued(this.transport, path, options.after ?? "", headers, options.signal)) {
      const data = JSON.parse(frame.data);
      if (frame.event === "delta") yield { ...data, type: "delta" };
      else if (frame.id === undefined) continue;
      else if (frame.event === "message") yield { type: "message", id: frame.id, turn: data.turn, message: data };
      else yield { type: "event", id: frame.id, turn: data.turn, event: data };
    }
  }

  /** Return a page of the sessions, those with the newest messages first. */
  async list(query: { skill?: string; q?: string; end_user?: string; limit?: number } = {}): Promise<AgentSessionRead[]> {
    const found = Object.entries(query).filter(([, value]) => value !== undefined);
    return await this.call("GET", `?${new URLSearchParams(found.map(([name, value]) => [name, String(value)]))}`);
  }

  /** Return a session with the cost of its turns. */
  async get(sessionId: string): Promise<AgentSessionRead> {
    return await this.call("GET", segment(sessionId));
  }

  /** Change the title, the metadata or the version. */
  async update(sessionId: string, changes: SessionUpdate): Promise<AgentSessionRead> {
    return await this.call("PATCH", segment(sessionId), changes);
  }

  /** Cancel the turn that runs. Its text stays, and the next queued message starts. */
  async cancel(sessionId: string): Promise<AgentSessionRead> {
    return await this.call("POST", `${segment(sessionId)}/cancel`);
  }

  /** Delete a session with its messages and its jobs. */
  async delete(sessionId: string): Promise<void> {
    await this.call("DELETE", segment(sessionId));
  }

  private async call<T>(method: string, path: string, body?: unknown, idempotencyKey?: string): Promise<T> {
    const parts = { headers: await this.headers(), ...(body === undefined ? {} : { body }) };
    const keyed = idempotencyKey === undefined ? parts : { ...parts, idempotencyKey };
    return await this.transport.json(method, `/v1/sessions${path}`, keyed);
  }

  private async headers(): Promise<Record<string, string>> {
    return this.endUserToken ? { "X-Puras-End-User": await this.endUserToken() } : {};
  }
}

function segment(sessionId: string): string {
  return `/${encodeURIComponent(sessionId)}`;
}
