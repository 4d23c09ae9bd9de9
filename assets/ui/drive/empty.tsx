import { useEffect, useState } from "react";
import { FromCode } from "../snippets";
import { codeOf } from "./code";

/** The empty state of a folder: what the drive is, and how to upload the first file. */
export function Empty({ folder, canWrite, onPick }: { folder: string; canWrite: boolean; onPick: () => void }) {
  const [origin, setOrigin] = useState("");
  useEffect(() => setOrigin(location.origin), []);
  return (
    <div className="scroll grow pad none-yet">
      <div className="col" style={{ gap: 14 }}>
        <div><h2>{folder ? "This folder is empty" : "The drive is empty"}</h2>
          <p className="t2">The drive stores the files of the project. Jobs read and write them in <span className="mono">./drive</span>, and inputs refer to files by their drive path.</p></div>
        {canWrite && <button type="button" className="drop" onClick={onPick}><span className="grow"><span className="strong" style={{ color: "var(--t1)" }}>Drop files or folders anywhere on this page</span><br />or select files</span></button>}
        {canWrite && <FromCode texts={codeOf(origin, folder)} />}
      </div>
    </div>
  );
}
