import { PurasAPIError } from "./errors.js";

/** Options of any call. */
export interface CallOptions {
  /** Aborts the call. */
  signal?: AbortSignal;
  /** Maximum milliseconds of one attempt; default: that of the client. */
  timeoutMs?: number;
}

/** The parts of a request. */
export interface RequestParts {
  query?: Record<string, unknown>;
  headers?: Record<string, string | number | null | undefined>;
  /** FormData, Blob, Uint8Array and strings are sent unchanged, other values as JSON. */
  body?: unknown;
  idempotencyKey?: string;
  /** A repeated POST has no second effect. */
  repeatable?: boolean;
}

/** Pause before each retry. Together they are longer than the restart of an instance after a crash. */
export const PAUSES_MS = [100, 500, 1_000, 2_000, 4_000, 8_000];
const MAX_PAUSE_MS = 60_000;
const BUSY = new Set([429, 502, 503, 504]);
const REPEATABLE = new Set(["GET", "HEAD", "PUT", "DELETE"]);

/** Sends requests to one instance with one key. */
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

  /** Return the value of the response. A 2xx without complete JSON counts as a broken connection. */
  async json<T>(method: string, path: string, parts: RequestParts = {}, options: CallOptions = {}): Promise<T> {
    return await this.send(method, path, parts, options, async (response) => {
      const text = await response.text();
      return (text === "" && response.status === 204 ? null : JSON.parse(text)) as T;
    });
  }

  /** Call an operation without a response body. */
  async nothing(method: string, path: string, parts: RequestParts = {}, options: CallOptions = {}): Promise<void> {
    await this.send(method, path, parts, options, async (response) => void (await response.arrayBuffer()));
  }

  /** Return the response; the caller reads its body. */
  async response(method: string, path: string, parts: RequestParts = {}, options: CallOptions = {}): Promise<Response> {
    return await this.send(method, path, parts, options, async (response) => response);
  }

  /** Return all entries of a list, page by page, or at most `maxEntries`. */
  async all<T>(
    path: string,
    query: Record<string, unknown> = {},
    maxEntries = Number.POSITIVE_INFINITY,
    call: CallOptions = {},
  ): Promise<T[]> {
    const found: T[] = [];
    let cursor: string | undefined;
    do {
      const page = { ...query, limit: Math.min(200, maxEntries), cursor };
      const response = await this.response("GET", path, { query: page }, call);
      found.push(...((await response.json()) as T[]));
      cursor = /[?&]cursor=([^&>]+)[^>]*>; rel="next"/.exec(response.headers.get("link") ?? "")?.[1];
    } while (cursor !== undefined && found.length < maxEntries);
    return found.slice(0, maxEntries);
  }

  /** Send the request once, and return the response with any status. */
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

  /** Return the error for a request that failed after all attempts. */
  noResponse(cause: unknown): PurasAPIError {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `${this.base} does not respond (${reason}). Check the URL, and that the instance is running.`;
    return new PurasAPIError(message, null, "no_response", { former_code: "no_answer" }, { cause });
  }

  private async send<T>(
    method: string,
    path: string,
    parts: RequestParts,
    options: CallOptions,
    read: (response: Response) => Promise<T>,
  ): Promise<T> {
    const mayRepeat = parts.repeatable === true || parts.idempotencyKey !== undefined || REPEATABLE.has(method);
    for (let number = 0; ; number++) {
      const pauseMs = mayRepeat ? this.pausesMs[number] : undefined;
      let delayMs: number | undefined;
      try {
        const timeout = AbortSignal.timeout(options.timeoutMs ?? this.timeoutMs);
        const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
        const response = await this.once(method, path, parts, signal);
        if (response.ok || (response.status === 404 && method === "DELETE" && number > 0)) return await read(response);
        const failure = await rejection(response);
        if (!BUSY.has(response.status) || pauseMs === undefined) throw failure;
        delayMs = retryAfterMs(response);
      } catch (error) {
        if (error instanceof PurasAPIError) throw error;
        options.signal?.throwIfAborted();
        if (pauseMs === undefined) throw this.noResponse(error);
      }
      await pause(delayMs ?? pauseMs ?? 0, options.signal);
    }
  }
}

/** Return the error of a response. */
export async function rejection(response: Response): Promise<PurasAPIError> {
  let content: Record<string, unknown> = {};
  try {
    content = Object(JSON.parse(await response.text()));
  } catch {
    // The response is that of a proxy, not of the instance.
  }
  const { detail, code, ...fields } = content;
  const message = typeof detail === "string" ? detail : `The instance responded with status ${response.status}.`;
  return new PurasAPIError(message, response.status, typeof code === "string" ? code : "unknown", fields);
}

/** Return a new, unique idempotency key. */
export function newKey(): string {
  return `puras-${crypto.randomUUID()}`;
}

/** Escape a path, except for its slashes. */
export function escapedPath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}

/** Wait, and throw the reason of the signal when it aborts. */
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
  const seconds = response.headers.get("Retry-After");
  return seconds !== null && /^\d+$/.test(seconds) ? Math.min(Number(seconds) * 1_000, MAX_PAUSE_MS) : undefined;
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
