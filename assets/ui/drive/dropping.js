import { useEffect, useRef, useState } from "react";

/** Accepts files that are dropped anywhere on the page; returns whether files are being dragged over it. `onFiles` gets `{file, path}` of
 *  each, where the path contains the dropped folders. */
export function useDropping(isOn, onFiles) {
  const [isOver, setOver] = useState(false), call = useRef(onFiles), depth = useRef(0);
  call.current = onFiles;
  useEffect(() => {
    if (!isOn) return undefined;
    const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
    const enter = (event) => { if (hasFiles(event)) { depth.current += 1; setOver(true); } };
    const leave = (event) => { if (hasFiles(event)) { depth.current -= 1; if (depth.current <= 0) setOver(false); } };
    const over = (event) => { if (hasFiles(event)) event.preventDefault(); };
    const drop = async (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth.current = 0;
      setOver(false);
      const files = await dropped(event.dataTransfer);
      if (files.length) call.current(files);
    };
    const all = { dragenter: enter, dragleave: leave, dragover: over, drop };
    for (const [name, handler] of Object.entries(all)) addEventListener(name, handler);
    return () => { for (const [name, handler] of Object.entries(all)) removeEventListener(name, handler); };
  }, [isOn]);
  return isOver;
}

/** The files of a file input, with their folders if folders were selected. */
export const chosen = (files) => [...files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));

async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean); // read synchronously: the list is empty after this task
  if (!entries.length) return chosen(transfer.files);
  return (await Promise.all(entries.map((entry) => within(entry, "")))).flat();
}

async function within(entry, folder) {
  const path = folder + entry.name;
  if (entry.isFile) return [{ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), path }];
  const reader = entry.createReader(), inside = [];
  for (;;) { // in batches, until a batch is empty
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return (await Promise.all(inside.map((one) => within(one, `${path}/`)))).flat();
    inside.push(...some);
  }
}
