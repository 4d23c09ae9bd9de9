// Requests to the routes of the drive. Paths start at the root of the drive, as in listings.
import { callApi, list, read } from "../api";

const PREVIEW_BYTES = 256 * 1024;
const escaped = (path) => path.split("/").map(encodeURIComponent).join("/");

/** The path for the routes: the prefix `drive/` is the drive itself, even if a folder has that name. */
export const rooted = (path) => `drive/${path}`;

/** The name at the end of a path, and the folder before it, with a slash at its end; empty for the root. */
export const nameOf = (path) => path.split("/").pop();
export const folderOf = (path) => path.slice(0, path.length - nameOf(path).length);

/** The URL of a file for the signed-in user. */
export const fileUrl = (path, project) => `/v1/drive/files/${escaped(rooted(path))}?project=${encodeURIComponent(project)}`;

/** One page of a folder; `folder` is empty or ends with a slash. */
export const listed = (folder, project) => list(`/v1/drive?limit=200&prefix=${encodeURIComponent(rooted(folder))}`, { project });

/** All paths of a folder, from at most `maxPages` pages. */
export async function pathsIn(folder, project, maxPages = 25) {
  const paths = new Set();
  for (let page = await listed(folder, project); ; page = await list(page.next, { project })) {
    for (const row of page.rows) paths.add(row.path);
    if (!page.next || --maxPages === 0) return paths;
  }
}

/** The beginning of a file as text, and whether that is the whole file; null if it is not text. */
export async function beginningOf(file, project) {
  if (file.size_bytes === 0) return { text: "", isWhole: true };
  const { bytes } = await read(fileUrl(file.path, project), { project, headers: { Range: `bytes=0-${PREVIEW_BYTES - 1}` } });
  const isWhole = bytes.length >= file.size_bytes;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: !isWhole }); // the cut may be within a character
    return /[\0-\x08\x0e-\x1a]/.test(text) ? null : { text, isWhole };
  } catch {
    return null;
  }
}

/** Delete a file, or a folder with everything in it. */
export async function remove(entry, { project, csrf }) {
  if (!entry.is_folder) return callApi("DELETE", `/v1/drive/files/${escaped(rooted(entry.path))}`, { project, csrf });
  for (;;) {
    const { is_done } = await callApi("DELETE", `/v1/drive/folders/${escaped(rooted(entry.path))}`, { project, csrf });
    if (is_done) return null;
  }
}

export const move = (source, target, { project, csrf }) => callApi("POST", "/v1/drive/move", { project, csrf, json: { source: rooted(source), target: rooted(target) } });
export const makeFolder = (path, { project, csrf }) => callApi("POST", "/v1/drive/folders", { project, csrf, json: { path: rooted(path) } });
export const sign = (path, ttl, { project, csrf }) => callApi("POST", "/v1/drive/sign", { project, csrf, json: { path: rooted(path), ttl } });
export const usage = (project) => callApi("GET", "/v1/drive/usage", { project });
