import { toSignIn } from "./sign_in";

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface RequestOptions {
  project?: string;
  csrf?: string;
  json?: unknown;
  body?: BodyInit;
  headers?: Record<string, string>;
}

/** An error response: its body and status. `code` is `connection_lost` if there was no response. */
export interface ApiError {
  detail: string;
  code?: string;
  httpStatus?: number;
  errors?: { path: string; message: string }[];
}

const isApiError = (error: unknown): error is ApiError => error !== null && typeof error === "object" && "detail" in error && typeof error.detail === "string";

/** The text of an error for users: that of an error response, or a general one. */
export const messageOf = (error: unknown) => (isApiError(error) ? error.detail : "The request failed. Try again.");

/** The code of an error response. */
export const errorCodeOf = (error: unknown) => (isApiError(error) ? error.code : undefined);

/** A page of a list; `next` is the path of the page after it. */
export interface ListPage<Row> {
  rows: Row[];
  next: string | null;
}

interface Known {
  key: string;
  at: number;
  response: Promise<unknown> | null;
}

// Requests to the REST API with the session of the user. An error response is thrown as its body and status: `{detail, code, errors, httpStatus, …}`.

const BURST_MS = 700, posts = new Map<string, Known>();

/** Send a request; resolves to the JSON of the response, or to null if it has none. `json` or `body` is the request body.
 *
 *  A POST with effects has an `Idempotency-Key`: equal requests that run at the same time, or follow each other as fast as a
 *  double click, are one request, and a request that is repeated after a lost connection has the key of the first one. `slot`
 *  distinguishes equal requests that must each have an effect, such as those of two columns. */
// The caller knows the type of the response, from the types that are generated from the API.
export function callApi<Body = any>(method: Method, path: string, { slot = "", ...options }: RequestOptions & { slot?: string }): Promise<Body> {
  const isOnce = method === "POST" && !options.body && !options.headers?.["Idempotency-Key"];
  return (isOnce ? once(path, slot, options) : request(method, path, options)) as Promise<Body>;
}

function once(path: string, slot: string, options: RequestOptions) {
  const id = JSON.stringify([path, options.project, slot, options.json]), known: Known = posts.get(id) ?? { key: newKey(), at: 0, response: null };
  known.at = performance.now();
  posts.set(id, known);
  const forget = () => { if (performance.now() - known.at < BURST_MS) setTimeout(forget, BURST_MS); else posts.delete(id); };
  known.response ??= request("POST", path, { ...options, headers: { ...options.headers, "Idempotency-Key": known.key } }).then((response) => { forget(); return response; }, (error: ApiError) => {
    if (error.code === "connection_lost") known.response = null; else posts.delete(id);
    throw error;
  });
  return known.response;
}

async function request(method: Method, path: string, options: RequestOptions): Promise<unknown> {
  const response = await send(method, path, options);
  return response.status === 204 ? null : response.json();
}

/** A key for one action. `crypto.randomUUID` is missing where the page is not served securely. */
export const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** A path as part of a URL. */
export const encoded = (path: string) => path.split("/").map(encodeURIComponent).join("/");

/** Request a page of a list; resolves to `{rows, next}`, where `next` is the path of the page after it, or null. */
export async function list<Row = any>(path: string, { project }: { project: string }): Promise<ListPage<Row>> {
  const response = await send("GET", path, { project });
  return { rows: (await response.json()) as Row[], next: /<([^>]+)>; rel="next"/.exec(response.headers.get("link") ?? "")?.[1] ?? null };
}

/** Request a file; resolves to `{bytes, etag}`. */
export async function read(path: string, { project, headers }: { project: string; headers?: Record<string, string> }) {
  const response = await send("GET", path, { project, headers });
  return { bytes: new Uint8Array(await response.arrayBuffer()), etag: response.headers.get("etag") };
}

async function send(method: Method, path: string, { project, csrf, json, body, headers = {} }: RequestOptions): Promise<Response> {
  const sent: Record<string, string> = { ...(project !== undefined && { "X-Puras-Project": project }), ...headers };
  if (csrf) sent["X-CSRF-Token"] = csrf;
  if (json !== undefined) sent["Content-Type"] = "application/json";
  let response: Response;
  try {
    response = await fetch(path, { method, headers: sent, ...(json !== undefined ? { body: JSON.stringify(json) } : body !== undefined && { body }) });
  } catch {
    throw { detail: "The connection was lost. Try again in a moment.", code: "connection_lost" } satisfies ApiError;
  }
  if (response.ok) return response;
  if (response.status === 401) toSignIn();
  const problem = await response.json().catch(() => ({ detail: `The server returned status ${response.status} without details.` }));
  throw { httpStatus: response.status, ...problem } as ApiError;
}
