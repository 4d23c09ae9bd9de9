import { useEffect, useRef, useState } from "react";

/** A file, and its path with its folders. */
export interface DroppedFile {
  file: File;
  path: string;
}

/** Accepts files that are dropped anywhere on the page; returns whether files are being dragged over it. `onFiles` gets `{file, path}` of
 *  each, where the path contains the dropped folders. */
export function useDropping(isOn: boolean, onFiles: (files: DroppedFile[]) => void) {
  const [isOver, setOver] = useState(false), call = useRef(onFiles), depth = useRef(0);
  call.current = onFiles;
  useEffect(() => {
    if (!isOn) return undefined;
    const hasFiles = (event: DragEvent) => Boolean(event.dataTransfer?.types.includes("Files"));
    const enter = (event: DragEvent) => { if (hasFiles(event)) { depth.current += 1; setOver(true); } };
    const leave = (event: DragEvent) => { if (hasFiles(event)) { depth.current -= 1; if (depth.current <= 0) setOver(false); } };
    const over = (event: DragEvent) => { if (hasFiles(event)) event.preventDefault(); };
    const drop = async (event: DragEvent) => {
      if (!hasFiles(event) || !event.dataTransfer) return;
      event.preventDefault();
      depth.current = 0;
      setOver(false);
      const files = await dropped(event.dataTransfer);
      if (files.length) call.current(files);
    };
    const all = [["dragenter", enter], ["dragleave", leave], ["dragover", over], ["drop", drop]] as const;
    for (const [name, handler] of all) addEventListener(name, handler);
    return () => { for (const [name, handler] of all) removeEventListener(name, handler); };
  }, [isOn]);
  return isOver;
}

/** The files of a file input, with their folders if folders were selected. */
export const chosen = (files: FileList | null): DroppedFile[] => [...(files ?? [])].map((file) => ({ file, path: file.webkitRelativePath || file.name }));

async function dropped(transfer: DataTransfer): Promise<DroppedFile[]> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null); // read synchronously: the list is empty after this task
  if (!entries.length) return chosen(transfer.files);
  return (await Promise.all(entries.map((entry) => within(entry, "")))).flat();
}

async function within(entry: FileSystemEntry, folder: string): Promise<DroppedFile[]> {
  const path = folder + entry.name;
  if (entry.isFile) return [{ file: await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject)), path }];
  const reader = (entry as FileSystemDirectoryEntry).createReader(), inside: FileSystemEntry[] = [];
  for (;;) { // in batches, until a batch is empty
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return (await Promise.all(inside.map((one) => within(one, `${path}/`)))).flat();
    inside.push(...some);
  }
}
