import { JobError, JobTimeout } from "./errors.js";
import { Api, type EventRead, type JobCreate, type JobRead } from "./generated.js";
import { type Delta, follow, type StreamOptions } from "./stream.js";
import { type CallOptions, escapedPath, newKey, PAUSES_MS, pause, Transport } from "./transport.js";

/** Which instance, and with which key. */
export interface PurasOptions {
  /** Default: `PURAS_API_KEY` of the environment, where there is one. In a browser: a publishable key. */
  apiKey?: string;
  /** Default: `PURAS_API_BASE`, else http://127.0.0.1:8000. */
  apiBase?: string;
  /** Id or slug; default: the project's default one. */
  skillpack?: string;
  /** Milliseconds that one try may take. */
  timeoutMs?: number;
  /** For broken lines and a busy instance. */
  retries?: number;
  /** In the place of the runtime's own. */
  fetch?: typeof fetch;
}

/** What a job may be given beside its inputs. */
export interface SubmitOptions extends Omit<JobCreate, "skill" | "inputs">, CallOptions {
  version?: number;
  /** Answer when the job has ended, or after `waitMs`. */
  wait?: boolean;
  /** At most 55,000. */
  waitMs?: number;
  /** The same request with the same key is one job, for a day; without one, each call is a new job. */
  idempotencyKey?: string;
}

/** How long somebody waits for a job's end. */
export interface WaitOptions {
  /** Milliseconds; default: ten minutes. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

const LONGEST_WAIT_MS = 50_000;
const ENDS = new Set(["succeeded", "failed", "cancelled"]);

/** Runs skills of a project and reads its jobs. */
export class Puras {
  /** Every operation of the API. */
  readonly api: Api;
  readonly apiBase: string;
  private readonly transport: Transport;
  private readonly skillpack: string | undefined;

  constructor(options: PurasOptions = {}) {
    const environment = (globalThis as { process?: { env: Record<string, string | undefined> } }).process?.env ?? {};
    const key = options.apiKey ?? environment.PURAS_API_KEY;
    if (!key) throw new Error("There is no API key. Give `apiKey`, or set PURAS_API_KEY.");
    const base = options.apiBase ?? environment.PURAS_API_BASE ?? "http://127.0.0.1:8000";
    const pauses = PAUSES_MS.slice(0, options.retries ?? PAUSES_MS.length);
    const fetching = options.fetch ?? globalThis.fetch.bind(globalThis);
    this.transport = new Transport(base, key, options.timeoutMs ?? 120_000, pauses, fetching);
    this.apiBase = this.transport.base;
    this.api = new Api(this.transport);
    this.skillpack = options.skillpack;
  }

  /** The result of a job of the skill; `{}` when it returns nothing. Throws JobError when it has none. */
  async run<R = unknown>(
    skill: string | null,
    inputs: Record<string, unknown> = {},
    options: Omit<SubmitOptions, "wait" | "waitMs"> & WaitOptions = {},
  ): Promise<R> {
    const { timeoutMs = 600_000, ...rest } = options;
    const began = Date.now();
    const waitMs = Math.min(timeoutMs, LONGEST_WAIT_MS);
    const submitted = await this.submit(skill, inputs, { ...rest, wait: true, waitMs });
    const job = await this.ended(submitted, began, timeoutMs, options.signal);
    if (job.status !== "succeeded") throw new JobError(`The job ${job.id} ${job.status}: ${job.error}`, job);
    return (job.result ?? {}) as R;
  }

  /** Submit a job. A broken line is tried again under one idempotency key: one call makes one job. */
  async submit(
    skill: string | null,
    inputs: Record<string, unknown> = {},
    options: SubmitOptions = {},
  ): Promise<JobRead> {
    const { version, wait, waitMs = 30_000, idempotencyKey, signal, timeoutMs, ...body } = options;
    const isOfASkillpack = skill !== null && body.listing_id == null;
    const query = {
      skillpack: isOfASkillpack ? this.skillpack : undefined,
      version,
      wait: wait || undefined,
      timeout: wait ? waitMs / 1_000 : undefined,
    };
    const parts = { query, body: { ...(skill === null ? {} : { skill }), inputs, ...body } };
    return await this.transport.json(
      "POST",
      "/v1/jobs",
      { ...parts, idempotencyKey: idempotencyKey ?? newKey() },
      call(signal, wait ? waitMs + 30_000 : timeoutMs),
    );
  }

  /** The job as it is now. */
  async get(jobId: string, options: CallOptions = {}): Promise<JobRead> {
    return await this.transport.json("GET", jobPath(jobId), {}, options);
  }

  /** The job when it has ended, however it did; throws JobTimeout when that takes too long. */
  async wait(jobId: string, options: WaitOptions = {}): Promise<JobRead> {
    const job = await this.get(jobId, call(options.signal));
    return await this.ended(job, Date.now(), options.timeoutMs ?? 600_000, options.signal);
  }

  /** What has happened so far, behind the event with the number `after`. */
  async events(jobId: string, after = 0): Promise<EventRead[]> {
    return await this.transport.json("GET", jobPath(jobId, "/events"), { query: { after } });
  }

  /** The events as they happen, to the last, without gap or repeat. */
  stream(jobId: string, options: StreamOptions & { deltas: true }): AsyncGenerator<EventRead | Delta>;
  stream(jobId: string, options?: StreamOptions): AsyncGenerator<EventRead>;
  stream(jobId: string, options: StreamOptions = {}): AsyncGenerator<EventRead | Delta> {
    return follow(this.transport, jobId, options);
  }

  /** End a job: at once while it is queued, within seconds while it runs. */
  async cancel(jobId: string): Promise<JobRead> {
    return await this.transport.json("POST", jobPath(jobId, "/cancel"), { repeatable: true });
  }

  /** Say what somebody thinks of the result: -1, 0 or 1. A later word of the same person replaces it. */
  async feedback(
    jobId: string,
    opinion: { rating: -1 | 0 | 1; comment?: string; end_user_id?: string },
  ): Promise<void> {
    await this.transport.json("POST", jobPath(jobId, "/feedback"), { body: opinion, repeatable: true });
  }

  /** Put a file into the project's drive; gives its drive path, which inputs of jobs take. */
  async upload(content: Blob | Uint8Array | string, path: string): Promise<string> {
    const target = `/v1/drive/files/${escapedPath(path)}`;
    const told = await this.transport.json<{ drive_path: string }>("PUT", target, { body: content });
    return told.drive_path;
  }

  private async ended(
    job: JobRead,
    began: number,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<JobRead> {
    while (!ENDS.has(job.status)) {
      const leftMs = timeoutMs - (Date.now() - began);
      if (leftMs <= 0) throw new JobTimeout(`The job ${job.id} is ${job.status} after ${timeoutMs} ms. It goes on.`, job);
      const waitMs = Math.min(leftMs, LONGEST_WAIT_MS);
      const asked = Date.now();
      const query = { wait: true, timeout: waitMs / 1_000 };
      job = await this.transport.json("GET", jobPath(job.id), { query }, call(signal, waitMs + 30_000));
      // An instance that does not wait with us is left alone for a moment.
      if (!ENDS.has(job.status) && Date.now() - asked < waitMs / 2) await pause(Math.min(1_000, leftMs), signal);
    }
    return job;
  }
}

function jobPath(jobId: string, rest = ""): string {
  return `/v1/jobs/${encodeURIComponent(jobId)}${rest}`;
}

function call(signal?: AbortSignal, timeoutMs?: number): CallOptions {
  return { ...(signal ? { signal } : {}), ...(timeoutMs === undefined ? {} : { timeoutMs }) };
}
