import { ago } from "../format";
import { isUnsaved, type OpenFile } from "./files";

interface State {
  text: string;
  isFailed?: boolean;
  canRetry?: boolean;
}

/** The save state of the open files, as text. */
export function SaveState({ open, onSave }: { open: Record<string, OpenFile>; onSave: () => void }) {
  const { text, isFailed, canRetry } = stateOf(open);
  return <><span className={isFailed ? "fail-text" : "t3"} role="status" aria-label="Save status">{text}</span>{canRetry && <button type="button" className="btn quiet small" onClick={onSave}>Try again</button>}</>;
}

function stateOf(open: Record<string, OpenFile>): State {
  const unsaved = Object.entries(open).filter(([, file]) => isUnsaved(file)), isKept = unsaved.every(([, file]) => file.kept === file.text);
  const first = unsaved.find(([, one]) => one.conflict) ?? unsaved.find(([, one]) => one.failure) ?? unsaved.find(([, one]) => one.isSaving) ?? unsaved.find(([, one]) => one.restored) ?? unsaved[0];
  if (!first) return { text: "Saved" };
  const [path, file] = first, name = path.split("/").at(-1);
  if (file.conflict) return failed(`Not saved: ${name} was ${file.conflict.is_deleted ? "deleted" : "changed"} elsewhere.`, isKept);
  if (file.failure?.code === "connection_lost") return { text: isKept ? "Offline: stored in this browser" : "Offline: not saved. Keep this page open.", isFailed: !isKept, canRetry: true };
  if (file.failure) return { ...failed(`Not saved: ${file.failure.detail ?? "The request failed."}`, isKept), canRetry: true };
  if (file.restored && !file.isSaving) return { text: `Not saved: ${name} contains restored text.` };
  return { text: "Saving…" };
}

const failed = (text: string, isKept: boolean): State => ({ text: `${text} ${isKept ? "Your text is stored in this browser." : "Keep this page open."}`, isFailed: true });

/** A note on unsaved text that was restored. */
export function Restored({ file, onSave, onDiscard }: { file: OpenFile | undefined; onSave: () => void; onDiscard: () => void }) {
  if (!file?.restored || file.conflict) return null;
  return (
    <div className="note line-note row wrap" data-s="wait" role="status">
      <span className="say">This file has unsaved text ({ago(file.restored)}), which was restored from this browser.</span>
      <button type="button" className="btn" onClick={onSave}>Save</button>
      <button type="button" className="btn" onClick={onDiscard}>Discard</button>
    </div>
  );
}
