import { toSignIn } from "./sign_in";

// Requests to the REST API with the session of the user. An error response is thrown as its body and status: `{detail, code, errors, httpStatus, …}`.

const BURST_MS = 700, posts = new Map();

/** Send a request; resolves to the JSON of the response, or to null if it has none. `json` or `body` is the request body.
 *
 *  A POST with effects has an `Idempotency-Key`: equal requests that run at the same time, or follow each other as fast as a
 *  double click, are one request, and a request that is repeated after a lost connection has the key of the first one. `slot`
 *  distinguishes equal requests that must each have an effect, such as those of two columns. */
export function callApi(method, path, { slot = "", ...options }) {
  const isOnce = method === "POST" && !options.body && !options.headers?.["Idempotency-Key"];
  return isOnce ? once(path, slot, options) : request(method, path, options);
}

function once(path, slot, options) {
  const id = JSON.stringify([path, options.project, slot, options.json]), known = posts.get(id) ?? { key: newKey(), at: 0, response: null };
  known.at = performance.now();
  posts.set(id, known);
  const forget = () => (performance.now() - known.at < BURST_MS ? setTimeout(forget, BURST_MS) : posts.delete(id));
  known.response ??= request("POST", path, { ...options, headers: { ...options.headers, "Idempotency-Key": known.key } }).then((response) => { forget(); return response; }, (error) => {
    if (error.code === "connection_lost") known.response = null; else posts.delete(id);
    throw error;
  });
  return known.response;
}

async function request(method, path, options) {
  const response = await send(method, path, options);
  return response.status === 204 ? null : response.json();
}

/** A key for one action. `crypto.randomUUID` is missing where the page is not served securely. */
export const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Request a page of a list; resolves to `{rows, next}`, where `next` is the path of the page after it, or null. */
export async function list(path, { project }) {
  const response = await send("GET", path, { project });
  return { rows: await response.json(), next: /<([^>]+)>; rel="next"/.exec(response.headers.get("link") ?? "")?.[1] ?? null };
}

/** Request a file; resolves to `{bytes, etag}`. */
export async function read(path, { project, headers }) {
  const response = await send("GET", path, { project, headers });
  return { bytes: new Uint8Array(await response.arrayBuffer()), etag: response.headers.get("etag") };
}

async function send(method, path, { project, csrf, json, body, headers = {} }) {
  const sent = { "X-Puras-Project": project, ...headers };
  if (csrf) sent["X-CSRF-Token"] = csrf;
  if (json !== undefined) sent["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method, headers: sent, body: json === undefined ? body : JSON.stringify(json) });
  } catch {
    throw { detail: "The connection was lost. Try again in a moment.", code: "connection_lost" };
  }
  if (response.ok) return response;
  if (response.status === 401) toSignIn();
  const problem = await response.json().catch(() => ({ detail: `The server returned status ${response.status} without details.` }));
  throw { httpStatus: response.status, ...problem };
}
