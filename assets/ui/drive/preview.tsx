import { useEffect, useState } from "react";
import type { DriveEntryRead } from "../../../clients/typescript/src/generated";
import { type ApiError, callApi } from "../api";
import { Confirm, Copy } from "../controls";
import { Dialog } from "../dialog";
import { exact, size } from "../format";
import { Ago } from "../time";
import { type Beginning, beginningOf, fileUrl, nameOf, remove, rooted, sign, type Who } from "./files";
import { Move } from "./moving";
import { Pdf } from "./pdf";
import { TextPreview } from "./texts";
import { Writer } from "./writer";

const EXPIRY_TIMES: [number, string][] = [[3600, "1 hour"], [86_400, "1 day"], [7 * 86_400, "7 days"], [30 * 86_400, "30 days"]];

interface Props {
  path: string;
  /** Undefined if it is not in the listing. */
  file: DriveEntryRead | undefined;
  who: Who;
  canWrite: boolean;
  onClose: () => void;
  onChanged: (path?: string) => void;
}

/** The preview of one file, with its details and actions. */
export function Preview({ path, file, who, canWrite, onClose, onChanged }: Props) {
  const [found, setFound] = useState<DriveEntryRead | null>(null), [failure, setFailure] = useState(""), facts = file ?? found;
  useEffect(() => { // only for a file that is not in the listing; listed files are not read to compute their hash
    if (!file) callApi<DriveEntryRead>("GET", `/v1/drive/facts?path=${encodeURIComponent(rooted(path))}`, { project: who.project }).then(setFound, (error: ApiError) => setFailure(error.detail));
  }, [path, !file]);
  const name = nameOf(path), url = fileUrl(path, who.project);
  const drop = () => { if (facts) remove(facts, who).then(() => { onClose(); onChanged(); }, (error: ApiError) => setFailure(error.detail)); };
  return (
    <section className="col grow preview" aria-label={`Preview of ${name}`}>
      <div className="pane-head"><h2 className="cut grow" title={path}>{name}</h2><button type="button" className="btn small quiet icon" aria-label="Close preview" onClick={onClose}>✕</button></div>
      {failure && <div className="note line-note" data-s="fail" role="alert">{failure}</div>}
      {facts && <>
        <div className="row wrap acts">
          <a className="btn" href={url} download={name}>Download</a>
          <Sign path={path} who={who} />
          {canWrite && <><Move entry={facts} who={who} onMoved={onChanged} /><Confirm kind="danger" label="Delete…" title={`Delete ${name}?`} text="Deleted files cannot be restored. Jobs that use the file as an input will fail." confirm="Delete file" onConfirm={drop} /></>}
        </div>
        <div className="scroll grow pad shown" tabIndex={0} role="region" aria-label="Content"><Content key={facts.modified_at} file={facts} url={url} project={who.project} /></div>
        <dl className="kv pad known">
          <dt>Path</dt><dd className="row"><span className="mono break">{path}</span><Copy text={path} label="Copy path" bare /></dd>
          <dt>Type</dt><dd>{facts.mime}, {size(facts.size_bytes)}</dd>
          <dt>Modified</dt><dd><Ago moment={facts.modified_at} /></dd>
          <dt>Written by</dt><dd><Writer by={facts.written_by} project={who.project} /></dd>
          {facts.sha256 && <><dt>SHA-256</dt><dd className="row"><span className="mono cut" title={facts.sha256}>{facts.sha256}</span><Copy text={facts.sha256} label="Copy hash" bare /></dd></>}
        </dl>
      </>}
    </section>
  );
}

/** The content of a file, if it can be shown. Types that may contain scripts are shown as text. */
function Content({ file, url, project }: { file: DriveEntryRead; url: string; project: string }) {
  const [isBroken, setBroken] = useState(false), [kind] = file.mime.split("/"), fail = () => setBroken(true), name = nameOf(file.path);
  if (isBroken) return <p className="t2">This browser cannot display the file. Download it to open it in another program.</p>;
  if (kind === "image" && file.mime !== "image/svg+xml") return <img className="media" src={url} alt={name} onError={fail} />;
  if (kind === "video") return <video className="media" src={url} controls preload="metadata" aria-label={name} onError={fail} />;
  if (kind === "audio") return <audio src={url} controls preload="metadata" aria-label={name} onError={fail} />;
  if (file.mime === "application/pdf") return <Pdf url={url} bytes={file.size_bytes} onBroken={fail} />;
  return <Text file={file} project={project} />;
}

function Text({ file, project }: { file: DriveEntryRead; project: string }) {
  const [beginning, setBeginning] = useState<Beginning | null | undefined>(undefined), [failure, setFailure] = useState("");
  useEffect(() => { beginningOf(file, project).then(setBeginning, (error: ApiError) => setFailure(error.detail)); }, []);
  if (failure) return <div className="note" data-s="fail" role="alert">{failure}</div>;
  if (beginning === undefined) return <p className="skeleton">Loading file…</p>;
  if (beginning === null) return <p className="t2">No preview is available for this file type. Download it to open it in another program.</p>;
  return <TextPreview {...beginning} mime={file.mime} />;
}

/** A dialog that creates a signed link to the file. */
function Sign({ path, who }: { path: string; who: Who }) {
  const [ttl, setTtl] = useState(3600), [made, setMade] = useState<{ signed_url: string; ends: number } | null>(null), [failure, setFailure] = useState("");
  const make = async () => {
    setFailure("");
    try { setMade({ ...(await sign(path, ttl, who)), ends: Date.now() + ttl * 1000 }); } catch (error) { setFailure((error as ApiError).detail); }
  };
  return (
    <Dialog label="Share link…" title={`Share ${nameOf(path)}`} broad>
      <p className="t2">Anyone with the link can read the file without signing in until the link expires. A link cannot be revoked earlier, but it stops working if the file is moved or deleted.</p>
      <div className="row"><label className="row">Expires after <select className="in" value={ttl} onChange={(event) => { setTtl(Number(event.target.value)); setMade(null); }}>{EXPIRY_TIMES.map(([seconds, words]) => <option key={seconds} value={seconds}>{words}</option>)}</select></label><button type="button" className="btn pri" onClick={make}>Create link</button></div>
      {failure && <div className="note" data-s="fail" role="alert">{failure}</div>}
      {made && <div className="col" style={{ gap: 4 }} role="status"><div className="row"><input className="in mono" readOnly aria-label="Signed link" value={made.signed_url} onFocus={(event) => event.target.select()} /><Copy text={made.signed_url} /></div><span className="t3">Expires {exact(made.ends)}</span></div>}
    </Dialog>
  );
}
