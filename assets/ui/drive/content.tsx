import { useEffect, useState } from "react";
import type { ApiError } from "../api";
import { type Beginning, beginningOf } from "./files";
import { Pdf } from "./pdf";
import { TextPreview } from "./texts";

export interface ShownFile {
  path: string;
  name: string;
  mime: string;
  size_bytes: number;
  /** The URL of the file for the signed-in user. */
  url: string;
}

/** The content of a file, if it can be shown. Types that may contain scripts are shown as text. */
export function FileContent({ file, project }: { file: ShownFile; project: string }) {
  const [isBroken, setBroken] = useState(false), [kind] = file.mime.split("/"), fail = () => setBroken(true);
  if (isBroken) return <p className="t2">This browser cannot display the file. Download it to open it in another program.</p>;
  if (kind === "image" && file.mime !== "image/svg+xml") return <img className="media" src={file.url} alt={file.name} onError={fail} />;
  if (kind === "video") return <video className="media" src={file.url} controls preload="metadata" aria-label={file.name} onError={fail} />;
  if (kind === "audio") return <audio src={file.url} controls preload="metadata" aria-label={file.name} onError={fail} />;
  if (file.mime === "application/pdf") return <Pdf url={file.url} bytes={file.size_bytes} onBroken={fail} />;
  return <Text file={file} project={project} />;
}

function Text({ file, project }: { file: ShownFile; project: string }) {
  const [beginning, setBeginning] = useState<Beginning | null | undefined>(undefined), [failure, setFailure] = useState("");
  useEffect(() => { beginningOf(file, project).then(setBeginning, (error: ApiError) => setFailure(error.detail)); }, []);
  if (failure) return <div className="note" data-s="fail" role="alert">{failure}</div>;
  if (beginning === undefined) return <p className="skeleton">Loading file…</p>;
  if (beginning === null) return <p className="t2">No preview is available for this file type. Download it to open it in another program.</p>;
  return <TextPreview {...beginning} mime={file.mime} />;
}
