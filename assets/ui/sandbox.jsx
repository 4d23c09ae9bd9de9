import { useMemo } from "react";
import { duration, size } from "./format";
import { Line, useEvents } from "./stream";
import { Json } from "./value";

const MEANING = {
  mounts: "sees its own folder, its project's drive and nothing else of the machine",
  "network namespace": "has no network but the two doors that it was given",
  "process namespace": "sees no other process",
  "own user": "runs as a user of its project alone",
  "user namespace": "has no rights outside of itself",
  seccomp: "calls no rarer part of the kernel",
  limits: "is held to its memory, files, processes and time",
};
const meaning = (layer) => MEANING[layer] ?? (layer.startsWith("landlock") ? "opens no file outside of its folders, by the kernel's own rule" : "");

/** What held each attempt of a job: layers, network, limits; and what the job took of them. */
export function Sandbox({ src, usage = {}, most = {} }) {
  const [events, state] = useEvents(src), attempts = useMemo(() => attemptsOf(events), [events]);
  return (
    <div className="scroll grow pad" tabIndex={0} role="region" aria-label="Sandbox">
      <Line state={state} />
      {attempts.map((attempt) => <Attempt key={attempt.number} {...attempt} isOnly={attempts.length === 1} />)}
      {usage.wall_s != null && <Used usage={usage} most={most} hasTools={attempts.length > 0} />}
      {!attempts.length && <p className="t2">{state.phase === "ended" ? "Nothing of this job ran in a sandbox." : "The sandbox is shown as soon as the job runs in it."}</p>}
    </div>
  );
}

/** An agent has no process of its own: it thinks in the worker, and only what it runs is in a sandbox. */
function Used({ usage, most, hasTools }) {
  const hasProcess = usage.peak_memory_mb > 0;
  const without = hasTools ? "Not measured: each tool had a process of its own" : "The job had no process of its own";
  return (
    <dl className="kv">
      <dt>Time</dt><dd>{duration(usage.wall_s * 1000)}{most.timeout_s ? ` of at most ${duration(most.timeout_s * 1000)}` : ""}{hasProcess && `, ${duration((usage.cpu_s ?? 0) * 1000)} of a processor`}</dd>
      <dt>Memory</dt><dd>{hasProcess ? `${usage.peak_memory_mb} MB at its peak` : without}{most.memory_mb && (hasProcess || hasTools) ? `, ${hasProcess ? "of at most" : "each of at most"} ${most.memory_mb} MB` : ""}</dd>
    </dl>
  );
}

function attemptsOf(events) {
  const attempts = [];
  let number = 0;
  for (const { type, payload } of events) {
    if (type === "started") number = payload.attempt ?? number + 1;
    const here = attempts.at(-1)?.number === number ? attempts.at(-1) : null;
    if (type === "sandbox" && !here) attempts.push({ number, sandbox: payload, refused: [], limits: null, network: null });
    else if (here && type === "limits") here.limits = payload;
    else if (here && type === "network") here.network = payload;
    else if (here && type === "network_refused") here.refused.push(payload);
  }
  return attempts;
}

function Attempt({ number, sandbox, limits, network, refused, isOnly }) {
  return (
    <section className="sandbox">
      {!isOnly && <h2>Attempt {number}</h2>}
      {sandbox.missing && <div className="note" data-s="wait">Not all layers are there on this machine. {sandbox.missing.join(" ")}</div>}
      <ul className="layers">{(sandbox.layers ?? []).map((layer) => <li key={layer}><span className="tick" aria-hidden="true">✓</span><span className="strong">{layer}</span><span className="t2">{meaning(layer)}</span></li>)}</ul>
      <dl className="kv">
        <dt>Process</dt><dd>{sandbox.warm ? "forked from a warm parent" : "started cold"}{sandbox.reason && !sandbox.missing ? `: ${sandbox.reason}` : ""}</dd>
        <dt>Network</dt><dd>{[].concat(sandbox.network ?? "none").join(", ")}</dd>
        {network && <><dt>Traffic</dt><dd>{network.connections} connections, {size(network.sent_bytes ?? 0)} out, {size(network.received_bytes ?? 0)} in{network.refused ? `, ${network.refused} refused` : ""}</dd></>}
      </dl>
      {refused.map((one, index) => <div className="note" data-s="fail" key={index}>{one.host}{one.port ? `:${one.port}` : ""} was refused. {one.message}</div>)}
      {limits && <><h3>Stopped by a limit</h3><Json value={limits} /></>}
    </section>
  );
}
