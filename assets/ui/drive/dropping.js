import { useEffect, useRef, useState } from "react";

/** Lets files be dropped anywhere on the page; tells whether some hang over it. `onFiles` gets `{file, path}` of each, where the path
 *  names the folders that came with it. */
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
    for (const [name, heard] of Object.entries(all)) addEventListener(name, heard);
    return () => { for (const [name, heard] of Object.entries(all)) removeEventListener(name, heard); };
  }, [isOn]);
  return isOver;
}

/** What a file input holds, with the folders of one that chooses those. */
export const chosen = (files) => [...files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));

async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean); // all at once: the list is empty after this turn
  if (!entries.length) return chosen(transfer.files);
  return (await Promise.all(entries.map((entry) => within(entry, "")))).flat();
}

async function within(entry, folder) {
  const path = folder + entry.name;
  if (entry.isFile) return [{ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), path }];
  const reader = entry.createReader(), inside = [];
  for (;;) { // some of them at a time, until there are none
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return (await Promise.all(inside.map((one) => within(one, `${path}/`)))).flat();
    inside.push(...some);
  }
}
