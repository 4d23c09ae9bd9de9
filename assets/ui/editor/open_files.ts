// The open files of the editor in the URL: `open` for each tab, `file` and `line` for the active one, `alongside` for the second pane.
import { pushUrl } from "../history";

const MAX_OPEN = 20;

export interface OpenFiles {
  open: string[];
  file: string;
  line: number;
  alongside: string;
}

export function openFilesOfUrl(): OpenFiles {
  const query = new URLSearchParams(location.search), file = query.get("file") ?? "", open = query.getAll("open");
  return { open: file && !open.includes(file) ? [...open, file] : open, file, line: Number(query.get("line")) || 0, alongside: query.get("alongside") ?? "" };
}

/** Write the open files to the URL. Another active file is a new entry of the history. */
export function showInUrl({ open, file, line, alongside }: OpenFiles) {
  const url = new URL(location.href), before = url.searchParams.get("file") ?? "";
  for (const name of ["open", "file", "line", "alongside"]) url.searchParams.delete(name);
  if (open.length > 1) for (const path of open.slice(-MAX_OPEN)) url.searchParams.append("open", path);
  if (file) url.searchParams.set("file", file);
  if (file && line > 1) url.searchParams.set("line", String(line));
  if (alongside) url.searchParams.set("alongside", alongside);
  if (before && file && before !== file) pushUrl(url);
  else if (String(url) !== location.href) history.replaceState(history.state, "", url);
}
