import { useEffect, useRef, useState } from "react";
import type { ApiError } from "./api";
import type { FieldContext } from "./fields";
import { size } from "./format";
import { toDrive } from "./upload";
import { driveUrl } from "./value";

const ACCEPT: Record<string, string> = { image: "image/*", video: "video/*", audio: "audio/*" };

const pathOf = (value: unknown) => {
  const named = value as { drive_path?: string; url?: string } | null | undefined;
  return typeof value === "string" ? value : named?.drive_path ?? named?.url ?? "";
};

interface Props {
  id: string;
  /** `image`, `video`, `audio` or `file`. */
  kind: string;
  value: unknown;
  accept: string | undefined;
  invalid: boolean;
  describedBy: string | undefined;
  context: FieldContext;
  onChange: (value: unknown) => void;
}

/** A file input: a dropped, pasted or selected file is uploaded to the drive. A drive path or a URL can be entered instead. */
export function FileField({ id, kind, value, accept, invalid, describedBy, context, onChange }: Props) {
  const [sending, setSending] = useState<number | null>(null), [failure, setFailure] = useState(""), [over, setOver] = useState(false);
  const [local, setLocal] = useState<{ url: string; name: string; bytes: number } | null>(null), newest = useRef(0);
  useEffect(() => () => { if (local) URL.revokeObjectURL(local.url); }, [local]);
  const isBlocked = !context.csrf || !context.project; // an upload needs both, and a page that has just opened has neither
  const path = pathOf(value), isOurs = path && !/^[a-z][a-z0-9+.-]*:/i.test(path);
  const send = async (file: File | undefined) => {
    if (!file || isBlocked) return;
    const turn = ++newest.current;
    setFailure("");
    setLocal({ url: URL.createObjectURL(file), name: file.name, bytes: file.size });
    setSending(0);
    try {
      const stored = await toDrive(file, { ...context, onProgress: (part) => { if (turn === newest.current) setSending(part); } });
      if (turn === newest.current) onChange({ drive_path: stored.drive_path });
    } catch (error) {
      if (turn === newest.current) { setFailure((error as ApiError).detail); setLocal(null); }
    } finally {
      if (turn === newest.current) setSending(null);
    }
  };
  const preview = local?.url ?? (isOurs ? driveUrl(path, context.project) : "");
  const hint = sending !== null ? `uploading, ${Math.round(sending * 100)} %` : local && path ? `${size(local.bytes)} · stored in the drive` : path ? "from the drive" : `any ${kind === "file" ? "type" : kind}`;
  return (
    <div className="col" style={{ gap: 6 }}>
      <label className="drop" data-over={over} htmlFor={id}
        onDragOver={(event) => { event.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)}
        onDrop={(event) => { event.preventDefault(); setOver(false); send(event.dataTransfer.files[0]); }}
        onPaste={(event) => send(event.clipboardData.files[0])}>
        {kind === "image" && preview ? <img src={preview} alt="" /> : <Sheet />}
        <span className="grow">
          <span className="cut strong" style={{ display: "block", color: "var(--t1)" }}>{local?.name ?? (path || "Drop, paste or choose a file")}</span>
          <span className="hint">{hint}</span>
          {sending !== null && <progress value={sending} max={1} aria-label="Upload" />}
        </span>
        <input id={id} className="hidden-label" type="file" disabled={isBlocked} accept={accept ?? ACCEPT[kind]} aria-invalid={invalid} aria-describedby={describedBy} onChange={(event) => send(event.target.files?.[0])} />
      </label>
      <input className="in" aria-label="Drive path or URL" placeholder="Or enter a drive path or an https:// URL" value={path}
        onChange={(event) => { setLocal(null); onChange(event.target.value || undefined); }} />
      {failure && <div className="err" role="alert">{failure}</div>}
    </div>
  );
}

function Sheet() {
  return <svg width="18" height="18" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.7" aria-hidden="true"><path d="M14 3H6a2 2 0 0 0-2 2v14a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2V9zM14 3v6h6" /></svg>;
}
