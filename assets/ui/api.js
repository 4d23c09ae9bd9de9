import { toSignIn } from "./sign_in";

// Asking the REST API with the person's session. What it refuses is thrown as its error body and status: `{detail, code, errors, httpStatus, …}`.

const BURST_MS = 700, posted = new Map();

/** Ask; resolves to the answer's JSON, or to null where it has none. `json` or `body` is what is sent.
 *
 *  A POST with effects has an `Idempotency-Key`: equal requests that are under way together, or follow each other as the clicks of a
 *  double click do, are one request, and one that is repeated after its connection was lost has the key of the first. `slot` makes
 *  requests different that are meant to be done each, such as those of two columns. */
export function ask(method, path, { slot = "", ...options }) {
  const isOnce = method === "POST" && !options.body && !options.headers?.["Idempotency-Key"];
  return isOnce ? once(path, slot, options) : request(method, path, options);
}

function once(path, slot, options) {
  const id = JSON.stringify([path, options.project, slot, options.json]), known = posted.get(id) ?? { key: newKey(), at: 0, answer: null };
  known.at = performance.now();
  posted.set(id, known);
  const forget = () => (performance.now() - known.at < BURST_MS ? setTimeout(forget, BURST_MS) : posted.delete(id));
  known.answer ??= request("POST", path, { ...options, headers: { ...options.headers, "Idempotency-Key": known.key } }).then((answer) => { forget(); return answer; }, (error) => {
    if (error.code === "connection_lost") known.answer = null; else posted.delete(id);
    throw error;
  });
  return known.answer;
}

async function request(method, path, options) {
  const answer = await send(method, path, options);
  return answer.status === 204 ? null : answer.json();
}

/** A key for one action. `crypto.randomUUID` is missing where the page is not served securely. */
export const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Ask for a page of a list; resolves to `{rows, next}`, where `next` is the path of the page after it, or null. */
export async function list(path, { project }) {
  const answer = await send("GET", path, { project });
  return { rows: await answer.json(), next: /<([^>]+)>; rel="next"/.exec(answer.headers.get("link") ?? "")?.[1] ?? null };
}

/** Ask for a file; resolves to `{bytes, etag}`. */
export async function read(path, { project, headers }) {
  const answer = await send("GET", path, { project, headers });
  return { bytes: new Uint8Array(await answer.arrayBuffer()), etag: answer.headers.get("etag") };
}

async function send(method, path, { project, csrf, json, body, headers = {} }) {
  const sent = { "X-Puras-Project": project, ...headers };
  if (csrf) sent["X-CSRF-Token"] = csrf;
  if (json !== undefined) sent["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers: sent, body: json === undefined ? body : JSON.stringify(json) });
  } catch {
    throw { detail: "The connection was lost. Try again in a moment.", code: "connection_lost" };
  }
  if (answer.ok) return answer;
  if (answer.status === 401) toSignIn();
  const problem = await answer.json().catch(() => ({ detail: `The server answered ${answer.status} without a reason.` }));
  throw { httpStatus: answer.status, ...problem };
}
