import { useEffect, useState } from "react";
import { Copy, Tabs } from "../controls";

const LANGUAGES = [{ id: "curl", label: "curl" }, { id: "python", label: "Python" }];

/** What an empty folder shows: what the drive is, and how the first file gets there. */
export function Empty({ folder, canWrite, onPick }) {
  const [language, setLanguage] = useState("curl"), [origin, setOrigin] = useState("");
  useEffect(() => setOrigin(location.origin), []);
  const text = { curl: `curl '${origin}/v1/drive/files/drive/${folder}photo.jpg' \\\n  -H "Authorization: Bearer $PURAS_API_KEY" --upload-file photo.jpg`,
    python: `import os, urllib.request\n\nrequest = urllib.request.Request(\n    "${origin}/v1/drive/files/drive/${folder}photo.jpg",\n    open("photo.jpg", "rb"),\n    {"Authorization": "Bearer " + os.environ["PURAS_API_KEY"]},\n    method="PUT",\n)\nurllib.request.urlopen(request)` }[language];
  return (
    <div className="scroll grow pad nothing">
      <div className="col" style={{ gap: 14 }}>
        <div><h2>{folder ? "This folder is empty" : "The drive is empty"}</h2>
          <p className="t2">The drive holds the files of the project. Jobs read and write it as <span className="mono">./drive</span>, and inputs name files by their path in it.</p></div>
        {canWrite && <button type="button" className="drop" onClick={onPick}><span className="grow"><span className="strong" style={{ color: "var(--t1)" }}>Drop files or folders anywhere on this page</span><br />or choose some</span></button>}
        <div className="pane">
          <Tabs items={LANGUAGES} current={language} label="Language" onPick={setLanguage} />
          <div className="copied"><div className="copy"><Copy text={text} /></div><pre className="code bare" tabIndex={0}>{text}</pre></div>
        </div>
      </div>
    </div>
  );
}
