import { AnnotationQueues } from "./annotation_queues.js";
import { type Environment, Environments } from "./environments.js";
import { JobError, JobTimeout } from "./errors.js";
import {
  type ActivityRead,
  Api,
  type ApprovalRead,
  type ApproveCreate,
  type CommentRead,
  type CostEstimateRead,
  type EvalRunRead,
  type EventRead,
  type FailureIgnore,
  type FailureRead,
  type FailureResolve,
  type FailuresRead,
  type ForkCreate,
  type JobCreate,
  type JobRead,
  type JobStepRead,
  type ModelCallRead,
  type ProjectEventRead,
  type PromptHistory,
  type PromptLabelRead,
  type PromptVersionText,
} from "./generated.js";
import { Sessions } from "./sessions.js";
import { type Delta, follow, type StreamOptions } from "./stream.js";
import { type CallOptions, escapedPath, newKey, PAUSES_MS, pause, Transport } from "./transport.js";

/** The instance and the API key. */
export interface PurasOptions {
  /** Default: the environment variable `PURAS_API_KEY`. In a browser: a publishable key. */
  apiKey?: string;
  /** URL of the instance. Default: `PURAS_API_BASE`, otherwise http://127.0.0.1:8000. */
  apiBase?: string;
  /** ID or slug; default: the default skillpack of the project. */
  skillpack?: string;
  /** Maximum milliseconds of one attempt. */
  timeoutMs?: number;
  /** Maximum retries after disconnects and 429, 502, 503, 504. */
  retries?: number;
  /** Returns a token that your server has signed for the user of your application. Sessions with a publishable key need
   * it. */
  endUserToken?: () => string | Promise<string>;
  /** Function to use instead of the global `fetch`. */
  fetch?: typeof fetch;
}

/** Options of a job in addition to its inputs. */
export interface SubmitOptions extends Omit<JobCreate, "skill" | "inputs">, CallOptions {
  version?: number;
  /** Wait for the end of the job, at most `waitMs`. */
  wait?: boolean;
  /** Maximum wait in milliseconds, up to 55,000. */
  waitMs?: number;
  /** The same request with the same key creates one job within 24 hours. Without a key, each call creates a new job. */
  idempotencyKey?: string;
}

/** Conditions that the approvals of a list meet. */
export interface ApprovalFilters {
  status?: ApprovalRead["status"];
  job_id?: string;
  /** Name of the skill of the job. */
  skill?: string;
  environment?: Environment;
  session_id?: string;
}

/** Conditions of the failed jobs that are grouped by their error. */
export interface FailureFilters {
  /** Name of a skill. */
  skill?: string;
  version?: number;
  environment?: Environment;
  /** Jobs submitted since then, in ISO 8601; default: a week before `until`. */
  since?: string;
  /** Jobs submitted before then; default: now. */
  until?: string;
  /** State of the errors; default: `open`. */
  state?: FailureRead["state"] | "all";
  /** Maximum number of errors, up to 100. */
  limit?: number;
}

/** Which runs of an eval suite are returned, and in which order. */
export interface EvalRunOptions {
  /** Another suite, whose run of the same case is in `base` of each run. */
  base?: string;
  /** `not_passed`: also runs without a result. `regressed`: runs that are worse than in `base`. */
  only?: "all" | "not_passed" | "regressed";
  /** `number`: the order of submission. `score`: the lowest first. `cost` and `duration`: the highest first. */
  sort?: "number" | "score" | "cost" | "duration";
  /** Maximum number of runs; default: all. */
  maxEntries?: number;
}

/** Limits of the wait for the end of a job. */
export interface WaitOptions {
  /** Maximum milliseconds; default: 600,000. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

const LONGEST_WAIT_MS = 50_000;
const ENDS = new Set(["succeeded", "failed", "cancelled"]);

/** Runs skills of a project and reads its jobs. */
export class Puras {
  /** Every operation of the API. */
  readonly api: Api;
  /** Conversations with agents. */
  readonly sessions: Sessions;
  /** Reviews of the results of jobs. */
  readonly annotationQueues: AnnotationQueues;
  /** What is active in development, staging and production; promotions and rollbacks. */
  readonly environments: Environments;
  readonly apiBase: string;
  private readonly transport: Transport;
  private readonly skillpack: string | undefined;

  constructor(options: PurasOptions = {}) {
    const environment = (globalThis as { process?: { env: Record<string, string | undefined> } }).process?.env ?? {};
    const key = options.apiKey ?? environment.PURAS_API_KEY;
    if (!key) throw new Error("There is no API key. Pass `apiKey`, or set PURAS_API_KEY.");
    const base = options.apiBase ?? environment.PURAS_API_BASE ?? "http://127.0.0.1:8000";
    const pauses = PAUSES_MS.slice(0, options.retries ?? PAUSES_MS.length);
    const fetching = options.fetch ?? globalThis.fetch.bind(globalThis);
    this.transport = new Transport(base, key, options.timeoutMs ?? 120_000, pauses, fetching);
    this.apiBase = this.transport.base;
    this.api = new Api(this.transport);
    this.sessions = new Sessions(this.transport, options.endUserToken);
    this.environments = new Environments(this.transport, options.skillpack);
    this.annotationQueues = new AnnotationQueues(this.transport);
    this.skillpack = options.skillpack;
  }

  /** Run a skill as a job, and return its result, or `{}` if it returns nothing. Throw JobError if the job does not succeed. */
  async run<R = unknown>(
    skill: string | null,
    inputs: Record<string, unknown> = {},
    options: Omit<SubmitOptions, "wait" | "waitMs"> & WaitOptions = {},
  ): Promise<R> {
    const { timeoutMs = 600_000, ...rest } = options;
    const startedAt = Date.now();
    const waitMs = Math.min(timeoutMs, LONGEST_WAIT_MS);
    const submitted = await this.submit(skill, inputs, { ...rest, wait: true, waitMs });
    const job = await this.ended(submitted, startedAt, timeoutMs, options.signal);
    if (job.status !== "succeeded") throw new JobError(`The job ${job.id} ${job.status}: ${job.error}`, job);
    return (job.result ?? {}) as R;
  }

  /** Submit a job and return it. Retries use one idempotency key, so one call creates one job. */
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

  /** Return the present state of the job. */
  async get(jobId: string, options: CallOptions = {}): Promise<JobRead> {
    return await this.transport.json("GET", jobPath(jobId), {}, options);
  }

  /** Wait for the end of the job, and return it with any status. Throw JobTimeout if it has not ended in time. */
  async wait(jobId: string, options: WaitOptions = {}): Promise<JobRead> {
    const job = await this.get(jobId, call(options.signal));
    return await this.ended(job, Date.now(), options.timeoutMs ?? 600_000, options.signal);
  }

  /** Return the events so far, after the event with the number `after`. */
  async events(jobId: string, after = 0): Promise<EventRead[]> {
    return await this.transport.json("GET", jobPath(jobId, "/events"), { query: { after } });
  }

  /**
   * Return the input of a model call of an agent as it was sent, and the reply, with all messages. `step` is the number of
   * the reply, from 1 on.
   */
  async modelCall(jobId: string, step: number): Promise<ModelCallRead> {
    return await this.transport.json("GET", jobPath(jobId, `/model-calls/${step}/download`));
  }

  /** Return the events as they happen, until the end of the job, each exactly once. */
  stream(jobId: string, options: StreamOptions & { deltas: true }): AsyncGenerator<EventRead | Delta>;
  stream(jobId: string, options?: StreamOptions): AsyncGenerator<EventRead>;
  stream(jobId: string, options: StreamOptions = {}): AsyncGenerator<EventRead | Delta> {
    return follow(this.transport, jobId, options);
  }

  /** Cancel a job: immediately while it is queued, within seconds while it runs. */
  async cancel(jobId: string): Promise<JobRead> {
    return await this.transport.json("POST", jobPath(jobId, "/cancel"), { repeatable: true });
  }

  /**
   * Return the steps of a flow in their order, or the durable steps of a function. With `step`, only the step with this
   * name and its whole result; of a step with `for_each`, its elements.
   */
  async steps(
    jobId: string,
    options: { step?: string; status?: JobStepRead["status"] } & CallOptions = {},
  ): Promise<JobStepRead[]> {
    const { step, status, ...call } = options;
    return await this.transport.all(jobPath(jobId, "/steps"), { step, status }, undefined, call);
  }

  /** List approvals, newest first: those that await a decision, unless another `status` is given. */
  async approvals(filters: ApprovalFilters = {}): Promise<ApprovalRead[]> {
    return await this.transport.all("/v1/approvals", { status: "pending", ...filters });
  }

  /**
   * Approve a call, or a step of a flow. With `arguments`, the call is made with these instead of the ones that the agent
   * requests; `form` has the values that a step of a flow needs.
   */
  async approve(approvalId: string, decision: Partial<ApproveCreate> = {}): Promise<ApprovalRead> {
    return await this.transport.json("POST", `/v1/approvals/${encodeURIComponent(approvalId)}/approve`, { body: decision });
  }

  /** Reject a call. The agent receives the reason, and continues without it. */
  async deny(approvalId: string, reason = ""): Promise<ApprovalRead> {
    return await this.transport.json("POST", `/v1/approvals/${encodeURIComponent(approvalId)}/deny`, { body: { reason } });
  }

  /** Return the expected cost of one run of a skill, from its recent jobs or from its prompt. */
  async estimate(skill: string, options: { version?: number; environment?: Environment } = {}): Promise<CostEstimateRead> {
    const query = { skillpack: this.skillpack, ...options };
    return await this.transport.json("GET", `/v1/cost-estimates/${escapedPath(skill)}`, { query });
  }

  /** Return the failed jobs of a period grouped by their error, the most frequent first. */
  async failures(filters: FailureFilters = {}): Promise<FailuresRead> {
    return await this.transport.json("GET", "/v1/job-failures", { query: { ...filters } });
  }

  /** Return an error of failed jobs with its state. */
  async failure(errorSignature: string): Promise<FailureRead> {
    return await this.transport.json("GET", failurePath(errorSignature));
  }

  /** Mark an error as resolved; it is open again when a job that is submitted later fails with it. */
  async resolveFailure(errorSignature: string, decision: Partial<FailureResolve> = {}): Promise<FailureRead> {
    return await this.transport.json("POST", failurePath(errorSignature, "/resolve"), { body: decision, repeatable: true });
  }

  /** Ignore an error permanently, until a time, or for a number of further failed jobs. */
  async ignoreFailure(errorSignature: string, decision: Partial<FailureIgnore> = {}): Promise<FailureRead> {
    return await this.transport.json("POST", failurePath(errorSignature, "/ignore"), { body: decision, repeatable: true });
  }

  /** Mark an error that was resolved or ignored as open. */
  async reopenFailure(errorSignature: string): Promise<FailureRead> {
    return await this.transport.json("POST", failurePath(errorSignature, "/reopen"), { repeatable: true });
  }

  /** Return the versions of the prompt of an agent, newest first, with deployments, labels and statistics. */
  async prompts(skill: string, skillpack = this.skillpack): Promise<PromptHistory> {
    return await this.transport.json("GET", promptsPath(skill), { query: { skillpack } });
  }

  /** Return one version of the prompt of an agent with its text. */
  async prompt(skill: string, number: number, skillpack = this.skillpack): Promise<PromptVersionText> {
    return await this.transport.json("GET", promptsPath(skill, `/${number}`), { query: { skillpack } });
  }

  /** Give a version of the prompt a label. Another version of the skill with the label loses it. */
  async labelPrompt(skill: string, label: string, number: number, skillpack = this.skillpack): Promise<PromptLabelRead> {
    const path = promptsPath(skill, `/labels/${encodeURIComponent(label)}`);
    return await this.transport.json("PUT", path, { body: { number }, query: { skillpack }, repeatable: true });
  }

  /** Delete a label of the prompt of an agent. */
  async unlabelPrompt(skill: string, label: string, skillpack = this.skillpack): Promise<void> {
    await this.transport.json("DELETE", promptsPath(skill, `/labels/${encodeURIComponent(label)}`), { query: { skillpack } });
  }

  /**
   * Create a job that starts with the stored steps of another one, which cost nothing. Of a flow, `step` is the ID of the
   * first step that runs again; default: the first one that has failed.
   */
  async fork(jobId: string, changes: Partial<ForkCreate> = {}, idempotencyKey: string = newKey()): Promise<JobRead> {
    return await this.transport.json("POST", jobPath(jobId, "/fork"), { body: changes, idempotencyKey });
  }

  /**
   * Send an event to the project: jobs continue that wait for it. A second event with the same `id` is not stored;
   * without an `id`, each call sends a new event.
   */
  async sendEvent(type: string, data: unknown = null, id: string = newKey()): Promise<ProjectEventRead> {
    return await this.transport.json("POST", "/v1/events", { body: { type, data, id }, repeatable: true });
  }

  /** Rate the result with -1, 0 or 1. A later rating of the same user replaces the earlier one. */
  async feedback(
    jobId: string,
    feedback: { rating: -1 | 0 | 1; comment?: string; end_user_id?: string },
  ): Promise<void> {
    await this.transport.json("POST", jobPath(jobId, "/feedback"), { body: feedback, repeatable: true });
  }

  /** Return the runs of an eval suite with their inputs, outputs and the verdict of each grader. */
  async evalRuns(suiteId: string, options: EvalRunOptions = {}): Promise<EvalRunRead[]> {
    const { maxEntries, ...query } = options;
    return await this.transport.all(`/v1/evals/${encodeURIComponent(suiteId)}/cases`, { ...query }, maxEntries);
  }

  /** Return the comments on a job, the oldest first. */
  async comments(jobId: string): Promise<CommentRead[]> {
    return await this.transport.all(jobPath(jobId, "/comments"), {});
  }

  /** Write a comment on a job, or on a step of it, as Markdown. `@name` mentions a member of the project. */
  async comment(jobId: string, body: string, step: string | null = null): Promise<CommentRead> {
    const parts = { body: { body, step }, idempotencyKey: newKey() };
    return await this.transport.json("POST", jobPath(jobId, "/comments"), parts);
  }

  /** Return what members, keys and jobs did in the project, the newest first. */
  async activity(
    filter: { category?: ActivityRead["category"]; actor?: string; maxEntries?: number } = {},
  ): Promise<ActivityRead[]> {
    const { maxEntries = 100, ...query } = filter;
    return await this.transport.all("/v1/activity", query, maxEntries);
  }

  /** Upload a file to the drive of the project, and return its drive path, which can be an input of a job. */
  async upload(content: Blob | Uint8Array | string, path: string): Promise<string> {
    const target = `/v1/drive/files/${escapedPath(path)}`;
    const uploaded = await this.transport.json<{ drive_path: string }>("PUT", target, { body: content });
    return uploaded.drive_path;
  }

  /** Return the content of a file of the drive. */
  async download(drivePath: string): Promise<Blob> {
    const path = `/v1/drive/files/${escapedPath(drivePath.replace(/^drive\//, ""))}`;
    return await (await this.transport.response("GET", path)).blob();
  }

  /** Return the URL of a job in the studio. */
  url(job: JobRead): string {
    return `${this.apiBase}/p/${job.project_id}/jobs/${job.id}`;
  }

  private async ended(
    job: JobRead,
    startedAt: number,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<JobRead> {
    while (!ENDS.has(job.status)) {
      const leftMs = timeoutMs - (Date.now() - startedAt);
      if (leftMs <= 0) throw new JobTimeout(`The job ${job.id} is ${job.status} after ${timeoutMs} ms. It continues.`, job);
      const waitMs = Math.min(leftMs, LONGEST_WAIT_MS);
      const requestedAt = Date.now();
      const query = { wait: true, timeout: waitMs / 1_000 };
      job = await this.transport.json("GET", jobPath(job.id), { query }, call(signal, waitMs + 30_000));
      // Pause if the instance has responded before the end of the wait.
      if (!ENDS.has(job.status) && Date.now() - requestedAt < waitMs / 2) await pause(Math.min(1_000, leftMs), signal);
    }
    return job;
  }
}

function promptsPath(skill: string, rest = ""): string {
  return `/v1/skills/${escapedPath(skill)}/prompts${rest}`;
}

function failurePath(errorSignature: string, rest = ""): string {
  return `/v1/job-failures/${encodeURIComponent(errorSignature)}${rest}`;
}

function jobPath(jobId: string, rest = ""): string {
  return `/v1/jobs/${encodeURIComponent(jobId)}${rest}`;
}

function call(signal?: AbortSignal, timeoutMs?: number): CallOptions {
  return { ...(signal ? { signal } : {}), ...(timeoutMs === undefined ? {} : { timeoutMs }) };
}
