// Requests to the routes of the drive. Paths start at the root of the drive, as in listings.
import type { DeletedRead, DriveEntryRead, DriveUsageRead, SignedUrlRead } from "../../../clients/typescript/src/generated";
import { callApi, list, read } from "../api";

/** The project, and the token with which its user may change something. */
export interface Who {
  project: string;
  csrf: string;
}

const PREVIEW_BYTES = 256 * 1024;
const escaped = (path: string) => path.split("/").map(encodeURIComponent).join("/");

/** The path for the routes: the prefix `drive/` is the drive itself, even if a folder has that name. */
export const rooted = (path: string) => `drive/${path}`;

/** The name at the end of a path, and the folder before it, with a slash at its end; empty for the root. */
export const nameOf = (path: string) => path.slice(path.lastIndexOf("/") + 1);
export const folderOf = (path: string) => path.slice(0, path.length - nameOf(path).length);

/** The URL of a file for the signed-in user. */
export const fileUrl = (path: string, project: string) => `/v1/drive/files/${escaped(rooted(path))}?project=${encodeURIComponent(project)}`;

/** One page of a folder; `folder` is empty or ends with a slash. */
export const listed = (folder: string, project: string) => list<DriveEntryRead>(`/v1/drive?limit=200&prefix=${encodeURIComponent(rooted(folder))}`, { project });

/** All paths of a folder, from at most `maxPages` pages. */
export async function pathsIn(folder: string, project: string, maxPages = 25) {
  const paths = new Set<string>();
  let page = await listed(folder, project);
  for (;;) {
    for (const row of page.rows) paths.add(row.path);
    if (!page.next || --maxPages === 0) return paths;
    page = await list<DriveEntryRead>(page.next, { project });
  }
}

export interface Beginning {
  text: string;
  isWhole: boolean;
}

/** The beginning of a file as text, and whether that is the whole file; null if it is not text. */
export async function beginningOf(file: Pick<DriveEntryRead, "path" | "size_bytes">, project: string): Promise<Beginning | null> {
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
export async function remove(entry: Pick<DriveEntryRead, "path" | "is_folder">, { project, csrf }: Who): Promise<null> {
  if (!entry.is_folder) return callApi("DELETE", `/v1/drive/files/${escaped(rooted(entry.path))}`, { project, csrf });
  for (;;) {
    const { is_done } = await callApi<DeletedRead>("DELETE", `/v1/drive/folders/${escaped(rooted(entry.path))}`, { project, csrf });
    if (is_done) return null;
  }
}

export const move = (source: string, target: string, { project, csrf }: Who) => callApi<DriveEntryRead>("POST", "/v1/drive/move", { project, csrf, json: { source: rooted(source), target: rooted(target) } });
export const makeFolder = (path: string, { project, csrf }: Who) => callApi("POST", "/v1/drive/folders", { project, csrf, json: { path: rooted(path) } });
export const sign = (path: string, ttl: number, { project, csrf }: Who) => callApi<SignedUrlRead>("POST", "/v1/drive/sign", { project, csrf, json: { path: rooted(path), ttl } });
export const usage = (project: string) => callApi<DriveUsageRead>("GET", "/v1/drive/usage", { project });
