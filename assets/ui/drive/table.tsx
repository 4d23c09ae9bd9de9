import { type MouseEvent, useState } from "react";
import { Link, useSearchParams } from "react-router";
import type { DriveEntryRead } from "../../../clients/typescript/src/generated";
import type { ApiError } from "../api";
import { Confirm } from "../controls";
import { size } from "../format";
import { Ago } from "../time";
import { nameOf, remove, type Who } from "./files";
import { Move } from "./moving";
import { Writer } from "./writer";

interface RowProps {
  entry: DriveEntryRead;
  who: Who;
  canWrite: boolean;
  isCurrent: boolean;
  onLook: (entry: DriveEntryRead) => void;
  onChanged: () => void;
  onFailed: (detail: string) => void;
}

interface Props extends Omit<RowProps, "entry" | "isCurrent" | "onFailed"> {
  rows: DriveEntryRead[];
  /** The path of the file in the preview. */
  current: string | null;
  hasMore: boolean;
  onMore: () => void;
}

/** The content of a folder: a click opens a folder or the preview of a file. */
export function Table({ rows, current, who, canWrite, onLook, onChanged, hasMore, onMore }: Props) {
  const [failure, setFailure] = useState("");
  return (
    <div className="scroll grow" tabIndex={0} role="region" aria-label="Files">
      {failure && <div className="note line-note" data-s="fail" role="alert">{failure}</div>}
      <table className="tbl files-table" aria-label="Files">
        <thead><tr><th scope="col">Name</th><th scope="col" className="num size">Size</th><th scope="col" className="by">Written by</th><th scope="col" className="num when">Modified</th>{canWrite && <th scope="col" className="num acts"><span className="hidden-label">Actions</span></th>}</tr></thead>
        <tbody>{rows.map((entry) => <Row key={entry.path} {...{ entry, who, canWrite, onLook, onChanged, onFailed: setFailure }} isCurrent={entry.path === current} />)}</tbody>
      </table>
      {hasMore && <div className="pad"><button type="button" className="btn" onClick={onMore}>Show more</button></div>}
    </div>
  );
}

function Row({ entry, who, canWrite, isCurrent, onLook, onChanged, onFailed }: RowProps) {
  const [query] = useSearchParams(), name = nameOf(entry.path);
  const to = entry.is_folder ? `?folder=${encodeURIComponent(`${entry.path}/`)}` : previewUrl(query, entry.path);
  const open = (event: MouseEvent) => { if (!entry.is_folder && !event.metaKey && !event.ctrlKey) { event.preventDefault(); onLook(entry); } };
  const drop = () => { onFailed(""); remove(entry, who).then(onChanged, (error: ApiError) => { onFailed(error.detail); onChanged(); }); };
  return (
    <tr aria-current={isCurrent || undefined}>
      <td title={name}><span className="row"><Icon isFolder={entry.is_folder} /><Link className="whole cut" to={to} onClick={open}>{name}</Link></span></td>
      <td className="num t2 size">{entry.is_folder ? "" : size(entry.size_bytes)}</td>
      <td className="t2 by"><Writer by={entry.written_by} project={who.project} isFolder={entry.is_folder} /></td>
      <td className="num t3 when"><Ago moment={entry.modified_at} /></td>
      {canWrite && <td className="num acts">{entry.is_folder && <span className="row">
        <Move entry={entry} who={who} kind="small quiet" label="Rename…" onMoved={onChanged} />
        <Confirm kind="small quiet danger" label="Delete…" title={`Delete ${name} and its contents?`} text="Deleted files cannot be restored. Jobs that use them as inputs will fail." confirm="Delete folder" onConfirm={drop} />
      </span>}</td>}
    </tr>
  );
}

function previewUrl(query: URLSearchParams, path: string) {
  const next = new URLSearchParams(query);
  next.set("file", path);
  return `?${next}`;
}

export function Icon({ isFolder }: { isFolder: boolean }) {
  const drawn = isFolder ? "M3 7a2 2 0 0 1 2-2h4l2 2.5h8a2 2 0 0 1 2 2V17a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2z" : "M14 3H6a2 2 0 0 0-2 2v14a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2V9zM14 3v6h6";
  return <svg width="15" height="15" viewBox="0 0 24 24" fill={isFolder ? "var(--acc-bg)" : "none"} stroke={isFolder ? "var(--acc-t)" : "var(--t3)"} strokeWidth="1.7" aria-hidden="true"><path d={drawn} /></svg>;
}
