import { useRef, useState } from "react";
import type { DeploymentRead } from "../../clients/typescript/src/generated";
import type { ApiError } from "./api";
import { post } from "./upload";

interface Problem {
  path: string;
  line?: number | null;
  message: string;
}

interface Props {
  project: string;
  csrf: string;
  onPublished?: (version: number) => void;
}

/** A drop area for the ZIP file of a bundle: publishes it, or lists its problems with their locations. */
export function BundleDrop({ project, csrf, onPublished }: Props) {
  const [sending, setSending] = useState<number | null>(null), [failure, setFailure] = useState<ApiError | null>(null), [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null), isBlocked = !project || !csrf || sending !== null;
  const [removing, setRemoving] = useState<{ file: File; removed: string[] } | null>(null);
  const publish = async (file: File | undefined, isConfirmed = false) => {
    if (!file || isBlocked) return;
    setFailure(null);
    setRemoving(null);
    setSending(0);
    const form = () => { const made = new FormData(); made.append("bundle", file, file.name); return made; };
    try {
      const removed = isConfirmed ? [] : (await post<{ removed_skills: string[] }>("/v1/deployments/validate", form(), { project, csrf, onProgress: setSending })).removed_skills;
      if (removed.length) { setRemoving({ file, removed }); return; }
      const pushed = form();
      pushed.append("activate", "true");
      const deployment = await post<DeploymentRead>("/v1/deployments", pushed, { project, csrf, onProgress: setSending });
      onPublished?.(deployment.version ?? 0);
    } catch (error) {
      setFailure(error as ApiError);
    } finally {
      setSending(null);
      if (input.current) input.current.value = "";
    }
  };
  return (
    <div className="col">
      <label className="drop" data-over={over} onDragOver={(event) => { event.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)}
        onDrop={(event) => { event.preventDefault(); setOver(false); publish(event.dataTransfer.files[0]); }}>
        {sending === null ? <svg width="18" height="18" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.7" aria-hidden="true"><path d="M12 16V4m0 0L7 9m5-5l5 5M4 16v4h16v-4" /></svg> : <span className="spin" />}
        <span className="grow">
          <span className="strong" style={{ color: "var(--t1)", display: "block" }}>{sending === null ? "Upload bundle" : sending < 1 ? "Uploading…" : "Validating…"}</span>
          <span className="t3">Drop or choose a ZIP file of your skills folder. It is validated, published as the next version and activated.</span>
        </span>
        <input ref={input} className="hidden-label" type="file" accept=".zip,application/zip" disabled={isBlocked} aria-label="Bundle" onChange={(event) => publish(event.target.files?.[0])} />
      </label>
      {failure && <Failure failure={failure} />}
      {removing && <div className="note" data-s="wait" role="alert" style={{ marginTop: 10 }}>
        <Removed names={removing.removed} />
        <div className="row" style={{ marginTop: 8 }}>
          <button type="button" className="btn danger" onClick={() => publish(removing.file, true)}>Publish and remove</button>
          <button type="button" className="btn" onClick={() => setRemoving(null)}>Cancel</button>
        </div>
      </div>}
    </div>
  );
}

/** The skills that a publish removes from the active version. */
export function Removed({ names }: { names: string[] }) {
  return <p>This removes {names.length === 1 ? "a skill" : `${names.length} skills`} from the active version: {names.map((name, index) => <span key={name}>{index > 0 && ", "}<span className="mono strong">{name}</span></span>)}. New jobs for {names.length === 1 ? "it" : "them"} will fail.</p>;
}

function Failure({ failure }: { failure: ApiError }) {
  const problems: Problem[] = failure.errors ?? [];
  return (
    <div className="note" data-s="fail" role="alert" style={{ marginTop: 10 }}>
      <div className="strong">{failure.detail}</div>
      {problems.length > 0 && <ul className="problems">{problems.map((problem, index) => <li key={index}><span className="mono">{[problem.path, problem.line].filter(Boolean).join(":")}</span><span>{problem.message}</span></li>)}</ul>}
    </div>
  );
}
