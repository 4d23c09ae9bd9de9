import { useEffect, useRef, useState } from "react";
import type { FileChangeRead, SkillChangeRead } from "../../../clients/typescript/src/generated";
import type { ApiError } from "../api";
import { size } from "../format";
import { Diff } from "./diff";

/** The bytes of a file in two states; null if it does not exist in one. */
export type ReadFile = (file: FileChangeRead) => Promise<(Uint8Array | null)[]>;

/** The differences between two states of a skillpack: breaking changes first, then other changes of skills, then the files, which
 *  open to show their lines. `read(path)` resolves to `[before, after]`, each bytes, or null if the file does not exist. */
export function Changes({ skills, files, read }: { skills: SkillChangeRead[]; files: FileChangeRead[]; read: ReadFile }) {
  const breaking = skills.filter((one) => one.is_breaking), others = skills.filter((one) => !one.is_breaking);
  return (
    <div className="col" style={{ gap: 12 }}>
      {breaking.length > 0 && <div className="note" data-s="fail"><div className="strong">{breaking.length} breaking {breaking.length === 1 ? "change" : "changes"}</div><Skills changes={breaking} /></div>}
      {others.length > 0 && <div className="note"><div className="strong">{others.length} compatible {others.length === 1 ? "change" : "changes"}</div><Skills changes={others} /></div>}
      {files.length > 0 && <ul className="changed-files" aria-label="Changed files">{files.map((file) => <File key={file.path} file={file} read={read} />)}</ul>}
    </div>
  );
}

const Skills = ({ changes }: { changes: SkillChangeRead[] }) => <ul className="problems">{changes.map((one, index) => <li key={index}><span className="mono break">{one.path}</span><span>{one.message}</span></li>)}</ul>;

function File({ file, read }: { file: FileChangeRead; read: ReadFile }) {
  const [isOpen, setOpen] = useState(false), [texts, setTexts] = useState<(string | null | undefined)[] | null>(null), [failure, setFailure] = useState(""), isRequested = useRef(false);
  useEffect(() => {
    if (!isOpen || isRequested.current) return;
    isRequested.current = true;
    read(file).then((pair) => setTexts(pair.map((bytes) => (bytes === null ? null : decoded(bytes)))), (error: ApiError) => setFailure(error.detail ?? "The request failed. Try again."));
  }, [isOpen]);
  return (
    <li>
      <button type="button" className="row" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <span className="t3" aria-hidden="true">{isOpen ? "▾" : "▸"}</span><span className="tag">{file.change}</span><span className="mono cut grow" title={file.path}>{file.path}</span><span className="t3 num">{sizes(file)}</span>
      </button>
      {isOpen && (failure ? <div className="note line-note" data-s="fail" role="alert">{failure}</div> : texts === null ? <p className="pad t3">Loading…</p> : texts.includes(undefined) ? <p className="pad t2">This is a binary file. {sizes(file)}.</p> : <Diff before={texts[0]} after={texts[1]} label={`Lines of ${file.path}`} />)}
    </li>
  );
}

const sizes = ({ base_bytes: before, head_bytes: after }: FileChangeRead) => (before === null ? size(after ?? 0) : after === null ? size(before) : before === after ? size(after) : `${size(before)} → ${size(after)}`);

/** The text of the bytes; undefined if they are not text. */
function decoded(bytes: Uint8Array) {
  if (bytes.subarray(0, 8000).includes(0)) return undefined;
  try { return new TextDecoder("utf-8", { fatal: true }).decode(bytes); } catch { return undefined; }
}
