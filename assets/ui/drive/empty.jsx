import { useEffect, useState } from "react";
import { FromCode } from "../snippets";
import { codeOf } from "./code";

/** What an empty folder shows: what the drive is, and how the first file gets there. */
export function Empty({ folder, canWrite, onPick }) {
  const [origin, setOrigin] = useState("");
  useEffect(() => setOrigin(location.origin), []);
  return (
    <div className="scroll grow pad none-yet">
      <div className="col" style={{ gap: 14 }}>
        <div><h2>{folder ? "This folder is empty" : "The drive is empty"}</h2>
          <p className="t2">The drive holds the files of the project. Jobs read and write it as <span className="mono">./drive</span>, and inputs name files by their path in it.</p></div>
        {canWrite && <button type="button" className="drop" onClick={onPick}><span className="grow"><span className="strong" style={{ color: "var(--t1)" }}>Drop files or folders anywhere on this page</span><br />or choose some</span></button>}
        {canWrite && <FromCode texts={codeOf(origin, folder)} />}
      </div>
    </div>
  );
}
