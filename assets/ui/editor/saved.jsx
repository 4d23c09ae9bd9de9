import { ago } from "../format";
import { isUnsaved } from "./files";

/** The save state of the open files, as text. */
export function SaveState({ open, onSave }) {
  const { text, isFailed, canRetry } = stateOf(open);
  return <><span className={isFailed ? "fail-text" : "t3"} role="status" aria-label="Save status">{text}</span>{canRetry && <button type="button" className="btn quiet small" onClick={onSave}>Try again</button>}</>;
}

function stateOf(open) {
  const unsaved = Object.entries(open).filter(([, file]) => isUnsaved(file)), isKept = unsaved.every(([, file]) => file.kept === file.text);
  const [path, file] = unsaved.find(([, one]) => one.conflict) ?? unsaved.find(([, one]) => one.failure) ?? unsaved.find(([, one]) => one.isSaving) ?? unsaved.find(([, one]) => one.restored) ?? unsaved[0] ?? [];
  if (!file) return { text: "Saved" };
  if (file.conflict) return failed(`Not saved: ${nameOf(path)} was ${file.conflict.is_deleted ? "deleted" : "changed"} elsewhere.`, isKept);
  if (file.failure?.code === "connection_lost") return { text: isKept ? "Offline: stored in this browser" : "Offline: not saved. Keep this page open.", isFailed: !isKept, canRetry: true };
  if (file.failure) return { ...failed(`Not saved: ${file.failure.detail ?? "The request failed."}`, isKept), canRetry: true };
  if (file.restored && !file.isSaving) return { text: `Not saved: ${nameOf(path)} contains restored text.` };
  return { text: "Saving…" };
}

const failed = (text, isKept) => ({ text: `${text} ${isKept ? "Your text is stored in this browser." : "Keep this page open."}`, isFailed: true });
const nameOf = (path) => path.split("/").at(-1);

/** A note on unsaved text that was restored. */
export function Restored({ file, onSave, onDiscard }) {
  if (!file?.restored || file.conflict) return null;
  return (
    <div className="note line-note row wrap" data-s="wait" role="status">
      <span className="say">This file has unsaved text ({ago(file.restored)}), which was restored from this browser.</span>
      <button type="button" className="btn" onClick={onSave}>Save</button>
      <button type="button" className="btn" onClick={onDiscard}>Discard</button>
    </div>
  );
}
