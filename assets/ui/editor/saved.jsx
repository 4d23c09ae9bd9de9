import { ago } from "../format";
import { isUnsaved } from "./files";

/** Whether what is written in the open files is saved, in words. */
export function SaveState({ open, onSave }) {
  const { words, isFailed, canRetry } = stateOf(open);
  return <><span className={isFailed ? "fail-text" : "t3"} role="status" aria-label="Saving">{words}</span>{canRetry && <button type="button" className="btn quiet small" onClick={onSave}>Try again</button>}</>;
}

function stateOf(open) {
  const unsaved = Object.entries(open).filter(([, file]) => isUnsaved(file)), isKept = unsaved.every(([, file]) => file.kept === file.text);
  const [path, file] = unsaved.find(([, one]) => one.conflict) ?? unsaved.find(([, one]) => one.failure) ?? unsaved.find(([, one]) => one.isSaving) ?? unsaved.find(([, one]) => one.restored) ?? unsaved[0] ?? [];
  if (!file) return { words: "Saved" };
  if (file.conflict) return failed(`Not saved: ${nameOf(path)} was ${file.conflict.is_deleted ? "deleted" : "changed"} meanwhile.`, isKept);
  if (file.failure?.code === "connection_lost") return { words: isKept ? "Offline: kept in this browser" : "Offline: not saved. Leave this page open.", isFailed: !isKept, canRetry: true };
  if (file.failure) return { ...failed(`Not saved: ${file.failure.detail ?? "that did not work."}`, isKept), canRetry: true };
  if (file.restored && !file.isSaving) return { words: `Not saved: ${nameOf(path)} has restored text.` };
  return { words: "Saving…" };
}

const failed = (words, isKept) => ({ words: `${words} ${isKept ? "Your text is kept in this browser." : "Leave this page open."}`, isFailed: true });
const nameOf = (path) => path.split("/").at(-1);

/** Text that was not saved before the page was left, and is here again. */
export function Restored({ file, onSave, onDiscard }) {
  if (!file?.restored || file.conflict) return null;
  return (
    <div className="note line-note row wrap" data-s="wait" role="status">
      <span className="grow">This file has text that was not saved ({ago(file.restored)}). It was kept in this browser and is restored here.</span>
      <button type="button" className="btn" onClick={onSave}>Save</button>
      <button type="button" className="btn" onClick={onDiscard}>Discard</button>
    </div>
  );
}
