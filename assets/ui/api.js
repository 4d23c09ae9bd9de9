// Asking the REST API with the person's session. What it refuses is thrown as its error body: `{detail, code, errors, …}`.

/** Ask; resolves to the answer's JSON, or to null where it has none. `json` or `body` is what is sent. */
export async function ask(method, path, { project, csrf, json, body, headers = {} }) {
  const answer = await send(method, path, { project, csrf, json, body, headers });
  return answer.status === 204 ? null : answer.json();
}

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
  throw await answer.json().catch(() => ({ detail: `The server answered ${answer.status} without a reason.` }));
}
