// Requests to the routes of the drive. Paths start at the root of the drive, as in listings.
import type { DriveEntryRead } from "../../../clients/typescript/src/generated";
import { list, type ListPage, read } from "../api";

/** The project, and the token with which its user may change something. */
export interface Who {
  project: string;
  csrf: string;
}

const PREVIEW_BYTES = 256 * 1024;

/** The path for the routes: the prefix `drive/` is the drive itself, even if a folder has that name. */
export const rooted = (path: string) => `drive/${path}`;

/** The name at the end of a path, and the folder before it, with a slash at its end; empty for the root. */
export const nameOf = (path: string) => path.slice(path.lastIndexOf("/") + 1);
export const folderOf = (path: string) => path.slice(0, path.length - nameOf(path).length);

/** All paths of a folder, from at most `maxPages` pages. */
export async function pathsIn(folder: string, project: string, maxPages = 25) {
  const paths = new Set<string>();
  let next: string | null = `/v1/drive?limit=200&prefix=${encodeURIComponent(rooted(folder))}`;
  for (let pages = 0; next && pages < maxPages; pages += 1) {
    const page: ListPage<DriveEntryRead> = await list<DriveEntryRead>(next, { project });
    for (const row of page.rows) paths.add(row.path);
    next = page.next;
  }
  return paths;
}

export interface Beginning {
  text: string;
  isWhole: boolean;
}

/** The beginning of a file as text, and whether that is the whole file; null if it is not text. */
export async function beginningOf(file: { url: string; size_bytes: number }, project: string): Promise<Beginning | null> {
  if (file.size_bytes === 0) return { text: "", isWhole: true };
  const { bytes } = await read(file.url, { project, headers: { Range: `bytes=0-${PREVIEW_BYTES - 1}` } });
  const isWhole = bytes.length >= file.size_bytes;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: !isWhole }); // the cut may be within a character
    return /[\0-\x08\x0e-\x1a]/.test(text) ? null : { text, isWhole };
  } catch {
    return null;
  }
}
