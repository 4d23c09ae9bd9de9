import { useRef, useState } from "react";
import { post } from "./upload";

/** Where a bundle's zip is dropped: publishes it, or shows everything that is wrong with it, each with its place. */
export function BundleDrop({ project, csrf, onPublished }) {
  const [sending, setSending] = useState(null), [failure, setFailure] = useState(null), [over, setOver] = useState(false);
  const input = useRef(null), isBlocked = !project || !csrf || sending !== null;
  const publish = async (file) => {
    if (!file || isBlocked) return;
    setFailure(null);
    setSending(0);
    const form = new FormData();
    form.append("bundle", file, file.name);
    form.append("activate", "true");
    try {
      const deployment = await post("/v1/deployments", form, { project, csrf, onProgress: setSending });
      onPublished?.(deployment.version);
    } catch (error) {
      setFailure(error);
    } finally {
      setSending(null);
      input.current.value = "";
    }
  };
  return (
    <div className="col">
      <label className="drop" data-over={over} onDragOver={(event) => { event.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)}
        onDrop={(event) => { event.preventDefault(); setOver(false); publish(event.dataTransfer.files[0]); }}>
        {sending === null ? <svg width="18" height="18" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.7" aria-hidden="true"><path d="M12 16V4m0 0L7 9m5-5l5 5M4 16v4h16v-4" /></svg> : <span className="spin" />}
        <span className="grow">
          <span className="strong" style={{ color: "var(--t1)", display: "block" }}>{sending === null ? "Upload a bundle" : sending < 1 ? "Sending…" : "Checking…"}</span>
          <span className="t3">Drop or choose the zip of your skills folder. It is checked, becomes the next version and is made active.</span>
        </span>
        <input ref={input} className="hidden-label" type="file" accept=".zip,application/zip" disabled={isBlocked} aria-label="Bundle" onChange={(event) => publish(event.target.files[0])} />
      </label>
      {failure && <Failure failure={failure} />}
    </div>
  );
}

function Failure({ failure }) {
  const problems = failure.errors ?? [];
  return (
    <div className="note" data-s="fail" role="alert" style={{ marginTop: 10 }}>
      <div className="strong">{failure.detail}</div>
      {problems.length > 0 && <ul className="problems">{problems.map((problem, index) => <li key={index}><span className="mono">{[problem.path, problem.line].filter(Boolean).join(":")}</span><span>{problem.message}</span></li>)}</ul>}
    </div>
  );
}
