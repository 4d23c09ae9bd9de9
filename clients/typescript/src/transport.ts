import { PurasAPIError } from "./errors.js";

/** For any call. */
export interface CallOptions {
  /** Ends the call from outside. */
  signal?: AbortSignal;
  /** Milliseconds that one try may take; default: the client's. */
  timeoutMs?: number;
}

/** What a request is made of. */
export interface RequestParts {
  query?: Record<string, unknown>;
  headers?: Record<string, string | number | null | undefined>;
  /** FormData, Blob, Uint8Array and text go as they are, anything else as JSON. */
  body?: unknown;
  idempotencyKey?: string;
  /** Doing it twice is doing it once, although it is a POST. */
  repeatable?: boolean;
}

/** Before each new try; together longer than an instance needs to be back after a crash. */
export const PAUSES_MS = [100, 500, 1_000, 2_000, 4_000, 8_000];
const MOST_PAUSE_MS = 60_000;
const BUSY = new Set([429, 502, 503, 504]);
const REPEATABLE = new Set(["GET", "HEAD", "PUT", "DELETE"]);

/** The way to one instance, with one key. */
export class Transport {
  readonly base: string;

  constructor(
    base: string,
    private readonly key: string,
    private readonly timeoutMs: number,
    readonly pausesMs: readonly number[],
    private readonly fetching: typeof fetch,
  ) {
    this.base = base.replace(/\/+$/, "");
  }

  /** The answer's value. A 2xx that is not whole JSON is a broken line. */
  async json<T>(method: string, path: string, parts: RequestParts = {}, options: CallOptions = {}): Promise<T> {
    return await this.asking(method, path, parts, options, async (response) => {
      const text = await response.text();
      return (text === "" && response.status === 204 ? null : JSON.parse(text)) as T;
    });
  }

  /** For operations that answer with nothing. */
  async nothing(method: string, path: string, parts: RequestParts = {}, options: CallOptions = {}): Promise<void> {
    await this.asking(method, path, parts, options, async (response) => void (await response.arrayBuffer()));
  }

  /** The answer itself, whose body the caller reads. */
  async response(method: string, path: string, parts: RequestParts = {}, options: CallOptions = {}): Promise<Response> {
    return await this.asking(method, path, parts, options, async (response) => response);
  }

  /** One try, whose good answer is given as it is. */
  async once(method: string, path: string, parts: RequestParts, signal?: AbortSignal): Promise<Response> {
    const { body, mediaType } = encoded(parts.body);
    const headers: Record<string, string> = { Accept: "application/json", Authorization: `Bearer ${this.key}` };
    if (mediaType) headers["Content-Type"] = mediaType;
    if (parts.idempotencyKey) headers["Idempotency-Key"] = parts.idempotencyKey;
    for (const [name, value] of Object.entries(parts.headers ?? {})) if (value != null) headers[name] = String(value);
    const init: RequestInit = { method, headers, signal: signal ?? null, redirect: "follow" };
    if (body !== undefined) init.body = body;
    return await this.fetching(this.base + path + search(parts.query), init);
  }

  /** The error for somebody who has given up. */
  noAnswer(cause: unknown): PurasAPIError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `${this.base} does not answer (${reason}). Check the address, and that the instance runs.`;
    return new PurasAPIError(message, null, "no_answer", {}, { cause });
  }

  private async asking<T>(
    method: string,
    path: string,
    parts: RequestParts,
    options: CallOptions,
    read: (response: Response) => Promise<T>,
  ): Promise<T> {
    const mayRepeat = parts.repeatable === true || parts.idempotencyKey !== undefined || REPEATABLE.has(method);
    for (let number = 0; ; number++) {
      const pauseMs = mayRepeat ? this.pausesMs[number] : undefined;
      let askedMs: number | undefined;
      try {
        const timeout = AbortSignal.timeout(options.timeoutMs ?? this.timeoutMs);
        const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
        const response = await this.once(method, path, parts, signal);
        if (response.ok || (response.status === 404 && method === "DELETE" && number > 0)) return await read(response);
        const refused = await refusal(response);
        if (!BUSY.has(response.status) || pauseMs === undefined) throw refused;
        askedMs = retryAfterMs(response);
      } catch (error) {
        if (error instanceof PurasAPIError) throw error;
        options.signal?.throwIfAborted();
        if (pauseMs === undefined) throw this.noAnswer(error);
      }
      await pause(askedMs ?? pauseMs ?? 0, options.signal);
    }
  }
}

/** The error that an answer tells of. */
export async function refusal(response: Response): Promise<PurasAPIError> {
  let told: Record<string, unknown> = {};
  try {
    told = Object(JSON.parse(await response.text()));
  } catch {
    // Something in between has answered, not the instance.
  }
  const { detail, code, ...facts } = told;
  const message = typeof detail === "string" ? detail : `The instance answered ${response.status}.`;
  return new PurasAPIError(message, response.status, typeof code === "string" ? code : "unknown", facts);
}

/** An idempotency key that nobody else has. */
export function newKey(): string {
  return `puras-${crypto.randomUUID()}`;
}

/** A path within a path: its slashes stay. */
export function escapedPath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}

/** Wait; ends at once, with the signal's reason, when that says so. */
export async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(
      () => {
        signal?.removeEventListener("abort", stop);
        resolve();
      },
      milliseconds * (1 + Math.random() / 4),
    );
    signal?.addEventListener("abort", stop, { once: true });
  });
}

function retryAfterMs(response: Response): number | undefined {
  const asked = response.headers.get("Retry-After");
  return asked !== null && /^\d+$/.test(asked) ? Math.min(Number(asked) * 1_000, MOST_PAUSE_MS) : undefined;
}

function search(query: Record<string, unknown> = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  return given.length ? `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : "";
}

function encoded(body: unknown): { body?: BodyInit; mediaType?: string } {
  if (body === undefined) return {};
  if (body instanceof FormData) return { body };
  if (body instanceof Blob || body instanceof Uint8Array || typeof body === "string") {
    return { body: body as BodyInit, mediaType: "application/octet-stream" };
  }
  return { body: JSON.stringify(body), mediaType: "application/json" };
}
