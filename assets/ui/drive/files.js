// The drive's routes, as the page asks them. Paths are those from the root of the drive, as listings tell them.
import { ask, list, read } from "../api";

const PREVIEW_BYTES = 256 * 1024;
const escaped = (path) => path.split("/").map(encodeURIComponent).join("/");

/** The path as routes take it: a first `drive/` is the drive itself, whatever its folders are called. */
export const asked = (path) => `drive/${path}`;

/** The name at the end of a path, and the folder before it, with a slash at its end; empty for the root. */
export const nameOf = (path) => path.split("/").pop();
export const folderOf = (path) => path.slice(0, path.length - nameOf(path).length);

/** Where the signed-in person reads a file. */
export const fileUrl = (path, project) => `/v1/drive/files/${escaped(asked(path))}?project=${encodeURIComponent(project)}`;

/** One page of a folder; `folder` is empty or ends with a slash. */
export const listed = (folder, project) => list(`/v1/drive?limit=200&prefix=${encodeURIComponent(asked(folder))}`, { project });

/** All paths of a folder, as far as `most` pages go. */
export async function pathsIn(folder, project, most = 25) {
  const paths = new Set();
  for (let page = await listed(folder, project); ; page = await list(page.next, { project })) {
    for (const row of page.rows) paths.add(row.path);
    if (!page.next || --most === 0) return paths;
  }
}

/** The beginning of a file as text, and whether that is all of it; null where it is no text. */
export async function beginningOf(file, project) {
  if (file.size_bytes === 0) return { text: "", isWhole: true };
  const { bytes } = await read(fileUrl(file.path, project), { project, headers: { Range: `bytes=0-${PREVIEW_BYTES - 1}` } });
  const isWhole = bytes.length >= file.size_bytes;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: !isWhole }); // a cut may go through a character
    return /[\0-\x08\x0e-\x1a]/.test(text) ? null : { text, isWhole };
  } catch {
    return null;
  }
}

/** Delete a file, or a folder with everything in it. */
export async function remove(entry, { project, csrf }) {
  if (!entry.is_folder) return ask("DELETE", `/v1/drive/files/${escaped(asked(entry.path))}`, { project, csrf });
  for (;;) {
    const { is_done } = await ask("DELETE", `/v1/drive/folders/${escaped(asked(entry.path))}`, { project, csrf });
    if (is_done) return null;
  }
}

export const move = (source, target, { project, csrf }) => ask("POST", "/v1/drive/move", { project, csrf, json: { source: asked(source), target: asked(target) } });
export const makeFolder = (path, { project, csrf }) => ask("POST", "/v1/drive/folders", { project, csrf, json: { path: asked(path) } });
export const sign = (path, ttl, { project, csrf }) => ask("POST", "/v1/drive/sign", { project, csrf, json: { path: asked(path), ttl } });
export const usage = (project) => ask("GET", "/v1/drive/usage", { project });
