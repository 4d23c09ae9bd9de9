import { useMemo } from "react";
import { duration, size } from "./format";
import type { JobEvent, Payload } from "./job_events";
import { Line, useEvents } from "./stream";
import { Json } from "./value";

interface AttemptFacts {
  number: number;
  sandbox: Payload;
  blocked: Payload[];
  limits: Payload | null;
  network: Payload | null;
}

interface Usage {
  wall_s?: number;
  cpu_s?: number;
  peak_memory_mb?: number;
}

/** The limits of the job. */
interface Most {
  timeout_s?: number;
  memory_mb?: number;
}

const MEANING: Record<string, string> = {
  mounts: "can access only its own folder and the project's drive",
  "network namespace": "can connect only through its gateways",
  "process namespace": "cannot see other processes",
  "own user": "runs as a system user of this project only",
  "user namespace": "has no privileges on the host",
  seccomp: "can make only allowed system calls",
  limits: "has limits for memory, files, processes and time",
};
const meaning = (layer: string) => MEANING[layer] ?? (layer.startsWith("landlock") ? "can open files only in its own folders (enforced by the kernel)" : "");

/** The sandbox of each attempt of a job (layers, network, limits), and what the job used. */
export function Sandbox({ src, usage = {}, most = {} }: { src: string; usage?: Usage; most?: Most }) {
  const [events, state] = useEvents(src), attempts = useMemo(() => attemptsOf(events), [events]);
  return (
    <div className="scroll grow pad" tabIndex={0} role="region" aria-label="Sandbox">
      <Line state={state} />
      {attempts.map((attempt) => <Attempt key={attempt.number} {...attempt} isOnly={attempts.length === 1} />)}
      {usage.wall_s != null && <Used usage={usage} most={most} hasTools={attempts.length > 0} />}
      {!attempts.length && <p className="t2">{state.phase === "ended" ? "No part of this job ran in a sandbox." : "The sandbox is shown here once the job runs."}</p>}
    </div>
  );
}

/** Time and memory. An agent has no process of its own: it runs in the worker, and only its tools run in a sandbox. */
function Used({ usage, most, hasTools }: { usage: Usage; most: Most; hasTools: boolean }) {
  const hasProcess = (usage.peak_memory_mb ?? 0) > 0;
  const without = hasTools ? "Not measured: each tool ran in its own process" : "The job had no process of its own";
  return (
    <dl className="kv">
      <dt>Time</dt><dd>{duration((usage.wall_s ?? 0) * 1000)}{most.timeout_s ? ` of ${duration(most.timeout_s * 1000)}` : ""}{hasProcess && `, ${duration((usage.cpu_s ?? 0) * 1000)} CPU time`}</dd>
      <dt>Memory</dt><dd>{hasProcess ? `${usage.peak_memory_mb} MB peak` : without}{most.memory_mb && (hasProcess || hasTools) ? `, limit ${most.memory_mb} MB${hasProcess ? "" : " each"}` : ""}</dd>
    </dl>
  );
}

function attemptsOf(events: JobEvent[]) {
  const attempts: AttemptFacts[] = [];
  let number = 0;
  for (const { type, payload } of events) {
    if (type === "started") number = payload.attempt ?? number + 1;
    const last = attempts.at(-1), here = last?.number === number ? last : null;
    if (type === "sandbox" && !here) attempts.push({ number, sandbox: payload, blocked: [], limits: null, network: null });
    else if (here && type === "limits") here.limits = payload;
    else if (here && type === "network") here.network = payload;
    else if (here && type === "network_refused") here.blocked.push(payload);
  }
  return attempts;
}

function Attempt({ number, sandbox, limits, network, blocked, isOnly }: AttemptFacts & { isOnly: boolean }) {
  const missing = sandbox.missing as string[] | undefined;
  return (
    <section className="sandbox">
      {!isOnly && <h2>Attempt {number}</h2>}
      {missing && <div className="note" data-s="wait">Some sandbox layers are not available on this host. {missing.join(" ")}</div>}
      <ul className="layers">{(sandbox.layers ?? []).map((layer) => <li key={layer}><span className="tick" aria-hidden="true">✓</span><span className="strong">{layer}</span><span className="t2">{meaning(layer)}</span></li>)}</ul>
      <dl className="kv">
        <dt>Process</dt><dd>{sandbox.warm ? "Warm start (forked from a zygote)" : "Cold start"}{sandbox.reason && !missing ? `: ${sandbox.reason}` : ""}</dd>
        <dt>Network</dt><dd>{[sandbox.network ?? "None"].flat().join(", ")}</dd>
        {network && <><dt>Traffic</dt><dd>{network.connections} connections, {size(network.sent_bytes ?? 0)} sent, {size(network.received_bytes ?? 0)} received{network.refused ? `, ${network.refused} blocked` : ""}</dd></>}
      </dl>
      {blocked.map((one, index) => <div className="note" data-s="fail" key={index}>The connection to {one.host}{one.port ? `:${one.port}` : ""} was blocked. {one.message}</div>)}
      {limits && <><h3>Limit exceeded</h3><Json value={limits} /></>}
    </section>
  );
}
