// Generated from tests/contract/openapi.json by `make openapi`; changes here are lost.

import type { CallOptions, Transport } from "./transport.js";
import { escapedPath, newKey } from "./transport.js";

/** The access of the publisher's code in a run. */
export interface Access {
  drive: string;
  inputs: string;
  /**
   * Hosts to which the code may send the data that it receives: those of the skill, and of all skills of its bundle
   * that it may call.
   */
  network: "none" | "public" | string[];
  secrets: string;
  /** MCP servers that its agents use. */
  servers: string[];
}

/** Something that happened in a project. */
export interface ActivityRead {
  /** The action in the audit log: `deployment.activated`. */
  action: string;
  /** Who did it: `user:<e-mail>`, `key:<prefix>`, `job:<ID>`, or `system`. */
  actor: string;
  at: string;
  category: "publishing" | "jobs" | "comments" | "reviews" | "evals" | "alerts" | "members" | "settings" | "marketplace";
  /** The ID of its entry in the audit log. */
  id: number;
  /** The page of the studio that shows more, below that of the project: `/jobs/<ID>`. Empty: there is none. */
  path: string;
  /** What the actor did: `activated support v4`. Names in it come from users: show it as text. */
  summary: string;
}

/** Add a field after the existing ones. */
export interface AddField {
  /** The schema of the field. */
  definition?: Record<string, JsonValue>;
  /** Name of the field. */
  name: string;
  op: "add_field";
  /** Whether a value is required. */
  required?: boolean;
  /** Keys and indexes of the schema that contains the field: `["input_schema"]`, or of an object inside it. */
  schema_path: (string | number)[];
}

/** A project and its wallet. */
export interface AdminProjectRead {
  balance_micros: number;
  created_at: string;
  id: string;
  members: number;
  name: string;
  /** Number of queued jobs. */
  queued: number;
  /** Reserved for running jobs. */
  reserved_micros: number;
  slug: string;
}

/** A user account, as operators see it. */
export interface AdminUserRead {
  created_at: string;
  disabled_at: string | null;
  email: string;
  id: string;
  is_operator: boolean;
  /** Last use of a session that still exists. */
  last_seen_at: string | null;
  name: string;
  /** Number of projects that the user is in. */
  projects: number;
}

/** A session. */
export interface AgentSessionRead {
  /** The cost of all turns, in millionths of a dollar. */
  cost_micros: number;
  cost_usd: number;
  created_at: string;
  /** The user or the API key that created the session. */
  created_by: string;
  /** The user of your application, from the signed token. */
  end_user: string | null;
  /** The environment of all turns. */
  environment: "development" | "staging" | "production";
  id: string;
  /** Whether all turns run the draft of the skillpack, as it was when the session was created. */
  is_draft?: boolean;
  /** Number of messages that were sent. */
  message_count: number;
  metadata: Record<string, unknown>;
  /** The job of the turn that runs or is next. */
  running_job_id: string | null;
  /** Name of the agent: `support`, or `skillpack/support`. */
  skill: string;
  /** Empty until the first message. */
  title: string;
  /** The time of the last message or reply. */
  updated_at: string;
  /** The version that all turns run; `null`: each turn runs the version that is active when its message is sent. */
  version: number | null;
}

/** The agent started. In runs of a listing of another project the fields about tools are missing. */
export type AgentStartEvent = EventRead & ({
  payload: {
    /** Whether `bash` is one of them. */
    bash_enabled?: boolean;
    /** ID of the deployment; `null` without one. */
    deployment_id?: string | null;
    /** Whether the result must have certain fields. */
    has_output_schema: boolean;
    /** The replacement of the language model: a simulation or a recording. */
    label?: string;
    /** `steps`, `timeout_s`, `tokens` (`null` without a limit) and `cap_micros`. */
    limits: Record<string, unknown>;
    /** Slug of the model. */
    model: string;
    /** Milliseconds that the preparation took, by part: `load` (secrets, bundle, drive), `guardrails`, `packages`, `sandbox`, `tools` (and MCP servers) and `files` (of the inputs). Parts of less than 10 ms are missing. */
    phases?: Record<string, number>;
    /** False: a later attempt records `resumed` instead of this event. */
    resumed: boolean;
    /** Name of the skill. */
    skill: string;
    /** Number of tools that the model may call. */
    tool_count?: number;
    /** Names of the tools. */
    tools?: string[];
  };
  type: "agent_start";
});

/** A new alert rule. */
export interface AlertCreate {
  enabled?: boolean;
  /** Only jobs of this environment count. Default: all environments. */
  environment?: "development" | "staging" | "production" | null;
  /**
   * `error_rate`: failed jobs among those that succeeded or failed. `latency_p95`: 95th percentile of the time from
   * start to end of succeeded jobs. `spend`: cost of ended jobs. `queue_age`: waiting time of the oldest queued job.
   * `new_errors`: open errors whose first job failed within the window, or that have returned within it after they were
   * resolved, or ignored for a number of jobs.
   */
  metric: "error_rate" | "latency_p95" | "spend" | "queue_age" | "new_errors";
  /** With fewer ended jobs in the window, `error_rate` and `latency_p95` do not raise the alert. */
  min_jobs?: number;
  /** Shown in messages: `Nightly report fails`. */
  name: string;
  /** Only jobs of this skill count: `report`. Default: all skills. */
  skill?: string | null;
  /**
   * The alert is raised while the value is not below it. Percent for `error_rate`, US dollars for `spend`, a
   * number for `new_errors`, seconds for the others.
   */
  threshold: number;
  /** Jobs that ended within this time count. `queue_age` does not use it. */
  window_minutes?: number;
}

/** An alert rule and its state. */
export interface AlertRead {
  created_at: string;
  created_by: string;
  enabled: boolean;
  environment: "development" | "staging" | "production" | null;
  evaluated_at: string | null;
  id: string;
  /** The jobs of the last value. */
  jobs: number;
  metric: "error_rate" | "latency_p95" | "spend" | "queue_age" | "new_errors";
  min_jobs: number;
  name: string;
  skill: string | null;
  state: "ok" | "raised";
  /** When the alert was raised or ended last. */
  state_changed_at: string | null;
  threshold: number;
  updated_at: string;
  /** The last value, in the unit of the threshold. `null`: there are too few jobs, or it was not evaluated yet. */
  value: number | null;
  window_minutes: number;
}

/** Changes of an alert rule, which is then evaluated again. */
export interface AlertUpdate {
  /** A rule that is switched off is not evaluated, and its alert ends without an event. */
  enabled?: boolean | null;
  /** `null`: all environments. */
  environment?: "development" | "staging" | "production" | null;
  min_jobs?: number | null;
  name?: string | null;
  /** `null`: all skills. */
  skill?: string | null;
  threshold?: number | null;
  window_minutes?: number | null;
}

/** A reviewed job that cannot become an eval case. */
export interface AnnotationCaseRejected {
  code: string;
  detail: string;
  job_id: string;
}

/** Which reviewed jobs become eval cases. */
export interface AnnotationCasesCreate {
  /** `next_after` of the previous response, to continue. */
  after?: number | null;
  /** Also save jobs without a corrected output, with their own result as the expected output. */
  include_uncorrected?: boolean;
  tags?: string[];
}

/** The result of saving reviewed jobs as eval cases. */
export interface AnnotationCasesCreated {
  created: number;
  /** Number of jobs that are eval cases already. */
  existing: number;
  /** Send it as `after` to continue; `null`: all reviewed jobs were read. */
  next_after: number | null;
  rejected: AnnotationCaseRejected[];
  /** Number of jobs without a corrected output, which were left out. */
  uncorrected: number;
}

/** Which job to review next. */
export interface AnnotationClaim {
  /** The number of the present item: the next one follows it, or is the first if none follows. */
  after?: number | null;
}

/** A job in an annotation queue. */
export interface AnnotationItemRead {
  added_at: string;
  /** The user or API key that added it, or `filter`. */
  added_by: string;
  /** The reviewer who works on it; `null`: none. */
  claimed_by: string | null;
  claimed_until: string | null;
  completed_at: string | null;
  completed_by: string | null;
  id: string;
  job_id: string;
  /** The position in the queue: lower numbers are first. */
  number: number;
  queue_id: string;
  status: "pending" | "done" | "skipped";
}

/** The result of adding jobs to a queue. */
export interface AnnotationItemsAdded {
  added: number;
  already_in_queue: number;
}

/** Jobs to add to a queue. */
export interface AnnotationItemsCreate {
  /** IDs of jobs that have ended. */
  job_ids: string[];
}

/** The job that the caller reviews next. */
export interface AnnotationNext {
  /** `null`: no job is pending, or other reviewers work on all of them. */
  item: AnnotationItemRead | null;
}

/** A review of a job, or of a step of it. */
export interface AnnotationPut {
  comment?: string;
  /** Whether the review of the job is complete. A review of a step completes nothing. */
  complete?: boolean;
  /** The output that the job should have had, at most 1 MiB. Omitted: the output is not corrected. */
  corrected_output?: unknown;
  /** A value for each criterion of the rubric, by its key: `{"accuracy": 0.8, "polite": true}`. */
  scores?: Record<string, boolean | number | string>;
  /** The step that it is about: its number for an agent, its name for a flow or a function. `null`: the whole job. */
  step?: string | null;
}

/** A new annotation queue. */
export interface AnnotationQueueCreate {
  /**
   * Ended jobs that match are added: up to 1,000 present ones, the newest first, and all later ones. `null`: jobs are
   * only added by hand. The fields are those of the query of `GET /v1/jobs`.
   */
  filter?: JobViewFilters | null;
  /** What reviewers should know, as Markdown. */
  instructions?: string;
  /** Unique in the project. */
  name: string;
  rubric: Criterion[];
}

/** An annotation queue and its progress. */
export interface AnnotationQueueRead {
  /** Number of them that reviewers work on. */
  claimed: number;
  created_at: string;
  created_by: string;
  done: number;
  filter: JobViewFilters | null;
  id: string;
  instructions: string;
  name: string;
  /** Number of jobs that are to be reviewed. */
  pending: number;
  rubric: Criterion[];
  skipped: number;
  updated_at: string;
}

/** Changes of an annotation queue. Annotations keep the values of former criteria. */
export interface AnnotationQueueUpdate {
  /** `null`: no further jobs are added. Jobs that are in the queue stay there. */
  filter?: JobViewFilters | null;
  instructions?: string | null;
  name?: string | null;
  rubric?: Criterion[] | null;
}

/** A review of a job, or of a step of it. */
export interface AnnotationRead {
  comment: string;
  corrected_output: unknown;
  created_at: string;
  created_by: string;
  /** False: the output is not corrected, which differs from a corrected `null`. */
  has_corrected_output: boolean;
  id: string;
  job_id: string;
  /** The label of each criterion of the queue, by its key. */
  labels: Record<string, string>;
  /** The name of the queue; empty: it was deleted. */
  queue: string;
  /** `null`: the queue was deleted. */
  queue_id: string | null;
  scores: Record<string, unknown>;
  /** `null`: the whole job. */
  step: string | null;
  updated_at: string;
}

/** A new API key. */
export interface ApiKeyCreate {
  /** Maximum micro-dollars that its jobs may spend per day. */
  daily_cap_micros?: number | null;
  /**
   * The environment of its jobs. A key of `development` or `staging` cannot change what all environments share, such
   * as members or webhooks.
   */
  environment?: "development" | "staging" | "production";
  expires_at?: string | null;
  /** `secret` for servers; `publishable` for browsers, which may submit and read their own jobs. */
  kind?: "secret" | "publishable";
  name?: string;
  /**
   * ID of a key of the same kind, valid or revoked, which this one replaces: it sees the jobs and sessions of that
   * key and of its end users. Revoke the old key when your servers use the new one.
   */
  replaces?: string | null;
  /** Maximum requests per minute, if lower than the limit of all keys. */
  requests_per_minute?: number | null;
  /**
   * Permissions of the key. Empty: everything that the kind can do, unless the key has a list of skills, a daily cap
   * or an expiry; then `jobs:submit`, `jobs:read_own` and `jobs:write`.
   */
  scopes?: ("jobs:submit" | "jobs:read_own" | "jobs:read" | "sessions:anonymous" | "jobs:write" | "approvals:read" | "approvals:write" | "skills:read" | "deployments:read" | "deployments:write" | "evals:read" | "evals:write" | "drive:read" | "drive:write" | "memory:read" | "memory:write" | "secrets:read" | "secrets:write" | "providers:read" | "providers:write" | "billing:read" | "budgets:read" | "budgets:write" | "webhooks:read" | "webhooks:write" | "alerts:read" | "alerts:write" | "schedules:read" | "schedules:write" | "events:read" | "events:send" | "marketplace:read" | "marketplace:write" | "project:read" | "project:write" | "members:read" | "members:write" | "keys:read" | "keys:write" | "audit:read")[];
  /**
   * Skills that it may run: `skill` of the default skillpack, `skillpack/skill`, or `*\/skill` of all skillpacks;
   * empty: all skills.
   */
  skill_allowlist?: string[];
}

/** A new API key; `key` is returned only once. */
export interface ApiKeyCreated {
  created_at: string;
  created_by: string;
  daily_cap_micros: number | null;
  /** Scopes that apply, with those that they include; `null`: everything that its kind can do. */
  effective_scopes: string[] | null;
  environment: "development" | "staging" | "production";
  expires_at: string | null;
  id: string;
  key: string;
  kind: "secret" | "publishable";
  last_used_at: string | null;
  name: string;
  prefix: string;
  requests_per_minute: number | null;
  revoked_at: string | null;
  /** Scopes that were set for the key. */
  scopes: string[];
  skill_allowlist: string[];
}

/** An API key, without its secret. */
export interface ApiKeyRead {
  created_at: string;
  created_by: string;
  daily_cap_micros: number | null;
  /** Scopes that apply, with those that they include; `null`: everything that its kind can do. */
  effective_scopes: string[] | null;
  environment: "development" | "staging" | "production";
  expires_at: string | null;
  id: string;
  kind: "secret" | "publishable";
  last_used_at: string | null;
  name: string;
  prefix: string;
  requests_per_minute: number | null;
  revoked_at: string | null;
  /** Scopes that were set for the key. */
  scopes: string[];
  skill_allowlist: string[];
}

/** Changes of an API key; omitted fields do not change. */
export interface ApiKeyUpdate {
  /** `null`: the limit of all keys. */
  requests_per_minute?: number | null;
  /** Replaces the scopes of the key; empty: as for a new key without scopes. */
  scopes?: ("jobs:submit" | "jobs:read_own" | "jobs:read" | "sessions:anonymous" | "jobs:write" | "approvals:read" | "approvals:write" | "skills:read" | "deployments:read" | "deployments:write" | "evals:read" | "evals:write" | "drive:read" | "drive:write" | "memory:read" | "memory:write" | "secrets:read" | "secrets:write" | "providers:read" | "providers:write" | "billing:read" | "budgets:read" | "budgets:write" | "webhooks:read" | "webhooks:write" | "alerts:read" | "alerts:write" | "schedules:read" | "schedules:write" | "events:read" | "events:send" | "marketplace:read" | "marketplace:write" | "project:read" | "project:write" | "members:read" | "members:write" | "keys:read" | "keys:write" | "audit:read")[] | null;
  /**
   * Must be true with an empty list of `scopes` if these were the only restriction of a secret key, since the key
   * gets full access.
   */
  unrestricted?: boolean;
}

/** An operation of the API. */
export interface ApiOperationRead {
  description: string;
  method: string;
  name: string;
  /** Why no tool can be made of it; empty if one can. */
  problem: string;
  /** Names of the secrets that provide its credentials. */
  secrets: string[];
  url: string;
}

/** A description of requests to an API. */
export interface ApiToolsCreate {
  /** Name of the Python file with the functions. */
  file?: string;
  /** Names of the operations that become tools. Empty: only describe the operations. */
  operations?: string[];
  /** A curl command, or an OpenAPI 3 document in JSON or YAML. */
  source: string;
  /** Label of the skill. */
  title?: string;
}

/** Operations of an API, and the files of a skill with tools that call them. */
export interface ApiToolsRead {
  /** Texts by name: `skill.yaml`, `prompt.md` and the Python file. Empty if no operations were named. */
  files: Record<string, string>;
  /** The hosts that `network` of the skill allows. */
  hosts: string[];
  operations: ApiOperationRead[];
  /** Names of the secrets that the tools need. */
  secrets: string[];
  /** The entries of `tools` in the `skill.yaml`, to add them to another skill with the Python file. */
  tools: Record<string, unknown>[];
}

/** A user decided about a call, or the approval expired. */
export type ApprovalDecidedEvent = EventRead & {
  payload: {
    /** ID of the approval. */
    approval_id: string;
    /** The arguments with which the call is made instead. The approval has them also if they are long. */
    arguments?: Record<string, unknown>;
    /** The user or API key that decided. */
    by: string;
    /** Paths of the arguments that the user has changed, if there are any. */
    changed?: string[];
    /** `approved`, `denied` (rejected) or `expired`. */
    decision: string;
    /** The arguments as the agent requested them, if the user has changed them and they are short. */
    input?: Record<string, unknown>;
    /** The reason, if one was given. */
    reason?: string;
    /** Number of the step. */
    step: number;
    /** Name of the tool. */
    tool: string;
    /** ID of the call. */
    tool_use_id: string;
  };
  type: "approval_decided";
};

/** One call of a tool by an agent, and the decision about it. */
export interface ApprovalRead {
  /** The arguments with which the reviewer has replaced `input`; null: they are not changed. */
  arguments?: Record<string, unknown> | null;
  created_at: string;
  decided_at: string | null;
  decided_by: string;
  /** The environment of the job. */
  environment?: string;
  /** When a pending approval expires, which counts as rejected. */
  expires_at: string;
  /** The values that the reviewer has entered. */
  form?: Record<string, unknown> | null;
  /** The same in plain JSON Schema 2020-12. */
  form_json_schema?: Record<string, unknown> | null;
  /** Schema of the values that the reviewer enters, in the dialect of skill.yaml; null: there is no form. */
  form_schema?: Record<string, unknown> | null;
  id: string;
  /** All arguments of the call, as the agent requests it; for the start of a job, its inputs. */
  input: Record<string, unknown>;
  /** JSON Schema of the arguments; null: they cannot be changed. */
  input_schema?: Record<string, unknown> | null;
  job_id: string;
  /** `agentic`, `deterministic` or `flow`. */
  job_type?: string;
  /** Whether the caller may decide it, apart from its status. */
  may_decide?: boolean;
  /** Text of the step of a flow that requests the approval; null for the call of an agent. */
  message?: string | null;
  /** The reason that the user gave. */
  reason: string;
  /** E-mail addresses and roles of those who may decide; empty: everyone who may decide approvals. */
  reviewers?: string[];
  /** The session whose turn the job is. */
  session_id?: string | null;
  /** Data that the step of a flow shows to the reviewer; null: there are none, or they are too long. */
  show?: unknown;
  /** The size of `show` as JSON if it is too long to be shown. The steps of the job have the data. */
  show_bytes?: number | null;
  /** Name of the skill of the job. */
  skill?: string;
  status: "pending" | "approved" | "denied" | "expired" | "cancelled";
  /** Number of the reply that requests the call. */
  step: number;
  tool: string;
  tool_use_id: string;
}

/** A user must approve a call before it is made. */
export type ApprovalRequiredEvent = EventRead & {
  payload: {
    /** ID of the approval. */
    approval_id: string;
    /** When the approval expires. */
    expires_at: string;
    /** The arguments. */
    input?: unknown;
    /** The start of the arguments as JSON when they are long; the approval has all of them. */
    input_begins?: string;
    /** Number of the step; 0: before the first one. */
    step: number;
    /** Name of the tool. */
    tool: string;
    /** ID of the call. */
    tool_use_id: string;
  };
  type: "approval_required";
};

/** Body of an approval. */
export interface ApproveCreate {
  /**
   * All arguments with which the call is made instead of `input`, valid for `input_schema`. The agent is notified
   * that a user has changed them. For the start of a job, they become its inputs.
   */
  arguments?: Record<string, unknown> | null;
  /** Values for `form_schema`. Required if the schema requires one of them. */
  form?: Record<string, unknown> | null;
  /** The reason. The model receives the reason of a denial. */
  reason?: string;
}

/** Body of a start of the assistant. */
export interface AssistantCreate {
  /** Maximum cost of the job, including the runs that it starts. */
  budget_usd: number;
  /** The file that the task is about. */
  file?: string | null;
  /** A job that the task is about. It must run a skill of the skillpack. */
  job_id?: string | null;
  /** The language model. Default: that of the instance. */
  model?: string | null;
  /** A problem of the draft that the task is about. */
  problem?: string | null;
  /** The skill that the task is about. */
  skill?: string | null;
  /** What it should do: `build a skill that…`, `fix this problem`, `explain this failure`. */
  task: string;
}

/** The answer. */
export interface AssistantMessage {
  /** A text, or the result of the skill as JSON. */
  content: string;
  refusal?: null;
  role?: "assistant";
}

/** The job of the assistant. */
export interface AssistantRead {
  /** `GET /v1/jobs/{id}` returns the proposal as its `result`. */
  job_id: string;
}

/** An audit entry. */
export interface AuditRead {
  action: string;
  actor: string;
  at: string;
  details: Record<string, unknown>;
  /** The former name of `details`. Removed in 0.3. */
  facts: Record<string, unknown>;
  id: number;
  request_id: string;
  target: string;
}

/** The wait before a retry: `initial_s`, then `factor` times as long each time, at most `max_s`. */
export interface Backoff {
  /** Factor by which the wait grows with each retry. */
  factor?: number;
  /** Seconds before the first retry; 1 by default. */
  initial_s?: number;
  /** Maximum number of seconds before a retry. */
  max_s?: number;
}

/** A project's wallet. */
export interface Balance {
  available_micros: number;
  balance_micros: number;
  balance_usd: number;
  project_id: string;
  /** Reserved for running jobs. */
  reserved_micros: number;
  /** The same as `project_id`. */
  workspace_id: string;
}

/** A new budget. */
export interface BudgetCreate {
  /** The percentage of the limit at which an alert is sent, once per window; null: no alert. */
  alert_pct?: number | null;
  /** For the scope `key`: its ID. */
  api_key_id?: string | null;
  /** True: reject jobs when the budget is used up; false: only alert. */
  enforce?: boolean;
  /** For the scope `environment`: its name. */
  environment?: "development" | "staging" | "production" | null;
  limit_usd: number;
  /** The name of the budget. Errors of rejected jobs contain it. */
  name: string;
  /** Which jobs the budget counts. */
  scope?: "project" | "environment" | "skillpack" | "skill" | "key";
  /** For the scope `skill`: its name. */
  skill?: string | null;
  /** For the scopes `skillpack` and `skill`: ID or slug. Default: the default skillpack, or the one with the skill. */
  skillpack?: string | null;
  /** `day` and `month` start at midnight UTC; `rolling30` is today and the 29 days before; `total` never resets. */
  window: "day" | "month" | "rolling30" | "total";
}

/** A budget with its usage. */
export interface BudgetRead {
  alert_pct: number | null;
  /** Day of the last alert. */
  alerted_on: string | null;
  api_key_id: string | null;
  created_at: string;
  created_by: string;
  enforce: boolean;
  environment?: "development" | "staging" | "production" | null;
  /** Used by failed and canceled jobs and not charged. */
  forgiven_micros: number;
  id: string;
  is_reached: boolean;
  limit_micros: number;
  limit_usd: number;
  name: string;
  /** Held by unfinished jobs. */
  reserved_micros: number;
  /** When the window ends; for `rolling30`, when today is no longer part of it. Null for `total`. */
  resets_at: string | null;
  scope: "project" | "environment" | "skillpack" | "skill" | "key";
  /** First day of the window (UTC); null for `total`. */
  since: string | null;
  skill: string | null;
  skillpack_id: string | null;
  /** Spent in the current window. */
  spent_micros: number;
  /** The sum of the three, which is compared with the limit. */
  used_micros: number;
  used_usd: number;
  window: "day" | "month" | "rolling30" | "total";
}

/** Changes to a budget. Its scope cannot change. */
export interface BudgetUpdate {
  /** Null: no alert. */
  alert_pct?: number | null;
  enforce?: boolean | null;
  limit_usd?: number | null;
  name?: string | null;
  window?: "day" | "month" | "rolling30" | "total" | null;
}

/** The result of a call, as the agent received it. */
export interface CallResult {
  /** Whether the result contains nothing but text. */
  is_text: boolean;
  /** False: the agent received an error. */
  ok: boolean;
  /** The text. Images and documents are replaced by their type: `[image]`. */
  text: string;
  tool_use_id: string;
}

/** The job was canceled. No event follows. */
export type CancelledEvent = EventRead & ({
  payload: {
    /** The user or API key that canceled the job, if it was not running. */
    by?: string;
    /** The error code, for programs, if the job was running. */
    code?: string | null;
    /** The amount that the wallet paid, in millionths of a dollar; present if the job used anything. */
    cost_micros?: number;
    /** A message for users, if the job was running. */
    error?: string | null;
    /** The usage that is not charged, in millionths of a dollar; present if it is not zero. */
    forgiven_micros?: number;
    /** Milliseconds since the end of the skill's code, by part: `store` (files of the result) and `grade`; if the code has not started, of the parts of the preparation. Parts of less than 10 ms are missing. */
    phases?: Record<string, number>;
    /** The usage of a subjob, in millionths of a dollar, which its parent pays. */
    used_micros?: number;
  };
  type: "cancelled";
});

/** Body of `POST /v1/jobs/{id}/eval-case`. */
export interface CaseCreate {
  /** The expected output. Omitted: the job's own result. `null`: nothing is expected. */
  expected?: unknown;
  /** Default: `job-` and the first part of the job's ID. */
  id?: string | null;
  tags?: string[];
}

/** A saved case. */
export interface CaseRead {
  /** Its name among the skill's cases. It replaces a case of the dataset with the same name. */
  case_id: string;
  /**
   * The conversation that the job continued: `earlier` messages, `context`, and whether a text ends the turn
   * (`accepts_text`). A suite continues the same one. `null`: none.
   */
  conversation: Record<string, unknown> | null;
  created_at: string;
  created_by: string;
  expected: unknown;
  has_expected: boolean;
  id: string;
  inputs: Record<string, unknown>;
  skill_name: string;
  skillpack_id: string;
  /** The job that it was made from, until that is deleted. */
  source_job_id: string | null;
  tags: string[];
}

/** One run of a cell. */
export interface CellRead {
  /** ID of the cell in the notebook. */
  cell: string;
  ended_at: string | null;
  execution_count: number | null;
  id: string;
  /** 1, 2, 3… in the order in which cells are run. */
  number: number;
  /**
   * Outputs in the notebook format (nbformat 4). HTML and images in them come from the cell, and are
   * untrusted.
   */
  outputs: Record<string, unknown>[];
  revision: number;
  started_at: string | null;
  /** `dropped`: an earlier cell failed, or the kernel was interrupted. `lost`: the kernel ended. */
  status: "queued" | "running" | "ok" | "error" | "interrupted" | "dropped" | "lost";
}

/** A cell to run. */
export interface CellRun {
  /** ID of the cell in the notebook. */
  cell: string;
  code: string;
}

/** Body of `POST /v1/notebooks/kernels/{kernel_id}/cells`. */
export interface CellsUpdate {
  /** Cells in the order in which they are run. After a failed cell the following ones are dropped. */
  cells: CellRun[];
}

/** The answer of a skill. */
export interface ChatCompletion {
  choices: Choice[];
  created: number;
  /** `chatcmpl-` and the ID of the job without hyphens. */
  id: string;
  /** The skill, as the request names it. */
  model: string;
  object?: "chat.completion";
  usage: CompletionUsage;
}

/**
 * Body of `POST /v1/openai/chat/completions`.
 *
 * Parameters of the model, such as `temperature`, `max_tokens` and `reasoning_effort`, are ignored: the skill sets
 * them.
 */
export interface ChatCompletionCreate {
  /** Rejected. */
  audio?: unknown;
  /** Rejected if not empty. */
  functions?: unknown[] | null;
  /**
   * Not in OpenAI's API (`extra_body` in the SDKs): inputs of the skill in addition to the text of the last
   * message.
   */
  inputs?: Record<string, unknown> | null;
  /** Rejected if not empty. */
  logit_bias?: Record<string, unknown> | null;
  /** Rejected if true. */
  logprobs?: boolean | null;
  /** The conversation; the last message is the user's. */
  messages: ChatMessage[];
  /** Metadata of the job. */
  metadata?: Record<string, string> | null;
  /** Rejected unless it is `["text"]`. */
  modalities?: string[] | null;
  /** The skill: `skill`, or `skillpack/skill`. */
  model: string;
  /** Rejected unless it is 1. */
  n?: number | null;
  response_format?: ResponseFormat | null;
  /** Rejected if not empty. */
  stop?: string | string[] | null;
  stream?: boolean | null;
  stream_options?: StreamOptions | null;
  /** Rejected unless it is `auto` or `none`. */
  tool_choice?: unknown;
  /** Rejected if not empty: a skill has its own tools. */
  tools?: unknown[] | null;
  /** Rejected if not 0. */
  top_logprobs?: number | null;
  /** Rejected. */
  web_search_options?: unknown;
}

/** A message of the conversation. */
export interface ChatMessage {
  content?: string | ChatPart[] | null;
  role: "system" | "developer" | "user" | "assistant" | "tool" | "function";
  /** Rejected if not empty: a skill has its own tools. */
  tool_calls?: unknown[] | null;
}

/** A part of a message. */
export interface ChatPart {
  file?: OpenAIFile | null;
  image_url?: OpenAIImageUrl | null;
  input_audio?: OpenAIAudio | null;
  refusal?: string | null;
  text?: string | null;
  /** `text`, `image_url`, `file`, `input_audio` or `refusal`. */
  type: string;
}

/** The only choice. */
export interface Choice {
  finish_reason?: "stop";
  index?: number;
  logprobs?: null;
  message: AssistantMessage;
}

/** A new comment. */
export interface CommentCreate {
  /** Markdown. HTML in it is shown as text. `@ada@example.org`, or `@ada`, mentions a member of the project. */
  body: string;
  /** The step that it is about: its number for an agent, its name for a flow or a function. `null`: the whole job. */
  step?: string | null;
}

/** A comment on a job. */
export interface CommentRead {
  /** Markdown, which may contain HTML: render it as text. */
  body: string;
  created_at: string;
  /** The user or the API key that wrote it. */
  created_by: string;
  edited_at: string | null;
  id: string;
  job_id: string;
  /** The e-mail addresses of the members that it mentions. */
  mentions: string[];
  /** `null`: the whole job. */
  step: string | null;
}

/** The new text of a comment. */
export interface CommentUpdate {
  body: string;
}

/** One side of a comparison. */
export interface ComparedSuite {
  is_baseline: boolean;
  mean_cost_micros: number | null;
  mean_latency_ms: number | null;
  mean_score: number | null;
  pass_rate_pct: number | null;
  suite_id: string;
  version: number | null;
}

/** Two suites of one skill in comparison. */
export interface Comparison {
  base: ComparedSuite;
  /** Cases that passed in every run of the base, but not in every run of the head; at most 100. */
  broken_cases: string[];
  deltas: Deltas;
  /** Cases that passed in every run of the head, but not in every run of the base; at most 100. */
  fixed_cases: string[];
  head: ComparedSuite;
  /** The former name of `fixed_cases`. Removed in 0.3. */
  mended_cases: string[];
  /** The head passes less often, or its mean score is more than 2 points lower. */
  regressed: boolean;
  skill: string;
}

/** Details of `completion_tokens`. */
export interface CompletionTokensDetails {
  reasoning_tokens?: number;
}

/** The tokens of all replies of the job; 0 for a function. */
export interface CompletionUsage {
  completion_tokens: number;
  completion_tokens_details?: CompletionTokensDetails;
  prompt_tokens: number;
  prompt_tokens_details: PromptTokensDetails;
  total_tokens: number;
}

/** A part of a message: a text, or a file. */
export interface ContentBlock {
  /** The content of a file. */
  base64?: string | null;
  /** The path of a file in the drive. */
  drive_path?: string | null;
  /** The type of the content, with `base64`. */
  media_type?: string | null;
  text?: string | null;
  /** `image` and `file`, such as a PDF, name a file with `drive_path`, `url` or `base64`. */
  type: "text" | "image" | "file";
  /** The URL of a file. */
  url?: string | null;
}

/** Old results of tools were removed from the conversation to make room. */
export type ContextCompactedEvent = EventRead & {
  payload: {
    /** Number of removed results. */
    cleared: number;
    /** The step before which they were removed. */
    step: number;
    /** Approximate tokens of the conversation after. */
    tokens_after: number;
    /** Approximate tokens of the conversation before. */
    tokens_before: number;
  };
  type: "context_compacted";
};

/** Body of `POST /v1/jobs/{id}/continue`. */
export interface ContinuationCreate {
  /** Inputs to continue with, valid for the skill's `input_schema`. */
  inputs?: Record<string, unknown>;
}

/** The job continues the conversation of a job that has ended. */
export type ContinuedEvent = EventRead & {
  payload: {
    /** ID of the other job. */
    from_job_id: string;
  };
  type: "continued";
};

/** The next call could cost more than is left for the job, so it was not made. */
export type CostCappedEvent = EventRead & {
  payload: {
    /** The maximum that it may spend. */
    cap_micros: number;
    /** The limit that decides: `job_limit`, `budget`, `key_cap`, `caller` or `wallet`. */
    capped_by: string;
    /** `cost_capped`. */
    kind: string;
    /** The maximum cost of the call. */
    needed_micros: number;
    /** The cost of the job so far, in millionths of a dollar. */
    spent_micros: number;
    /** Number of the step. */
    step: number;
  };
  type: "cost_capped";
};

/** The expected cost of one run of a skill. */
export interface CostEstimateRead {
  /**
   * `jobs`: the recent jobs of the skill. `prompt`: the length of the prompt and one reply. `free`: runs cost
   * nothing. `unknown`: no job has succeeded yet, and the cost does not depend on a prompt.
   */
  basis: "jobs" | "prompt" | "free" | "unknown";
  /** The median of the jobs, or the price of the prompt and the reply, in millionths of a dollar. `null`: unknown. */
  expected_micros: number | null;
  /** The basis as text. */
  explanation: string;
  /** The number of jobs on which the estimate is based. */
  jobs: number;
  /** The limit of one run, which is reserved when it starts. */
  max_micros: number;
  /** The language model of an agent; `null` for other skills. */
  model: string | null;
  /** 95 percent of the jobs cost at most this; `null` without jobs. */
  p95_micros: number | null;
  /**
   * About how many tokens the first prompt has: instructions, tools without those of MCP servers, and the inputs of
   * the first example. `null` for skills that are not agents.
   */
  prompt_tokens: number | null;
  /** The assumed length of the reply; `null` unless the basis is `prompt`. */
  reply_tokens: number | null;
  skill: string;
}

/** One value of a rubric, which reviewers give for each job. */
export interface Criterion {
  /** The possible values of a category; at least two. */
  categories?: string[];
  /** How to choose the value. */
  description?: string;
  /** Its name in annotations and exports: `accuracy`. */
  key: string;
  /** `score`: a number from 0 to 1. `yes_no`: `true` or `false`. `category`: one of `categories`. */
  kind?: "score" | "yes_no" | "category";
  /** What reviewers read: `Accuracy`. */
  label: string;
  /** Whether a review is incomplete without it. */
  required?: boolean;
}

/** Body of a rejection. */
export interface DecisionCreate {
  /** The reason. The model receives the reason of a denial. */
  reason?: string;
}

/** The result of the deletion of a folder. */
export interface DeletedRead {
  /** Number of files and folders. */
  deleted: number;
  /** False: repeat the request, since one request deletes a limited number of files. */
  is_done: boolean;
}

/** One attempt to send a delivery. */
export interface DeliveryAttempt {
  duration_ms: number | null;
  /** Why the attempt failed; `null`: it was delivered. */
  error: string | null;
  /** From 1. A number is missing if the process that sent it ended. */
  number: number;
  /** The first 200 characters of the response. */
  response: string | null;
  response_code: number | null;
  started_at: string;
}

/** One event for one webhook. */
export interface DeliveryRead {
  /** Every attempt with its result, the oldest first, of at most 100. */
  attempt_log: DeliveryAttempt[];
  attempted_at: string | null;
  attempts: number;
  /** The signed body. */
  body: string;
  created_at: string;
  duration_ms: number | null;
  ended_at: string | null;
  /** Why the last attempt failed. */
  error: string | null;
  event: string;
  /** The status under its name before 0.2: `given_up` instead of `failed`. */
  former_status: "pending" | "delivered" | "given_up";
  /** The `webhook-id` that the receiver gets, the same with every attempt. */
  id: string;
  /** Time of the next attempt. */
  next_at: string | null;
  /** The start of the last response. */
  response: string | null;
  /** Of the last attempt. */
  response_code: number | null;
  /** `pending` until it is `delivered`, or `failed` after three days. */
  status: "pending" | "delivered" | "failed";
  webhook_id: string;
}

/** Head minus base; `null` if one of them has no number. */
export interface Deltas {
  mean_cost_micros: number | null;
  mean_latency_ms: number | null;
  mean_score: number | null;
  pass_rate_pct: number | null;
}

/** A version with everything that it contains. */
export interface DeploymentRead {
  created_at: string;
  created_by: string;
  /** The environments in which the version is active. */
  environments: ("development" | "staging" | "production")[];
  /** The state of the gates of its skills. `null`: no activation was requested yet. */
  gate: GateRead | null;
  id: string;
  /** Whether it is active in production. */
  is_active: boolean;
  manifest: Manifest;
  notes: string;
  project_id: string;
  /** Skills of the version that was active at the push that this version lacks. */
  removed_skills: string[];
  /** SHA-256 of the ZIP archive. */
  sha256: string;
  size_bytes: number;
  /** Slug of the skillpack. */
  skillpack: string;
  skillpack_id: string;
  /** `null` for a draft. */
  version: number | null;
  warnings: ProblemRead[];
  /** The same as `project_id`. */
  workspace_id: string;
}

/** A version in a list. */
export interface DeploymentSummary {
  created_at: string;
  created_by: string;
  /** The state of the gates of its skills. `null`: no activation was requested yet. */
  gate: GateRead | null;
  id: string;
  /** Whether it is active in production. */
  is_active: boolean;
  notes: string;
  project_id: string;
  /** SHA-256 of the ZIP archive. */
  sha256: string;
  size_bytes: number;
  /** Slug of the skillpack. */
  skillpack: string;
  skillpack_id: string;
  /** `null` for a draft. */
  version: number | null;
  /** The same as `project_id`. */
  workspace_id: string;
}

/** The filters of a view of versions. They have the names and values of the query of `GET /v1/deployments`. */
export interface DeploymentViewFilters {
  q?: string | null;
  skillpack?: string | null;
  state?: "active" | "inactive" | null;
}

/** The changes from `base` to `head`. */
export interface DiffRead {
  base: DeploymentSummary;
  files: FileChangeRead[];
  head: DeploymentSummary;
  is_breaking: boolean;
  skills: SkillChangeRead[];
}

/** A page of the documentation. */
export interface DocumentRead {
  name: string;
  section: string;
  /** Markdown; in a list, the text around the first match of the search, or empty. */
  text: string;
  title: string;
}

/** The problems and warnings of publishing the draft. */
export interface DraftCheckRead {
  /** Notebooks that a version would not contain, since no file of their skill names them. */
  excluded_files: string[];
  /** The former name of `excluded_files`. Removed in 0.3. */
  left_out: string[];
  problems: DraftProblemRead[];
  /** Revision of the draft; not newer than the checked files. */
  revision: number;
  /** From the manifest; empty while there are problems. */
  skills: Skill[];
  warnings: DraftProblemRead[];
}

/** The matches of a file. */
export interface DraftFileMatchesRead {
  matches: DraftMatchRead[];
  path: string;
  /** The revision that was searched: the value for `If-Match` when the file is written. */
  revision: number;
}

/** Body of a move. */
export interface DraftFileMove {
  /** A file, or a folder with `/` at the end. */
  path: string;
  to: string;
}

/** A file of a draft, without its content. */
export interface DraftFileRead {
  /** It can be restored until the next publish. */
  is_deleted: boolean;
  is_executable: boolean;
  path: string;
  /** The value for `If-Match` when the file is written again. */
  revision: number;
  size_bytes: number;
  updated_at: string;
  updated_by: string;
}

/** A function of a Python file of the draft. */
export interface DraftFunctionRead {
  /** First paragraph of its docstring. */
  description: string;
  /** Schema of its parameters, from their annotations; text where there is none. */
  input_schema: Record<string, unknown>;
  line: number;
  name: string;
  /** Schema of its result. */
  output_schema: Record<string, unknown>;
  /** Path of the file. */
  path: string;
  /** The function with its parameters and annotations. */
  signature: string;
}

/** A match. */
export interface DraftMatchRead {
  column: number;
  /** The number of characters before the end of the match in the file. */
  end: number;
  /** A part of the line. */
  excerpt: string;
  excerpt_end: number;
  /** Where the match starts in the excerpt. */
  excerpt_start: number;
  line: number;
  replacement: string | null;
  /** The number of characters before the match in the file. */
  start: number;
}

/** A problem, or something that is valid but probably unintended. */
export interface DraftProblemRead {
  column?: number | null;
  /** Keys and indexes of the value in a YAML file, outermost first; `null` if the file could not be parsed. */
  keys?: (string | number)[] | null;
  line?: number | null;
  message: string;
  path: string;
}

/** Body of a publish. */
export interface DraftPublish {
  /** Whether new jobs use it immediately. */
  activate?: boolean;
  /**
   * The `base_version` of that diff, or 0 if it was `null`. If another version is active, nothing is published.
   * `null`: any version may be active.
   */
  active_version?: number | null;
  /** The environment in which it becomes active. Default: that of the API key; for users `production`. */
  environment?: "development" | "staging" | "production" | null;
  /** Release notes. */
  notes?: string;
  /**
   * The `revision` of the reviewed diff. If the draft was changed since, nothing is published. `null`: publish the
   * current state.
   */
  revision?: number | null;
}

/** A draft. */
export interface DraftRead {
  /** The version that it was created from or last published as. */
  base_version: number | null;
  files: DraftFileRead[];
  /** Counts the changes. The same revision means the same files. */
  revision: number;
  /** Slug of the skillpack. */
  skillpack: string;
  skillpack_id: string;
  updated_at: string;
  updated_by: string;
}

/** Body of a reset. Exactly one of both is required. */
export interface DraftReset {
  /** Start again with a template: `GET /v1/templates` lists them. */
  template?: string | null;
  /** Start again with the files of this version. */
  version?: number | null;
}

/** Body of a run of the draft: that of a job, and overrides for this run. */
export interface DraftRunCreate {
  /**
   * The environment whose active version and secrets the job uses. An API key can only name its own, which is the
   * default; for users, the default is `production`.
   */
  environment?: "development" | "staging" | "production" | null;
  /** Texts by path that override those files in this run. They are not stored in the draft. */
  files?: Record<string, string>;
  /** Validated against the skill's `input_schema`, whose defaults are filled in. A prompt accepts any inputs. */
  inputs?: Record<string, unknown>;
  /** Group of workers that runs the job. Default: the lane of the skill, otherwise `default`. */
  lane?: string | null;
  /** Limits below those of the skill. */
  limits?: JobLimits;
  /**
   * ID or slug of a marketplace listing to run instead of a skill. The query parameter `version` is then a version
   * of the listing.
   */
  listing_id?: string | null;
  /** Metadata of your choice, returned with the job. */
  metadata?: Record<string, unknown>;
  /** A model to use instead of the one that an agentic skill names. */
  model?: string | null;
  /** Order within the queue of the project; higher numbers run first. */
  priority?: number;
  /** Instead of a skill: a task for an agent with the built-in tools. */
  prompt?: string | null;
  /** The earliest time at which the job starts, at most 365 days ahead. Publishable keys cannot set it. */
  run_at?: string | null;
  /** Name of the skill: `resize`, or `skillpack/resize`. */
  skill?: string | null;
  /** A label of your choice for the origin of the job. `GET /v1/jobs` filters by it. */
  source?: string;
  /** Run the files of this version instead of the draft's. */
  version?: number | null;
}

/** The job that runs the draft. */
export interface DraftRunRead {
  job_id: string;
}

/** A search in the files of a draft. */
export interface DraftSearch {
  is_case_sensitive?: boolean;
  /** The query is a regular expression in the syntax of RE2. `^` and `$` match at lines. */
  is_regex?: boolean;
  is_whole_word?: boolean;
  query: string;
  /** If it is set, each match has its replacement. `$1` and `$&` are a group and the match of a regular expression. */
  replacement?: string | null;
}

/** The matches of a search. */
export interface DraftSearchRead {
  files: DraftFileMatchesRead[];
  /** There are more than 2,000 matches. */
  is_truncated: boolean;
  /** Files of more than 1 MiB, which are not searched. */
  skipped_files: string[];
}

/** Body of a session with an agent of the draft. */
export interface DraftSessionCreate {
  /** The environment whose secrets the turns use. Default: that of the API key; for users `production`. */
  environment?: "development" | "staging" | "production" | null;
  /** Metadata of your choice, returned with the session and with the job of each turn. */
  metadata?: Record<string, unknown>;
  /** Name of the agent in the draft. */
  skill: string;
  /** Default: the beginning of the first message. */
  title?: string | null;
}

/** The skill deleted a file or folder of the drive. */
export type DriveDeletedEvent = EventRead & {
  payload: {
    /** Path in the drive, without `drive/`. */
    path: string;
  };
  type: "drive_deleted";
};

/** A file or a folder. */
export interface DriveEntryRead {
  is_folder: boolean;
  /** Media type by the name of the file; empty for a folder. */
  mime: string;
  modified_at: string;
  /** Path from the root of the drive. */
  path: string;
  /** None until the hash of the whole file has been computed; `GET /v1/drive/facts` computes it. */
  sha256?: string | null;
  size_bytes: number;
  written_at?: string | null;
  /** None if it is unknown. */
  written_by?: Writer | null;
}

/** The usage and the limits of a drive. */
export interface DriveUsageRead {
  /**
   * When the whole drive was measured last, or up to a minute before if that has changed nothing. Later writes over
   * the API are included in the numbers.
   */
  counted_at: string | null;
  limit_bytes: number;
  limit_files: number;
  /** Reserved for unfinished uploads; counts toward the limit. */
  reserved_bytes: number;
  used_bytes: number;
  /** Including folders. */
  used_files: number;
  /** The former name of `reserved_bytes`. Removed in 0.3. */
  waiting_bytes: number;
}

/** The filters of a view of files. */
export interface DriveViewFilters {
  /** Its path with a slash at its end; null for the root. */
  folder?: string | null;
  /** A part of the names. */
  q?: string | null;
}

/**
 * One change.
 *
 * It is of a call (`tool_use_id` with `content`, `input` or both), of text (`step` with `text`), or of the result of a
 * step of a flow (`step` with `result`).
 */
export interface Edit {
  /** Index of the block, from 0, if the message has several texts. */
  block?: number | null;
  /** The result that the agent receives instead of the recorded one. */
  content?: string | null;
  /** New arguments of the call. A call of the last step is made again with them, unless `content` has its result. */
  input?: Record<string, unknown> | null;
  /** False: the agent receives the content as an error. */
  ok?: boolean;
  /** The result that later steps of a flow read instead of the stored one. */
  result?: unknown;
  /** Number of the reply whose text changes; 0: the first message. Of a flow: ID of the step whose result changes. */
  step?: number | string | null;
  /** The new text. */
  text?: string | null;
  /** ID of the call, from the event `tool_use`. */
  tool_use_id?: string | null;
}

/** The number of elements of a step with `for_each`, by their status. */
export interface ElementCounts {
  cancelled: number;
  failed: number;
  /** Started elements that have not ended. */
  running: number;
  succeeded: number;
  /** Number of elements; `null` until the step has ended. */
  total: number | null;
}

/** The parts of a skill that a form or a chat in a page needs. */
export interface EmbedRead {
  /**
   * Whether the key allows sessions of visitors without a signed user, and the text of a message fills all required
   * inputs.
   */
  allows_visitors?: boolean;
  description: string;
  /** The name for jobs and sessions. */
  full_name: string;
  /** The schema as its author wrote it, in the dialect of skill.yaml. */
  input_schema: Record<string, unknown>;
  /** Whether sessions with the skill are possible. */
  is_agentic: boolean;
  name: string;
  title: string | null;
}

/** The installer of the skill's packages printed text. */
export type EnvironmentEvent = EventRead & {
  payload: {
    /** The text. */
    log: string;
  };
  type: "environment";
};

/** An environment with the active version of a skillpack. */
export interface EnvironmentRead {
  /** `null`: no version is active, so that jobs of this environment need a version. */
  active: DeploymentSummary | null;
  environment: "development" | "staging" | "production";
  /** The version that a rollback activates. */
  previous: DeploymentSummary | null;
}

/** One run of one case of a suite. */
export interface EvalRunRead {
  /** The same run of the suite in `?base=`. */
  base?: RunOutcome | null;
  case_id: string;
  cost_micros: number;
  error: string | null;
  expected: unknown;
  graders: Record<string, unknown>[];
  has_expected: boolean;
  inputs: Record<string, unknown>;
  job_id: string | null;
  latency_ms: number | null;
  number: number;
  output: unknown;
  passed: boolean | null;
  /** Which of the `repeat` runs of the case it is. */
  round: number;
  score: number | null;
  /**
   * The status of the job; `waiting` before it is submitted, `refused` if it could not be submitted, `gone` after it
   * was deleted.
   */
  status: string;
  tags: string[];
}

/** The filters of a view of evals. */
export interface EvalViewFilters {
  /** The period of the insights. */
  days?: number | null;
  /** The runs that are shown, as in `GET /v1/evals/{suite_id}/cases`. */
  only?: "all" | "not_passed" | "regressed" | null;
  skill?: string | null;
  skillpack?: string | null;
  /** The open suite; null: the newest one. */
  suite?: string | null;
  /** The part of the page. */
  tab?: "suites" | "cases" | "gate" | "findings" | null;
}

/** The graders of the skill scored the result. */
export type EvalsEvent = EventRead & ({
  payload: {
    /** The verdict of each grader: `name`, `kind`, `weight`, `score`, `passed`, `skipped`, `detail` and, if no model scored it, `label`. */
    graders: Record<string, unknown>[];
    /** 0 to 100; `null` if every grader was skipped. */
    score: number | null;
  };
  type: "evals";
});

/** Body of `POST /v1/events`. */
export interface EventCreate {
  /** JSON data, up to 64 KiB. */
  data?: unknown;
  /** The environment whose jobs receive it. Default: that of the API key; for users `production`. */
  environment?: "development" | "staging" | "production" | null;
  /** An ID of the sender: a second event with it is not stored. Default: a new ID. */
  id?: string | null;
  /** The type, such as `invoice.paid`. Waits name it. */
  type: string;
}

/** An event of a job. */
export interface EventRead {
  /** Number of the event within the job, from 1 without gaps. */
  id: number;
  job_id: string;
  /** Fields of the type. */
  payload: Record<string, unknown>;
  ts: string;
  /** `queued`, `started`, `log`, `succeeded`…: what happened. Types are never renamed. */
  type: string;
}

/** Inputs that are valid for the skill, for users and for the simulated model. */
export interface Example {
  /** Purpose of the example. */
  description?: string;
  /** Inputs of a job. */
  inputs: Record<string, unknown>;
  /** The result, which the simulated model returns. */
  outputs?: Record<string, unknown> | null;
  /** Label of the example. */
  title?: string;
}

/** Body of a new example. */
export interface ExampleCreate {
  description?: string;
  inputs: Record<string, unknown>;
  /** The output of a simulation for these inputs. */
  outputs?: Record<string, unknown> | null;
  skill: string;
  title: string;
}

/** The job ended without a result. No event follows. */
export type FailedEvent = EventRead & ({
  payload: {
    /** The error code, for programs. */
    code: string | null;
    /** The amount that the wallet paid, in millionths of a dollar; present if the job used anything. */
    cost_micros?: number;
    /** A message for users: what happened, and how to fix it. */
    error: string | null;
    /** The usage that is not charged, in millionths of a dollar; present if it is not zero. */
    forgiven_micros?: number;
    /** Milliseconds since the end of the skill's code, by part: `store` (files of the result) and `grade`; if the code has not started, of the parts of the preparation. Parts of less than 10 ms are missing. */
    phases?: Record<string, number>;
    /** The usage of a subjob, in millionths of a dollar, which its parent pays. */
    used_micros?: number;
  };
  type: "failed";
});

/** Jobs that failed for the same reason within the period. */
export interface FailureClusterRead {
  environments: ("development" | "staging" | "production")[];
  error_code: string;
  /** The filter of `GET /v1/jobs` that returns its jobs. */
  error_signature: string;
  /** The newest of the jobs. */
  example_job_id: string;
  /** When the first job with this error ended, which may be before the period. */
  first_seen_at: string;
  /** The version of the first job with this error; null: a draft, or a run of another project's listing. */
  first_version: number | null;
  /** Of a resolved error: failures of earlier versions, and of drafts, do not open it again. null: all failures do. */
  fixed_in_version: number | null;
  /** The innermost place in the code of the skill, `main.py in run`; empty if none of its code failed. */
  frame: string;
  /** The number of further failed jobs for which the error is ignored. */
  ignored_jobs: number | null;
  ignored_until: string | null;
  /** Whether the error did not occur before the period. */
  is_new: boolean;
  /** Whether the error was resolved, and is open because a job has failed with it since. */
  is_regressed: boolean;
  jobs: number;
  /** When the newest of the jobs was submitted. */
  last_seen_at: string;
  /** The error message, with `<n>`, `<value>`, `<path>` and the like instead of what differs from job to job. */
  message: string;
  note: string;
  /** When the job ended that has opened the error again after it was resolved, or ignored for a number of jobs. */
  returned_at: string | null;
  /** Of all failed jobs of the period, from 0 to 1. */
  share: number;
  skill_name: string;
  state: "open" | "resolved" | "ignored";
  /** When the error was resolved, ignored or reopened last. */
  state_changed_at: string | null;
  /** The user or the API key that did so. */
  state_changed_by: string;
  /** The jobs in each part of the period; the parts have equal lengths, oldest first. */
  trend: number[];
  /** The versions of the jobs, newest first, at most 20. */
  versions: number[];
}

/** How long an error is ignored: permanently by default. With both limits, the one that is reached first counts. */
export interface FailureIgnore {
  /** The number of further failed jobs after which the error is open again. */
  jobs?: number | null;
  /** For the members of the project. */
  note?: string;
  /** The time from which the error is open again. */
  until?: string | null;
}

/** An error of failed jobs, with its state. */
export interface FailureRead {
  error_code: string;
  /** The filter of `GET /v1/jobs` that returns its jobs. */
  error_signature: string;
  /** When the first job with this error ended, which may be before the period. */
  first_seen_at: string;
  /** The version of the first job with this error; null: a draft, or a run of another project's listing. */
  first_version: number | null;
  /** Of a resolved error: failures of earlier versions, and of drafts, do not open it again. null: all failures do. */
  fixed_in_version: number | null;
  /** The innermost place in the code of the skill, `main.py in run`; empty if none of its code failed. */
  frame: string;
  /** The number of further failed jobs for which the error is ignored. */
  ignored_jobs: number | null;
  ignored_until: string | null;
  /** Whether the error was resolved, and is open because a job has failed with it since. */
  is_regressed: boolean;
  /** The error message, with `<n>`, `<value>`, `<path>` and the like instead of what differs from job to job. */
  message: string;
  note: string;
  /** When the job ended that has opened the error again after it was resolved, or ignored for a number of jobs. */
  returned_at: string | null;
  skill_name: string;
  state: "open" | "resolved" | "ignored";
  /** When the error was resolved, ignored or reopened last. */
  state_changed_at: string | null;
  /** The user or the API key that did so. */
  state_changed_by: string;
}

/** Why an error should not occur any more. */
export interface FailureResolve {
  /**
   * The first version in which the error should not occur: the one that is active in production, or the one after it.
   * Failures of earlier versions do not open the error again.
   */
  fixed_in?: "active" | "next";
  /** For the members of the project: `Fixed the timeout`. */
  note?: string;
}

/** The failed jobs of a period, grouped by the reason. */
export interface FailuresRead {
  /** Those with the most jobs first. */
  clusters: FailureClusterRead[];
  /** All failed jobs of the period that match the filters. */
  failed: number;
  ignored: number;
  /** The errors of the period that are open. */
  open: number;
  resolved: number;
  since: string;
  /** The errors of the period in the requested state. */
  total_clusters: number;
  /** Those that ended before the instance grouped failures. */
  ungrouped: number;
  until: string;
}

/** Body of `POST /v1/jobs/{id}/feedback`. */
export interface FeedbackCreate {
  comment?: string | null;
  /** ID of the user of your application who rates the job. Each user has one rating per job. */
  end_user_id?: string | null;
  /** -1: bad, 0: neither, 1: good. */
  rating: number;
}

/** The current rating of a job by one user. */
export interface FeedbackRead {
  comment: string;
  /** The end user, otherwise the signed-in user or the API key. */
  given_by: string;
  job_id: string;
  /** -1, 0 or 1. */
  rating: number;
  updated_at: string;
}

/** A file that differs. A size is `null` if that side lacks the file. */
export interface FileChangeRead {
  base_bytes: number | null;
  change: "added" | "removed" | "changed";
  head_bytes: number | null;
  path: string;
}

/** A file or a folder, and its new path. */
export interface FileTransfer {
  /** Whether to replace a file at the target. A folder is never replaced. */
  overwrite?: boolean;
  source: string;
  target: string;
}

/** One insight, and jobs that show it. */
export interface Finding {
  /** All of them, in the same order: the filter `ids` of `GET /v1/jobs` lists them. */
  all_job_ids?: string[];
  /** The numbers behind the insight. */
  chart?: FindingChart | null;
  details: Record<string, unknown>;
  /** The former name of `details`. Removed in 0.3. */
  facts: Record<string, unknown>;
  /** The kind under its name before 0.2: `dear_tool` instead of `expensive_tool`. Removed in 0.3. */
  former_kind: "failures" | "output_misfits" | "tool_errors" | "slow_tool" | "dear_tool" | "dear_step" | "cache_misses" | "dear_runs" | "version_slower" | "version_dearer";
  /** Up to five jobs, the clearest examples first. */
  job_ids: string[];
  /** The number of jobs that the insight is about. */
  jobs?: number;
  kind: "failures" | "output_mismatches" | "tool_errors" | "slow_tool" | "expensive_tool" | "expensive_step" | "cache_misses" | "expensive_runs" | "version_slower" | "version_more_expensive";
  /** The recommendation. */
  recommendation: string;
  severity: "high" | "medium" | "low";
  /** The observation with its numbers. */
  title: string;
  /** The most important number, with its unit: `42 %`. */
  value?: string;
}

/** A small chart: one bar for each label. */
export interface FindingChart {
  /** The position of the bar that the insight is about. */
  highlighted?: number | null;
  labels: string[];
  unit: "jobs" | "seconds" | "usd" | "tokens" | "calls";
  values: number[];
}

/** Insights from the newest jobs of a skill. */
export interface Findings {
  /** The most severe first; empty if there is nothing to report. */
  findings: Finding[];
  /** There are more jobs, and the older ones are not included. */
  is_capped: boolean;
  jobs_analyzed: number;
  /** At most this number of events of one job is analyzed. */
  max_events: number;
  /** At most this number of jobs is analyzed, newest first. */
  max_jobs: number;
  /** The former name of `max_events`. Removed in 0.3. */
  most_events: number;
  /** The former name of `max_jobs`. Removed in 0.3. */
  most_jobs: number;
  /** Only jobs that were submitted since then. */
  since: string;
  skill: string;
  skillpack: string;
  /** The ten with the highest total cost. */
  steps: StepNumbers[];
  /** The ten with the longest total time. */
  tools: ToolNumbers[];
  versions: VersionNumbers[];
}

/** An expression that reads the result of a step, or the inputs of the flow. */
export interface FlowReferenceRead {
  /** Keys and indexes of the text with the expression, outermost first. */
  keys: (string | number)[];
  /** ID of the step that reads it; `null`: the `output` of the flow. */
  reader: string | null;
  /** ID of the step that is read; `null`: the inputs of the flow. */
  step: string | null;
}

/** Body of an edit. */
export interface FlowYamlEdit {
  /** Changes in this order. Without any, the response only describes the text. */
  edits?: (InsertStep | RemoveStep | MoveStep | RenameStep | SetValue | RemoveValue | AddField | RenameField | RemoveField | MoveField | RequireField)[];
  /** The text of the file. */
  text: string;
}

/** The text after the edits, its values, and what its steps read. */
export interface FlowYamlRead {
  /** The values; `null` if the text is not a mapping in valid YAML. */
  document: Record<string, unknown> | null;
  /** Why the text is not valid YAML. Values are not validated: `drafts/check` does that. */
  problems: SyntaxProblemRead[];
  /** What the expressions read. Expressions that are not valid are left out. */
  references: FlowReferenceRead[];
  text: string;
}

/** A folder to create. */
export interface FolderCreate {
  /** Path from the root of the drive. Missing parent folders are created. */
  path: string;
}

/** Body of `POST /v1/jobs/{id}/fork`. */
export interface ForkCreate {
  /** Changes to the copied steps. */
  edits?: Edit[];
  /** New inputs, valid for the skill's `input_schema`. The first message of an agent is generated again from them. */
  inputs?: Record<string, unknown> | null;
  /** For a flow, if `step` has `for_each`: its elements that have succeeded do not run again. */
  keep_elements?: boolean;
  /** The model that continues the run of an agent. Default: the model of the run. */
  model?: string | null;
  /**
   * The last step to copy, with the results of its calls; 0: the first message only. Of a function, the number of
   * durable steps to copy, in the order of their ends. Of a flow, the ID of the first step that runs again: results of
   * steps before it are copied. Default for a flow: the first step that has failed.
   */
  step?: number | string | null;
  /** The version of the skill that continues, with its own prompt and tools. Default: the deployment of the run. */
  version?: number | null;
}

/** The job starts from a step of another job, with changes. */
export type ForkedEvent = EventRead & {
  payload: {
    /** The edits: `what` is `arguments`, `result` or `text`, with the step and the position in it. */
    edits?: Record<string, unknown>[];
    /** Of a flow: ID of the first step that runs again. */
    first_step?: string;
    /** ID of the other job. */
    from_job_id: string;
    /** The step after which the jobs differ. Of a flow: the number of copied results. */
    from_step: number;
    /** True: the inputs were replaced. */
    inputs?: boolean;
    /** Slug of the new model. */
    model?: string;
    /** The version of the skill that runs instead. */
    version?: number;
  };
  type: "forked";
};

/** The function of a deterministic skill was called. */
export type FunctionStartEvent = EventRead & {
  payload: {
    /** Name of the function; missing in runs of a listing of another project. */
    func?: string;
    /** The file, relative to the folder of the skill; missing in runs of a listing of another project. */
    module?: string;
    /** Name of the skill. */
    name: string;
    /** Milliseconds that the preparation took, by part: `load` (secrets, bundle, drive), `guardrails`, `packages`, `sandbox`, `tools` (and MCP servers) and `files` (of the inputs). Parts of less than 10 ms are missing. */
    phases?: Record<string, number>;
  };
  type: "function_start";
};

/** Condition that an eval suite must meet before a deployment is activated. */
export interface Gate {
  /** Runs of each case. */
  repeat?: number;
  /** Minimum score of the suite. */
  threshold: number;
}

/** The state of the gates of a version. */
export interface GateRead {
  /** The former name of `requested_at`. Removed in 0.3. */
  asked_at: string;
  /** The former name of `requested_by`. Removed in 0.3. */
  asked_by: string;
  /** The reason of the rejection. */
  reason?: string;
  requested_at: string;
  requested_by?: string;
  /** `gating`: its suites run, and it becomes active when they pass. `superseded`: another version was activated. */
  state: "gating" | "passed" | "refused" | "superseded";
  /** One for each skill that has a gate. */
  suites?: string[];
}

/** Scores the output of a run. */
export interface Grader {
  /** For a rubric: the description of a good output. */
  criteria?: string | null;
  /** For a check: a function that is called with `inputs` and `output`. */
  entrypoint?: string | null;
  /** For a schema: the schema that the output must be valid for. */
  expected_schema?: Record<string, unknown> | null;
  /** For an exact match: path of the compared value, like `items[0].name`. */
  field?: string | null;
  /** How it scores: with a function, a language model, the expected output, or a schema. */
  kind: "check" | "rubric" | "exact_match" | "schema";
  /** For a rubric: scores with their meanings. */
  levels?: Record<string, string> | null;
  /** Unique name. */
  name: string;
  /** Weight of its score in the mean. */
  weight?: number;
}

/** The verdicts of one grader on all runs that it scored. */
export interface GraderNumbers {
  kind: string;
  /** 0 to 1. */
  mean_score: number | null;
  name: string;
  /** 0 to 1. */
  pass_rate: number | null;
  /** Number of runs that it scored. */
  runs: number;
}

/** The process is alive. */
export interface Health {
  status?: "ok";
}

export interface ImportIntoDraftForm {
  /** A ZIP archive of skills, at most 64 MiB. */
  bundle: Blob;
}

/** An item of the conversation: a message, or one of the items that `type` names. */
export interface InputItem {
  content?: string | InputPart[] | null;
  /** For a reference: the ID of the message in the earlier response. */
  id?: string | null;
  role?: "system" | "developer" | "user" | "assistant" | null;
  /** `message`, or `item_reference` for an earlier answer; `reasoning` is ignored, everything else is rejected. */
  type?: string;
}

/** A part of an item. */
export interface InputPart {
  /** A `data:` URL, or base64. */
  file_data?: string | null;
  /** A path in the drive of the project. */
  file_id?: string | null;
  file_url?: string | null;
  /** An `https:` or `data:` URL. */
  image_url?: string | null;
  refusal?: string | null;
  text?: string | null;
  /** `input_text`, `output_text`, `refusal`, `input_image` or `input_file`. */
  type: string;
}

/** Details of `input_tokens`. */
export interface InputTokensDetails {
  /** Tokens that were written to the cache. */
  cache_write_tokens: number;
  /** Tokens that were read from the cache. */
  cached_tokens: number;
}

/** Insert a step. A list that does not exist is created. */
export interface InsertStep {
  /** The position of the step: 0 is the first. */
  index: number;
  op: "insert_step";
  /** Keys and indexes of the list: `["steps"]`, or `["steps", 1, "parallel", 0, "steps"]`. */
  path: (string | number)[];
  /** The step. */
  value: Record<string, JsonValue>;
}

/** An invitation of a user into the project. */
export interface InvitationCreate {
  email: string;
  role?: "owner" | "admin" | "developer" | "viewer";
}

/** A new invitation, with its link. */
export interface InvitationCreated {
  created_at: string;
  created_by: string;
  email: string;
  expires_at: string;
  id: string;
  /** Link to send to the user; it is returned only once. It works for a user who is signed in with the e-mail. */
  link: string;
  role: "owner" | "admin" | "developer" | "viewer";
}

/** An invitation that can still be accepted. */
export interface InvitationRead {
  created_at: string;
  created_by: string;
  email: string;
  expires_at: string;
  id: string;
  role: "owner" | "admin" | "developer" | "viewer";
}

/** The jobs that were submitted in one time slot. */
export interface JobActivityRead {
  /** The former name of `starts_at`. Removed in 0.3. */
  begins_at: string;
  /** Their cost. Subjobs are counted separately. */
  cost_micros: number;
  failed: number;
  jobs: number;
  starts_at: string;
  succeeded: number;
}

/** Body of `POST /v1/jobs`. */
export interface JobCreate {
  /**
   * The environment whose active version and secrets the job uses. An API key can only name its own, which is the
   * default; for users, the default is `production`.
   */
  environment?: "development" | "staging" | "production" | null;
  /** Validated against the skill's `input_schema`, whose defaults are filled in. A prompt accepts any inputs. */
  inputs?: Record<string, unknown>;
  /** Group of workers that runs the job. Default: the lane of the skill, otherwise `default`. */
  lane?: string | null;
  /** Limits below those of the skill. */
  limits?: JobLimits;
  /**
   * ID or slug of a marketplace listing to run instead of a skill. The query parameter `version` is then a version
   * of the listing.
   */
  listing_id?: string | null;
  /** Metadata of your choice, returned with the job. */
  metadata?: Record<string, unknown>;
  /** A model to use instead of the one that an agentic skill names. */
  model?: string | null;
  /** Order within the queue of the project; higher numbers run first. */
  priority?: number;
  /** Instead of a skill: a task for an agent with the built-in tools. */
  prompt?: string | null;
  /** The earliest time at which the job starts, at most 365 days ahead. Publishable keys cannot set it. */
  run_at?: string | null;
  /** Name of the skill: `resize`, or `skillpack/resize`. */
  skill?: string | null;
  /** A label of your choice for the origin of the job. `GET /v1/jobs` filters by it. */
  source?: string;
}

/** An event of a known type; later versions add types, and old jobs can have types that are no longer recorded. Treat those as `EventRead`. */
export type JobEvent = QueuedEvent | StartedEvent | RequeuedEvent | WaitingEvent | ResumedEvent | ForkedEvent | ContinuedEvent | SucceededEvent | FailedEvent | CancelledEvent | LogEvent | ProgressEvent | DriveDeletedEvent | StepStartedEvent | StepFinishedEvent | EnvironmentEvent | SandboxEvent | FunctionStartEvent | NetworkEvent | NetworkRefusedEvent | AgentStartEvent | ModelResponseEvent | ModelInterruptedEvent | ModelRetryEvent | ModelEscalatedEvent | ModelFailoverEvent | ContextCompactedEvent | MemoryInjectedEvent | MemoryMissEvent | ToolUseEvent | ToolStartedEvent | ToolResultEvent | LimitsEvent | TimeoutEvent | CostCappedEvent | RailEvent | ApprovalRequiredEvent | ApprovalDecidedEvent | SubagentStartEvent | SubagentEndEvent | MediaEvent | WebEvent | EvalsEvent;

/** Lower limits for one job; those that its skill declares are the maximum. */
export interface JobLimits {
  /** Maximum cost of the job. */
  cost_usd?: number | null;
  memory_mb?: number | null;
  output_mb?: number | null;
  /** Replies of the model, for an agent. */
  steps?: number | null;
  /** Seconds of running time. */
  timeout_s?: number | null;
  /** Tokens of all calls of the model together, for an agent. */
  tokens?: number | null;
}

/** A job. */
export interface JobRead {
  /**
   * Number of attempts: 1, and one more after each lost worker, retry or return to the queue. A job that continues
   * after a wait, such as a flow after a step, is in the same attempt.
   */
  attempt: number;
  /** For a subjob: the job whose bill includes it. It costs nothing until that job ends. */
  billed_to_job_id: string | null;
  /** The former name of `subjob_cost_micros`. Removed in 0.3. */
  called_cost_micros: number;
  /** The amount charged for the job and its subjobs, in millionths of a dollar. */
  cost_micros: number;
  cost_usd: number;
  created_at: string;
  /**
   * The deployment, pinned at submission; `null` for a prompt without a skillpack, and for a run of another project's
   * listing.
   */
  deployment_id: string | null;
  /** `null` for a draft, and for a run of another project's listing, which has `listing_version`. */
  deployment_version: number | null;
  /** The environment whose active version, secrets and budgets apply to the job. */
  environment: "development" | "staging" | "production";
  /** The error message, for users. */
  error: string | null;
  /** The error code, for programs. */
  error_code: string | null;
  /** For a failed job: what it has in common with jobs that failed for the same reason. */
  error_signature?: string | null;
  /** 0 to 100, from the skill's evals. */
  eval_score: number | null;
  feedback: {
    comment: string;
    /** The end user, otherwise the signed-in user or the API key. */
    given_by: string;
    /** -1, 0 or 1. */
    rating: number;
  }[];
  finished_at: string | null;
  /** The part of `used_micros` that was not charged because the job failed or was canceled. */
  forgiven_micros: number;
  id: string;
  /** The inputs, with the defaults of the skill's `input_schema`. */
  inputs: Record<string, unknown>;
  lane: string;
  /** The limits that the request set. */
  limits: Record<string, unknown>;
  /** Slug of the listing; empty without a listing. */
  listing: string;
  /** The marketplace listing that the job, or the job that called it, runs. */
  listing_id: string | null;
  listing_version: number | null;
  /** The metadata of the request. */
  metadata: Record<string, unknown>;
  /** The language model that was requested instead of the one that the skill names. */
  model: string | null;
  /** The files that the result names, each with a new signed URL. */
  outputs: ({
    drive_path: string;
    mime: string;
    /** The field of the result that names the file: `thumbnail`, `pages[0].image`. */
    name: string;
    size_bytes: number;
    /**
     * A signed URL that needs no key and expires after an hour. For a caller without the scope `drive:read` it returns
     * only the version that the job wrote, and is `null` if the file was replaced since.
     */
    url: string | null;
    /** The reason why `url` is `null`. */
    url_unavailable_reason?: string | null;
  })[];
  /** The former name of `billed_to_job_id`. Removed in 0.3. */
  paid_with: string | null;
  /** For a subjob: its parent. */
  parent_job_id: string | null;
  /** Price of the listing, charged in addition to the usage if the job succeeds. */
  price_micros: number;
  priority: number;
  project_id: string;
  /** The prompt, if the job was submitted with one. */
  prompt: string | null;
  /** The job whose inputs this job repeats. */
  replay_of: string | null;
  /**
   * The result of the skill, valid for its `output_schema`; `null` until the job succeeds. A turn of a conversation
   * with an agent can also end with a text (`/v1/openai`).
   */
  result: unknown;
  /** The session whose turn the job is. */
  session_id?: string | null;
  /** True: no language model ran; the simulation `puras/rehearsal` replied. Of a flow: in a step of it. */
  simulated: boolean;
  /** For a simulated job: the source of its result, for display with the result. `null` for other jobs. */
  simulation: string | null;
  /**
   * `@inline` for a prompt, `@notebook` for the kernel of a notebook, `flow:step` for a prompt or function of a
   * flow.
   */
  skill_name: string;
  skillpack_id: string;
  /** The origin of the job: `api`, `studio`, `cli`, `replay`, or a label of the caller. */
  source: string;
  /** When the first attempt started. The time until `finished_at` includes pauses, such as waits for approvals. */
  started_at: string | null;
  /** `succeeded`, `failed` and `cancelled` are final. */
  status: "queued" | "running" | "waiting" | "succeeded" | "failed" | "cancelled";
  /** For an agent: the number of replies of the model so far. */
  steps: number;
  /** The part of `cost_micros` that is for subjobs. To add up costs, skip the jobs that have `billed_to_job_id`. */
  subjob_cost_micros: number;
  /** The user or the API key that submitted the job. */
  submitted_by: string;
  type: "agentic" | "deterministic" | "flow" | "kernel";
  /** The usage of the job: seconds, memory, tokens. */
  usage: Record<string, unknown>;
  /** The price of what the job and its subjobs have used so far. A job that succeeds within its cap costs this. */
  used_micros: number;
  /** The reason why a queued or waiting job does not run yet. */
  waiting_reason: string | null;
  /** The same as `project_id`. */
  workspace_id: string;
}

/** A link to create. */
export interface JobShareCreate {
  /** Hours until the link expires. */
  expires_in_hours?: number;
}

/** A new link. */
export interface JobShareCreated {
  created_at: string;
  /** The user or the API key that created it. */
  created_by: string;
  expires_at: string;
  id: string;
  job_id: string;
  /** URL of the page. It is returned only here: the instance stores only a hash of its secret part. */
  url: string;
}

/** A link that shares a job, without its secret part. */
export interface JobShareRead {
  created_at: string;
  /** The user or the API key that created it. */
  created_by: string;
  expires_at: string;
  id: string;
  job_id: string;
}

/** A step of a flow, an element of one, or a durable step of a function. */
export interface JobStepRead {
  /** The attempt of the job that stored a durable step; 0: it was copied from another job. */
  attempt?: number | null;
  /** Of a flow: the part of `parent` that contains the step, such as `switch[0]`, `default` or `parallel[1]`. */
  block?: string | null;
  /** The branch of `parallel` that ran a durable step; empty for the function itself, and for flows. */
  branch?: string;
  /** The newest job of the step of a flow. Of a copied step, that of the original flow. */
  child_job_id?: string | null;
  /** The status of that job. */
  child_status?: string | null;
  /** Of a flow: the price of what the jobs of the step have used for this job, in millionths of a dollar. */
  cost_micros?: number | null;
  /** Of a step with `for_each`: how many elements have which status. The parameter `step` lists them. */
  elements?: ElementCounts | null;
  /** The error of a failed step. */
  error?: string | null;
  /** The error code of a failed step of a flow. */
  error_code?: string | null;
  /** When its outcome was stored. */
  finished_at: string | null;
  /**
   * Whether the result has more than 64 KiB and is left out. The parameter `step` returns it, or the job of the
   * step, `child_job_id`.
   */
  has_long_result?: boolean;
  /** Whether the result was copied from the job that this job is a fork of. It costs nothing. */
  is_copied?: boolean;
  /** Whether the fork replaced the result of the step of a flow. */
  is_edited?: boolean;
  /** Position of the element, from 0, if this is an element of a step with `for_each`. */
  item?: number | null;
  /** What the step does. Durable steps: `step`, `sleep`, a wait for an `event`, or an event that was sent (`emit`). */
  kind: "step" | "sleep" | "event" | "emit" | "skill" | "prompt" | "python" | "switch" | "parallel" | "approval" | "wait";
  /** ID of the step in the flow.yaml. Of a durable step its name; of a wait for an event, the type of the event. */
  name: string;
  /** Counts the durable steps with this name in the branch, from 1. */
  occurrence?: number;
  /** Of a flow: ID of the `switch` or `parallel` that contains the step. */
  parent?: string | null;
  /** Number of the step in the flow or in the branch, from 1. */
  position: number;
  /** Of a flow: IDs of the steps whose results the step reads. */
  reads?: string[];
  /** The result; of a wait for an event, the event, or `null` after its time limit. */
  result: unknown;
  /** When the step started. A copied step has the times of the original one. */
  started_at: string | null;
  /** `pending`: a flow has not reached the step. */
  status: "pending" | "running" | "waiting" | "succeeded" | "failed" | "skipped" | "cancelled";
  /** Label of a step of a flow. */
  title?: string | null;
  /** How often a durable step has called its function, or how many jobs a step of a flow has started. */
  tries: number;
  /** When a wait ends, if it has a time. */
  wake_at?: string | null;
}

/** The filters of a view. They have the names and values of the query of `GET /v1/jobs`. */
export interface JobViewFilters {
  environment?: "development" | "staging" | "production" | null;
  error_signature?: string | null;
  ids?: string | null;
  key?: string | null;
  min_cost_usd?: number | null;
  min_seconds?: number | null;
  q?: string | null;
  since?: string | null;
  skill?: string | null;
  source?: string | null;
  status?: "queued" | "running" | "waiting" | "succeeded" | "failed" | "cancelled" | null;
  until?: string | null;
  version?: number | null;
}

/** A schema that the result must be valid for. */
export interface JsonSchemaFormat {
  name?: string | null;
  /** Each result of the skill must be valid for it, as its `output_schema` promises. */
  schema?: Record<string, unknown> | null;
}

export type JsonValue = unknown;

/** Body of `POST /v1/notebooks/kernels`. */
export interface KernelCreate {
  /** Path of the notebook in the draft. */
  path: string;
  /** ID or slug. Default: the project's default skillpack. */
  skillpack?: string | null;
}

/** A kernel with its changes. */
export interface KernelRead {
  /**
   * The number of Python processes that have started in it, each without the variables of the one
   * before.
   */
  boots: number;
  /** Cells that have changed, in their order. */
  cells: CellRead[];
  created_at: string;
  end_reason: "idle" | "stopped" | "lost" | "failed" | null;
  /** The former name of `end_reason`. Removed in 0.3. */
  ended_by: "idle" | "stopped" | "lost" | "failed" | null;
  /** Also the ID of its job. */
  id: string;
  /** The last message about it. */
  message: string;
  owner: string;
  path: string;
  project_id: string;
  /** The reason why it has not started yet, or how it ended. */
  reason: string;
  /** The value for `after`, to receive later changes only. */
  revision: number;
  /** The former name of `message`. Removed in 0.3. */
  said: string;
  skillpack_id: string;
  status: "starting" | "idle" | "busy" | "ended";
}

/** One entry of a wallet. */
export interface LedgerLine {
  /** Positive: into the wallet. */
  amount_micros: number;
  amount_usd: number;
  created_at: string;
  created_by: string;
  id: number;
  job_id: string | null;
  kind: string;
  note: string;
}

/** One limit of a project. */
export interface LimitRead {
  /** Whether the operator has set a ceiling for this project. */
  has_ceiling: boolean;
  /** The former name of `has_ceiling`. Removed in 0.3. */
  is_own: boolean;
  /** Effective limit: the ceiling, or the project's own limit if that is lower. `null`: no limit. */
  limit: number | null;
}

/** Limits of one job; `None`: the limit of the instance. */
export interface Limits {
  /** Maximum cost of the job in US dollars. */
  cost_usd?: number | null;
  /** MiB of memory. */
  memory_mb?: number | null;
  /** Maximum MiB of the result. */
  output_mb?: number | null;
  /** Maximum replies of the model of an agent. */
  steps?: number | null;
  /** Maximum tokens of all model calls together. */
  tokens?: number | null;
}

/** The agent reached a limit on steps or tokens. */
export type LimitsEvent = EventRead & {
  payload: {
    /** `step_limit`, `token_limit` or `context_full`. */
    kind: string;
    /** The limit. */
    limit: number;
    /** Slug of the model, for `context_full`. */
    model?: string;
    /** Approximate tokens of the conversation, for `context_full`. */
    tokens?: number;
    /** Tokens that the run has used, for `token_limit`. */
    used?: number;
  };
  type: "limits";
};

/** All effective limits of a project. */
export interface LimitsRead {
  api_keys: LimitRead;
  ceilings: Record<string, number | null>;
  concurrency: LimitRead;
  deployments: LimitRead;
  drive_files: LimitRead;
  drive_mb: LimitRead;
  later_jobs: LimitRead;
  members: LimitRead;
  memory_mb: LimitRead;
  memory_records: LimitRead;
  own: Record<string, number>;
  queued_jobs: LimitRead;
  requests_per_minute: LimitRead;
  secrets: LimitRead;
  session_messages: LimitRead;
  session_usd: LimitRead;
  skillpacks: LimitRead;
}

/** The project's own limits; `null` resets one to its ceiling, and omitted fields do not change. */
export interface LimitsUpdate {
  api_keys?: number | null;
  /** Maximum jobs that are ready or running at the same time. */
  concurrency?: number | null;
  /** Maximum versions and drafts of each skillpack. */
  deployments?: number | null;
  /** Maximum files and folders in the drive. */
  drive_files?: number | null;
  /** Maximum size of the drive in MiB. */
  drive_mb?: number | null;
  /** Maximum jobs that wait for their `run_at`. */
  later_jobs?: number | null;
  members?: number | null;
  /** Maximum size of the memory in MiB. */
  memory_mb?: number | null;
  /** Maximum records in the memory. */
  memory_records?: number | null;
  /** Maximum pending jobs outside of the project's window. */
  queued_jobs?: number | null;
  /** Maximum requests of all keys of the project together. */
  requests_per_minute?: number | null;
  /** Maximum secrets of the project, and of each skillpack. */
  secrets?: number | null;
  /** Maximum messages of a user in one session. */
  session_messages?: number | null;
  /** Maximum cost of one session in US dollars. */
  session_usd?: number | null;
  skillpacks?: number | null;
}

/** A version in the list of its skillpack. */
export interface ListedDeployment {
  created_at: string;
  created_by: string;
  /** The environments in which the version is active. */
  environments: ("development" | "staging" | "production")[];
  /** The state of the gates of its skills. `null`: no activation was requested yet. */
  gate: GateRead | null;
  /** Skills whose suites must pass before the version becomes active. */
  gated_skills: string[];
  id: string;
  /** Whether it is active in production. */
  is_active: boolean;
  /** Jobs that have not ended. They keep this version. */
  live_jobs: number;
  notes: string;
  project_id: string;
  /** Scores by skill; empty if none of its suites has finished. */
  scores: SkillScoreRead[];
  /** SHA-256 of the ZIP archive. */
  sha256: string;
  size_bytes: number;
  /** Slug of the skillpack. */
  skillpack: string;
  skillpack_id: string;
  /** Skills that jobs can name. */
  skills: string[];
  /** `null` for a draft. */
  version: number | null;
  /** The same as `project_id`. */
  workspace_id: string;
}

/** Body of `POST /v1/marketplace/listings`. */
export interface ListingCreate {
  /** Default: the description of the skill. */
  description?: string | null;
  /** Add every version that the skillpack activates automatically. */
  follows_active?: boolean;
  /** Default: `marketing` in the skill's `skill.yaml`. */
  marketing?: Record<string, unknown> | null;
  /** Notes on its first version. */
  notes?: string;
  /** Price of each run that succeeds, in millionths of a dollar. */
  price_micros?: number;
  /**
   * Runs may ask their callers for approvals, which show them the tool and its arguments. Required if a run
   * can ask: the bundle has `confirm: true`, or a guardrail with `action: approve`.
   */
  shows_approvals?: boolean;
  /** The skill to offer: `resize`, or `skillpack/resize`. */
  skill: string;
  /** ID or slug, if several skillpacks have the skill. */
  skillpack?: string | null;
  /** Its unique name in the instance: letters, digits, `-`, `_`. It cannot be changed. */
  slug: string;
  /** Default: the title of the skill. */
  title?: string | null;
  /** The version of the skillpack that callers use until another is added. Default: the active version. */
  version?: number | null;
}

/** A listing for those who may run it. */
export interface ListingRead {
  access: Access;
  /**
   * The maximum cost of a run, including its price. `limits.cost_usd` of a job lowers it. The wallet must contain it
   * before a run starts.
   */
  cap_micros: number;
  /** Only for the publisher. */
  deployment_version: number | null;
  description: string;
  examples: Record<string, unknown>[];
  /** Whether new versions of the publisher are added automatically. Pin `version` in your jobs to choose one. */
  follows_active: boolean;
  id: string;
  input_schema: Record<string, unknown>;
  /** Whether it belongs to the project, which runs it without the price. */
  is_own: boolean;
  marketing: Record<string, unknown>;
  /** Kinds of media that it may generate. */
  media_kinds: string[];
  /** Model of an agent. None: the instance chooses it. */
  model: string | null;
  output_schema: Record<string, unknown>;
  /** Price of each run that succeeds, in addition to the cost of the run. */
  price_micros: number;
  price_usd: number;
  published_at: string | null;
  /** Name of the project that offers it. */
  publisher: string;
  /** Whether runs may ask their callers to approve tool calls. */
  shows_approvals: boolean;
  skill: string;
  slug: string;
  status: "draft" | "published" | "taken_down";
  timeout_s: number | null;
  title: string;
  type: "agentic" | "deterministic" | "flow";
  updated_at: string;
  /** The newest version. */
  version: number;
}

/** A listing in a list. */
export interface ListingSummary {
  description: string;
  /** Whether new versions of the publisher are added automatically. Pin `version` in your jobs to choose one. */
  follows_active: boolean;
  id: string;
  /** Whether it belongs to the project, which runs it without the price. */
  is_own: boolean;
  /** Price of each run that succeeds, in addition to the cost of the run. */
  price_micros: number;
  price_usd: number;
  published_at: string | null;
  /** Name of the project that offers it. */
  publisher: string;
  /** Whether runs may ask their callers to approve tool calls. */
  shows_approvals: boolean;
  slug: string;
  status: "draft" | "published" | "taken_down";
  title: string;
  updated_at: string;
  /** The newest version. */
  version: number;
}

/** Body of `PATCH /v1/marketplace/listings/{listing}`. Omitted fields are not changed. */
export interface ListingUpdate {
  description?: string | null;
  follows_active?: boolean | null;
  marketing?: Record<string, unknown> | null;
  /** Price for jobs that are submitted from now on. */
  price_micros?: number | null;
  shows_approvals?: boolean | null;
  /** `published`: other projects see and run it. `taken_down`: no new runs; running ones finish. */
  status?: "published" | "taken_down" | null;
  title?: string | null;
}

/** Body of `POST /v1/marketplace/listings/{listing}/versions`. */
export interface ListingVersionCreate {
  /** Notes for callers. */
  notes?: string;
  /** Version of the skillpack. Default: the active version. */
  version?: number | null;
}

/** A version of a listing. */
export interface ListingVersionRead {
  /** Changes of its schemas since the previous version: `{place, message, is_breaking}`. */
  changes: Record<string, unknown>[];
  created_at: string;
  /** Only for the publisher. */
  deployment_version: number | null;
  /** Whether it can still be run. */
  is_available: boolean;
  /** Callers of the previous version may have to change something, see `changes`. */
  is_breaking: boolean;
  notes: string;
  number: number;
}

/** The filters of a view of listings, with the names and values of the query of `GET /v1/marketplace/listings`. */
export interface ListingViewFilters {
  mine?: boolean | null;
  q?: string | null;
  status?: "draft" | "published" | "taken_down" | null;
}

/** A piece of the job's output, or a message of the system about it. */
export type LogEvent = EventRead & {
  payload: {
    /** The durable step that has called `puras.log`: `BRANCH:POSITION`. */
    durable_step?: string;
    /** Additional fields that the skill passed to `puras.log`. */
    fields?: Record<string, unknown>;
    /** `debug`, `info`, `warning` or `error`. */
    level?: string;
    /** `stdout` and `stderr`: printed text, which may be cut anywhere; `log`: a call of `puras.log`; `system`. */
    stream: string;
    /** The text. */
    text: string;
  };
  type: "log";
};

/** A page of the log of a job, in order. */
export interface LogPage {
  /** Number of entries of the whole log by level; empty on later pages. */
  counts: Record<string, number>;
  entries: LogRead[];
  /** Pass it as `after` for the page after this one; `null`: there is none yet. */
  next_after: number | null;
}

/** A piece of the output of a job, or a message of its log. */
export interface LogRead {
  /** Additional fields that the skill passed to `puras.log`. */
  fields: Record<string, unknown>;
  /** Number of the event within the job. */
  id: number;
  /** The level of a message (`debug`, `info`, `warning`, `error`), or `stdout`, `stderr` or `system`. */
  level: string;
  /** The text. Printed text may be cut anywhere, and may contain several lines. */
  text: string;
  ts: string;
}

/** All skills of a bundle. */
export interface Manifest {
  description?: string | null;
  marketing?: Record<string, unknown> | null;
  skills: Skill[];
  /** Label of the skillpack, from `puras.yaml`. */
  title?: string | null;
}

/** Body of a request for the tools of an MCP server. */
export interface McpServerConnect {
  /** Headers to send. `${secret:NAME}` in a value is replaced by a secret of the skillpack or the project. */
  headers?: Record<string, string>;
  /** URL of the server. */
  url: string;
}

/** A tool that an MCP server offers. */
export interface McpToolRead {
  description: string;
  /** Whether agents can call it; not if its schema is invalid or larger than 32 KiB. */
  is_usable: boolean;
  name: string;
  /** Whether the server declares that the tool has no effects. */
  read_only: boolean;
}

/** The caller that the request was authenticated as, and its permissions. */
export interface Me {
  /** CSRF token of the session, which each write sends in `X-CSRF-Token`. */
  csrf_token?: string | null;
  /** Whether the key is limited to `scopes`. */
  is_restricted?: boolean;
  kind: "user" | "secret_key" | "publishable_key" | "job" | "system";
  label: string;
  project_id?: string | null;
  projects: ProjectMembership[];
  /** Scopes of a restricted key; empty for a key without restrictions. */
  scopes?: string[];
  skill_allowlist?: string[];
  user?: UserRead | null;
  workspace_id?: string | null;
}

/** One call of a media model. */
export interface MediaCreate {
  /**
   * The inputs of the verb. `image`: prompt, refs, aspect_ratio, resolution, n. `video`: prompt, image, last_frame,
   * refs, lipsync_audio, duration, aspect_ratio, resolution, audio. `audio`: text, voice, language, stability,
   * similarity_boost, style, speed. `transcribe`: audio, keyterms, language.
   */
  inputs?: Record<string, unknown> | null;
  /** Must be the job of the token; may be omitted. */
  job_id?: string | null;
  /** The same as `verb`, from older clients; `auto` and other values that are not a verb are ignored. */
  kind?: string | null;
  /**
   * A model (`google/nano-banana`), the last part of its name, or `auto`, which is the default: the model of the
   * skill, otherwise that of the instance.
   */
  model?: string | null;
  /** A folder of the drive, used without `output_path`. */
  output_dir?: string | null;
  /** The path of the file in the drive; a folder ends with a slash. */
  output_path?: string | null;
  /** Accepted from older clients and ignored: the response contains the result. */
  output_url_path?: string | null;
  /** Accepted from older clients and ignored: generated media are always stored in the drive. */
  persist?: boolean | null;
  /** The kind of media to generate. Null: determined by the model. */
  verb?: "image" | "video" | "audio" | "transcribe" | null;
  /** Must be the project of the job; may be omitted. */
  workspace_id?: string | null;
}

/** An image, a video, a recording or a transcript was generated. */
export type MediaEvent = EventRead & ({
  payload: {
    /** The price, in millionths of a dollar. */
    billed_micros: number;
    /** Path in the drive of the first file; `null`: a transcript has no file. */
    drive_path: string | null;
    /** The durable step of a function that made the call: `BRANCH:POSITION`. */
    durable_step?: string;
    /** Duration of the generation. */
    duration_ms: number;
    /** `image`, `video` or `audio`. */
    kind: string;
    /** `local` if it was generated on this host without a model; otherwise empty. */
    label: string;
    /** All files, each with `drive_path` and `kind`. */
    media: Record<string, unknown>[];
    /** Slug of the model. */
    model: string;
    /** ID of the request at the provider; may be empty. */
    request_id: string;
    /** `image`, `video`, `audio` or `transcribe`. */
    verb: string;
  };
  type: "media";
});

/** Further information about the result. */
export interface MediaMeta {
  warnings?: string[];
}

/** A media model with its abilities and prices. */
export interface MediaModelPrice {
  /** By resolution, if the price differs. */
  at?: Record<string, MediaRateRead>;
  kind: "image" | "video" | "audio";
  /** Price of a unit in micro-dollars, including the margin. */
  micros: number;
  model: string;
  /** `t2i` and `edit` of images; `t2v`, `i2v`, `r2v` and `lipsync` of videos; `tts` speaks, `stt` transcribes. */
  modes: ("t2i" | "edit" | "t2v" | "i2v" | "r2v" | "lipsync" | "tts" | "stt")[];
  /** The unit of the price. None: it is free. */
  per: "image" | "second" | "1000_characters" | "audio_second" | null;
  /** Of a video with sound. */
  with_audio_micros?: number | null;
}

/** Price of a unit in micro-dollars, including the margin. */
export interface MediaRateRead {
  micros: number;
  with_audio_micros?: number | null;
}

/** The generated media. */
export interface MediaRead {
  billed_micros: number;
  billed_usd: number;
  /** Null for a transcript, which has no file. */
  drive_path?: string | null;
  /** The paths of all images, if there are several. */
  drive_paths?: string[];
  kind: "image" | "video" | "audio";
  /** `local`: generated on this host, not by a model. */
  label?: string;
  language_code?: string | null;
  meta?: MediaMeta;
  model: string;
  /** A URL of the first file, valid for an hour. */
  output_url?: string | null;
  /** The request ID of the provider. */
  request_id?: string;
  /** The text of a transcript. */
  text?: string | null;
  words?: Record<string, unknown>[] | null;
}

/** A member of a project. */
export interface MemberRead {
  created_at: string;
  email: string;
  name: string;
  role: "owner" | "admin" | "developer" | "viewer";
  user_id: string;
}

/** A new role of a member. */
export interface MemberUpdate {
  role: "owner" | "admin" | "developer" | "viewer";
}

/** One change of a record. */
export interface MemoryChangeRead {
  action: "put" | "forget";
  at: string;
  created: boolean;
  job_id: string | null;
  reason: string;
  version: number;
  written_by: string;
}

/** The record is hidden. */
export interface MemoryDeletedRead {
  forgotten?: boolean;
}

/** A record that a search found. */
export interface MemoryFound {
  aliases: string[];
  content_hash: string | null;
  created_at: string;
  entity_key: string | null;
  forgotten_at: string | null;
  forgotten_reason: string;
  /** The former name of `forgotten_reason`. Removed in 0.3. */
  forgotten_why: string;
  /** False: it is past its `stale_at`, or was made from content with another hash than `content_hash`. */
  fresh: boolean;
  id: string;
  importance: number;
  /** The job that wrote this version. It may be deleted. */
  job_id: string | null;
  kind: string;
  mtype: "semantic" | "episodic" | "procedural";
  pinned: boolean;
  record: Record<string, unknown>;
  scope: "entity" | "skillpack" | "workspace";
  /** Higher is better. Scores are comparable within one search. */
  score: number;
  skillpack_id: string | null;
  source_url: string | null;
  stale_at: string | null;
  summary: string;
  superseded_by: string | null;
  tags: string[];
  title: string;
  updated_at: string;
  version: number;
  written_by: string;
}

/** A record, and the reason to forget it. */
export interface MemoryId {
  id: string;
  reason?: string;
}

/** Records of the memory became part of the first message. */
export type MemoryInjectedEvent = EventRead & {
  payload: {
    /** Number of records about the inputs. */
    entity_count: number;
    /** Kinds of the records, sorted. */
    kinds: string[];
    /** IDs of the records. */
    memory_ids: string[];
    /** Number of pinned records. */
    pinned_count: number;
  };
  type: "memory_injected";
};

/** The memory has no record about some of the inputs. */
export type MemoryMissEvent = EventRead & {
  payload: {
    /** Keys of the inputs without a record. */
    keys: string[];
  };
  type: "memory_miss";
};

/** A record to write. */
export interface MemoryPut {
  /** Other keys of the same entity. */
  aliases?: string[] | null;
  /** Hash of the source content, by which the record can be found. */
  content_hash?: string | null;
  /**
   * Key of the subject: a name of your choice, `url:<URL>`, `img:<sha256>` or `fp:<sha256>`. A record of
   * the same kind and key is replaced, and its version increases by one. Without a key, and for the type
   * `episodic`, each write creates a record.
   */
  entity_key?: string | null;
  /** Replace only this version; 0: write only if there is no record. */
  if_version?: number | null;
  /** Default 0.5. */
  importance?: number | null;
  /** In a job: calls with the same key have one effect. */
  key?: string | null;
  /** A category of your choice, in one word: `customer`, `brand`, `lesson`. */
  kind: string;
  /** `semantic`: a fact. `episodic`: an event. `procedural`: how something is done. */
  mtype?: "semantic" | "episodic" | "procedural";
  /** Include it in every digest, and rank it higher in searches. */
  pinned?: boolean | null;
  /** The content, at most 64 KiB as JSON. */
  record: Record<string, unknown>;
  /**
   * Which skills can find it. `entity`: all skills that use the key. `workspace`: all skills. `skillpack`:
   * the skills of one skillpack. Default: `entity` with a key; without one, `skillpack` for a job and
   * `workspace` for other callers.
   */
  scope?: "entity" | "skillpack" | "workspace" | null;
  /** ID or slug, for the scope `skillpack`. A job uses its own skillpack. */
  skillpack?: string | null;
  source_url?: string | null;
  /** The time from which searches mark it as not fresh, and digests omit it. */
  stale_at?: string | null;
  summary?: string | null;
  /** A record that this one replaces. That record remains stored, but searches do not return it. */
  supersedes?: string | null;
  tags?: string[] | null;
  /** This field and the following ones keep their values if they are omitted when a record is replaced. */
  title?: string | null;
}

/** A record. */
export interface MemoryRead {
  aliases: string[];
  content_hash: string | null;
  created_at: string;
  entity_key: string | null;
  forgotten_at: string | null;
  forgotten_reason: string;
  /** The former name of `forgotten_reason`. Removed in 0.3. */
  forgotten_why: string;
  id: string;
  importance: number;
  /** The job that wrote this version. It may be deleted. */
  job_id: string | null;
  kind: string;
  mtype: "semantic" | "episodic" | "procedural";
  pinned: boolean;
  record: Record<string, unknown>;
  scope: "entity" | "skillpack" | "workspace";
  skillpack_id: string | null;
  source_url: string | null;
  stale_at: string | null;
  summary: string;
  superseded_by: string | null;
  tags: string[];
  title: string;
  updated_at: string;
  version: number;
  written_by: string;
}

/** The results of a search, the best first. */
export interface MemoryResults {
  /** The former name of `is_semantic`. Removed in 0.3. */
  by_meaning: boolean;
  count: number;
  is_semantic: boolean;
  results: MemoryFound[];
}

/** A search. `kind`, `mtype` and `scope` filter. Key, hash and query each find records; the results are fused. */
export interface MemorySearch {
  /** Finds records made from this content. Records with another hash that the key finds have `fresh: false`. */
  content_hash?: string | null;
  /** A key or an alias. */
  key?: string | null;
  kind?: string | null;
  limit?: number;
  mtype?: "semantic" | "episodic" | "procedural" | null;
  query?: string | null;
  scope?: "entity" | "skillpack" | "workspace" | null;
}

/** Access of an agent to its project's memory. */
export interface MemoryUse {
  /** Whether each run receives the records about its inputs, and the pinned ones. */
  digest?: boolean;
  /** Whether each run receives the key and the hash of its inputs in the memory, as in Puras. */
  identity?: boolean;
  /** Inputs that identify the subject of a job; by default every URL and image. */
  keys?: string[];
  /** Whether the agent has neither `memory_put` nor `memory_forget`. */
  read_only?: boolean;
  /** Scope of records without a key: the skillpack or the project. */
  scope?: "skillpack" | "workspace";
}

/** The filters of a view of records. They have the names and values of the query of `GET /v1/memory`. */
export interface MemoryViewFilters {
  mtype?: "semantic" | "episodic" | "procedural" | null;
  /** A search by key, words and meaning. */
  q?: string | null;
  state?: "live" | "stale" | "superseded" | "forgotten" | "all" | null;
}

/** A record that was written. */
export interface MemoryWritten {
  created: boolean;
  id: string;
  version: number;
}

/** Body of `POST /v1/sessions/{id}/messages`. */
export interface MessageCreate {
  /** The message: a text, or blocks of text and files. Its text fills the only required text input of the skill. */
  content?: string | ContentBlock[];
  /** Inputs of the skill. Inputs that a message does not set keep the values of the message before. */
  inputs?: Record<string, unknown>;
  /**
   * Behavior while a turn runs: `queue` the message until the turn has ended, `interrupt` the turn, or `reject` the
   * message with status 409.
   */
  while_running?: "queue" | "interrupt" | "reject";
}

/** A message of the user, or the reply of the agent. */
export interface MessageRead {
  /** Blocks: `{"type": "text", "text"}`, and files without their content. */
  content: Record<string, unknown>[];
  /** For a reply: the cost of the turn. */
  cost_micros: number;
  created_at: string;
  error: string | null;
  error_code: string | null;
  /** ID of the message. A reply has the ID of its job. */
  id: string;
  /** The inputs that a message of the user has set; `null` for a reply. */
  inputs: Record<string, unknown> | null;
  /** The reply is the part that was written before the turn was canceled. */
  interrupted: boolean;
  job_id: string;
  /** For a reply: the result of the job. */
  result: unknown;
  role: "user" | "assistant";
  /** The status of the job. */
  status: "queued" | "running" | "waiting" | "succeeded" | "failed" | "cancelled";
  /** Number of the turn, from 1. */
  turn: number;
  /** The version that the turn runs. */
  version: number | null;
}

/** The response to a message. */
export interface MessageSent {
  /** The job of the turn. While the message is queued, so is the job. */
  job_id: string;
  message_id: string;
  /** Number of the turn, from 1. Frames of the stream with this number belong to it. */
  turn: number;
}

/** A skill that the key can call. */
export interface Model {
  /** When its version was created, in seconds since 1970. */
  created: number;
  description?: string;
  /** Name of the skill: `skill`, or `skillpack/skill` outside of the default skillpack. */
  id: string;
  object?: "model";
  /** Slug of the skillpack. */
  owned_by: string;
}

/**
 * A model call of an agent: its input in the form of the Messages API, and the reply.
 *
 * Adapters of other APIs send the same content in another form.
 */
export interface ModelCallRead {
  /** Lifetime of the prompt cache. */
  cache_ttl: string | null;
  /** Position of the first one of these messages in the conversation, from 0. */
  first_message: number;
  /** The tool that the reply had to call. */
  forced_tool: string | null;
  job_id: string;
  /** Maximum tokens of the reply; `null` if it is not known. */
  max_tokens: number | null;
  /** Number of all messages of the conversation. */
  message_count: number;
  /** Messages of the conversation: `role`, and `content` as a list of blocks. */
  messages: Record<string, unknown>[];
  /** Slug of the model. */
  model: string | null;
  /** Differences from the request that was sent, such as parts that are not stored. */
  notes: string[];
  /** Characters of long texts and of files that this response omits. The download has them. */
  omitted_characters: number;
  /** `null`: the model has not replied to this request, or the request was not sent. */
  reply: ModelReply | null;
  /** Number of the reply, from 1. */
  step: number;
  /** The system prompt. */
  system: string;
  /** The tools that the model could call: `name`, `description`, `input_schema`. */
  tools: Record<string, unknown>[];
}

/** A stronger model continues the run, as the skill's `routing` requires. */
export type ModelEscalatedEvent = EventRead & {
  payload: {
    /** Number of results that were not valid. */
    after: number;
    /** Slug of the model until now. */
    from: string;
    /** `schema_fail`: results were not valid. */
    reason: string;
    /** Number of the step. */
    step: number;
    /** Slug of the model from now on. */
    to: string;
  };
  type: "model_escalated";
};

/** The next model of the skill's list continues the run. The failed call has no reply and is not billed. */
export type ModelFailoverEvent = EventRead & {
  payload: {
    /** The error of the failed call. */
    error: string;
    /** Slug of the model until now. */
    from: string;
    /** `outage`, `key`, `budget` or `context`: the reason why it cannot continue. */
    reason: string;
    /** Number of the step; 0: before the first one. */
    step: number;
    /** Slug of the model from now on. */
    to: string;
  };
  type: "model_failover";
};

/** The run was canceled while the model replied. */
export type ModelInterruptedEvent = EventRead & {
  payload: {
    /** Number of the step. */
    step: number;
    /** The text of the reply so far. */
    text: string;
  };
  type: "model_interrupted";
};

/** The skills that the key can call. */
export interface ModelList {
  data: Model[];
  object?: "list";
}

/** Capabilities and prices of a language model. */
export interface ModelPrice {
  context_tokens: number;
  long_prompts?: TokenPrices | null;
  /** Calls with a longer prompt cost `long_prompts` for every token. */
  long_prompts_above_tokens?: number | null;
  /** Maximum tokens of one reply. */
  max_output_tokens: number;
  model: string;
  /** The former name of `max_output_tokens`. Removed in 0.3. */
  most_output_tokens: number;
  /** Whether the model accepts PDF documents. */
  pdf: boolean;
  per_million_tokens: TokenPrices;
  /** When the price was read or set. */
  price_date: string | null;
  /**
   * Who has set the price: the `release`, the `operator` of the instance, or the `project`, which pays it to its own
   * provider without a margin.
   */
  price_set_by: "release" | "operator" | "project";
  /** Where the price was read. */
  price_source: string | null;
  title: string;
  /** Whether the model accepts images. */
  vision: boolean;
}

/** The reply of a model call. */
export interface ModelReply {
  /** When the reply was stored. */
  at: string;
  /** The price, in millionths of a dollar. */
  billed_micros: number;
  /** Blocks of the reply: `text`, `tool_use`, `thinking`. */
  blocks: Record<string, unknown>[];
  /** The replacement of the language model, a simulation or a recording; empty if it is one. */
  label: string;
  /** `end_turn`, `tool_use`, `max_tokens` and others. */
  stop_reason: string | null;
  /** `input` (not cached), `output`, `cache_write` and `cache_read`. */
  tokens: Record<string, number>;
}

/** The model replied. */
export type ModelResponseEvent = EventRead & ({
  payload: {
    /** The price, in millionths of a dollar. */
    billed_micros: number;
    /** The reply: blocks of text, of thinking and of calls of tools. */
    blocks?: Record<string, unknown>[];
    /** Size of the reply when it is too large for an event. */
    blocks_bytes?: number;
    /** Location of a reply that is too large: `journal/3`. */
    blocks_in?: string;
    /** `rails`: a guardrail of the skill withholds the text of the model. */
    blocks_withheld?: string;
    /** Tokens of the prompt that were written to the cache. */
    cache_creation_input_tokens: number;
    /** Whether anything was read from the cache. */
    cache_hit: boolean;
    /** Tokens of the prompt that were read from the cache. */
    cache_read_input_tokens: number;
    /** Tokens of old results that the provider removed from the prompt; present if it removed any. */
    cleared_input_tokens?: number;
    /** Duration of the model call. */
    duration_ms: number;
    /** The tool that the reply had to call, if the request named one. */
    forced_tool?: string;
    /** Tokens of the prompt that were not cached. */
    input_tokens: number;
    /** True: the server reported no usage, so the tokens and the price are estimated by the length of the texts. */
    is_estimated?: boolean;
    /** The replacement of the language model: a simulation or a recording. */
    label?: string;
    /** Maximum tokens of the reply in the request. */
    max_tokens?: number;
    /** Slug of the model. */
    model: string;
    /** Tokens of the reply. */
    output_tokens: number;
    /** Number of the step, from 1. */
    step: number;
    /** The stop reason of the reply: `end_turn`, `tool_use`, `max_tokens` and others. */
    stop_reason: string | null;
  };
  type: "model_response";
});

/** A call of the model failed and is repeated. In runs of a listing of another project only `step` is present. */
export type ModelRetryEvent = EventRead & {
  payload: {
    /** Slug of the model. */
    model?: string;
    /** Maximum number of calls. */
    of?: number;
    /** The reason of the failure. */
    reason?: string;
    /** The HTTP status of the provider, if it sent one. */
    status?: number;
    /** Number of the step. */
    step: number;
    /** Number of the failed call, from 1. */
    try?: number;
    /** Seconds until the next call. */
    wait_s?: number;
  };
  type: "model_retry";
};

/** Move a field to another position, with the comments above it. */
export interface MoveField {
  /** The new position: 0 is the first. */
  index: number;
  /** Name of the field. */
  name: string;
  op: "move_field";
  /** Keys and indexes of the schema that contains the field: `["input_schema"]`, or of an object inside it. */
  schema_path: (string | number)[];
}

/**
 * Move a step with the comments above it, also into or out of a case or branch.
 *
 * The canvas then shows it at its automatic place.
 */
export interface MoveStep {
  /** The position in this list, without the moved step: 0 is the first. */
  index: number;
  op: "move_step";
  /** Keys and indexes of the step. */
  path: (string | number)[];
  /** Keys and indexes of the list that contains it afterwards. The path counts the step at its old position. */
  to: (string | number)[];
}

/** The total network traffic of the job; recorded at its end, if there was any. */
export type NetworkEvent = EventRead & {
  payload: {
    /** Number of opened connections. */
    connections: number;
    /** Bytes that the job received. */
    received_bytes: number;
    /** Number of rejected requests. */
    refused: number;
    /** Bytes that the job sent. */
    sent_bytes: number;
  };
  type: "network";
};

/** A request of the job was rejected. The first 20 are recorded. */
export type NetworkRefusedEvent = EventRead & ({
  payload: {
    /** The requested host. */
    host: string;
    /** A message for users: what happened, and how to fix it. */
    message: string;
    /** The port; `null` if the request did not name one. */
    port: number | null;
    /** `host_not_listed`, `port_not_allowed`, `address_not_public`, `own_address`, `malformed` or `too_many_connections`. */
    reason: string;
  };
  type: "network_refused";
});

/** A new password for the caller. */
export interface NewPassword {
  current_password: string;
  new_password: string;
}

/** Body of `POST /v1/notebooks/opened`: a job, or a skill with inputs. */
export interface NotebookOpen {
  /** Inputs of that skill; they need not be valid. */
  inputs?: Record<string, unknown>;
  /** A job that has ended. */
  job_id?: string | null;
  /** Without a job: the name of the skill that the inputs are for. */
  skill?: string | null;
  /**
   * ID or slug of the skillpack whose draft contains the notebook. Default: the skillpack of the job's skill; the
   * project's default one for a prompt, a skill of the marketplace, and inputs.
   */
  skillpack?: string | null;
}

/** The notebook that was opened. */
export interface NotebookRead {
  /** Path in the draft. */
  path: string;
  /** Slug of the skillpack of the draft. */
  skillpack: string;
}

/** A recording. */
export interface OpenAIAudio {
  /** Base64. */
  data: string;
  /** `wav` or `mp3`. */
  format: string;
}

/** An error in the format of OpenAI. */
export interface OpenAIError {
  error: {
    /** The code, as OpenAI has it where it has one for this error. */
    code: string;
    /** The ID of the job, if it was submitted. */
    job_id?: string;
    /** What failed, which value, and how to fix it. */
    message: string;
    /** The path of the value that is not valid. */
    param: string | null;
    /** The code that other routes return. */
    puras_code?: string;
    /** The ID with which the operator finds the request in the log. */
    request_id?: string;
    /** `invalid_request_error`, `job_error` and others. */
    type: string;
    [name: string]: unknown;
  };
}

/** A file. */
export interface OpenAIFile {
  /** A `data:` URL, or base64. */
  file_data?: string | null;
  /** A path in the drive of the project. */
  file_id?: string | null;
  filename?: string | null;
}

/** An image. */
export interface OpenAIImageUrl {
  /** An `https:` or `data:` URL. */
  url: string;
}

/** A message of the skill. */
export interface OutputMessage {
  content: OutputText[];
  id: string;
  /** `final_answer`: the answer; `commentary`: what an agent wrote before it, which only streams contain. */
  phase?: "commentary" | "final_answer" | null;
  role?: "assistant";
  status: "in_progress" | "completed" | "incomplete";
  type?: "message";
}

/** A file of a result. */
export interface OutputRead {
  drive_path: string;
  mime: string;
  /** The field of the result that names the file: `thumbnail`, `pages[0].image`. */
  name: string;
  size_bytes: number;
  /**
   * A signed URL that needs no key and expires after an hour. For a caller without the scope `drive:read` it returns
   * only the version that the job wrote, and is `null` if the file was replaced since.
   */
  url: string | null;
  /** The reason why `url` is `null`. */
  url_unavailable_reason?: string | null;
}

/** The text of a message. */
export interface OutputText {
  annotations?: unknown[];
  logprobs?: unknown[];
  text: string;
  type?: "output_text";
}

/** Details of `output_tokens`. */
export interface OutputTokensDetails {
  reasoning_tokens?: number;
}

/** The jobs of a period. */
export interface OverviewNumbers {
  cache_read_tokens?: number;
  cache_write_tokens?: number;
  cost_micros?: number;
  failed?: number;
  /** Tokens that models read, without those from caches. */
  input_tokens?: number;
  /** Jobs that ended. */
  jobs?: number;
  output_tokens?: number;
  /** Median time from the start to the end of the jobs that succeeded, in seconds. */
  p50_s?: number | null;
  p95_s?: number | null;
  succeeded?: number;
}

/** The jobs that ended in one time slot. */
export interface OverviewPoint {
  cache_read_tokens?: number;
  cache_write_tokens?: number;
  cost_micros?: number;
  failed?: number;
  /** Tokens that models read, without those from caches. */
  input_tokens?: number;
  /** Jobs that ended. */
  jobs?: number;
  output_tokens?: number;
  /** Median time from the start to the end of the jobs that succeeded, in seconds. */
  p50_s?: number | null;
  p95_s?: number | null;
  starts_at: string;
  succeeded?: number;
}

/** The jobs of a project over time. */
export interface OverviewRead {
  /** The groups with the most jobs, the largest first. */
  groups: OverviewSeries[];
  since: string;
  /** Length of a slot in seconds. */
  step_s: number;
  total: OverviewSeries;
  until: string;
}

/** The jobs of one group, or all jobs. */
export interface OverviewSeries {
  /** Empty for all jobs. */
  name: string;
  /** All slots of the period, the oldest first. */
  points: OverviewPoint[];
  summary: OverviewNumbers;
}

/** A one-time link to set a password. */
export interface PasswordLinkRead {
  email: string;
  expires_at: string;
  /** Link to send to the user; it is returned only once. */
  link: string;
}

/** The changes of publishing the draft in comparison with the active version. */
export interface PendingChangesRead {
  /** The active version; `null` if there is none. */
  base_version: number | null;
  /** Notebooks that a version would not contain, since no file of their skill names them. */
  excluded_files: string[];
  files: FileChangeRead[];
  /** The former name of `excluded_files`. Removed in 0.3. */
  left_out: string[];
  /** Skills of the active version that the publish removes. */
  removed_skills: string[];
  /** Revision of the draft. A publish with this `revision` publishes exactly these changes. */
  revision: number;
  /** Empty while there are problems. */
  skills: SkillChangeRead[];
}

/** The settings of the signed-in user. */
export interface PreferencesRead {
  /** Whether the user receives the e-mail of webhooks about alerts and budgets. */
  email_alerts?: boolean;
  /** The same about jobs that wait for an approval. */
  email_approvals?: boolean;
  /** Whether the user receives e-mail about comments that mention the user. */
  email_mentions?: boolean;
  /** `system`: that of the operating system. `null`: none was chosen, so each browser has its own. */
  theme?: "system" | "light" | "dark" | null;
  /** The time zone of all times in the studio; empty: that of the browser. */
  time_zone?: string;
}

/** Changes of the settings; fields that are not sent stay as they are. */
export interface PreferencesUpdate {
  email_alerts?: boolean | null;
  email_approvals?: boolean | null;
  email_mentions?: boolean | null;
  theme?: "system" | "light" | "dark" | null;
  time_zone?: string | null;
}

/** The instance's prices. */
export interface PricingRead {
  compute_micros_per_second: number;
  currency?: string;
  margin_pct: number;
  /** Models for images, video and speech with the price of a unit. */
  media: MediaModelPrice[];
  /** Language models with the prices of their tokens. */
  models: ModelPrice[];
  text_margin_pct: number;
}

/** The provider's response to a request for its list of models. */
export interface ProbeRead {
  /** The former name of `message`. Removed in 0.3. */
  found: string;
  /** The result as text. */
  message: string;
  /** `ok`: the key is accepted. `warn`: something needs attention. `fail`: jobs cannot use the models. */
  verdict: "ok" | "warn" | "fail";
}

/** An error: its description, its code, and further fields. */
export interface Problem {
  /** The error code. Its meaning never changes. */
  code: string;
  /** What failed, which value, and how to fix it. */
  detail: string;
  /** With status 422: all problems, each with its path. */
  errors?: {
    message: string;
    /** `inputs.size`, `query.limit`, `items[0].name`. */
    path: string;
  }[];
  /** The code before 0.2, if the code was renamed. Removed in 0.3. */
  former_code?: string;
  /** The ID with which the operator finds the request in the log. */
  request_id?: string;
  [name: string]: unknown;
}

/** A problem and its location in the bundle. */
export interface ProblemRead {
  column?: number | null;
  line?: number | null;
  message: string;
  path: string;
}

/** The skill reported its progress. */
export type ProgressEvent = EventRead & ({
  payload: {
    /** From 0 to 1; `null`: unknown. */
    fraction: number | null;
    /** The current activity; may be empty. */
    text: string;
  };
  type: "progress";
});

/** A new project. */
export interface ProjectCreate {
  name: string;
  /** Name of the project in URLs; derived from `name` when omitted. */
  slug?: string | null;
}

/** A project with its limits. */
export interface ProjectDetail {
  /** Effective limit: the project's own, or the operator's ceiling if that is lower. */
  concurrency_limit: number;
  created_at: string;
  id: string;
  name: string;
  /** Role of the caller. */
  role: "owner" | "admin" | "developer" | "viewer";
  slug: string;
  /** The same ID, under the name that newer clients read. */
  workspace_id: string;
}

/** An event of the project. */
export interface ProjectEventRead {
  /** The data of the event. */
  data: unknown;
  /** The environment whose jobs receive the event. */
  environment: "development" | "staging" | "production";
  /** The ID of the event in the project. */
  id: string;
  /** The time at which the instance received the event. */
  received_at: string;
  /** The user, the API key or the job (`job:ID`) that sent the event. */
  sent_by: string;
  /** The type, which waits name. */
  type: string;
}

/** A project that the caller is in. */
export interface ProjectMembership {
  id: string;
  name: string;
  role: "owner" | "admin" | "developer" | "viewer";
  slug: string;
  workspace_id: string;
}

/** A project. */
export interface ProjectRead {
  created_at: string;
  id: string;
  name: string;
  /** Role of the caller. */
  role: "owner" | "admin" | "developer" | "viewer";
  slug: string;
  /** The same ID, under the name that newer clients read. */
  workspace_id: string;
}

/** Changes of a project; omitted fields do not change. */
export interface ProjectUpdate {
  /** Maximum jobs that are ready or running at the same time, up to the operator's ceiling. */
  concurrency_limit?: number | null;
  name?: string | null;
  slug?: string | null;
}

/** A check of a promotion. */
export interface PromotionCheckRead {
  message: string;
  name: "gate" | "compatibility" | "secrets";
  /** `pending`: the promotion starts it, and the version becomes active when it has passed. */
  state: "passed" | "warning" | "pending";
}

/** A promotion to an environment. */
export interface PromotionCreate {
  /** ID or number of a version, instead of `source`. */
  deployment?: string | null;
  /**
   * The environment whose active version is promoted. Default: `development` for `staging`, `staging` for
   * `production`, `production` for `development`.
   */
  source?: "development" | "staging" | "production" | null;
  /** The version that you have reviewed. If another one is active in `source` meanwhile, nothing is promoted. */
  version?: number | null;
}

/** The changes that a promotion would make. */
export interface PromotionRead {
  /** The version that is active now. */
  base: DeploymentSummary | null;
  checks: PromotionCheckRead[];
  /** `null`: no version is active in the environment. */
  diff: DiffRead | null;
  environment: "development" | "staging" | "production";
  /** The version that would become active. */
  head: DeploymentSummary;
  /** Whether the version is active in the environment already, so that there is nothing to promote. */
  is_active: boolean;
  source: "development" | "staging" | "production" | null;
}

/** A deployment with a version of a prompt. */
export interface PromptDeployment {
  /** The environments in which it is active. */
  active_in: ("development" | "staging" | "production")[];
  created_at: string;
  created_by: string;
  id: string;
  /** `null` for a draft that was run. */
  version: number | null;
}

/** The versions of the prompt of an agent. */
export interface PromptHistory {
  /** False: more deployments are still to be read. The next request reads them. */
  is_complete: boolean;
  /** The statistics are about jobs that were submitted since then. */
  since: string;
  skill: string;
  skillpack: string;
  /** Newest first. */
  versions: PromptVersion[];
}

/** A label of a version of a prompt. */
export interface PromptLabelRead {
  label: string;
  number: number;
  updated_at: string;
  updated_by: string;
}

/** Body of a request that sets a label. */
export interface PromptLabelUpdate {
  /** The version of the prompt that gets the label. Another version of the skill with the label loses it. */
  number: number;
}

/** The prompt of an agent. */
export interface PromptRead {
  /** Path in the bundle, by which `files` of a draft run replaces the prompt. */
  path: string;
  text: string;
}

/** The jobs of the skill with a version of its prompt: of its newest 2,000 jobs since `since` of the history. */
export interface PromptStatistics {
  /** The environments of the jobs. */
  environments: ("development" | "staging" | "production")[];
  jobs: number;
  /** Median cost with subjobs, in millionths of a dollar, without simulated jobs. */
  p50_cost_micros: number | null;
  /** Of the jobs that have succeeded or failed; `null` without one. */
  success_rate_pct: number | null;
}

/** Details of `prompt_tokens`. */
export interface PromptTokensDetails {
  /** Tokens that were read from the cache. */
  cached_tokens: number;
}

/** One distinct text of the prompt of an agent. */
export interface PromptVersion {
  /** When the first deployment with it was created. */
  created_at: string;
  /** The user or key that created this deployment. */
  created_by: string;
  /** The deployments with it, newest first, at most 20. */
  deployments: PromptDeployment[];
  /** Mean score of the newest suite of one of the deployments with the model of the skill, from 0 to 100. */
  eval_score: number | null;
  /** Whether a bundle with the text is stored. It is not after its deployments are deleted. */
  is_stored: boolean;
  labels: string[];
  /** From 1, in the order in which deployments had the texts first. */
  number: number;
  /** SHA-256 of the text. */
  sha256: string;
  /** `null` for a key that may not read jobs. */
  statistics: PromptStatistics | null;
}

/** One version of the prompt of an agent with its text. */
export interface PromptVersionText {
  /** When the first deployment with it was created. */
  created_at: string;
  /** The user or key that created this deployment. */
  created_by: string;
  /** The deployments with it, newest first, at most 20. */
  deployments: PromptDeployment[];
  /** Mean score of the newest suite of one of the deployments with the model of the skill, from 0 to 100. */
  eval_score: number | null;
  /** Whether a bundle with the text is stored. It is not after its deployments are deleted. */
  is_stored: boolean;
  labels: string[];
  /** From 1, in the order in which deployments had the texts first. */
  number: number;
  /** The file of the bundle; empty if it is not stored. */
  path: string;
  /** SHA-256 of the text. */
  sha256: string;
  /** `null` for a key that may not read jobs. */
  statistics: PromptStatistics | null;
  /** `null` if it is not stored any more. */
  text: string | null;
}

/** An API key of the project. */
export interface ProviderKeyUpdate {
  /** The API of the server at `base_url`: `messages` (default), `chat` for Chat Completions, or `responses`. */
  api?: "messages" | "chat" | "responses" | null;
  /** As the provider has issued it; never returned. */
  api_key: string;
  /**
   * Another server, https and public: its URL before `/v1/messages`, or before `/chat/completions` or
   * `/responses`, such as `https://host/v1`.
   */
  base_url?: string | null;
}

/** What the project pays its provider for a model, in US dollars per million tokens. */
export interface ProviderPriceUpdate {
  /** Tokens that are read from the prompt cache. Default: the price of the prompt. */
  cache_read_usd?: number | string | null;
  /** Tokens that are written to the prompt cache. Default: the price of the prompt. */
  cache_write_usd?: number | string | null;
  /** Tokens of the prompt. */
  input_usd: number | string;
  /** Tokens of the reply. */
  output_usd: number | string;
}

/** A model family, and whose key is used. */
export interface ProviderRead {
  /** The API with which the models are called: that of the project's server, else that of the instance's. */
  api?: "messages" | "chat" | "responses";
  /** Another URL that the project has set. */
  base_url?: string | null;
  /** The cloud that the models run in; its keys have forms of their own, which are in the documentation. */
  cloud?: "bedrock" | "vertex" | null;
  /** The part of a model's name before the slash. */
  family: string;
  /** Whether the instance has a key: calls cost the prices in `/v1/pricing`. */
  has_instance_key: boolean;
  /** Whether the project has set a key: its calls are not billed then. */
  has_own_key: boolean;
  /** The former name of `key_prefix`. Removed in 0.3. */
  key_begins: string | null;
  /** The first characters of the project's key, to distinguish it from others. */
  key_prefix?: string | null;
  /** All models of the family. */
  models: string[];
  /** When the project's key was set. */
  updated_at?: string | null;
  updated_by?: string | null;
}

/** A temporary URL of the bundle of the active version. */
export interface PullLinkRead {
  deployment_id: string;
  download_url: string;
  /** Seconds until the URL expires. */
  expires_in: number;
  sha256: string;
  version: number | null;
}

export interface PushDeploymentForm {
  /** Whether new jobs use it immediately. */
  activate?: "true" | "false" | "1" | "0";
  /** ZIP archive of the project's folder, at most 64 MiB. */
  bundle: Blob;
  /** Where it becomes active. Default: that of the key, or `production`. */
  environment?: "development" | "staging" | "production" | null;
  /** Release notes. */
  notes?: string;
}

/** A name that fits at a position. */
export interface PythonCompletionRead {
  /** The signature and the documentation, shortened; empty for most names after the first ones. */
  documentation: string;
  /** `module`, `class`, `instance`, `function`, `param`, `path`, `keyword`, `property` or `statement`. */
  kind: string;
  name: string;
}

/** The names that fit at a position. */
export interface PythonCompletionsRead {
  completions: PythonCompletionRead[];
  /** The number of characters before the position that a name replaces. */
  prefix: number;
}

/** A place that defines a name. */
export interface PythonDefinitionRead {
  column: number;
  line: number;
  module: string;
  name: string;
  /** The path in the draft; `null` for the kit and the standard library. */
  path: string | null;
  /** The first lines of the definition, if it is not in the draft. */
  source: string;
}

/** The places that define the name at a position. */
export interface PythonDefinitionsRead {
  definitions: PythonDefinitionRead[];
}

/** The problems of a Python file. */
export interface PythonDiagnosticsRead {
  /** There are more problems. */
  is_truncated: boolean;
  problems: PythonProblemRead[];
}

/** A safe change that solves a problem. */
export interface PythonFixRead {
  edits: TextEditRead[];
  message: string;
}

/** The formatted text. */
export interface PythonFormattedRead {
  text: string;
}

/** A description of the name at a position. */
export interface PythonHoverRead {
  documentation: string;
  /** The module that defines it. */
  module: string;
  /** Empty if there is no name, or nothing is known about it. */
  signature: string;
}

/** A place of a name in the draft. */
export interface PythonPlaceRead {
  column: number;
  /** The line. */
  excerpt: string;
  line: number;
  /** The text at the place, which the new name replaces. */
  name: string;
  path: string;
}

/** A position in a Python file. */
export interface PythonPosition {
  /** The column of the character after the position, starting at 1. Characters are counted, not bytes. */
  column: number;
  /** The line, starting at 1. */
  line: number;
  /** Its path in the draft, which ends with `.py`. The draft does not need to contain it. */
  path?: string;
  /** The text, which may not be saved yet. */
  text: string;
}

/** A problem of a Python file. */
export interface PythonProblemRead {
  /** The rule of ruff, for example `F821`; `invalid-syntax` for errors of the syntax. */
  code: string;
  column: number;
  end_column: number;
  end_line: number;
  fix: PythonFixRead | null;
  line: number;
  message: string;
  /** `error`: the code fails when the line is executed. */
  severity: "error" | "warning";
}

/** A new name for what is at a position. */
export interface PythonRename {
  /** The column of the character after the position, starting at 1. Characters are counted, not bytes. */
  column: number;
  /** The line, starting at 1. */
  line: number;
  new_name: string;
  /** Its path in the draft, which ends with `.py`. The draft does not need to contain it. */
  path?: string;
  /** The text, which may not be saved yet. */
  text: string;
}

/** The places that a new name changes. */
export interface PythonRenameRead {
  name: string;
  places: PythonPlaceRead[];
}

/** A Python file of a draft as it is in the editor. */
export interface PythonSource {
  /** Its path in the draft, which ends with `.py`. The draft does not need to contain it. */
  path?: string;
  /** The text, which may not be saved yet. */
  text: string;
}

/** The job was created and waits for a worker. */
export type QueuedEvent = EventRead & ({
  payload: {
    /** Name of the skill. */
    skill: string;
    /** The origin of the job: `api`, `studio`, `schedule`, `replay`, `fork`, `subagent` and others. */
    source: string;
    /** Version of the deployment, or of the listing of another project; `null` without a deployment. */
    version: number | null;
  };
  type: "queued";
});

/** A guardrail on inputs, outputs or tool calls. */
export interface Rail {
  /** The action on a value that does not pass. */
  action?: "block" | "redact" | "approve" | "flag";
  /** Not supported: models do not evaluate guardrails. */
  criteria?: string | null;
  /** A function that decides whether the value may pass. */
  entrypoint?: string | null;
  /** A schema that the value must be valid for. */
  expected_schema?: Record<string, unknown> | null;
  /** The former name of `expected_schema`. Removed in 0.3. */
  fits: Record<string, unknown> | null;
  /** Message to the caller or the model about a value that does not pass. */
  message?: string;
  /** Unique name. */
  name: string;
  /** The values that it evaluates. */
  on: ("input" | "tool" | "output" | "retrieval")[];
  /** A regular expression in RE2 syntax; matching text does not pass. */
  pattern?: string | null;
  /** Kinds of personal data that do not pass. */
  pii?: string[];
  /** Maximum seconds of the function. */
  timeout_s?: number;
  /** Tools that it applies to; all by default. */
  tools?: string[];
  /** Words that do not pass, case-insensitive. */
  words?: string[];
}

/** A guardrail of the skill decided about a value. The event never contains the value. */
export type RailEvent = EventRead & {
  payload: {
    /** `block`, `redact`, `approve` or `flag`. */
    action: string;
    /** The reason why the guardrail could not evaluate the value: `broken`, `timeout` or `too_large`. */
    failed?: string;
    /** Number of matches by kind of content. */
    matched: Record<string, number>;
    /** Name of the guardrail. */
    rail: string;
    /** Number of the step of an agent. */
    step?: number;
    /** Name of the tool that the value is for or from. */
    tool?: string;
    /** `input`, `tool`, `output` or `retrieval`. */
    where: string;
  };
  type: "rail";
};

/** The API serves requests, and jobs can be submitted. */
export interface Readiness {
  /** Reasons of the status `degraded`. */
  problems?: string[];
  /** `degraded`: jobs can be submitted, but start late, or only after a worker is available. */
  status?: "ok" | "degraded";
}

/**
 * The line items of a job and its subjobs.
 *
 * Their `billed_micros` adds up to `used_micros`, which is the sum of the cost, the forgiven amount and the
 * amount over the cap. Nothing is charged while the job runs.
 */
export interface Receipt {
  /** For a subjob: the job whose bill includes the line items. */
  billed_to_job_id: string | null;
  /** The maximum cost of the job. */
  cap_micros: number;
  /** The amount that the wallet paid. */
  cost_micros: number;
  cost_usd: number;
  /** The amount that was not charged because the job failed or was canceled. */
  forgiven_micros: number;
  job_id: string;
  lines: ReceiptLine[];
  /** An explanation why the cost differs from the usage, for users. */
  notes: string[];
  /** The amount that was not charged because it exceeded the reservation of the job. */
  over_cap_micros: number;
  /** The former name of `billed_to_job_id`. Removed in 0.3. */
  paid_with: string | null;
  status: string;
  /** The price of all line items. */
  used_micros: number;
}

/**
 * One line item of a job.
 *
 * It is a reply of a model, a generated file, a search, seconds of a function, or a subjob with everything
 * that it used.
 */
export interface ReceiptLine {
  at: string;
  attempt: number;
  /** The price on this instance. */
  billed_micros: number;
  /** The part that was charged; less if it was forgiven, or exceeded the reservation. */
  charged_micros: number;
  /** True: the provider reported no usage, so the quantity and the price are estimated by the length of the texts. */
  is_estimated?: boolean;
  /** ID of the subjob, whose receipt has its line items. */
  job_id?: string | null;
  /** `compute`, `model`, `media`, `web`, `listing`; `subagent`: a subjob. */
  kind: string;
  /** `rehearsal`, `recording`, `local`; empty: bought upstream. */
  label: string;
  model: string;
  provider: string;
  /**
   * The measured quantities, with units in the names: tokens of a model with those of its cache, seconds,
   * images…
   */
  quantity: Record<string, unknown>;
  /** Skill of the subjob. */
  skill?: string;
  /** Number of the step of an agent. */
  step: number | null;
  /** Shown to owners only. */
  upstream_nanos: number | null;
}

/** Remove a field, also from the list of required ones; nothing if there is none. */
export interface RemoveField {
  /** Name of the field. */
  name: string;
  op: "remove_field";
  /** Keys and indexes of the schema that contains the field: `["input_schema"]`, or of an object inside it. */
  schema_path: (string | number)[];
}

/**
 * Remove a step, or a case or branch, with the comments above it. An empty `default` is removed as a whole.
 *
 * Its place on the canvas is removed too.
 */
export interface RemoveStep {
  op: "remove_step";
  /** Keys and indexes of the step. */
  path: (string | number)[];
}

/** Remove a key or an item with its value; nothing if there is none. */
export interface RemoveValue {
  op: "remove";
  /** Keys and indexes of the value, outermost first. */
  path: (string | number)[];
}

/**
 * Rename a field, also where other parts of the file name it.
 *
 * These are the list of required fields, defaults of objects that contain it, examples, `memory.keys` for an input,
 * and the compared values of graders for a field of the result.
 */
export interface RenameField {
  /** Name of the field. */
  name: string;
  op: "rename_field";
  /** Keys and indexes of the schema that contains the field: `["input_schema"]`, or of an object inside it. */
  schema_path: (string | number)[];
  /** The new name. */
  to: string;
}

/** Change the ID of a step, and of each expression that reads its result. */
export interface RenameStep {
  op: "rename_step";
  /** Keys and indexes of the step. */
  path: (string | number)[];
  /** The new ID. */
  to: string;
}

/** The job returned to the queue, and another attempt follows. */
export type RequeuedEvent = EventRead & {
  payload: {
    /** The reason: `drain`, `worker_lost`, `model_overloaded`, `wallet_empty` and others, or the error of an attempt that is retried, as `code: message`. */
    reason: string;
  };
  type: "requeued";
};

/** Make a field required or optional. */
export interface RequireField {
  /** Name of the field. */
  name: string;
  op: "require_field";
  required: boolean;
  /** Keys and indexes of the schema that contains the field: `["input_schema"]`, or of an object inside it. */
  schema_path: (string | number)[];
}

/**
 * Body of `POST /v1/openai/responses`.
 *
 * Parameters of the model, such as `temperature`, `max_output_tokens` and `reasoning`, are ignored: the skill sets
 * them.
 */
export interface ResponseCreate {
  /** Rejected if true: submit a job with `POST /v1/jobs` instead. */
  background?: boolean | null;
  /** Rejected. */
  conversation?: unknown;
  /** The message of the user, or the conversation, which ends with it. */
  input: string | InputItem[];
  /**
   * Not in OpenAI's API (`extra_body` in the SDKs): inputs of the skill in addition to the text of the last
   * message.
   */
  inputs?: Record<string, unknown> | null;
  /** Context for the skill. It is data, like all system messages. */
  instructions?: string | null;
  /** Metadata of the job. */
  metadata?: Record<string, string> | null;
  /** The skill: `skill`, or `skillpack/skill`. */
  model: string;
  /** Rejected: send the earlier messages as `input`. */
  previous_response_id?: string | null;
  /** Rejected. */
  prompt?: unknown;
  stream?: boolean | null;
  text?: TextConfig | null;
  /** Rejected unless it is `auto` or `none`. */
  tool_choice?: unknown;
  /** Rejected if not empty: a skill has its own tools. */
  tools?: unknown[] | null;
  /** Rejected if not 0. */
  top_logprobs?: number | null;
}

/** Why the job failed. */
export interface ResponseError {
  code: string;
  message: string;
}

/** The form of the answer. */
export interface ResponseFormat {
  json_schema?: JsonSchemaFormat | null;
  type?: "text" | "json_object" | "json_schema";
}

/** The answer of a skill. */
export interface ResponseRead {
  background?: boolean;
  completed_at?: number | null;
  created_at: number;
  error?: ResponseError | null;
  /** `resp_` and the ID of the job without hyphens. */
  id: string;
  incomplete_details?: null;
  instructions?: string | null;
  metadata: Record<string, string>;
  /** The skill, as the request names it. */
  model: string;
  object?: "response";
  output: OutputMessage[];
  parallel_tool_calls?: boolean;
  previous_response_id?: null;
  status: "in_progress" | "completed" | "failed" | "cancelled";
  store?: boolean;
  temperature?: null;
  text: Record<string, unknown>;
  tool_choice?: "none";
  tools?: unknown[];
  top_p?: null;
  truncation?: "disabled";
  usage?: ResponseUsage | null;
}

/** The tokens of all replies of the job; 0 for a function. */
export interface ResponseUsage {
  input_tokens: number;
  input_tokens_details: InputTokensDetails;
  output_tokens: number;
  output_tokens_details?: OutputTokensDetails;
  total_tokens: number;
}

/** A later attempt of an agent resumed from the journal. */
export type ResumedEvent = EventRead & {
  payload: {
    /** The last step that an earlier attempt completed. */
    from_step: number;
    /** Milliseconds that the preparation took, by part: `load` (secrets, bundle, drive), `guardrails`, `packages`, `sandbox`, `tools` (and MCP servers) and `files` (of the inputs). Parts of less than 10 ms are missing. */
    phases?: Record<string, number>;
  };
  type: "resumed";
};

/** When a job is retried. */
export interface Retries {
  /** Seconds before each retry, or how they grow. */
  backoff?: Backoff;
  /** Maximum number of retries after the first attempt. */
  max?: number;
  /** Failures after which a job is retried. */
  on?: ("worker_lost" | "timeout" | "error")[];
}

/** When a run moves to a stronger model. */
export interface Routing {
  /** Number of failures before the run moves. */
  after?: number;
  /** Model that continues the run. */
  escalate_to: string;
  /** Events that count as failures. */
  on?: "schema_fail"[];
}

/** The result of one run of a case. */
export interface RunOutcome {
  error: string | null;
  job_id: string | null;
  output: unknown;
  passed: boolean | null;
  score: number | null;
  /**
   * The status of the job; `waiting` before it is submitted, `refused` if it could not be submitted, `gone` after it
   * was deleted.
   */
  status: string;
}

/** A running job of a worker. */
export interface RunningJob {
  id: string;
  /** Slug of the project. */
  project: string;
  skill: string;
  started_at: string | null;
}

/** Sales of a listing as sums, without names. */
export interface SalesRead {
  /** Projects that have run it. */
  callers: number;
  /** Prices that callers paid. */
  charged_micros: number;
  /** The publisher's share. The rest is the operator's. */
  earned_micros: number;
  earned_usd: number;
  listing_id: string;
  /** Runs that have ended, without the publisher's own. */
  runs: number;
  slug: string;
  succeeded: number;
}

/** The sandbox of the job is ready. */
export type SandboxEvent = EventRead & ({
  payload: {
    /** The layers that confine the job on this host. */
    layers: string[];
    /** The layers that are missing, with the reason of each. */
    missing?: string[];
    /** `none`, `public`, `unconfined`, or the hosts that the job can reach. */
    network: string | string[];
    /** The reason why it is not warm, or why layers are missing. */
    reason?: string;
    /** Whether a process was ready that has already imported the skill. */
    warm: boolean;
  };
  type: "sandbox";
});

/** A saved view of a list. */
export interface SavedViewRead {
  name: string;
  updated_at: string;
  view: ViewOfJobs | ViewOfDeployments | ViewOfDrive | ViewOfMemory | ViewOfEvals | ViewOfListings;
}

/** Body of `PUT /v1/saved-views/{name}`. */
export interface SavedViewUpdate {
  view: ViewOfJobs | ViewOfDeployments | ViewOfDrive | ViewOfMemory | ViewOfEvals | ViewOfListings;
}

/** A new schedule. */
export interface ScheduleCreate {
  /** Seconds after which a missed run is not started any more. */
  catch_up_s?: number;
  /** Minute, hour, day of the month, month, day of the week: `30 9 * * mon-fri`; or an alias such as `@daily`. */
  cron: string;
  enabled?: boolean;
  /** The environment of its jobs. Default: that of the API key; for users `production`. It cannot change. */
  environment?: "development" | "staging" | "production" | null;
  /** Validated against the skill's `input_schema` now, and again when the job is submitted. */
  inputs?: Record<string, unknown>;
  /** Limits of each job, below those of the skill. */
  limits?: JobLimits;
  /** ID or slug of a marketplace listing to run instead of a skill. */
  listing_id?: string | null;
  /** The maximum price of a run of the listing. A run with a higher price is rejected. Default: the current price. */
  max_price_micros?: number | null;
  /** Metadata of each job, in addition to `schedule_id` and `schedule_due_at`. */
  metadata?: Record<string, unknown>;
  /** Behavior for times that were missed by a minute or more: `skip` them, or `run_once` for all of them. */
  missed?: "skip" | "run_once";
  /** The former name of `max_price_micros`. */
  most_price_micros?: number | null;
  /** A name that is unique in the project. */
  name: string;
  /**
   * Behavior while the previous job has not ended: `skip` this time, `queue` the next job until it has,
   * `cancel_previous`, or `allow` several jobs at the same time.
   */
  overlap?: "skip" | "queue" | "cancel_previous" | "allow";
  /** Name of the skill: `report`, or `skillpack/report`. */
  skill?: string | null;
  /** ID or slug. Default: the default skillpack, otherwise the only one that has the skill. */
  skillpack?: string | null;
  /** A name of the IANA list: `Europe/Berlin`. */
  time_zone?: string;
  /** Default: the version that is active when the job is submitted; for a listing, its newest version. */
  version?: number | null;
}

/** A schedule with its next and last runs. */
export interface ScheduleDetailRead {
  catch_up_s: number;
  created_at: string;
  created_by: string;
  cron: string;
  enabled: boolean;
  environment: "development" | "staging" | "production";
  id: string;
  inputs: Record<string, unknown>;
  /** The last ten runs, newest first. */
  last_runs: ScheduleRunRead[];
  limits: Record<string, unknown>;
  /** Slug of the listing that the schedule runs; null for a skill. */
  listing: string | null;
  /** The maximum price of a run of the listing. */
  max_price_micros: number | null;
  metadata: Record<string, unknown>;
  missed: "skip" | "run_once";
  /** The former name of `max_price_micros`. Removed in 0.3. */
  most_price_micros: number | null;
  name: string;
  /** Null while the schedule is off. */
  next_at: string | null;
  /** The next five times, while the schedule is on. */
  next_runs: UpcomingTimesRead[];
  overlap: "skip" | "queue" | "cancel_previous" | "allow";
  skill: string;
  /** Null: the schedule runs a listing. */
  skillpack_id: string | null;
  time_zone: string;
  updated_at: string;
  version: number | null;
}

/** The next times of a cron expression. */
export interface SchedulePreviewRead {
  cron: string;
  next_runs: UpcomingTimesRead[];
  time_zone: string;
}

/** A schedule. */
export interface ScheduleRead {
  catch_up_s: number;
  created_at: string;
  created_by: string;
  cron: string;
  enabled: boolean;
  environment: "development" | "staging" | "production";
  id: string;
  inputs: Record<string, unknown>;
  limits: Record<string, unknown>;
  /** Slug of the listing that the schedule runs; null for a skill. */
  listing: string | null;
  /** The maximum price of a run of the listing. */
  max_price_micros: number | null;
  metadata: Record<string, unknown>;
  missed: "skip" | "run_once";
  /** The former name of `max_price_micros`. Removed in 0.3. */
  most_price_micros: number | null;
  name: string;
  /** Null while the schedule is off. */
  next_at: string | null;
  overlap: "skip" | "queue" | "cancel_previous" | "allow";
  skill: string;
  /** Null: the schedule runs a listing. */
  skillpack_id: string | null;
  time_zone: string;
  updated_at: string;
  version: number | null;
}

/** One run of a schedule. */
export interface ScheduleRunRead {
  /** The former name of `is_manual`. Removed in 0.3. */
  by_hand: boolean;
  /** The error code of a rejected job. */
  code: string;
  created_at: string;
  due_at: string;
  id: string;
  /** True: a user requested the run. */
  is_manual: boolean;
  job_id: string | null;
  /** Null if there is no job or it was deleted. */
  job_status: "queued" | "running" | "waiting" | "succeeded" | "failed" | "cancelled" | null;
  /**
   * `submitted`: there is a job; `queued`: the job is submitted when the previous one has ended; `skipped`: another
   * job was running; `missed`: no worker was running; `refused`: see `reason`.
   */
  outcome: "submitted" | "skipped" | "missed" | "refused" | "queued";
  reason: string;
  schedule_id: string;
}

/** Changes to a schedule. Its skill or listing cannot change. */
export interface ScheduleUpdate {
  catch_up_s?: number | null;
  cron?: string | null;
  enabled?: boolean | null;
  inputs?: Record<string, unknown> | null;
  limits?: JobLimits | null;
  max_price_micros?: number | null;
  metadata?: Record<string, unknown> | null;
  missed?: "skip" | "run_once" | null;
  /** The former name of `max_price_micros`. */
  most_price_micros?: number | null;
  name?: string | null;
  overlap?: "skip" | "queue" | "cancel_previous" | "allow" | null;
  time_zone?: string | null;
  /** Null: the active version; for a listing, its newest version. */
  version?: number | null;
}

/** A usual selection of scopes for a secret key. */
export interface ScopePresetRead {
  description: string;
  name: string;
  /** Empty: full access. */
  scopes: string[];
  title: string;
}

/** A scope of API keys. */
export interface ScopeRead {
  description: string;
  name: string;
  /** Whether only keys of production can have it, since all environments share what it concerns. */
  production_only: boolean;
  /** Whether publishable keys can have it. */
  publishable: boolean;
}

/** The scopes of API keys, and presets of them. */
export interface ScopesRead {
  /** The narrowest one first. */
  presets: ScopePresetRead[];
  scopes: ScopeRead[];
}

/** A secret, without its value. */
export interface SecretRead {
  /** `null`: the value is for all environments that have none of their own. */
  environment?: "development" | "staging" | "production" | null;
  name: string;
  updated_at: string;
}

/** How a secret is replaced. */
export interface SecretRotation {
  /** How long requests are signed with the old secret, too. */
  overlap_hours?: number;
}

/** A secret to set. */
export interface SecretUpdate {
  /**
   * The environment whose jobs receive this value. Default: all that have no value of their own; for a key of
   * `development` or `staging`, its environment.
   */
  environment?: "development" | "staging" | "production" | null;
  /** Name of the environment variable: capital letters, digits and `_`. */
  name: string;
  /** At most 64 KiB; never returned. */
  value: string;
}

/** Body of `POST /v1/sessions`. */
export interface SessionCreate {
  /** The environment of all turns. Default: that of the API key; for users `production`. */
  environment?: "development" | "staging" | "production" | null;
  /** Metadata of your choice, returned with the session and with the job of each turn. */
  metadata?: Record<string, unknown>;
  /** Name of an agent: `support`, or `skillpack/support`. */
  skill: string;
  /** Default: the beginning of the first message. */
  title?: string | null;
  /** The version that all turns run. Default: each turn runs the version that is active when its message is sent. */
  version?: number | null;
}

/** A session of a user in one browser. */
export interface SessionRead {
  /** The former name of `ip_address`. Removed in 0.3. */
  address: string;
  created_at: string;
  /** Latest end of the session; it ends earlier when it is not used for a week. */
  expires_at: string;
  id: string;
  /** IP address from which the user signed in. */
  ip_address: string;
  /** Whether it is the session of this request. */
  is_current: boolean;
  last_seen_at: string;
  /** `User-Agent` of the browser. */
  user_agent: string;
}

/** Body of `PATCH /v1/sessions/{id}`. Fields that are not sent stay as they are. */
export interface SessionUpdate {
  /** Replaces the metadata. Turns that have started keep theirs. */
  metadata?: Record<string, unknown> | null;
  title?: string | null;
  /** The version that later turns run; `null`: the active one. */
  version?: number | null;
}

/** Result of signing out in all other browsers. */
export interface SessionsEnded {
  ended: number;
}

/** Set a value. Keys that contain it are created. */
export interface SetValue {
  op: "set";
  /** Keys and indexes of the value, outermost first. */
  path: (string | number)[];
  value: JsonValue;
}

/** What a link shows of a job: never its inputs, its log, its events or the input of its models. */
export interface SharedJobRead {
  created_at: string;
  error: string | null;
  /** When the link expires. */
  expires_at: string;
  finished_at: string | null;
  job_id: string;
  /** The result of a succeeded job; `null` otherwise. */
  result: unknown;
  skill_name: string;
  /** At most 500 spans. */
  spans: SharedSpan[];
  started_at: string | null;
  status: string;
}

/** A part of the time of a shared job. */
export interface SharedSpan {
  duration_ms: number | null;
  kind: string;
  name: string;
  /** `false`: it failed; `null`: unknown. */
  ok: boolean | null;
  parent_span_id: string | null;
  span_id: string;
  started_at: string;
}

/** A file to create a URL for. */
export interface SignedUrlCreate {
  /** Path from the root of the drive. */
  path: string;
  /** Seconds until the URL expires. */
  ttl?: number;
  /** The project, under the name that older clients use. Must be the caller's own. */
  workspace_id?: string | null;
}

/** A URL that opens the file without an API key. */
export interface SignedUrlRead {
  /** Seconds until the URL expires. */
  expires_in: number;
  path: string;
  signed_url: string;
}

/** One skill of a bundle. */
export interface Skill {
  /** The only tools that the agent may use; all by default. */
  allowed_tools?: string[];
  /** Model for audio. */
  audio_model?: string | null;
  /** Lifetime of the prompt cache. */
  cache_ttl?: "5m" | "1h";
  /** Whether a step of the flow may cost something. */
  calls_paid_skills?: boolean;
  /** Description of the skill, for users and for agents. */
  description?: string;
  /** Whether the agent has no tool `bash`. */
  disable_bash?: boolean;
  /** `SKILL.md` for an agent, `main.py:run` for a function, or `flow.yaml` for a flow. */
  entrypoint: string;
  /** Path of the cases, relative to the folder of the skill. */
  eval_dataset?: string | null;
  eval_gate?: Gate | null;
  eval_mocks?: Record<string, unknown>;
  evals?: Grader[];
  /** Valid inputs that users can run with one click. */
  examples?: Example[];
  /** The other models of the list. */
  fallback_models?: string[];
  /** The steps of a flow, as `backend.skills.flows.types.Flow` reads them. */
  flow?: Record<string, unknown> | null;
  /** Model for images. */
  image_model?: string | null;
  /** Inputs of a job. */
  input_schema: Record<string, unknown>;
  is_agentic: boolean;
  /** Group of workers that run its jobs. */
  lane?: string | null;
  /** Limits of one job. */
  limits?: Limits;
  /** Content of the public page. */
  marketing?: Record<string, unknown> | null;
  media_kinds?: string[];
  /** Access of the agent to its project's memory: tools, and a digest. */
  memory?: MemoryUse | null;
  /**
   * Language model of an agent; or a list, of which the next one continues a run when one is unavailable, or the
   * budget or its context does not suffice.
   */
  model?: string | null;
  /** `resize`, or `parent/sub` for a subskill. */
  name: string;
  /**
   * `public` (every public host, ports 80 and 443), `none`, or the hosts that jobs may connect to:
   * `api.example.org`, `*.example.org`, `api.example.org:8443`.
   */
  network?: "none" | "public" | string[];
  /** `trial`: a skill of the copy of the assistant. Earlier releases reject it, since they would not confine it. */
  origin?: "skill_yaml" | "agent_skill" | "trial";
  /** Result of a job. */
  output_schema: Record<string, unknown>;
  parent_skill?: string | null;
  /** Its folder relative to the root of the bundle: `skills/resize`; empty for a bundle that is one Agent Skill. */
  path: string;
  /** Guardrails on inputs, outputs and tool calls. */
  rails?: Rail[];
  /** Path of the `requirements.txt` that applies, relative to the root of the bundle. */
  requirements?: string | null;
  /** When a job is retried. */
  retries?: Retries;
  /** When a run moves to a stronger model. */
  routing?: Routing | null;
  /** Maximum running time of a job in seconds. */
  timeout_s?: number | null;
  /** Label of the skill. */
  title?: string | null;
  /** Maximum number of calls, by tool. */
  tool_limits?: Record<string, number>;
  /** Tools of the agent, in addition to the built-in ones. */
  tools?: Tool[];
  /** Model for video. */
  video_model?: string | null;
}

/** A change of a skill, and whether it breaks callers. */
export interface SkillChangeRead {
  is_breaking: boolean;
  message: string;
  path: string;
  skill: string;
}

/** A skill with everything that a caller or a form needs. */
export interface SkillRead {
  deployment_id: string;
  description: string;
  examples: Example[];
  /** The name for jobs: that of the skill, prefixed with `skillpack/` unless the skillpack is the default one. */
  full_name: string;
  /** The same schema in JSON Schema 2020-12. */
  input_json_schema: Record<string, unknown>;
  /** The schema as its author wrote it, in the dialect of skill.yaml. */
  input_schema: Record<string, unknown>;
  is_agentic: boolean;
  lane: string | null;
  /** The limits of a job. If the operator has lowered a ceiling since the push, the ceiling. */
  limits: Limits;
  marketing: Record<string, unknown> | null;
  model: string | null;
  name: string;
  network: string | string[];
  output_json_schema: Record<string, unknown>;
  output_schema: Record<string, unknown>;
  retries: Retries;
  /** Slug of its skillpack. */
  skillpack: string;
  skillpack_id: string;
  /** `null`: the default of the instance. */
  timeout_s: number | null;
  title: string | null;
  type: "agentic" | "deterministic" | "flow";
  version: number | null;
}

/** The result of the newest finished suite of a skill with the skill's own model. */
export interface SkillScoreRead {
  /** 0 to 100. */
  mean_score: number | null;
  pass_rate_pct: number | null;
  skill: string;
  suite_id: string;
}

/** A skill that jobs can name. */
export interface SkillSummary {
  deployment_id: string;
  description: string;
  /** The name for jobs: that of the skill, prefixed with `skillpack/` unless the skillpack is the default one. */
  full_name: string;
  is_agentic: boolean;
  name: string;
  /** Slug of its skillpack. */
  skillpack: string;
  skillpack_id: string;
  title: string | null;
  type: "agentic" | "deterministic" | "flow";
  version: number | null;
}

/** Body of an edit. */
export interface SkillYamlEdit {
  /** Changes in this order. Without any, the response only describes the text. */
  edits?: (SetValue | RemoveValue | AddField | RenameField | RemoveField | MoveField | RequireField)[];
  /** The text of the file. */
  text: string;
}

/** The text after the edits, and its values. */
export interface SkillYamlRead {
  /** The values; `null` if the text is not a mapping in valid YAML. */
  document: Record<string, unknown> | null;
  /** Why the text is not valid YAML. Values are not validated: `drafts/check` does that. */
  problems: SyntaxProblemRead[];
  text: string;
}

/** A skillpack to create. */
export interface SkillpackCreate {
  description?: string;
  name: string;
  /** Its name in URLs; derived from `name` by default. */
  slug?: string | null;
}

/** A series of versions inside the project. */
export interface SkillpackRead {
  active_deployment_id: string | null;
  created_at: string;
  description: string;
  id: string;
  is_default: boolean;
  /** Number of the newest version; 0 before the first. */
  last_version: number;
  name: string;
  /** The deployment that was active before; its activation is a rollback. */
  previous_deployment_id: string | null;
  project_id: string;
  slug: string;
  /** The same ID, under the name that newer clients read. */
  workspace_id: string;
}

/** A period of a job. `parent_span_id` forms the tree. */
export interface SpanRead {
  attributes: Record<string, unknown>;
  /** `null` while the span has not ended. */
  duration_ms: number | null;
  /**
   * `run`, `queue`, `attempt`, `environment`, `function`, `durable_step` (of a function), `waiting` (for an
   * approval, a time or an event), `phase` (preparation and end of an attempt, by the runtime), and for agents `step`,
   * `llm`, `tool`.
   */
  kind: string;
  name: string;
  parent_span_id: string | null;
  /** 16 hexadecimal digits. */
  span_id: string;
  started_at: string;
  /** ID of the job. */
  trace_id: string;
}

/** A worker claimed the job and started an attempt. */
export type StartedEvent = EventRead & {
  payload: {
    /** Number of the attempt, from 1. A job that continues after a wait is in the same attempt. */
    attempt: number;
    /** ID of the worker process. */
    worker: string;
  };
  type: "started";
};

/** State of one part of the instance. */
export interface StatusTileRead {
  /** What is known about it. */
  message: string;
  part: string;
  /** `wait`: the instance works with restrictions; `fail`: jobs do not run. */
  state: "ok" | "wait" | "fail";
  /** The former name of `message`. Removed in 0.3. */
  told: string;
}

/** A durable step ended, and its outcome is stored. */
export type StepFinishedEvent = EventRead & {
  payload: {
    /** The branch of `parallel` that ran the step; empty for the function itself. */
    branch: string;
    /** Its duration, with all calls of the function and the pauses between them. */
    duration_ms: number;
    /** The error of a failed step. */
    error?: string;
    /** ID of the event that was received or sent. */
    event_id?: string;
    /** `step`, `sleep`, `event` (a wait for an event) or `emit`. */
    kind: string;
    /** Name of the step. */
    name: string;
    /** Number of the step in its branch, from 1. */
    position: number;
    /** `finished` or `failed`. */
    status: string;
    /** How often the function was called, if more than once. */
    tries?: number;
  };
  type: "step_finished";
};

/** The replies of the model at one step of the run. */
export interface StepNumbers {
  billed_micros: number;
  costliest_job_id: string;
  /** The former name of `costliest_job_id`. Removed in 0.3. */
  dearest_job_id: string;
  mean_billed_micros: number;
  mean_ms: number;
  replies: number;
  step: number;
}

/** A reply of an agent, and the results of the calls that it requests. */
export interface StepRead {
  /** Blocks of the reply, as the model returned them: `text`, `tool_use`, `thinking`. */
  blocks: Record<string, unknown>[];
  /** Results in the order of the calls. A call that has not ended has none. */
  results: CallResult[];
  step: number;
}

/** A durable step started to run. */
export type StepStartedEvent = EventRead & {
  payload: {
    /** The branch of `parallel` that runs the step; empty for the function itself. */
    branch: string;
    /** `step`, `sleep`, `event` (a wait for an event) or `emit`. */
    kind: string;
    /** Name of the step. */
    name: string;
    /** Number of the step in its branch, from 1. */
    position: number;
  };
  type: "step_started";
};

/** Options of a stream. */
export interface StreamOptions {
  /** Send the usage in a last chunk without choices. */
  include_usage?: boolean | null;
}

/** Body of `POST /v1/subagent/invoke`. */
export interface SubagentCreate {
  inputs?: Record<string, unknown>;
  /** Identifies the call. Repeat the request with the same key to wait longer. */
  key?: string | null;
  /** Always rejected: a job cannot call a listing. */
  listing_id?: string | null;
  /** The job of the token; optional. */
  parent_job_id?: string | null;
  /** Instead of a target: a task for an agent with the built-in tools. */
  prompt?: string | null;
  /**
   * `skill`, `skillpack/skill`, the short name of a subskill of the caller, or a text file of its folder:
   * `references/check.md`.
   */
  target?: string | null;
  /** Seconds to wait. The response is sent after at most 50 seconds, with the current status of the call. */
  timeout?: number;
  /** Default: the version of the caller if it has the skill, otherwise the active one. */
  version?: number | null;
}

/** Purpose, inputs and outputs of a skill. */
export interface SubagentDescriptionRead {
  /** JSON Schema 2020-12, like `output_schema`. */
  input_schema: Record<string, unknown>;
  output_schema: Record<string, unknown>;
  required: string[];
  summary: string;
  target: string;
}

/** A job that this job called has ended. */
export type SubagentEndEvent = EventRead & {
  payload: {
    /** Its duration, including the time in the queue. */
    duration_ms: number;
    /** The error code if it failed. */
    error_code?: string;
    /** ID of the job that was called. */
    job_id: string;
    /** The purpose of the call; by default the name of the skill. */
    label: string;
    /** Name of the skill. */
    skill: string;
    /** `succeeded`, `failed` or `cancelled`. */
    status: string;
    /** ID of the call of a tool, if an agent called it. */
    tool_use_id?: string;
    /** The usage of the subjob, in millionths of a dollar. */
    used_micros: number;
  };
  type: "subagent_end";
};

/** The current status of a call. */
export interface SubagentRead {
  error: string | null;
  error_code: string | null;
  job_id: string;
  /** The result of the skill, once it has succeeded. */
  result: unknown;
  status: "queued" | "running" | "waiting" | "succeeded" | "failed" | "cancelled";
  /** The usage of the call so far. The caller pays it with its own bill. */
  used_micros: number;
}

/** The job called another skill, which runs as a subjob. */
export type SubagentStartEvent = EventRead & {
  payload: {
    /** The depth of the call. */
    depth: number;
    /** The durable step of a function that made the call: `BRANCH:POSITION`. */
    durable_step?: string;
    /** ID of the job that was called. */
    job_id: string;
    /** The purpose of the call; by default the name of the skill. */
    label: string;
    /** Name of the skill. */
    skill: string;
    /** ID of the call of a tool, if an agent called it. */
    tool_use_id?: string;
  };
  type: "subagent_start";
};

/** Body of `POST /v1/subagent/describe`. */
export interface SubagentsDescribe {
  /** As in `POST /v1/subagent/invoke`. */
  target: string;
}

/** The job ended with a result. No event follows. */
export type SucceededEvent = EventRead & {
  payload: {
    /** The amount that the wallet paid, in millionths of a dollar. */
    cost_micros?: number;
    /** The usage that is not charged, in millionths of a dollar; present if it is not zero. */
    forgiven_micros?: number;
    /** Milliseconds since the end of the skill's code, by part: `store` (files of the result) and `grade`; if the code has not started, of the parts of the preparation. Parts of less than 10 ms are missing. */
    phases?: Record<string, number>;
    /** The usage of a subjob, in millionths of a dollar, which its parent pays; `cost_micros` is missing then. */
    used_micros?: number;
  };
  type: "succeeded";
};

/** A case as a suite would run it. */
export interface SuiteCaseRead {
  case_id: string;
  /**
   * The conversation that the job continued: `earlier` messages, `context`, and whether a text ends the turn
   * (`accepts_text`). A suite continues the same one. `null`: none.
   */
  conversation: Record<string, unknown> | null;
  expected: unknown;
  has_expected: boolean;
  inputs: Record<string, unknown>;
  /** The former name of `saved_case_id`. Removed in 0.3. */
  kept_id: string | null;
  /** The ID by which a saved case is deleted. `null`: it belongs to the version's dataset. */
  saved_case_id: string | null;
  source_job_id: string | null;
  tags: string[];
}

/** Body of `POST /v1/skillpacks/{skillpack}/evals`. */
export interface SuiteCreate {
  /** Default: all cases. */
  case_ids?: string[] | null;
  /** Another model for an agentic skill. `recording`: replay the replies of each case's earlier run, at no cost. */
  model?: string | null;
  /** Number of runs of each case. */
  repeat?: number;
  /** The skill whose cases are run. */
  skill: string;
  /** Percent of the runs that must pass. Default: the threshold of the skill's gate, or none. */
  threshold?: number | null;
  /** Default: the active version. */
  version?: number | null;
}

/** A suite and its progress. */
export interface SuiteRead {
  completed_runs?: number;
  created_at: string;
  created_by: string;
  deployment_id: string;
  /** The reason why it ended without numbers. */
  error: string;
  /** Runs without a result: their jobs failed, were cancelled or could not be submitted. Their score is 0. */
  failed_runs?: number;
  finished_at: string | null;
  /** Whether enough runs passed. `null`: there is no threshold, or the suite has not ended. */
  gate_passed: boolean | null;
  graders?: GraderNumbers[];
  id: string;
  /** Later versions must not be worse. */
  is_baseline: boolean;
  /** Its result decides whether its version becomes active. */
  is_gate: boolean;
  /** `rehearsal` or `recording` if no language model replied in some of the runs. */
  label?: string;
  mean_cost_micros?: number | null;
  /** From the start of the first attempt of a job to its end, including waits. */
  mean_latency_ms?: number | null;
  /** 0 to 100. */
  mean_score?: number | null;
  model: string | null;
  pass_rate_pct?: number | null;
  passed_runs?: number;
  project_id: string;
  repeat: number;
  score_stddev?: number | null;
  skill_name: string;
  skillpack_id: string;
  status: "preparing" | "running" | "succeeded" | "failed" | "cancelled";
  threshold: number | null;
  total_cost_micros?: number;
  total_runs: number;
  /** `null` for a draft. */
  version: number | null;
  /** The reason why no more jobs are submitted at the moment; otherwise empty. */
  waiting_reason: string;
  /** Runs whose jobs wait for an approval. `GET /v1/approvals?status=pending` lists the calls. */
  waiting_runs?: number;
  /** The same as `project_id`. */
  workspace_id: string;
}

/** A place at which a text is not valid YAML. */
export interface SyntaxProblemRead {
  column: number | null;
  line: number | null;
  message: string;
}

/** A template for a skillpack. */
export interface TemplateRead {
  description: string;
  name: string;
  skills: string[];
  title: string;
}

/** Options of the answer. */
export interface TextConfig {
  format?: TextFormat | null;
}

/** A replacement in a text. */
export interface TextEditRead {
  column: number;
  /** The column after the last replaced character. */
  end_column: number;
  end_line: number;
  line: number;
  text: string;
}

/** The form of the answer. */
export interface TextFormat {
  name?: string | null;
  /** Each result of the skill must be valid for it, as its `output_schema` promises. */
  schema?: Record<string, unknown> | null;
  type?: "text" | "json_object" | "json_schema";
}

/** The agent reached its time limit. */
export type TimeoutEvent = EventRead & {
  payload: {
    /** `timeout`. */
    kind: string;
    /** The limit in seconds. */
    limit_s: number;
    /** Number of the step. */
    step: number;
  };
  type: "timeout";
};

/** Micro-dollars per million tokens, including the margin. */
export interface TokenPrices {
  cache_read_micros: number;
  cache_write_1h_micros: number;
  cache_write_5m_micros: number;
  input_micros: number;
  output_micros: number;
}

/** A tool of an agent: a function of the bundle, another skill, the tools of an MCP server, or a built-in one. */
export interface Tool {
  /** Tools of the MCP server that the agent may use; all by default. */
  allow?: string[] | null;
  /** A built-in tool that a skill must request. */
  builtin?: "python" | null;
  /** Whether each call needs an approval. */
  confirm?: boolean;
  /** Description for the model. */
  description?: string;
  /** `file.py:function`, relative to the folder of the skill. */
  entrypoint?: string | null;
  /** Sent to the MCP server. `${secret:NAME}` in a value is replaced by a secret when a run starts. */
  headers?: Record<string, string>;
  /** Whether a repeated call has no second effect. */
  idempotent?: boolean;
  /** Arguments of the function. */
  input_schema?: Record<string, unknown> | null;
  /** URL of an MCP server. */
  mcp?: string | null;
  /** Name by which the model calls it. */
  name?: string | null;
  /** Result of the function. */
  output_schema?: Record<string, unknown> | null;
  /** Whether it has no effects, so that a call may be repeated. */
  read_only?: boolean;
  /** Name of the skill that the tool runs. */
  skill?: string | null;
}

/** The calls of one tool. */
export interface ToolNumbers {
  billed_micros: number;
  calls: number;
  errors: number;
  name: string;
  p50_ms: number | null;
  p95_ms: number | null;
  slowest_job_id: string | null;
  total_ms: number;
}

/** A call of a tool ended. Tools add fields of their own, such as `exit_code`, `path` or `media`. */
export type ToolResultEvent = EventRead & {
  payload: {
    /** The price, in millionths of a dollar, if the call used something that is billed. */
    billed_micros?: number;
    /** False: the model received an error. */
    ok: boolean;
    /** The first 512 characters of the result. */
    preview: string;
    /** Number of the step. */
    step: number;
    /** Name of the tool. */
    tool: string;
    /** ID of the call. */
    tool_use_id: string;
    [name: string]: unknown;
  };
  type: "tool_result";
};

/** A call of a tool started. */
export type ToolStartedEvent = EventRead & {
  payload: {
    /** Number of the step. */
    step: number;
    /** Name of the tool. */
    tool: string;
    /** ID of the call. */
    tool_use_id: string;
  };
  type: "tool_started";
};

/** The model requested a call of a tool. */
export type ToolUseEvent = EventRead & {
  payload: {
    /** The arguments. */
    input?: Record<string, unknown>;
    /** Size of the arguments when they are too large for an event. */
    input_bytes?: number;
    /** `rails`: a guardrail of the skill withholds the arguments. */
    input_withheld?: string;
    /** The purpose of the call, as the model states it. */
    label?: string;
    /** Name of the tool. */
    name: string;
    /** Number of the step. */
    step: number;
    /** ID of the call. */
    tool_use_id: string;
  };
  type: "tool_use";
};

/** Credit for a project's wallet. */
export interface TopUpCreate {
  amount_usd: number;
  /** Reason, recorded in the ledger. */
  note?: string;
}

/** Balance of the wallet after the top-up. */
export interface TopUpRead {
  balance_micros: number;
  balance_usd: number;
  project_id: string;
}

/** An upcoming time. */
export interface UpcomingTimesRead {
  at: string;
  /** Local time with the UTC offset. */
  local: string;
}

/** A file that is stored in the drive. */
export interface UploadRead {
  /** Path from the root of the drive. Inputs of jobs and `POST /v1/drive/sign` accept it. */
  drive_path: string;
  mime: string;
  sha256: string;
  size_bytes: number;
}

/** The cost of one group of jobs or calls. */
export interface UsageRow {
  cache_read_tokens?: number | null;
  cache_write_tokens?: number | null;
  /** Only when grouped by model: the number of calls. The numbers of tokens are also present then. */
  calls?: number | null;
  /** The charged amount. */
  cost_micros: number;
  cost_usd: number;
  failed: number;
  /** The usage that was not charged. */
  forgiven_micros: number;
  /** The values of the group, separated by ` / `. */
  group: string;
  /** The values by dimension: `{"day": "2026-01-31", "skill": "resize"}`. */
  groups: Record<string, string>;
  input_tokens?: number | null;
  jobs: number;
  output_tokens?: number | null;
}

/** A new user account. */
export interface UserCreate {
  email: string;
  name?: string;
}

/** A user account. */
export interface UserRead {
  email: string;
  id: string;
  is_operator: boolean;
  name: string;
}

export interface ValidateBundleForm {
  /** ZIP archive of the project's folder, at most 64 MiB. */
  bundle: Blob;
}

/** A bundle that can be pushed as it is. */
export interface ValidationRead {
  manifest: Manifest;
  ok?: true;
  /** Skills of the active version that a push of the bundle removes. */
  removed_skills: string[];
  sha256: string;
  size_bytes: number;
  warnings: ProblemRead[];
}

/** The runs of one version. */
export interface VersionNumbers {
  /** Costs and durations are those of runs that succeeded. */
  cost_p50_micros: number | null;
  cost_p95_micros: number | null;
  /** From the start of the first attempt to the end, including waits, as the page of a job shows it. */
  duration_p50_ms: number | null;
  duration_p95_ms: number | null;
  failed: number;
  mean_eval_score: number | null;
  runs: number;
  /** `null`: drafts. */
  version: number | null;
}

/** A view of the versions of a skillpack. */
export interface ViewOfDeployments {
  filters?: DeploymentViewFilters;
  page: "deployments";
  sort?: "version" | "-version" | "size" | "-size";
}

/** A view of a folder of the drive. */
export interface ViewOfDrive {
  filters?: DriveViewFilters;
  page: "drive";
  sort?: "name" | "-name" | "size" | "-size" | "modified" | "-modified";
}

/** A view of the suites of a skill and of their runs. */
export interface ViewOfEvals {
  filters?: EvalViewFilters;
  page: "evals";
  sort?: "number" | "score" | "cost" | "duration";
}

/** A view of the list of jobs. */
export interface ViewOfJobs {
  /** The columns in their order; null: those that the user has chosen in the browser. */
  columns?: ("job" | "skill" | "version" | "environment" | "source" | "model" | "submitted_by" | "attempt" | "duration" | "cost" | "created_at")[] | null;
  filters?: JobViewFilters;
  page: "jobs";
  sort?: "created_at" | "-created_at" | "duration" | "-duration" | "cost" | "-cost" | "status" | "-status";
}

/** A view of the listings of the marketplace. */
export interface ViewOfListings {
  filters?: ListingViewFilters;
  page: "marketplace";
  sort?: "published_at" | "-published_at" | "title" | "-title" | "price" | "-price" | "status" | "-status" | "runs" | "-runs" | "callers" | "-callers" | "earned" | "-earned";
}

/** A view of the records of the memory. */
export interface ViewOfMemory {
  filters?: MemoryViewFilters;
  page: "memory";
  sort?: "updated_at" | "-updated_at" | "title" | "-title" | "kind" | "-kind" | "key" | "-key" | "written_by" | "-written_by";
}

/** The job waits without a worker: until a user decides, a time, an event, or the end of steps. */
export type WaitingEvent = EventRead & {
  payload: {
    /** Number of pending approvals. */
    approvals: number;
    /** The reason to wait: `approval`, `sleep`, `event`, or `steps` of a flow. Of several reasons of a flow, it is the first of approval, steps, event and sleep. */
    reason: string;
    /** When the job continues at the latest, if it sleeps or its wait for an event has a time limit. */
    until?: string;
  };
  type: "waiting";
};

/** Jobs of one lane that wait for the same reason. */
export interface WaitingJobsRead {
  /** The reason under its name before 0.2: `next_in_line` instead of `workers_busy`. Removed in 0.3. */
  former_reason: "not_before" | "wallet_empty" | "wallet_held" | "project_limit" | "no_worker" | "runs_alone" | "next_in_line";
  jobs: number;
  lane: string;
  /** Earliest `run_at`, for jobs that wait for it. */
  next_due_at: string | null;
  /** Waiting time of the oldest job in seconds; 0 for jobs that wait for their `run_at`. */
  oldest_s: number;
  reason: "not_before" | "wallet_empty" | "wallet_held" | "project_limit" | "no_worker" | "quarantined" | "workers_busy";
}

/** The code of a skill searched the web. */
export type WebEvent = EventRead & {
  payload: {
    /** The price, in millionths of a dollar. */
    billed_micros: number;
    /** Number of results. */
    count: number;
    /** The durable step of a function that made the call: `BRANCH:POSITION`. */
    durable_step?: string;
    /** `search`. */
    verb: string;
  };
  type: "web";
};

/** A page to read. */
export interface WebPageFetch {
  /** Maximum length of the text. */
  max_chars?: number;
  /** Scripts are not supported: `true` returns 501. */
  render_js?: boolean;
  /** The whole URL, with `https://`. */
  url: string;
}

/** The text of a page. */
export interface WebPageRead {
  content: string;
  /** Characters of the whole text. */
  length: number;
  title: string;
  /** The URL after redirects. */
  url: string;
}

/** A search. */
export interface WebSearch {
  max_results?: number;
  query: string;
}

/** The results of a search. */
export interface WebSearchRead {
  billed_micros: number;
  billed_usd: number;
  results: WebSearchResult[];
}

/** A page in the results. */
export interface WebSearchResult {
  /** The excerpt of the search engine. */
  text: string;
  title: string;
  url: string;
}

/** A new webhook. */
export interface WebhookCreate {
  description?: string;
  enabled?: boolean;
  /** Events to send. Empty: all events. */
  events?: ("job.succeeded" | "job.failed" | "job.cancelled" | "job.waiting" | "deployment.activated" | "budget.alert" | "schedule.failed" | "alert.raised" | "alert.resolved" | "comment.mentioned")[];
  /**
   * `json`: the signed event, for a program. `slack`: a message `{"text": …}` to the incoming webhook of Slack,
   * Mattermost, Discord (`…/slack`) and others. `email`: an e-mail, if the operator has set `PURAS_SMTP_URL`. The format
   * cannot change.
   */
  format?: "json" | "slack" | "email";
  /** Of events about a skill, send only those of these skills. Empty: all skills. */
  skills?: string[];
  /**
   * `https://…` or `http://…`, at a public address. Redirects are not followed. With `format: email`, `mailto:` and
   * the address of a member of the project.
   */
  url: string;
}

/** A webhook without its secret. */
export interface WebhookRead {
  created_at: string;
  created_by: string;
  description: string;
  /** Why the instance has switched it off; otherwise empty. */
  disabled_reason: string;
  enabled: boolean;
  /** Empty: all events. */
  events: string[];
  /** The first failure since the last accepted request. */
  failing_since: string | null;
  format: "json" | "slack" | "email";
  id: string;
  /** Until then, requests are signed with the previous secret, too. */
  previous_secret_expires_at: string | null;
  /** The former name of `previous_secret_expires_at`. */
  previous_until: string | null;
  skills: string[];
  updated_at: string;
  url: string;
}

/** A webhook with its secret, which is shown only once. */
export interface WebhookSecretRead {
  created_at: string;
  created_by: string;
  description: string;
  /** Why the instance has switched it off; otherwise empty. */
  disabled_reason: string;
  enabled: boolean;
  /** Empty: all events. */
  events: string[];
  /** The first failure since the last accepted request. */
  failing_since: string | null;
  format: "json" | "slack" | "email";
  id: string;
  /** Until then, requests are signed with the previous secret, too. */
  previous_secret_expires_at: string | null;
  /** The former name of `previous_secret_expires_at`. */
  previous_until: string | null;
  /** `whsec_…`, for `puras.verify_webhook`. Only requests with `format: json` are signed. */
  secret: string;
  skills: string[];
  updated_at: string;
  url: string;
}

/** Changes of a webhook. Switching it on clears the reason why it was off. */
export interface WebhookUpdate {
  description?: string | null;
  enabled?: boolean | null;
  events?: ("job.succeeded" | "job.failed" | "job.cancelled" | "job.waiting" | "deployment.activated" | "budget.alert" | "schedule.failed" | "alert.raised" | "alert.resolved" | "comment.mentioned")[] | null;
  skills?: string[] | null;
  url?: string | null;
}

/** One worker process. */
export interface WorkerRead {
  /** The former name of `heartbeat_at`. Removed in 0.3. */
  beat_at: string;
  /** Maximum concurrent jobs. */
  capacity: number;
  heartbeat_at: string;
  host: string;
  id: string;
  /** Whether its last heartbeat is within its lease; otherwise its jobs are requeued. */
  is_alive: boolean;
  /** Whether it claims no more jobs. */
  is_draining: boolean;
  lanes: string[];
  /** Layers of its sandbox. */
  layers: string[];
  pid: number;
  running: RunningJob[];
  /** The resource that its host lacks (disk, memory or processes), so that it claims no jobs. */
  shortage: string | null;
  started_at: string;
}

/** The writer of a file. */
export interface Writer {
  /** ID of the job, the key or the user. */
  id?: string | null;
  /** IDs of the jobs that may have written it. */
  ids?: string[];
  /** `jobs`: one of several jobs; which one is unknown. */
  kind: "job" | "jobs" | "key" | "user" | "system";
  /** A readable name, such as `key:ab12cd34`. */
  label?: string | null;
}

/** @deprecated Use `AdminProjectRead`. */
export type AdminProjectAnswer = AdminProjectRead;

/** @deprecated Use `ApprovalRead`. */
export type ApprovalView = ApprovalRead;

/** @deprecated Use `AuditRead`. */
export type AuditAnswer = AuditRead;

/** @deprecated Use `JobActivityRead`. */
export type Bar = JobActivityRead;

/** @deprecated Use `BudgetRead`. */
export type BudgetAnswer = BudgetRead;

/** @deprecated Use `BudgetCreate`. */
export type BudgetAsked = BudgetCreate;

/** @deprecated Use `BudgetUpdate`. */
export type BudgetChanges = BudgetUpdate;

/** @deprecated Use `CaseCreate`. */
export type CaseRequest = CaseCreate;

/** @deprecated Use `CaseRead`. */
export type CaseView = CaseRead;

/** @deprecated Use `CellRun`. */
export type CellAsked = CellRun;

/** @deprecated Use `CellRead`. */
export type CellView = CellRead;

/** @deprecated Use `CellsUpdate`. */
export type CellsAsked = CellsUpdate;

/** @deprecated Use `DraftCheckRead`. */
export type CheckView = DraftCheckRead;

/** @deprecated Use `UpcomingTimesRead`. */
export type ComingAnswer = UpcomingTimesRead;

/** @deprecated Use `ContinuationCreate`. */
export type ContinueRequest = ContinuationCreate;

/** @deprecated Use `DecisionCreate`. */
export type DecisionRequest = DecisionCreate;

/** @deprecated Use `DeletedRead`. */
export type DeletedAnswer = DeletedRead;

/** @deprecated Use `DeliveryRead`. */
export type DeliveryAnswer = DeliveryRead;

/** @deprecated Use `DeploymentRead`. */
export type DeploymentAnswer = DeploymentRead;

/** @deprecated Use `SubagentsDescribe`. */
export type DescribeAsked = SubagentsDescribe;

/** @deprecated Use `SubagentDescriptionRead`. */
export type Described = SubagentDescriptionRead;

/** @deprecated Use `DiffRead`. */
export type DiffAnswer = DiffRead;

/** @deprecated Use `DocumentRead`. */
export type DocumentView = DocumentRead;

/** @deprecated Use `DraftFileRead`. */
export type DraftFileView = DraftFileRead;

/** @deprecated Use `DraftRunCreate`. */
export type DraftRunRequest = DraftRunCreate;

/** @deprecated Use `DraftRunRead`. */
export type DraftRunView = DraftRunRead;

/** @deprecated Use `DraftRead`. */
export type DraftView = DraftRead;

/** @deprecated Use `DriveEntryRead`. */
export type EntryAnswer = DriveEntryRead;

/** @deprecated Use `EventRead`. */
export type EventView = EventRead;

/** @deprecated Use `ExampleCreate`. */
export type ExampleRequest = ExampleCreate;

/** @deprecated Use `FeedbackCreate`. */
export type FeedbackRequest = FeedbackCreate;

/** @deprecated Use `FeedbackRead`. */
export type FeedbackView = FeedbackRead;

/** @deprecated Use `FileChangeRead`. */
export type FileChangeAnswer = FileChangeRead;

/** @deprecated Use `FolderCreate`. */
export type FolderAsked = FolderCreate;

/** @deprecated Use `MemoryDeletedRead`. */
export type Forgotten = MemoryDeletedRead;

/** @deprecated Use `ForkCreate`. */
export type ForkRequest = ForkCreate;

/** @deprecated Use `WebSearchResult`. */
export type FoundPage = WebSearchResult;

/** @deprecated Use `GateRead`. */
export type GateView = GateRead;

/** @deprecated Use `SuiteCaseRead`. */
export type GivenCase = SuiteCaseRead;

/** @deprecated Use `InvitationRead`. */
export type InvitationAnswer = InvitationRead;

/** @deprecated Use `InvitationCreate`. */
export type InvitationAsked = InvitationCreate;

/** @deprecated Use `JobCreate`. */
export type JobRequest = JobCreate;

/** @deprecated Use `JobRead`. */
export type JobView = JobRead;

/** @deprecated Use `KernelCreate`. */
export type KernelAsked = KernelCreate;

/** @deprecated Use `KernelRead`. */
export type KernelView = KernelRead;

/** @deprecated Use `ApiKeyRead`. */
export type KeyAnswer = ApiKeyRead;

/** @deprecated Use `ApiKeyUpdate`. */
export type KeyChanges = ApiKeyUpdate;

/** @deprecated Use `LimitRead`. */
export type LimitAnswer = LimitRead;

/** @deprecated Use `LimitsUpdate`. */
export type LimitChanges = LimitsUpdate;

/** @deprecated Use `LimitsRead`. */
export type LimitsAnswer = LimitsRead;

/** @deprecated Use `ListingCreate`. */
export type ListingAsked = ListingCreate;

/** @deprecated Use `ListingUpdate`. */
export type ListingChanges = ListingUpdate;

/** @deprecated Use `ListingRead`. */
export type ListingView = ListingRead;

/** @deprecated Use `MediaRead`. */
export type MediaAnswer = MediaRead;

/** @deprecated Use `MediaCreate`. */
export type MediaAsked = MediaCreate;

/** @deprecated Use `MediaRateRead`. */
export type MediaRateHere = MediaRateRead;

/** @deprecated Use `MemberRead`. */
export type MemberAnswer = MemberRead;

/** @deprecated Use `MemberUpdate`. */
export type MemberChanges = MemberUpdate;

/** @deprecated Use `MemoryChangeRead`. */
export type MemoryChangeView = MemoryChangeRead;

/** @deprecated Use `MemoryRead`. */
export type MemoryView = MemoryRead;

/** @deprecated Use `DraftFileMove`. */
export type MoveRequest = DraftFileMove;

/** @deprecated Use `InvitationCreated`. */
export type NewInvitationAnswer = InvitationCreated;

/** @deprecated Use `ApiKeyCreated`. */
export type NewKeyAnswer = ApiKeyCreated;

/** @deprecated Use `ApiKeyCreate`. */
export type NewKeyAsked = ApiKeyCreate;

/** @deprecated Use `UserCreate`. */
export type NewPersonAsked = UserCreate;

/** @deprecated Use `ProjectCreate`. */
export type NewProjectAsked = ProjectCreate;

/** @deprecated Use `SkillpackCreate`. */
export type NewSkillpackAsked = SkillpackCreate;

/** @deprecated Use `NotebookOpen`. */
export type OpenAsked = NotebookOpen;

/** @deprecated Use `NotebookRead`. */
export type OpenedView = NotebookRead;

/** @deprecated Use `OutputRead`. */
export type OutputView = OutputRead;

/** @deprecated Use `WebPageRead`. */
export type PageAnswer = WebPageRead;

/** @deprecated Use `WebPageFetch`. */
export type PageAsked = WebPageFetch;

/** @deprecated Use `PasswordLinkRead`. */
export type PasswordLinkAnswer = PasswordLinkRead;

/** @deprecated Use `PendingChangesRead`. */
export type PendingView = PendingChangesRead;

/** @deprecated Use `AdminUserRead`. */
export type PersonAnswer = AdminUserRead;

/** @deprecated Use `SchedulePreviewRead`. */
export type PreviewAnswer = SchedulePreviewRead;

/** @deprecated Use `PricingRead`. */
export type PriceView = PricingRead;

/** @deprecated Use `ProbeRead`. */
export type ProbeAnswer = ProbeRead;

/** @deprecated Use `ProblemRead`. */
export type ProblemAnswer = ProblemRead;

/** @deprecated Use `DraftProblemRead`. */
export type ProblemView = DraftProblemRead;

/** @deprecated Use `ProjectRead`. */
export type ProjectAnswer = ProjectRead;

/** @deprecated Use `ProjectUpdate`. */
export type ProjectChanges = ProjectUpdate;

/** @deprecated Use `PromptRead`. */
export type PromptAnswer = PromptRead;

/** @deprecated Use `ProviderRead`. */
export type ProviderAnswer = ProviderRead;

/** @deprecated Use `ProviderKeyUpdate`. */
export type ProviderKeyAsked = ProviderKeyUpdate;

/** @deprecated Use `DraftPublish`. */
export type PublishRequest = DraftPublish;

/** @deprecated Use `PullLinkRead`. */
export type PullAnswer = PullLinkRead;

/** @deprecated Use `DraftReset`. */
export type ResetRequest = DraftReset;

/** @deprecated Use `SecretRotation`. */
export type RotationAsked = SecretRotation;

/** @deprecated Use `ScheduleRunRead`. */
export type RunAnswer = ScheduleRunRead;

/** @deprecated Use `EvalRunRead`. */
export type RunView = EvalRunRead;

/** @deprecated Use `SalesRead`. */
export type SalesView = SalesRead;

/** @deprecated Use `ScheduleRead`. */
export type ScheduleAnswer = ScheduleRead;

/** @deprecated Use `ScheduleCreate`. */
export type ScheduleAsked = ScheduleCreate;

/** @deprecated Use `ScheduleUpdate`. */
export type ScheduleChanges = ScheduleUpdate;

/** @deprecated Use `ScheduleDetailRead`. */
export type ScheduleDetailAnswer = ScheduleDetailRead;

/** @deprecated Use `WebSearchRead`. */
export type SearchAnswer = WebSearchRead;

/** @deprecated Use `WebSearch`. */
export type SearchAsked = WebSearch;

/** @deprecated Use `SecretRead`. */
export type SecretAnswer = SecretRead;

/** @deprecated Use `SecretUpdate`. */
export type SecretAsked = SecretUpdate;

/** @deprecated Use `SessionRead`. */
export type SessionAnswer = SessionRead;

/** @deprecated Use `ComparedSuite`. */
export type Side = ComparedSuite;

/** @deprecated Use `SignedUrlRead`. */
export type SignAnswer = SignedUrlRead;

/** @deprecated Use `SignedUrlCreate`. */
export type SignAsked = SignedUrlCreate;

/** @deprecated Use `SkillRead`. */
export type SkillAnswer = SkillRead;

/** @deprecated Use `SkillChangeRead`. */
export type SkillChangeAnswer = SkillChangeRead;

/** @deprecated Use `SkillScoreRead`. */
export type SkillScoreAnswer = SkillScoreRead;

/** @deprecated Use `SkillpackRead`. */
export type SkillpackAnswer = SkillpackRead;

/** @deprecated Use `SpanRead`. */
export type SpanView = SpanRead;

/** @deprecated Use `StepRead`. */
export type StepAnswer = StepRead;

/** @deprecated Use `SubagentRead`. */
export type SubagentAnswer = SubagentRead;

/** @deprecated Use `SubagentCreate`. */
export type SubagentAsked = SubagentCreate;

/** @deprecated Use `SuiteCreate`. */
export type SuiteRequest = SuiteCreate;

/** @deprecated Use `SuiteRead`. */
export type SuiteView = SuiteRead;

/** @deprecated Use `TemplateRead`. */
export type TemplateView = TemplateRead;

/** @deprecated Use `StatusTileRead`. */
export type TileAnswer = StatusTileRead;

/** @deprecated Use `TopUpRead`. */
export type TopUpAnswer = TopUpRead;

/** @deprecated Use `TopUpCreate`. */
export type TopUpAsked = TopUpCreate;

/** @deprecated Use `FileTransfer`. */
export type TransferAsked = FileTransfer;

/** @deprecated Use `UploadRead`. */
export type UploadAnswer = UploadRead;

/** @deprecated Use `DriveUsageRead`. */
export type UsageAnswer = DriveUsageRead;

/** @deprecated Use `UserRead`. */
export type UserAnswer = UserRead;

/** @deprecated Use `ValidationRead`. */
export type ValidationAnswer = ValidationRead;

/** @deprecated Use `ListingVersionCreate`. */
export type VersionAsked = ListingVersionCreate;

/** @deprecated Use `ListingVersionRead`. */
export type VersionView = ListingVersionRead;

/** @deprecated Use `WaitingJobsRead`. */
export type WaitingAnswer = WaitingJobsRead;

/** @deprecated Use `WebhookRead`. */
export type WebhookAnswer = WebhookRead;

/** @deprecated Use `WebhookCreate`. */
export type WebhookAsked = WebhookCreate;

/** @deprecated Use `WebhookUpdate`. */
export type WebhookChanges = WebhookUpdate;

/** @deprecated Use `WebhookSecretRead`. */
export type WebhookSecretAnswer = WebhookSecretRead;

/** @deprecated Use `WorkerRead`. */
export type WorkerAnswer = WorkerRead;

/** Every operation of the API, by its name in the OpenAPI document. */
export class Api {
  constructor(private readonly transport: Transport) {}

  /**
   * Download pulled bundle
   *
   * Return the bundle of a pull URL.
   */
  downloadPulledBundle(given: {
      token: string;
    }, options: CallOptions = {}): Promise<Response> {
    return this.transport.response("GET", `/bundles/${encodeURIComponent(given.token)}`, {}, options);
  }

  /**
   * Health
   *
   * Report that this process is alive.
   */
  health(options: CallOptions = {}): Promise<Health> {
    return this.transport.json("GET", "/health", {}, options);
  }

  /**
   * Metrics for Prometheus
   *
   * Return the counters, histograms and gauges of all processes, summed.
   *
   * Send the value of `PURAS_METRICS_TOKEN` as `Authorization: Bearer …`. Without that setting the route returns 404.
   */
  readMetrics(options: CallOptions = {}): Promise<Response> {
    return this.transport.response("GET", "/metrics", {}, options);
  }

  /**
   * Ready
   *
   * Report whether this process serves requests, so that jobs can be submitted.
   *
   * The response is 503 while the database is unavailable or the process stops. The status is `degraded` without Redis,
   * or without a worker that claims jobs.
   */
  ready(options: CallOptions = {}): Promise<Readiness> {
    return this.transport.json("GET", "/ready", {}, options);
  }

  /**
   * Workers ready
   *
   * Report whether a worker is alive and claims jobs; 503 if none does.
   *
   * The status is `degraded` while some workers claim no jobs because their host lacks disk, memory or processes.
   */
  workersReady(options: CallOptions = {}): Promise<Readiness> {
    return this.transport.json("GET", "/ready/workers", {}, options);
  }

  /**
   * Get flow schema
   *
   * Return the JSON Schema of flow.yaml, for editors.
   */
  getFlowSchema(options: CallOptions = {}): Promise<Record<string, unknown>> {
    return this.transport.json("GET", "/schemas/flow.json", {}, options);
  }

  /**
   * Get skill schema
   *
   * Return the JSON Schema of skill.yaml, for editors.
   */
  getSkillSchema(options: CallOptions = {}): Promise<Record<string, unknown>> {
    return this.transport.json("GET", "/schemas/skill.json", {}, options);
  }

  /**
   * List the activity of the project
   *
   * List what members, keys and jobs did in the project, newest first.
   *
   * Every member can read it. What only admins may see elsewhere, such as API keys, is left out for others.
   *
   * A restricted key needs `audit:read`.
   */
  listActivity(given: {
      category?: "publishing" | "jobs" | "comments" | "reviews" | "evals" | "alerts" | "members" | "settings" | "marketplace" | null;
      /** `user:<e-mail>`, `key:<prefix>`, `system`… */
      actor?: string | null;
      /** Start time, with a time zone. */
      since?: string | null;
      /** Maximum rows per page. */
      limit?: number;
      /** Cursor from the `Link` header of the previous page. */
      cursor?: string | null;
    } = {}, options: CallOptions = {}): Promise<ActivityRead[]> {
    return this.transport.json("GET", "/v1/activity", {
      query: { category: given.category, actor: given.actor, since: given.since, limit: given.limit, cursor: given.cursor },
    }, options);
  }

  /**
   * List the alert rules
   *
   * List the alert rules of the project with their state: raised ones first, then the oldest first.
   *
   * A restricted key needs `alerts:read`.
   */
  listAlerts(options: CallOptions = {}): Promise<AlertRead[]> {
    return this.transport.json("GET", "/v1/alerts", {}, options);
  }

  /**
   * Create an alert rule
   *
   * Create an alert rule. Its events are `alert.raised` and `alert.resolved`; webhooks send them.
   *
   * A restricted key needs `alerts:write`.
   */
  createAlert(given: {
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: AlertCreate;
    }, options: CallOptions = {}): Promise<AlertRead> {
    return this.transport.json("POST", "/v1/alerts", {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Read an alert rule
   *
   * Return an alert rule and its state.
   *
   * A restricted key needs `alerts:read`.
   */
  getAlert(given: {
      alert_id: string;
    }, options: CallOptions = {}): Promise<AlertRead> {
    return this.transport.json("GET", `/v1/alerts/${encodeURIComponent(given.alert_id)}`, {}, options);
  }

  /**
   * Change an alert rule
   *
   * Change the condition, or switch the rule off or on.
   *
   * A restricted key needs `alerts:write`.
   */
  changeAlert(given: {
      alert_id: string;
      body: AlertUpdate;
    }, options: CallOptions = {}): Promise<AlertRead> {
    return this.transport.json("PATCH", `/v1/alerts/${encodeURIComponent(given.alert_id)}`, {
      body: given.body,
    }, options);
  }

  /**
   * Delete an alert rule
   *
   * Delete an alert rule.
   *
   * A restricted key needs `alerts:write`.
   */
  deleteAlert(given: {
      alert_id: string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/alerts/${encodeURIComponent(given.alert_id)}`, {}, options);
  }

  /**
   * List annotation queues
   *
   * List the annotation queues of the project by name, with their progress.
   *
   * A restricted key needs `evals:read` and `jobs:read`.
   */
  listAnnotationQueues(options: CallOptions = {}): Promise<AnnotationQueueRead[]> {
    return this.transport.json("GET", "/v1/annotation-queues", {}, options);
  }

  /**
   * Create an annotation queue
   *
   * Create a queue of jobs, which reviewers score with its rubric. A filter adds jobs that have ended.
   *
   * A restricted key needs `evals:write` and `evals:read` and `jobs:read`.
   */
  createAnnotationQueue(given: {
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: AnnotationQueueCreate;
    }, options: CallOptions = {}): Promise<AnnotationQueueRead> {
    return this.transport.json("POST", "/v1/annotation-queues", {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Read an annotation queue
   *
   * Return a queue with its progress. Jobs that match its filter and have ended meanwhile are added.
   *
   * A restricted key needs `evals:read` and `jobs:read`.
   */
  getAnnotationQueue(given: {
      queue_id: string;
    }, options: CallOptions = {}): Promise<AnnotationQueueRead> {
    return this.transport.json("GET", `/v1/annotation-queues/${encodeURIComponent(given.queue_id)}`, {}, options);
  }

  /**
   * Change an annotation queue
   *
   * Change the name, the instructions, the filter or the rubric of a queue.
   *
   * A restricted key needs `evals:write` and `evals:read` and `jobs:read`.
   */
  updateAnnotationQueue(given: {
      queue_id: string;
      body: AnnotationQueueUpdate;
    }, options: CallOptions = {}): Promise<AnnotationQueueRead> {
    return this.transport.json("PATCH", `/v1/annotation-queues/${encodeURIComponent(given.queue_id)}`, {
      body: given.body,
    }, options);
  }

  /**
   * Delete an annotation queue
   *
   * Delete a queue. The annotations of its jobs remain on the jobs.
   *
   * A restricted key needs `evals:write` and `evals:read` and `jobs:read`.
   */
  deleteAnnotationQueue(given: {
      queue_id: string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/annotation-queues/${encodeURIComponent(given.queue_id)}`, {}, options);
  }

  /**
   * Save reviewed jobs as eval cases
   *
   * Save the reviewed jobs of a queue as eval cases of their skills, 100 per request.
   *
   * The newest corrected output is the expected one. Secrets are redacted.
   *
   * A restricted key needs `evals:write` and `evals:read` and `jobs:read`.
   */
  saveAnnotatedCases(given: {
      queue_id: string;
      body?: AnnotationCasesCreate | null;
    }, options: CallOptions = {}): Promise<AnnotationCasesCreated> {
    return this.transport.json("POST", `/v1/annotation-queues/${encodeURIComponent(given.queue_id)}/eval-cases`, {
      body: given.body,
    }, options);
  }

  /**
   * Export the annotations of a queue
   *
   * Export the annotations of a queue. The export is audited.
   *
   * A restricted key needs `evals:read` and `jobs:read`.
   */
  exportAnnotations(given: {
      queue_id: string;
      /** `csv`, or `jsonl`: a JSON object per line. */
      format?: "csv" | "jsonl";
    }, options: CallOptions = {}): Promise<Response> {
    return this.transport.response("GET", `/v1/annotation-queues/${encodeURIComponent(given.queue_id)}/export`, {
      query: { format: given.format },
    }, options);
  }

  /**
   * List the jobs of an annotation queue
   *
   * List the jobs of a queue in the order in which they are reviewed.
   *
   * A restricted key needs `evals:read` and `jobs:read`.
   */
  listAnnotationItems(given: {
      queue_id: string;
      status?: "pending" | "done" | "skipped" | null;
      /** Maximum rows per page. */
      limit?: number;
      /** Cursor from the `Link` header of the previous page. */
      cursor?: string | null;
    }, options: CallOptions = {}): Promise<AnnotationItemRead[]> {
    return this.transport.json("GET", `/v1/annotation-queues/${encodeURIComponent(given.queue_id)}/items`, {
      query: { status: given.status, limit: given.limit, cursor: given.cursor },
    }, options);
  }

  /**
   * Add jobs to an annotation queue
   *
   * Add jobs that have ended to a queue. Jobs that are in it already are not added again.
   *
   * A restricted key needs `evals:write` and `evals:read` and `jobs:read`.
   */
  addAnnotationItems(given: {
      queue_id: string;
      body: AnnotationItemsCreate;
    }, options: CallOptions = {}): Promise<AnnotationItemsAdded> {
    return this.transport.json("POST", `/v1/annotation-queues/${encodeURIComponent(given.queue_id)}/items`, {
      body: given.body,
    }, options);
  }

  /**
   * Remove a job from an annotation queue
   *
   * Remove a job from a queue. Its annotations remain.
   *
   * A restricted key needs `evals:write` and `evals:read` and `jobs:read`.
   */
  removeAnnotationItem(given: {
      queue_id: string;
      item_id: string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/annotation-queues/${encodeURIComponent(given.queue_id)}/items/${encodeURIComponent(given.item_id)}`, {}, options);
  }

  /**
   * Annotate a job
   *
   * Save the caller's review of a job, or of a step of it. It replaces the earlier one of the same caller.
   *
   * A complete review of the whole job marks it as done.
   *
   * A restricted key needs `evals:write` and `evals:read` and `jobs:read`.
   */
  putAnnotation(given: {
      queue_id: string;
      item_id: string;
      body: AnnotationPut;
    }, options: CallOptions = {}): Promise<AnnotationRead> {
    return this.transport.json("PUT", `/v1/annotation-queues/${encodeURIComponent(given.queue_id)}/items/${encodeURIComponent(given.item_id)}/annotation`, {
      body: given.body,
    }, options);
  }

  /**
   * Claim a job of an annotation queue
   *
   * Claim a job for ten minutes, or extend the claim. Responds 409 while another reviewer works on it.
   *
   * A restricted key needs `evals:write` and `evals:read` and `jobs:read`.
   */
  claimAnnotationItem(given: {
      queue_id: string;
      item_id: string;
    }, options: CallOptions = {}): Promise<AnnotationItemRead> {
    return this.transport.json("POST", `/v1/annotation-queues/${encodeURIComponent(given.queue_id)}/items/${encodeURIComponent(given.item_id)}/claim`, {}, options);
  }

  /**
   * End a claim
   *
   * End the claim of the caller, so that other reviewers get the job.
   *
   * A restricted key needs `evals:write` and `evals:read` and `jobs:read`.
   */
  releaseAnnotationItem(given: {
      queue_id: string;
      item_id: string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("POST", `/v1/annotation-queues/${encodeURIComponent(given.queue_id)}/items/${encodeURIComponent(given.item_id)}/release`, {}, options);
  }

  /**
   * Skip a job of an annotation queue
   *
   * Mark a job as skipped, without a review. It can still be opened and reviewed.
   *
   * A restricted key needs `evals:write` and `evals:read` and `jobs:read`.
   */
  skipAnnotationItem(given: {
      queue_id: string;
      item_id: string;
    }, options: CallOptions = {}): Promise<AnnotationItemRead> {
    return this.transport.json("POST", `/v1/annotation-queues/${encodeURIComponent(given.queue_id)}/items/${encodeURIComponent(given.item_id)}/skip`, {}, options);
  }

  /**
   * Claim the next job of an annotation queue
   *
   * Claim the next pending job for ten minutes, so that no other reviewer gets it.
   *
   * A reviewer has at most one job of a queue: a claim of another one ends.
   *
   * A restricted key needs `evals:write` and `evals:read` and `jobs:read`.
   */
  claimNextAnnotationItem(given: {
      queue_id: string;
      body?: AnnotationClaim | null;
    }, options: CallOptions = {}): Promise<AnnotationNext> {
    return this.transport.json("POST", `/v1/annotation-queues/${encodeURIComponent(given.queue_id)}/next`, {
      body: given.body,
    }, options);
  }

  /**
   * Delete an annotation
   *
   * Delete an annotation of the caller. Admins can delete those of other reviewers.
   *
   * A restricted key needs `evals:write` and `evals:read` and `jobs:read`.
   */
  deleteAnnotation(given: {
      annotation_id: string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/annotations/${encodeURIComponent(given.annotation_id)}`, {}, options);
  }

  /**
   * List keys
   *
   * List the project's API keys, newest first.
   *
   * A restricted key needs `keys:read`.
   */
  listApiKeys(given: {
      /** Maximum rows per page. */
      limit?: number;
      /** Cursor from the `Link` header of the previous page. */
      cursor?: string | null;
    } = {}, options: CallOptions = {}): Promise<ApiKeyRead[]> {
    return this.transport.json("GET", "/v1/api-keys", {
      query: { limit: given.limit, cursor: given.cursor },
    }, options);
  }

  /**
   * Create a key
   *
   * Create an API key. Only this response contains the key in plaintext.
   *
   * A restricted key needs `keys:write`.
   */
  createApiKey(given: {
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: ApiKeyCreate;
    }, options: CallOptions = {}): Promise<ApiKeyCreated> {
    return this.transport.json("POST", "/v1/api-keys", {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * List the scopes of keys
   *
   * List the scopes that API keys can have, and presets for new keys.
   *
   * A restricted key needs `keys:read`.
   */
  listScopes(options: CallOptions = {}): Promise<ScopesRead> {
    return this.transport.json("GET", "/v1/api-keys/scopes", {}, options);
  }

  /**
   * Change a key
   *
   * Change the scopes of a key or its limit of requests per minute, up to the limit of the instance.
   *
   * A restricted key needs `keys:write`.
   */
  changeApiKey(given: {
      key_id: string;
      body: ApiKeyUpdate;
    }, options: CallOptions = {}): Promise<ApiKeyRead> {
    return this.transport.json("PATCH", `/v1/api-keys/${encodeURIComponent(given.key_id)}`, {
      body: given.body,
    }, options);
  }

  /**
   * Revoke a key
   *
   * Revoke a key; it stops working immediately.
   *
   * A restricted key needs `keys:write`.
   */
  revokeApiKey(given: {
      key_id: string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/api-keys/${encodeURIComponent(given.key_id)}`, {}, options);
  }

  /**
   * Make tools from a curl command or OpenAPI
   *
   * Return the files of an agent whose tools call an API. The text is only parsed: nothing is requested or stored.
   *
   * Values of credentials are not in the files: the functions read them from secrets. Write the files with
   * `PUT /v1/drafts/files/{path}`.
   *
   * A restricted key needs `deployments:read`.
   */
  makeApiTools(given: {
      body: ApiToolsCreate;
    }, options: CallOptions = {}): Promise<ApiToolsRead> {
    return this.transport.json("POST", "/v1/api-tools", {
      body: given.body,
    }, options);
  }

  /**
   * List approvals
   *
   * List approvals, newest first; `status=pending` lists those that wait for a decision.
   *
   * `skill`, `environment` and `session_id` are those of the job. `until` lists those that were requested at or before
   * a time.
   *
   * A restricted key needs `approvals:read`.
   */
  listApprovals(given: {
      /** Maximum rows per page. */
      limit?: number;
      /** Cursor from the `Link` header of the previous page. */
      cursor?: string | null;
      status?: "pending" | "approved" | "denied" | "expired" | "cancelled" | null;
      job_id?: string | null;
      skill?: string | null;
      environment?: "development" | "staging" | "production" | null;
      session_id?: string | null;
      until?: string | null;
    } = {}, options: CallOptions = {}): Promise<ApprovalRead[]> {
    return this.transport.json("GET", "/v1/approvals", {
      query: { limit: given.limit, cursor: given.cursor, status: given.status, job_id: given.job_id, skill: given.skill, environment: given.environment, session_id: given.session_id, until: given.until },
    }, options);
  }

  /**
   * Get an approval
   *
   * Return an approval of a job that the caller can see.
   *
   * A restricted key needs `approvals:read`.
   */
  getApproval(given: {
      approval_id: string;
    }, options: CallOptions = {}): Promise<ApprovalRead> {
    return this.transport.json("GET", `/v1/approvals/${encodeURIComponent(given.approval_id)}`, {}, options);
  }

  /**
   * Approve a call
   *
   * Approve a call, or a step of a flow. The job returns to the queue and makes exactly this call.
   *
   * With `arguments`, the call is made with these instead of its own. They, and values for the form of a step, are
   * validated first; if they are not valid, nothing is decided.
   *
   * A restricted key needs `approvals:write`.
   */
  approve(given: {
      approval_id: string;
      body?: ApproveCreate | null;
    }, options: CallOptions = {}): Promise<ApprovalRead> {
    return this.transport.json("POST", `/v1/approvals/${encodeURIComponent(given.approval_id)}/approve`, {
      body: given.body,
    }, options);
  }

  /**
   * Reject a call
   *
   * Reject a call. The call is not made; the agent receives the reason and continues without it.
   *
   * A restricted key needs `approvals:write`.
   */
  deny(given: {
      approval_id: string;
      body?: DecisionCreate | null;
    }, options: CallOptions = {}): Promise<ApprovalRead> {
    return this.transport.json("POST", `/v1/approvals/${encodeURIComponent(given.approval_id)}/deny`, {
      body: given.body,
    }, options);
  }

  /**
   * Read the audit log
   *
   * List the audit entries of the project, newest first.
   *
   * A restricted key needs `audit:read`.
   */
  listAudit(given: {
      /** Maximum rows per page. */
      limit?: number;
      /** Cursor from the `Link` header of the previous page. */
      cursor?: string | null;
      /** `user:<e-mail>`, `key:<prefix>`, `operator`… */
      actor?: string | null;
      /** `secret.set`, or `secret` for every action on secrets. */
      action?: string | null;
      /** Start time, with a time zone. */
      since?: string | null;
      /** For operators: return the entries of the instance, such as sign-ins. */
      instance?: boolean;
    } = {}, options: CallOptions = {}): Promise<AuditRead[]> {
    return this.transport.json("GET", "/v1/audit", {
      query: { limit: given.limit, cursor: given.cursor, actor: given.actor, action: given.action, since: given.since, instance: given.instance },
    }, options);
  }

  /**
   * Read the wallet
   *
   * Read the balance of the wallet, and how much of it is reserved for running jobs.
   *
   * A restricted key needs `billing:read`.
   */
  getBalance(options: CallOptions = {}): Promise<Balance> {
    return this.transport.json("GET", "/v1/billing/balance", {}, options);
  }

  /**
   * List ledger entries
   *
   * List the ledger entries of the wallet, newest first. Their sum is the balance.
   *
   * A restricted key needs `billing:read`.
   */
  listLedger(given: {
      /** Maximum rows per page. */
      limit?: number;
      /** Cursor from the `Link` header of the previous page. */
      cursor?: string | null;
    } = {}, options: CallOptions = {}): Promise<LedgerLine[]> {
    return this.transport.json("GET", "/v1/billing/ledger", {
      query: { limit: given.limit, cursor: given.cursor },
    }, options);
  }

  /**
   * Export ledger entries
   *
   * Export the ledger entries of the wallet as CSV, newest first. `amount_usd` is exact to the micro-dollar.
   *
   * A restricted key needs `billing:read`.
   */
  exportLedger(options: CallOptions = {}): Promise<Response> {
    return this.transport.response("GET", "/v1/billing/ledger/export", {}, options);
  }

  /**
   * List budgets
   *
   * List the budgets of the project with their current usage, sorted by name.
   *
   * A restricted key needs `budgets:read`.
   */
  listBudgets(options: CallOptions = {}): Promise<BudgetRead[]> {
    return this.transport.json("GET", "/v1/budgets", {}, options);
  }

  /**
   * Create a budget
   *
   * Create a budget that limits the cost of the project, a skillpack, a skill or an API key in a period.
   *
   * A restricted key needs `budgets:write`.
   */
  createBudget(given: {
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: BudgetCreate;
    }, options: CallOptions = {}): Promise<BudgetRead> {
    return this.transport.json("POST", "/v1/budgets", {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Read a budget
   *
   * Read a budget with its current usage.
   *
   * A restricted key needs `budgets:read`.
   */
  getBudget(given: {
      budget_id: string;
    }, options: CallOptions = {}): Promise<BudgetRead> {
    return this.transport.json("GET", `/v1/budgets/${encodeURIComponent(given.budget_id)}`, {}, options);
  }

  /**
   * Change a budget
   *
   * Change the name, window, limit or alert of a budget. It applies to jobs that are submitted from now on.
   *
   * A restricted key needs `budgets:write`.
   */
  changeBudget(given: {
      budget_id: string;
      body: BudgetUpdate;
    }, options: CallOptions = {}): Promise<BudgetRead> {
    return this.transport.json("PATCH", `/v1/budgets/${encodeURIComponent(given.budget_id)}`, {
      body: given.body,
    }, options);
  }

  /**
   * Delete a budget
   *
   * Delete a budget.
   *
   * A restricted key needs `budgets:write`.
   */
  deleteBudget(given: {
      budget_id: string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/budgets/${encodeURIComponent(given.budget_id)}`, {}, options);
  }

  /**
   * Estimate the cost of a run
   *
   * Estimate what one run of a skill costs: from its recent jobs, otherwise from its prompt and one reply.
   *
   * Images, searches and subjobs are included only in the costs of jobs.
   *
   * A restricted key needs `skills:read` and `jobs:read_own`.
   */
  getCostEstimate(given: {
      skill: string;
      /** ID or slug, if several skillpacks have the skill. */
      skillpack?: string | null;
      /** Without one the active version. */
      version?: number | null;
      /** Default: that of the API key; for users `production`. */
      environment?: "development" | "staging" | "production" | null;
    }, options: CallOptions = {}): Promise<CostEstimateRead> {
    return this.transport.json("GET", `/v1/cost-estimates/${encodeURIComponent(given.skill)}`, {
      query: { skillpack: given.skillpack, version: given.version, environment: given.environment },
    }, options);
  }

  /**
   * List deployments
   *
   * List the versions of a skillpack, by default newest first, each with its unfinished jobs and its scores.
   *
   * A restricted key needs `deployments:read`.
   */
  listDeployments(given: {
      skillpack?: string | null;
      /** Maximum rows per page. */
      limit?: number;
      /** Cursor from the `Link` header of the previous page. */
      cursor?: string | null;
      /** A part of the release notes or of the name of a skill, or a version such as `v12`. */
      q?: string | null;
      /** Whether a version is active in an environment. */
      state?: "active" | "inactive" | null;
      /** The order; `-` for descending. */
      sort?: "version" | "-version" | "size" | "-size";
    } = {}, options: CallOptions = {}): Promise<ListedDeployment[]> {
    return this.transport.json("GET", "/v1/deployments", {
      query: { skillpack: given.skillpack, limit: given.limit, cursor: given.cursor, q: given.q, state: given.state, sort: given.sort },
    }, options);
  }

  /**
   * Push deployment
   *
   * Push a bundle as the next version. An error lists all problems of the bundle, and nothing is stored.
   *
   * Without `skillpack`, the `skillpack_id` or `slug` in its puras.yaml decides; the skillpack is created if necessary.
   *
   * A restricted key needs `deployments:write`.
   */
  pushDeployment(given: {
      skillpack?: string | null;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: FormData;
    }, options: CallOptions = {}): Promise<DeploymentRead> {
    return this.transport.json("POST", "/v1/deployments", {
      query: { skillpack: given.skillpack },
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Pull deployment
   *
   * Return a temporary URL of the active version's bundle, which works without an API key.
   *
   * A restricted key needs `deployments:read`.
   */
  pullDeployment(given: {
      skillpack?: string | null;
      /** Default: that of the API key; for users `production`. */
      environment?: "development" | "staging" | "production" | null;
      /** Seconds until the URL expires. */
      ttl?: number;
    } = {}, options: CallOptions = {}): Promise<PullLinkRead> {
    return this.transport.json("GET", "/v1/deployments/pull", {
      query: { skillpack: given.skillpack, environment: given.environment, ttl: given.ttl },
    }, options);
  }

  /**
   * Validate bundle
   *
   * Check a bundle. Nothing is stored, and none of its code is executed.
   *
   * A restricted key needs `deployments:read`.
   */
  validateBundle(given: {
      /** ID or slug of the skillpack for the bundle. Default: the default skillpack. */
      skillpack?: string | null;
      body: FormData;
    }, options: CallOptions = {}): Promise<ValidationRead> {
    return this.transport.json("POST", "/v1/deployments/validate", {
      query: { skillpack: given.skillpack },
      body: given.body,
    }, options);
  }

  /**
   * Get deployment
   *
   * Return one version by ID or number.
   *
   * A restricted key needs `deployments:read`.
   */
  getDeployment(given: {
      deployment: string;
      skillpack?: string | null;
    }, options: CallOptions = {}): Promise<DeploymentRead> {
    return this.transport.json("GET", `/v1/deployments/${encodeURIComponent(given.deployment)}`, {
      query: { skillpack: given.skillpack },
    }, options);
  }

  /**
   * Delete deployment
   *
   * Delete a version that is not active and has no unfinished jobs.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  deleteDeployment(given: {
      deployment: string;
      skillpack?: string | null;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/deployments/${encodeURIComponent(given.deployment)}`, {
      query: { skillpack: given.skillpack },
    }, options);
  }

  /**
   * Activate deployment
   *
   * Make a version the active one of an environment, newer or older. Running jobs keep theirs.
   *
   * In production, a version whose skills have gates stays inactive until their suites have passed: `gate` has the
   * state.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  activateDeployment(given: {
      deployment: string;
      skillpack?: string | null;
      /** Default: that of the API key; for users `production`. */
      environment?: "development" | "staging" | "production" | null;
      /** Skip the gates of its skills; for admins. */
      force?: boolean;
    }, options: CallOptions = {}): Promise<DeploymentRead> {
    return this.transport.json("POST", `/v1/deployments/${encodeURIComponent(given.deployment)}/activate`, {
      query: { skillpack: given.skillpack, environment: given.environment, force: given.force },
    }, options);
  }

  /**
   * Download bundle
   *
   * Return the ZIP archive as it was pushed.
   *
   * A restricted key needs `deployments:read`.
   */
  downloadBundle(given: {
      deployment: string;
      skillpack?: string | null;
    }, options: CallOptions = {}): Promise<Response> {
    return this.transport.response("GET", `/v1/deployments/${encodeURIComponent(given.deployment)}/bundle`, {
      query: { skillpack: given.skillpack },
    }, options);
  }

  /**
   * Diff deployment
   *
   * Return the changes of a version in comparison with another one; changes that break callers are marked.
   *
   * A restricted key needs `deployments:read`.
   */
  diffDeployment(given: {
      deployment: string;
      skillpack?: string | null;
      /** ID or number. Default: the active version. */
      base?: string | null;
    }, options: CallOptions = {}): Promise<DiffRead> {
    return this.transport.json("GET", `/v1/deployments/${encodeURIComponent(given.deployment)}/diff`, {
      query: { skillpack: given.skillpack, base: given.base },
    }, options);
  }

  /**
   * Read deployment file
   *
   * Return one file of a version as it was pushed.
   *
   * A restricted key needs `deployments:read`.
   */
  readDeploymentFile(given: {
      deployment: string;
      path: string;
      skillpack?: string | null;
    }, options: CallOptions = {}): Promise<Response> {
    return this.transport.response("GET", `/v1/deployments/${encodeURIComponent(given.deployment)}/files/${escapedPath(given.path)}`, {
      query: { skillpack: given.skillpack },
    }, options);
  }

  /**
   * List or search the documentation
   *
   * Return the pages in reading order, or those that contain all words of `q`, best match first.
   */
  listDocuments(given: {
      /** Words that a page must contain. */
      q?: string;
    } = {}, options: CallOptions = {}): Promise<DocumentRead[]> {
    return this.transport.json("GET", "/v1/docs", {
      query: { q: given.q },
    }, options);
  }

  /**
   * Read a page of the documentation
   *
   * Return a page as Markdown, in the version of this release.
   *
   * `name` is its path in the documentation, such as `tutorials/quickstart`. Names of pages before 0.2.0 still work.
   */
  getDocument(given: {
      name: string;
    }, options: CallOptions = {}): Promise<DocumentRead> {
    return this.transport.json("GET", `/v1/docs/${encodeURIComponent(given.name)}`, {}, options);
  }

  /**
   * Read the draft
   *
   * Return the files of the draft without their contents. The first request creates it from the active version.
   *
   * A restricted key needs `deployments:read`.
   */
  getDraft(given: {
      skillpack?: string | null;
    } = {}, options: CallOptions = {}): Promise<DraftRead> {
    return this.transport.json("GET", "/v1/drafts", {
      query: { skillpack: given.skillpack },
    }, options);
  }

  /**
   * Start assistant
   *
   * Start the assistant: a job that works on a copy of the draft. Its result is a proposal of changes.
   *
   * The job costs at most `budget_usd`. Cancel it with `POST /v1/jobs/{id}/cancel`.
   *
   * A restricted key needs `deployments:write` and `deployments:read` and `jobs:submit` and `jobs:read`.
   */
  startAssistant(given: {
      skillpack?: string | null;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: AssistantCreate;
    }, options: CallOptions = {}): Promise<AssistantRead> {
    return this.transport.json("POST", "/v1/drafts/assistant", {
      query: { skillpack: given.skillpack },
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Download draft
   *
   * Return the draft as a ZIP archive.
   *
   * A restricted key needs `deployments:read`.
   */
  downloadDraft(given: {
      skillpack?: string | null;
    } = {}, options: CallOptions = {}): Promise<Response> {
    return this.transport.response("GET", "/v1/drafts/bundle", {
      query: { skillpack: given.skillpack },
    }, options);
  }

  /**
   * Check draft
   *
   * Return all problems of the draft. None of its code is executed.
   *
   * A restricted key needs `deployments:read`.
   */
  checkDraft(given: {
      skillpack?: string | null;
    } = {}, options: CallOptions = {}): Promise<DraftCheckRead> {
    return this.transport.json("GET", "/v1/drafts/check", {
      query: { skillpack: given.skillpack },
    }, options);
  }

  /**
   * Estimate the cost of a run of the draft
   *
   * Estimate what one run of a skill of the draft costs, as `GET /v1/cost-estimates/{skill}` does for versions.
   *
   * A restricted key needs `deployments:read` and `jobs:read_own`.
   */
  estimateDraftCost(given: {
      /** Name of the skill in the draft. */
      skill: string;
      skillpack?: string | null;
    }, options: CallOptions = {}): Promise<CostEstimateRead> {
    return this.transport.json("GET", "/v1/drafts/cost-estimate", {
      query: { skill: given.skill, skillpack: given.skillpack },
    }, options);
  }

  /**
   * Diff draft
   *
   * Return what publishing the draft would change in comparison with the active version of an environment.
   *
   * A restricted key needs `deployments:read`.
   */
  diffDraft(given: {
      /** Default: that of the key; for users `production`. */
      environment?: "development" | "staging" | "production" | null;
      skillpack?: string | null;
    } = {}, options: CallOptions = {}): Promise<PendingChangesRead> {
    return this.transport.json("GET", "/v1/drafts/diff", {
      query: { environment: given.environment, skillpack: given.skillpack },
    }, options);
  }

  /**
   * Add example
   *
   * Add an example to the `skill.yaml` of a skill, after the existing ones. The rest of the file is not changed.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  addExample(given: {
      skillpack?: string | null;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: ExampleCreate;
    }, options: CallOptions = {}): Promise<DraftFileRead> {
    return this.transport.json("POST", "/v1/drafts/examples", {
      query: { skillpack: given.skillpack },
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Read draft file
   *
   * Return a file. Its revision is the `ETag`.
   *
   * A restricted key needs `deployments:read`.
   */
  readDraftFile(given: {
      path: string;
      skillpack?: string | null;
    }, options: CallOptions = {}): Promise<Response> {
    return this.transport.response("GET", `/v1/drafts/files/${escapedPath(given.path)}`, {
      query: { skillpack: given.skillpack },
    }, options);
  }

  /**
   * Write draft file
   *
   * Write a file with the bytes of the body. Without `If-Match` it must be a new file.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  writeDraftFile(given: {
      path: string;
      skillpack?: string | null;
      /** The revision of the file that you have read. `*`: any. */
      ifMatch?: string | null;
    }, options: CallOptions = {}): Promise<DraftFileRead> {
    return this.transport.json("PUT", `/v1/drafts/files/${escapedPath(given.path)}`, {
      query: { skillpack: given.skillpack },
      headers: { "If-Match": given.ifMatch },
    }, options);
  }

  /**
   * Delete draft file
   *
   * Delete a file. It can be restored until the next publish.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  deleteDraftFile(given: {
      path: string;
      skillpack?: string | null;
      /** The revision of the file that you have read. `*`: any. */
      ifMatch?: string | null;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/drafts/files/${escapedPath(given.path)}`, {
      query: { skillpack: given.skillpack },
      headers: { "If-Match": given.ifMatch },
    }, options);
  }

  /**
   * List the functions of the draft
   *
   * List the functions of the Python files with their signatures. None of the code is executed.
   *
   * A restricted key needs `deployments:read`.
   */
  listFunctions(given: {
      /** Only files in this folder: `skills/summarize`. */
      folder?: string;
      skillpack?: string | null;
    } = {}, options: CallOptions = {}): Promise<DraftFunctionRead[]> {
    return this.transport.json("GET", "/v1/drafts/functions", {
      query: { folder: given.folder, skillpack: given.skillpack },
    }, options);
  }

  /**
   * Import into draft
   *
   * Add the files of a ZIP archive; files with the same path are replaced.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  importIntoDraft(given: {
      skillpack?: string | null;
      body: FormData;
    }, options: CallOptions = {}): Promise<DraftRead> {
    return this.transport.json("POST", "/v1/drafts/import", {
      query: { skillpack: given.skillpack },
      body: given.body,
    }, options);
  }

  /**
   * List the tools of an MCP server
   *
   * Connect to an MCP server with the secrets of the skillpack, and list its tools. Nothing is stored.
   *
   * The same rules apply as in runs of agents: the server must be at a public address, and secrets are sent only over
   * HTTPS and only to the server itself.
   *
   * A restricted key needs `deployments:write` and `deployments:read` and `jobs:submit`.
   */
  listMcpTools(given: {
      skillpack?: string | null;
      body: McpServerConnect;
    }, options: CallOptions = {}): Promise<McpToolRead[]> {
    return this.transport.json("POST", "/v1/drafts/mcp-tools", {
      query: { skillpack: given.skillpack },
      body: given.body,
    }, options);
  }

  /**
   * Move in draft
   *
   * Move a file or a folder to another path.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  moveInDraft(given: {
      skillpack?: string | null;
      body: DraftFileMove;
    }, options: CallOptions = {}): Promise<DraftRead> {
    return this.transport.json("POST", "/v1/drafts/move", {
      query: { skillpack: given.skillpack },
      body: given.body,
    }, options);
  }

  /**
   * Publish draft
   *
   * Publish the draft as the next version.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  publishDraft(given: {
      skillpack?: string | null;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: DraftPublish;
    }, options: CallOptions = {}): Promise<DeploymentRead> {
    return this.transport.json("POST", "/v1/drafts/publish", {
      query: { skillpack: given.skillpack },
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Complete Python code
   *
   * Return the names that fit at a position.
   *
   * They are of the file, of other modules of the draft, of the kit `puras`, and of the standard library.
   * The code is only parsed.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  completePython(given: {
      skillpack?: string | null;
      body: PythonPosition;
    }, options: CallOptions = {}): Promise<PythonCompletionsRead> {
    return this.transport.json("POST", "/v1/drafts/python/completions", {
      query: { skillpack: given.skillpack },
      body: given.body,
    }, options);
  }

  /**
   * Find a Python definition
   *
   * Return the places that define the name at a position.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  findPythonDefinitions(given: {
      skillpack?: string | null;
      body: PythonPosition;
    }, options: CallOptions = {}): Promise<PythonDefinitionsRead> {
    return this.transport.json("POST", "/v1/drafts/python/definitions", {
      query: { skillpack: given.skillpack },
      body: given.body,
    }, options);
  }

  /**
   * Check Python code
   *
   * Return the problems of a Python file: errors of the syntax, unknown names, unused imports, and others.
   *
   * The code is only parsed. Comments `# noqa: CODE` are respected.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  checkPython(given: {
      body: PythonSource;
    }, options: CallOptions = {}): Promise<PythonDiagnosticsRead> {
    return this.transport.json("POST", "/v1/drafts/python/diagnostics", {
      body: given.body,
    }, options);
  }

  /**
   * Format Python code
   *
   * Return the text in the format of ruff, which is that of Black. Nothing is stored.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  formatPython(given: {
      body: PythonSource;
    }, options: CallOptions = {}): Promise<PythonFormattedRead> {
    return this.transport.json("POST", "/v1/drafts/python/format", {
      body: given.body,
    }, options);
  }

  /**
   * Describe a Python name
   *
   * Return the signature and the documentation of the name at a position.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  hoverPython(given: {
      skillpack?: string | null;
      body: PythonPosition;
    }, options: CallOptions = {}): Promise<PythonHoverRead> {
    return this.transport.json("POST", "/v1/drafts/python/hover", {
      query: { skillpack: given.skillpack },
      body: given.body,
    }, options);
  }

  /**
   * Rename a Python name
   *
   * Return the places of a name in the Python files of the draft that a new name changes. Nothing is stored.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  renamePython(given: {
      skillpack?: string | null;
      body: PythonRename;
    }, options: CallOptions = {}): Promise<PythonRenameRead> {
    return this.transport.json("POST", "/v1/drafts/python/rename", {
      query: { skillpack: given.skillpack },
      body: given.body,
    }, options);
  }

  /**
   * Reset draft
   *
   * Start again with the files of a version or a template.
   *
   * The previous files can be restored until the next publish.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  resetDraft(given: {
      skillpack?: string | null;
      body: DraftReset;
    }, options: CallOptions = {}): Promise<DraftRead> {
    return this.transport.json("POST", "/v1/drafts/reset", {
      query: { skillpack: given.skillpack },
      body: given.body,
    }, options);
  }

  /**
   * Restore draft file
   *
   * Restore a deleted file.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  restoreDraftFile(given: {
      path: string;
      skillpack?: string | null;
    }, options: CallOptions = {}): Promise<DraftFileRead> {
    return this.transport.json("POST", `/v1/drafts/restore/${escapedPath(given.path)}`, {
      query: { skillpack: given.skillpack },
    }, options);
  }

  /**
   * Run draft
   *
   * Run a skill of the draft as it is now: a job like others, of an unnumbered deployment.
   *
   * `files` overrides texts, a prompt for instance, for this run only; `version` runs the files of a version instead of
   * the draft.
   *
   * A restricted key needs `deployments:write` and `deployments:read` and `jobs:submit`.
   */
  runDraft(given: {
      skillpack?: string | null;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: DraftRunCreate;
    }, options: CallOptions = {}): Promise<DraftRunRead> {
    return this.transport.json("POST", "/v1/drafts/run", {
      query: { skillpack: given.skillpack },
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Search the draft
   *
   * Return the matches in the text files of the draft, ordered by path. Nothing is replaced.
   *
   * To replace, write each file with `PUT /v1/drafts/files/{path}` and the revision that was searched.
   *
   * A restricted key needs `deployments:read`.
   */
  searchDraft(given: {
      skillpack?: string | null;
      body: DraftSearch;
    }, options: CallOptions = {}): Promise<DraftSearchRead> {
    return this.transport.json("POST", "/v1/drafts/search", {
      query: { skillpack: given.skillpack },
      body: given.body,
    }, options);
  }

  /**
   * Start draft session
   *
   * Start a session with an agent of the draft, whose turns run the draft as it is now. Nothing is published.
   *
   * The state of the draft is kept for seven days. Later changes of the draft need a new session.
   *
   * A restricted key needs `deployments:write` and `deployments:read` and `jobs:submit` and `jobs:read_own`.
   */
  startDraftSession(given: {
      skillpack?: string | null;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: DraftSessionCreate;
    }, options: CallOptions = {}): Promise<AgentSessionRead> {
    return this.transport.json("POST", "/v1/drafts/sessions", {
      query: { skillpack: given.skillpack },
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * List drive
   *
   * List files and folders, by default ordered by path. `sort` and `q` are for the content of one folder.
   *
   * A restricted key needs `drive:read`.
   */
  listDrive(given: {
      /** A folder, or a prefix of paths. */
      prefix?: string;
      /** Include the content of folders. */
      recursive?: boolean;
      /** List folders instead of their content, which is the default too. */
      delimiter?: "/" | null;
      /** The order; `-` for descending. */
      sort?: "name" | "-name" | "size" | "-size" | "modified" | "-modified";
      /** A part of the names, in any case. */
      q?: string;
      /** Maximum rows per page. */
      limit?: number;
      /** Cursor from the `Link` header of the previous page. */
      cursor?: string | null;
    } = {}, options: CallOptions = {}): Promise<DriveEntryRead[]> {
    return this.transport.json("GET", "/v1/drive", {
      query: { prefix: given.prefix, recursive: given.recursive, delimiter: given.delimiter, sort: given.sort, q: given.q, limit: given.limit, cursor: given.cursor },
    }, options);
  }

  /**
   * Copy a file
   *
   * Copy a file to another path.
   *
   * A restricted key needs `drive:write`.
   */
  copyInDrive(given: {
      body: FileTransfer;
    }, options: CallOptions = {}): Promise<DriveEntryRead> {
    return this.transport.json("POST", "/v1/drive/copy", {
      body: given.body,
    }, options);
  }

  /**
   * Read the metadata of a file
   *
   * Return the metadata of a file or a folder. If the hash of a file is unknown, it is computed first.
   *
   * A restricted key needs `drive:read`.
   */
  getDriveMetadata(given: {
      /** Path from the root of the drive. */
      path: string;
    }, options: CallOptions = {}): Promise<DriveEntryRead> {
    return this.transport.json("GET", "/v1/drive/facts", {
      query: { path: given.path },
    }, options);
  }

  /**
   * Download file
   *
   * Return a file, or the part that the `Range` header requests.
   *
   * A restricted key needs `drive:read`.
   */
  downloadFile(given: {
      path: string;
    }, options: CallOptions = {}): Promise<Response> {
    return this.transport.response("GET", `/v1/drive/files/${escapedPath(given.path)}`, {}, options);
  }

  /**
   * Put file
   *
   * Store the body as a file in the drive. An existing file at the path is replaced.
   *
   * A restricted key needs `drive:write`.
   */
  putFile(given: {
      path: string;
      /** `sha-256=:<base64>:` of the file, or of the body; a mismatch returns 422, and nothing is stored. */
      contentDigest?: string | null;
      /** `sha-256=:<base64>:` of the file, or of the body; a mismatch returns 422, and nothing is stored. */
      reprDigest?: string | null;
      body: Blob | Uint8Array | string;
    }, options: CallOptions = {}): Promise<UploadRead> {
    return this.transport.json("PUT", `/v1/drive/files/${escapedPath(given.path)}`, {
      headers: { "Content-Digest": given.contentDigest, "Repr-Digest": given.reprDigest },
      body: given.body,
    }, options);
  }

  /**
   * Delete file
   *
   * Delete a file or an empty folder.
   *
   * A restricted key needs `drive:write`.
   */
  deleteFile(given: {
      path: string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/drive/files/${escapedPath(given.path)}`, {}, options);
  }

  /**
   * Create a folder
   *
   * Create a folder and its missing parents. An existing folder is not changed.
   *
   * A restricted key needs `drive:write`.
   */
  createFolder(given: {
      body: FolderCreate;
    }, options: CallOptions = {}): Promise<DriveEntryRead> {
    return this.transport.json("POST", "/v1/drive/folders", {
      body: given.body,
    }, options);
  }

  /**
   * Delete a folder with its content
   *
   * Delete a folder with its content, up to 2,000 files and folders at a time.
   *
   * Repeat the request until `is_done` is true.
   *
   * A restricted key needs `drive:write`.
   */
  deleteFolder(given: {
      path: string;
    }, options: CallOptions = {}): Promise<DeletedRead> {
    return this.transport.json("DELETE", `/v1/drive/folders/${escapedPath(given.path)}`, {}, options);
  }

  /**
   * Move or rename a file or a folder
   *
   * Move a file or a folder to another path.
   *
   * A restricted key needs `drive:write`.
   */
  moveInDrive(given: {
      body: FileTransfer;
    }, options: CallOptions = {}): Promise<DriveEntryRead> {
    return this.transport.json("POST", "/v1/drive/move", {
      body: given.body,
    }, options);
  }

  /**
   * Sign file
   *
   * Create a URL that opens a file for a limited time, for anyone who has it, without an API key.
   *
   * A restricted key needs `drive:read`.
   */
  signFile(given: {
      body: SignedUrlCreate;
    }, options: CallOptions = {}): Promise<SignedUrlRead> {
    return this.transport.json("POST", "/v1/drive/sign", {
      body: given.body,
    }, options);
  }

  /**
   * Download signed file
   *
   * Return the file of a signed URL.
   */
  downloadSignedFile(given: {
      token: string;
      name: string;
    }, options: CallOptions = {}): Promise<Response> {
    return this.transport.response("GET", `/v1/drive/signed/${encodeURIComponent(given.token)}/${encodeURIComponent(given.name)}`, {}, options);
  }

  /**
   * Upload file
   *
   * Store a file in the drive. An existing file at the path is replaced.
   *
   * A restricted key needs `drive:write`.
   */
  uploadFile(given: {
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      /** `sha-256=:<base64>:` of the file, or of the body; a mismatch returns 422, and nothing is stored. */
      contentDigest?: string | null;
      /** `sha-256=:<base64>:` of the file, or of the body; a mismatch returns 422, and nothing is stored. */
      reprDigest?: string | null;
      body: FormData;
    }, options: CallOptions = {}): Promise<UploadRead> {
    return this.transport.json("POST", "/v1/drive/upload", {
      headers: { "Content-Digest": given.contentDigest, "Repr-Digest": given.reprDigest },
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Start an upload
   *
   * Start an upload that can be continued after any interruption, according to the tus protocol.
   *
   * A restricted key needs `drive:write`.
   */
  startUpload(given: {
      /** `1.0.0`. */
      tusResumable?: string | null;
      /** Length of the whole file in bytes. */
      uploadLength?: string | null;
      /** `path` or `filename`, each with its value in base64. */
      uploadMetadata?: string | null;
    } = {}, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("POST", "/v1/drive/uploads", {
      headers: { "Tus-Resumable": given.tusResumable, "Upload-Length": given.uploadLength, "Upload-Metadata": given.uploadMetadata },
    }, options);
  }

  /**
   * Continue an upload
   *
   * Send more bytes of an upload. After its last byte the file is in the drive.
   *
   * 412: another version of the protocol. 423: another request is writing it. 460: the bytes have another checksum.
   *
   * A restricted key needs `drive:write`.
   */
  resumeUpload(given: {
      upload_id: string;
      /** `1.0.0`. */
      tusResumable?: string | null;
      /** The position where the bytes start. */
      uploadOffset?: string | null;
      /** `sha256 <base64>` or `sha1 <base64>` of the body. */
      uploadChecksum?: string | null;
      body: Blob | Uint8Array | string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("PATCH", `/v1/drive/uploads/${encodeURIComponent(given.upload_id)}`, {
      headers: { "Tus-Resumable": given.tusResumable, "Upload-Offset": given.uploadOffset, "Upload-Checksum": given.uploadChecksum },
      body: given.body,
    }, options);
  }

  /**
   * Abandon an upload
   *
   * Delete an upload. A file that it has stored in the drive stays.
   *
   * A restricted key needs `drive:write`.
   */
  abandonUpload(given: {
      upload_id: string;
      /** `1.0.0`. */
      tusResumable?: string | null;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/drive/uploads/${encodeURIComponent(given.upload_id)}`, {
      headers: { "Tus-Resumable": given.tusResumable },
    }, options);
  }

  /**
   * Read the usage of the drive
   *
   * Return the usage and the limits of the drive.
   *
   * A restricted key needs `drive:read`.
   */
  getDriveUsage(options: CallOptions = {}): Promise<DriveUsageRead> {
    return this.transport.json("GET", "/v1/drive/usage", {}, options);
  }

  /**
   * Read the form of a skill
   *
   * Return what a form or a chat in a page needs of a skill that the key may run. `/embed.js` calls it.
   *
   * A publishable key needs a list of skills that names the skill.
   *
   * A restricted key needs `jobs:submit`.
   */
  getEmbed(given: {
      skill: string;
    }, options: CallOptions = {}): Promise<EmbedRead> {
    return this.transport.json("GET", `/v1/embeds/${encodeURIComponent(given.skill)}`, {}, options);
  }

  /**
   * List environments
   *
   * List the environments with the active version of a skillpack in each.
   *
   * A restricted key needs `deployments:read`.
   */
  listEnvironments(given: {
      skillpack?: string | null;
    } = {}, options: CallOptions = {}): Promise<EnvironmentRead[]> {
    return this.transport.json("GET", "/v1/environments", {
      query: { skillpack: given.skillpack },
    }, options);
  }

  /**
   * Review promotion
   *
   * Return what a promotion to this environment would change, and the state of its checks. Nothing changes.
   *
   * A restricted key needs `deployments:read`.
   */
  reviewPromotion(given: {
      environment: "development" | "staging" | "production";
      skillpack?: string | null;
      /** Default: `development` for `staging`, `staging` for `production`. */
      source?: "development" | "staging" | "production" | null;
      /** ID or number of a version, instead of what is active in `source`. */
      deployment?: string | null;
    }, options: CallOptions = {}): Promise<PromotionRead> {
    return this.transport.json("GET", `/v1/environments/${encodeURIComponent(given.environment)}/promotion`, {
      query: { skillpack: given.skillpack, source: given.source, deployment: given.deployment },
    }, options);
  }

  /**
   * Promote deployment
   *
   * Make the version that is active in another environment the active one of this environment.
   *
   * Running jobs keep theirs. In production, a version whose skills have gates stays inactive until their suites have
   * passed: `gate` has the state.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  promoteDeployment(given: {
      environment: "development" | "staging" | "production";
      skillpack?: string | null;
      /** Skip the gates of production; for admins. */
      force?: boolean;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: PromotionCreate;
    }, options: CallOptions = {}): Promise<DeploymentRead> {
    return this.transport.json("POST", `/v1/environments/${encodeURIComponent(given.environment)}/promotion`, {
      query: { skillpack: given.skillpack, force: given.force },
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Roll back environment
   *
   * Make the version the active one again that was active in this environment before. Running jobs keep theirs.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  rollBackEnvironment(given: {
      environment: "development" | "staging" | "production";
      skillpack?: string | null;
      /** Skip the gates of production; for admins. */
      force?: boolean;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
    }, options: CallOptions = {}): Promise<DeploymentRead> {
    return this.transport.json("POST", `/v1/environments/${encodeURIComponent(given.environment)}/rollback`, {
      query: { skillpack: given.skillpack, force: given.force },
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * List saved cases
   *
   * List saved cases, newest first. Cases of a dataset are in its bundle.
   *
   * A restricted key needs `evals:read`.
   */
  listCases(given: {
      /** ID or slug. */
      skillpack?: string | null;
      skill?: string | null;
      /** Maximum rows per page. */
      limit?: number;
      /** Cursor from the `Link` header of the previous page. */
      cursor?: string | null;
    } = {}, options: CallOptions = {}): Promise<CaseRead[]> {
    return this.transport.json("GET", "/v1/eval-cases", {
      query: { skillpack: given.skillpack, skill: given.skill, limit: given.limit, cursor: given.cursor },
    }, options);
  }

  /**
   * Delete a saved case
   *
   * Delete a saved case. Suites that have run it are not changed.
   *
   * A restricted key needs `evals:write`.
   */
  deleteCase(given: {
      case_id: string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/eval-cases/${encodeURIComponent(given.case_id)}`, {}, options);
  }

  /**
   * Read a suite
   *
   * Return the suite with its progress and its numbers.
   *
   * A restricted key needs `evals:read`.
   */
  getSuite(given: {
      suite_id: string;
    }, options: CallOptions = {}): Promise<SuiteRead> {
    return this.transport.json("GET", `/v1/evals/${encodeURIComponent(given.suite_id)}`, {}, options);
  }

  /**
   * Make a suite the baseline of its skill
   *
   * Make a reviewed suite the baseline of its skill. Gates reject versions that are worse.
   *
   * A restricted key needs `evals:write` and `evals:read`.
   */
  createBaseline(given: {
      suite_id: string;
    }, options: CallOptions = {}): Promise<SuiteRead> {
    return this.transport.json("POST", `/v1/evals/${encodeURIComponent(given.suite_id)}/baseline`, {}, options);
  }

  /**
   * Cancel a suite
   *
   * Cancel the suite and its jobs.
   *
   * A restricted key needs `evals:write` and `evals:read`.
   */
  cancelSuite(given: {
      suite_id: string;
    }, options: CallOptions = {}): Promise<SuiteRead> {
    return this.transport.json("POST", `/v1/evals/${encodeURIComponent(given.suite_id)}/cancel`, {}, options);
  }

  /**
   * Read the runs of a suite
   *
   * List every run with its inputs, the expected output, the actual output, and the verdict of each grader.
   *
   * A restricted key needs `evals:read`.
   */
  listRuns(given: {
      suite_id: string;
      /** A suite whose runs are returned alongside. */
      base?: string | null;
      /** `not_passed`: also runs without a result. `regressed`: runs that are worse than in `base`. */
      only?: "all" | "not_passed" | "regressed";
      /** `number`: the order of submission. `score`: the lowest first, after runs without a result. `cost` and `duration`: the highest first. */
      sort?: "number" | "score" | "cost" | "duration";
      /** Maximum rows per page. */
      limit?: number;
      /** Cursor from the `Link` header of the previous page. */
      cursor?: string | null;
    }, options: CallOptions = {}): Promise<EvalRunRead[]> {
    return this.transport.json("GET", `/v1/evals/${encodeURIComponent(given.suite_id)}/cases`, {
      query: { base: given.base, only: given.only, sort: given.sort, limit: given.limit, cursor: given.cursor },
    }, options);
  }

  /**
   * List events
   *
   * List the events of the project, newest first. Old events are deleted after the retention period.
   *
   * A restricted key needs `events:read`.
   */
  listEvents(given: {
      /** Only events of this type. */
      type?: string | null;
      /** Maximum rows per page. */
      limit?: number;
      /** Cursor from the `Link` header of the previous page. */
      cursor?: string | null;
    } = {}, options: CallOptions = {}): Promise<ProjectEventRead[]> {
    return this.transport.json("GET", "/v1/events", {
      query: { type: given.type, limit: given.limit, cursor: given.cursor },
    }, options);
  }

  /**
   * Send an event
   *
   * Send an event to the project. Jobs continue that wait for it.
   *
   * A wait receives events that arrive after its job was submitted, also before the wait starts. With an `id`, the
   * request can be repeated: the event is stored once.
   *
   * A restricted key needs `events:send`.
   */
  sendEvent(given: {
      body: EventCreate;
    }, options: CallOptions = {}): Promise<Response> {
    return this.transport.response("POST", "/v1/events", {
      body: given.body,
    }, options);
  }

  /**
   * Edit the text of a flow.yaml
   *
   * Return the text with the edits. Comments, the order of keys, and everything that no edit concerns are unchanged.
   *
   * Nothing is stored: write the text with `PUT /v1/drafts/files/{path}`. An edit that changes nothing returns the same
   * text. A moved step keeps its notation and comments; a renamed one is also renamed in the expressions that read it.
   *
   * A restricted key needs `deployments:read`.
   */
  editFlowYaml(given: {
      body: FlowYamlEdit;
    }, options: CallOptions = {}): Promise<FlowYamlRead> {
    return this.transport.json("POST", "/v1/flow-yaml/edit", {
      body: given.body,
    }, options);
  }

  /**
   * Get analysis
   *
   * Report that Hindsight is not available.
   *
   * A restricted key needs `jobs:read`.
   */
  getAnalysis(given: {
      analysis: string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("GET", `/v1/hindsight/${encodeURIComponent(given.analysis)}`, {}, options);
  }

  /**
   * Read the health of the instance
   *
   * For operators: report the state of database, Redis, workers and disk, and its effect on jobs.
   */
  listHealth(options: CallOptions = {}): Promise<StatusTileRead[]> {
    return this.transport.json("GET", "/v1/instance/health", {}, options);
  }

  /**
   * List the projects of the instance
   *
   * For operators: list all projects with the balances of their wallets, by slug.
   */
  listAllProjects(given: {
      /** Maximum rows per page. */
      limit?: number;
      /** Cursor from the `Link` header of the previous page. */
      cursor?: string | null;
    } = {}, options: CallOptions = {}): Promise<AdminProjectRead[]> {
    return this.transport.json("GET", "/v1/instance/projects", {
      query: { limit: given.limit, cursor: given.cursor },
    }, options);
  }

  /**
   * Add credit to a wallet
   *
   * For operators: add credit to the project with this ID or slug; jobs that waited for credit become ready.
   */
  topUp(given: {
      project: string;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: TopUpCreate;
    }, options: CallOptions = {}): Promise<TopUpRead> {
    return this.transport.json("POST", `/v1/instance/projects/${encodeURIComponent(given.project)}/top-ups`, {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * List waiting jobs by lane and reason
   *
   * For operators: count the waiting jobs of each lane by reason, with the age of the oldest and the next due one.
   */
  listWaitingJobs(options: CallOptions = {}): Promise<WaitingJobsRead[]> {
    return this.transport.json("GET", "/v1/instance/queue", {}, options);
  }

  /**
   * Download a support bundle
   *
   * For operators: return a ZIP archive with versions, settings without secrets, and the state of the instance.
   *
   * It contains no names and no content of projects.
   */
  downloadSupportBundle(options: CallOptions = {}): Promise<Response> {
    return this.transport.response("GET", "/v1/instance/support-bundle", {}, options);
  }

  /**
   * List the users of the instance
   *
   * For operators: list all user accounts, by e-mail.
   */
  listUsers(given: {
      /** Maximum rows per page. */
      limit?: number;
      /** Cursor from the `Link` header of the previous page. */
      cursor?: string | null;
    } = {}, options: CallOptions = {}): Promise<AdminUserRead[]> {
    return this.transport.json("GET", "/v1/instance/users", {
      query: { limit: given.limit, cursor: given.cursor },
    }, options);
  }

  /**
   * Add a user
   *
   * For operators: create an account, and a link with which its user sets the password within a week.
   *
   * The link is returned only once.
   */
  addUser(given: {
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: UserCreate;
    }, options: CallOptions = {}): Promise<PasswordLinkRead> {
    return this.transport.json("POST", "/v1/instance/users", {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Create a password link
   *
   * For operators: create a link with which the user sets a new password within an hour.
   *
   * Earlier links stop working. The link is returned only once. Passwords of operators are reset on the server
   * instead.
   */
  createPasswordLink(given: {
      user_id: string;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
    }, options: CallOptions = {}): Promise<PasswordLinkRead> {
    return this.transport.json("POST", `/v1/instance/users/${encodeURIComponent(given.user_id)}/password-links`, {
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * List the workers
   *
   * For operators: list all worker processes with their last heartbeat, lanes and running jobs.
   */
  listWorkers(options: CallOptions = {}): Promise<WorkerRead[]> {
    return this.transport.json("GET", "/v1/instance/workers", {}, options);
  }

  /**
   * Drain a worker
   *
   * For operators: drain a worker.
   *
   * It claims no more jobs, lets its running jobs finish for `PURAS_DRAIN_S`, requeues the remaining ones and
   * ends; its pool starts another process.
   */
  drainWorker(given: {
      worker_id: string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("POST", `/v1/instance/workers/${encodeURIComponent(given.worker_id)}/drain`, {}, options);
  }

  /**
   * Group failed jobs by their error
   *
   * Return the failed jobs of at most 90 days, grouped by skill, error code, message and place in the code.
   *
   * Numbers, IDs, paths, times and quoted values of messages do not count, so that two runs of the same fault are in the
   * same cluster. `GET /v1/jobs?error_signature=` lists the jobs of a cluster.
   *
   * A restricted key needs `jobs:read_own`.
   */
  getFailures(given: {
      /** Jobs submitted since then. Default: a week before `until`. */
      since?: string | null;
      /** Jobs submitted before then. Default: now. */
      until?: string | null;
      skill?: string | null;
      version?: number | null;
      environment?: "development" | "staging" | "production" | null;
      /** The present state of the errors. */
      state?: "open" | "resolved" | "ignored" | "all";
      limit?: number;
    } = {}, options: CallOptions = {}): Promise<FailuresRead> {
    return this.transport.json("GET", "/v1/job-failures", {
      query: { since: given.since, until: given.until, skill: given.skill, version: given.version, environment: given.environment, state: given.state, limit: given.limit },
    }, options);
  }

  /**
   * Get an error of failed jobs
   *
   * Return an error with its state: open, resolved or ignored.
   *
   * A restricted key needs `jobs:read`.
   */
  getFailure(given: {
      error_signature: string;
    }, options: CallOptions = {}): Promise<FailureRead> {
    return this.transport.json("GET", `/v1/job-failures/${encodeURIComponent(given.error_signature)}`, {}, options);
  }

  /**
   * Ignore an error of failed jobs
   *
   * Ignore an error permanently, until a time, or until a number of further jobs have failed with it.
   *
   * Lists of open errors, and alerts with the metric `new_errors`, do not contain it.
   *
   * A restricted key needs `jobs:read` and `jobs:write`.
   */
  ignoreFailure(given: {
      error_signature: string;
      body?: FailureIgnore | null;
    }, options: CallOptions = {}): Promise<FailureRead> {
    return this.transport.json("POST", `/v1/job-failures/${encodeURIComponent(given.error_signature)}/ignore`, {
      body: given.body,
    }, options);
  }

  /**
   * Reopen an error of failed jobs
   *
   * Mark an error that was resolved or ignored as open.
   *
   * A restricted key needs `jobs:read` and `jobs:write`.
   */
  reopenFailure(given: {
      error_signature: string;
    }, options: CallOptions = {}): Promise<FailureRead> {
    return this.transport.json("POST", `/v1/job-failures/${encodeURIComponent(given.error_signature)}/reopen`, {}, options);
  }

  /**
   * Resolve an error of failed jobs
   *
   * Mark an error as resolved. It is open again, as regressed, when a job that is submitted later fails with it.
   *
   * Only jobs of the first version in which it should not occur, and of later ones, open it again: those of the version
   * that is active in production, or with `fixed_in: next` those after it. If no version of the skillpack is active in
   * production, every job does.
   *
   * A restricted key needs `jobs:read` and `jobs:write`.
   */
  resolveFailure(given: {
      error_signature: string;
      body?: FailureResolve | null;
    }, options: CallOptions = {}): Promise<FailureRead> {
    return this.transport.json("POST", `/v1/job-failures/${encodeURIComponent(given.error_signature)}/resolve`, {
      body: given.body,
    }, options);
  }

  /**
   * List jobs
   *
   * List the jobs of the project, newest first unless `sort` names another order.
   *
   * A restricted key needs `jobs:read_own`.
   */
  listJobs(given: {
      /** ID of the session whose turns the jobs are. */
      session_id?: string | null;
      environment?: "development" | "staging" | "production" | null;
      /** `-` for descending. Jobs that have not ended are last in a list by duration or cost. A list by status has the newest jobs of each status first. */
      sort?: "created_at" | "-created_at" | "duration" | "-duration" | "cost" | "-cost" | "status" | "-status";
      /** Maximum rows per page. */
      limit?: number;
      /** Cursor from the `Link` header of the previous page. */
      cursor?: string | null;
      /** IDs of jobs, at most 200, separated by commas. */
      ids?: string | null;
      /** Jobs that failed for the same reason: see `GET /v1/job-failures`. */
      error_signature?: string | null;
      status?: "queued" | "running" | "waiting" | "succeeded" | "failed" | "cancelled" | null;
      skill?: string | null;
      source?: string | null;
      version?: number | null;
      since?: string | null;
      until?: string | null;
      /** ID of the API key that submitted the jobs. */
      key?: string | null;
      /** Including subjobs. */
      min_cost_usd?: number | null;
      /** From the start to the end, or until now. */
      min_seconds?: number | null;
      /** A part of the ID, the skill, the error or the metadata. */
      q?: string | null;
    } = {}, options: CallOptions = {}): Promise<JobRead[]> {
    return this.transport.json("GET", "/v1/jobs", {
      query: { session_id: given.session_id, environment: given.environment, sort: given.sort, limit: given.limit, cursor: given.cursor, ids: given.ids, error_signature: given.error_signature, status: given.status, skill: given.skill, source: given.source, version: given.version, since: given.since, until: given.until, key: given.key, min_cost_usd: given.min_cost_usd, min_seconds: given.min_seconds, q: given.q },
    }, options);
  }

  /**
   * Submit a job
   *
   * Submit a job that runs a skill.
   *
   * With `wait=true`, the response is sent when the job has ended, or after `timeout` seconds.
   *
   * A restricted key needs `jobs:submit` and `jobs:read_own`.
   */
  submitJob(given: {
      /** ID or slug; default: the default skillpack. */
      skillpack?: string | null;
      /** The same, by ID. */
      skillpack_id?: string | null;
      /** Default: the active one. */
      version?: number | null;
      /** Respond when the job has ended. */
      wait?: boolean;
      /** Maximum seconds to wait, up to 55. */
      timeout?: number;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: JobCreate;
    }, options: CallOptions = {}): Promise<JobRead> {
    return this.transport.json("POST", "/v1/jobs", {
      query: { skillpack: given.skillpack, skillpack_id: given.skillpack_id, version: given.version, wait: given.wait, timeout: given.timeout },
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Count recent jobs
   *
   * Count the jobs that were submitted in the last hours, in time slots of equal length, oldest first.
   *
   * A restricted key needs `jobs:read_own`.
   */
  getActivity(given: {
      hours?: number;
      bars?: number;
    } = {}, options: CallOptions = {}): Promise<JobActivityRead[]> {
    return this.transport.json("GET", "/v1/jobs/activity", {
      query: { hours: given.hours, bars: given.bars },
    }, options);
  }

  /**
   * Read a job
   *
   * Read a job. With `wait=true` the response is sent when the job has ended, or after `timeout` seconds.
   *
   * A restricted key needs `jobs:read_own`.
   */
  getJob(given: {
      job_id: string;
      /** Respond when the job has ended. */
      wait?: boolean;
      /** Maximum seconds to wait, up to 55. */
      timeout?: number;
    }, options: CallOptions = {}): Promise<JobRead> {
    return this.transport.json("GET", `/v1/jobs/${encodeURIComponent(given.job_id)}`, {
      query: { wait: given.wait, timeout: given.timeout },
    }, options);
  }

  /**
   * List the annotations of a job
   *
   * List the annotations of a job, of all queues and reviewers.
   *
   * A restricted key needs `evals:read` and `jobs:read_own`.
   */
  listAnnotations(given: {
      job_id: string;
    }, options: CallOptions = {}): Promise<AnnotationRead[]> {
    return this.transport.json("GET", `/v1/jobs/${encodeURIComponent(given.job_id)}/annotations`, {}, options);
  }

  /**
   * Save an annotated job as an eval case
   *
   * Save a job as an eval case, with its newest corrected output as the expected one.
   *
   * A restricted key needs `evals:write` and `evals:read` and `jobs:read`.
   */
  saveAnnotatedCase(given: {
      job_id: string;
      body?: AnnotationCasesCreate | null;
    }, options: CallOptions = {}): Promise<AnnotationCasesCreated> {
    return this.transport.json("POST", `/v1/jobs/${encodeURIComponent(given.job_id)}/annotations/eval-case`, {
      body: given.body,
    }, options);
  }

  /**
   * Download a file of a job's result
   *
   * Redirect to the file with this name.
   *
   * A restricted key needs `jobs:read_own`.
   */
  getJobAsset(given: {
      job_id: string;
      name: string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("GET", `/v1/jobs/${encodeURIComponent(given.job_id)}/assets/${encodeURIComponent(given.name)}`, {}, options);
  }

  /**
   * Cancel a job
   *
   * Cancel a job: immediately while it is queued, within seconds while it runs.
   *
   * A restricted key needs `jobs:write` and `jobs:read_own`.
   */
  cancelJob(given: {
      job_id: string;
    }, options: CallOptions = {}): Promise<JobRead> {
    return this.transport.json("POST", `/v1/jobs/${encodeURIComponent(given.job_id)}/cancel`, {}, options);
  }

  /**
   * List the comments on a job
   *
   * List the comments on a job, the oldest first.
   *
   * A restricted key needs `jobs:read`.
   */
  listJobComments(given: {
      job_id: string;
      /** Maximum rows per page. */
      limit?: number;
      /** Cursor from the `Link` header of the previous page. */
      cursor?: string | null;
    }, options: CallOptions = {}): Promise<CommentRead[]> {
    return this.transport.json("GET", `/v1/jobs/${encodeURIComponent(given.job_id)}/comments`, {
      query: { limit: given.limit, cursor: given.cursor },
    }, options);
  }

  /**
   * Comment on a job
   *
   * Write a comment on a job, or on a step of it. A mentioned member receives an e-mail, and webhooks an event.
   *
   * A restricted key needs `jobs:submit` and `jobs:read`.
   */
  createJobComment(given: {
      job_id: string;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: CommentCreate;
    }, options: CallOptions = {}): Promise<CommentRead> {
    return this.transport.json("POST", `/v1/jobs/${encodeURIComponent(given.job_id)}/comments`, {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Edit a comment
   *
   * Change the text of a comment of the caller.
   *
   * A restricted key needs `jobs:submit` and `jobs:read`.
   */
  updateJobComment(given: {
      job_id: string;
      comment_id: string;
      body: CommentUpdate;
    }, options: CallOptions = {}): Promise<CommentRead> {
    return this.transport.json("PATCH", `/v1/jobs/${encodeURIComponent(given.job_id)}/comments/${encodeURIComponent(given.comment_id)}`, {
      body: given.body,
    }, options);
  }

  /**
   * Delete a comment
   *
   * Delete a comment of the caller. Admins can delete those of others.
   *
   * A restricted key needs `jobs:submit` and `jobs:read`.
   */
  deleteJobComment(given: {
      job_id: string;
      comment_id: string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/jobs/${encodeURIComponent(given.job_id)}/comments/${encodeURIComponent(given.comment_id)}`, {}, options);
  }

  /**
   * Continue a job
   *
   * Create a job that continues the whole conversation of a finished agent with new inputs.
   *
   * A restricted key needs `jobs:submit` and `jobs:read_own`.
   */
  continueJob(given: {
      job_id: string;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: ContinuationCreate;
    }, options: CallOptions = {}): Promise<JobRead> {
    return this.transport.json("POST", `/v1/jobs/${encodeURIComponent(given.job_id)}/continue`, {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Save a job as a case
   *
   * Save the job's inputs, the conversation that it continued, and its result or `expected`, as a case of its skill.
   *
   * Secrets are redacted.
   *
   * A restricted key needs `evals:write` and `jobs:read_own`.
   */
  saveCase(given: {
      job_id: string;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body?: CaseCreate | null;
    }, options: CallOptions = {}): Promise<CaseRead> {
    return this.transport.json("POST", `/v1/jobs/${encodeURIComponent(given.job_id)}/eval-case`, {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Events of a job
   *
   * List the events of a job with numbers above `after`, in order.
   *
   * A restricted key needs `jobs:read_own`.
   */
  listJobEvents(given: {
      job_id: string;
      /** Number of the last event that you received; 0: start at the first. */
      after?: number;
      limit?: number;
    }, options: CallOptions = {}): Promise<EventRead[]> {
    return this.transport.json("GET", `/v1/jobs/${encodeURIComponent(given.job_id)}/events`, {
      query: { after: given.after, limit: given.limit },
    }, options);
  }

  /**
   * Rate a job
   *
   * Rate the result of a job; a later rating by the same user replaces it.
   *
   * A restricted key needs `jobs:submit` and `jobs:read_own`.
   */
  giveFeedback(given: {
      job_id: string;
      body: FeedbackCreate;
    }, options: CallOptions = {}): Promise<FeedbackRead> {
    return this.transport.json("POST", `/v1/jobs/${encodeURIComponent(given.job_id)}/feedback`, {
      body: given.body,
    }, options);
  }

  /**
   * Fork a job
   *
   * Create a job that continues the run of an agent after one of its steps, with the changes that you request.
   *
   * A fork of a function starts with the stored results of its first durable steps. A fork of a flow starts with the
   * stored results of the steps before the named one, which cost nothing and start no jobs.
   *
   * A restricted key needs `jobs:submit` and `jobs:read_own`.
   */
  forkJob(given: {
      job_id: string;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: ForkCreate;
    }, options: CallOptions = {}): Promise<JobRead> {
    return this.transport.json("POST", `/v1/jobs/${encodeURIComponent(given.job_id)}/fork`, {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Log of a job
   *
   * Read a page of the output and the log of a job. A page of long texts can have fewer entries than the limit.
   *
   * A restricted key needs `jobs:read_own`.
   */
  readJobLog(given: {
      job_id: string;
      /** Only entries with higher numbers: `next_after` of a page. */
      after?: number;
      /** Maximum number of entries. */
      limit?: number;
      /** Only entries of this level; can be repeated. */
      level?: string[] | null;
      /** Return the last entries instead of the first ones. */
      tail?: boolean;
    }, options: CallOptions = {}): Promise<LogPage> {
    return this.transport.json("GET", `/v1/jobs/${encodeURIComponent(given.job_id)}/logs`, {
      query: { after: given.after, limit: given.limit, level: given.level, tail: given.tail },
    }, options);
  }

  /**
   * Read a model call
   *
   * Read the input of a model call as it was sent, and the reply: by default with the last 20 messages.
   *
   * Secrets are redacted. Long texts are cut; `/download` returns everything. Publishable keys may not read it.
   *
   * A restricted key needs `jobs:read_own`.
   */
  getModelCall(given: {
      job_id: string;
      /** Number of the reply, from 1 on. */
      step: number;
      /** Only messages before this position: `first_message` of the page after it. */
      before?: number | null;
      /** Maximum number of messages. */
      limit?: number;
    }, options: CallOptions = {}): Promise<ModelCallRead> {
    return this.transport.json("GET", `/v1/jobs/${encodeURIComponent(given.job_id)}/model-calls/${encodeURIComponent(given.step)}`, {
      query: { before: given.before, limit: given.limit },
    }, options);
  }

  /**
   * Download a model call
   *
   * Download the whole input of a model call and the reply as a JSON file.
   *
   * A restricted key needs `jobs:read_own`.
   */
  downloadModelCall(given: {
      job_id: string;
      /** Number of the reply, from 1 on. */
      step: number;
    }, options: CallOptions = {}): Promise<ModelCallRead> {
    return this.transport.json("GET", `/v1/jobs/${encodeURIComponent(given.job_id)}/model-calls/${encodeURIComponent(given.step)}/download`, {}, options);
  }

  /**
   * List the files of a job's result
   *
   * List the files that the result names, each with a new signed URL.
   *
   * A restricted key needs `jobs:read_own`.
   */
  listJobOutputs(given: {
      job_id: string;
    }, options: CallOptions = {}): Promise<OutputRead[]> {
    return this.transport.json("GET", `/v1/jobs/${encodeURIComponent(given.job_id)}/outputs`, {}, options);
  }

  /**
   * Read the receipt of a job
   *
   * Read the line items of a job: what it used and what was charged.
   *
   * A restricted key needs `jobs:read_own`.
   */
  getJobReceipt(given: {
      job_id: string;
    }, options: CallOptions = {}): Promise<Receipt> {
    return this.transport.json("GET", `/v1/jobs/${encodeURIComponent(given.job_id)}/receipt`, {}, options);
  }

  /**
   * Replay a job
   *
   * Submit the same inputs as a new job, with the same deployment or another version.
   *
   * A restricted key needs `jobs:submit` and `jobs:read_own`.
   */
  replayJob(given: {
      job_id: string;
      /** Default: the version that the job ran. */
      version?: number | null;
      /** Respond when the job has ended. */
      wait?: boolean;
      /** Maximum seconds to wait, up to 55. */
      timeout?: number;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
    }, options: CallOptions = {}): Promise<JobRead> {
    return this.transport.json("POST", `/v1/jobs/${encodeURIComponent(given.job_id)}/replay`, {
      query: { version: given.version, wait: given.wait, timeout: given.timeout },
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * List the links of a job
   *
   * List the links of a job that have not expired, newest first, without their secret parts.
   *
   * A restricted key needs `jobs:read` and `jobs:write`.
   */
  listJobShares(given: {
      job_id: string;
    }, options: CallOptions = {}): Promise<JobShareRead[]> {
    return this.transport.json("GET", `/v1/jobs/${encodeURIComponent(given.job_id)}/shares`, {}, options);
  }

  /**
   * Share a job
   *
   * Create a link to a page that shows status, spans and result of a job, to everyone who has it, until it expires.
   *
   * The page never shows inputs, log, events or secrets. A result can contain parts of the inputs.
   *
   * A restricted key needs `jobs:read` and `jobs:write`.
   */
  shareJob(given: {
      job_id: string;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: JobShareCreate;
    }, options: CallOptions = {}): Promise<JobShareCreated> {
    return this.transport.json("POST", `/v1/jobs/${encodeURIComponent(given.job_id)}/shares`, {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Revoke a link of a job
   *
   * Revoke a link. It stops working immediately.
   *
   * A restricted key needs `jobs:read` and `jobs:write`.
   */
  revokeJobShare(given: {
      job_id: string;
      share_id: string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/jobs/${encodeURIComponent(given.job_id)}/shares/${encodeURIComponent(given.share_id)}`, {}, options);
  }

  /**
   * Spans of a job
   *
   * List the spans of a job. `parent_span_id` forms the tree.
   *
   * A restricted key needs `jobs:read_own`.
   */
  listJobSpans(given: {
      job_id: string;
    }, options: CallOptions = {}): Promise<SpanRead[]> {
    return this.transport.json("GET", `/v1/jobs/${encodeURIComponent(given.job_id)}/spans`, {}, options);
  }

  /**
   * List the steps of a job
   *
   * List the steps of a flow in their order, also those that it has not reached.
   *
   * The durable steps of a function are listed in the order in which they started, followed by what the job waits for.
   *
   * A restricted key needs `jobs:read_own`.
   */
  listJobSteps(given: {
      job_id: string;
      /** Only the step with this name, with its whole result; of a step with `for_each`, its elements. */
      step?: string | null;
      /** Only steps, or elements, with this status. */
      status?: "pending" | "running" | "waiting" | "succeeded" | "failed" | "skipped" | "cancelled" | null;
      /** Maximum rows per page. */
      limit?: number;
      /** Cursor from the `Link` header of the previous page. */
      cursor?: string | null;
    }, options: CallOptions = {}): Promise<JobStepRead[]> {
    return this.transport.json("GET", `/v1/jobs/${encodeURIComponent(given.job_id)}/steps`, {
      query: { step: given.step, status: given.status, limit: given.limit, cursor: given.cursor },
    }, options);
  }

  /**
   * Read a step of an agent
   *
   * Read a reply of an agent and the results of its calls in full. Events contain long ones only in part.
   *
   * A restricted key needs `jobs:read_own`.
   */
  getStep(given: {
      job_id: string;
      /** Number of the reply, from 1 on. */
      step: number;
    }, options: CallOptions = {}): Promise<StepRead> {
    return this.transport.json("GET", `/v1/jobs/${encodeURIComponent(given.job_id)}/steps/${encodeURIComponent(given.step)}`, {}, options);
  }

  /**
   * Live events of a job
   *
   * Stream the events of a job as they happen. `Last-Event-ID` or `after` resumes without gaps or repetitions.
   *
   * A restricted key needs `jobs:read_own`.
   */
  streamJobEvents(given: {
      job_id: string;
      /** Number of the last event that you received; 0: start at the first. */
      after?: number;
      /** Takes precedence over `after`. */
      lastEventID?: number | null;
    }, options: CallOptions = {}): Promise<Response> {
    return this.transport.response("GET", `/v1/jobs/${encodeURIComponent(given.job_id)}/stream`, {
      query: { after: given.after },
      headers: { "Last-Event-ID": given.lastEventID },
    }, options);
  }

  /**
   * Search the marketplace
   *
   * List published listings, by default newest first. With `mine=true`: the project's own.
   *
   * A restricted key needs `marketplace:read`.
   */
  listListings(given: {
      /** Words in name, description or marketing. */
      q?: string | null;
      /** The project's own listings, including drafts and those taken down. */
      mine?: boolean;
      /** Status of the project's own listings. */
      status?: "draft" | "published" | "taken_down" | null;
      /** The order; `-` for descending. Own listings are sorted by their creation instead of `published_at`, and also by `status`, and with `billing:read` by their succeeded `runs`, their `callers` and what they `earned`. */
      sort?: "published_at" | "-published_at" | "title" | "-title" | "price" | "-price" | "status" | "-status" | "runs" | "-runs" | "callers" | "-callers" | "earned" | "-earned";
      /** Maximum rows per page. */
      limit?: number;
      /** Cursor from the `Link` header of the previous page. */
      cursor?: string | null;
    } = {}, options: CallOptions = {}): Promise<ListingSummary[]> {
    return this.transport.json("GET", "/v1/marketplace/listings", {
      query: { q: given.q, mine: given.mine, status: given.status, sort: given.sort, limit: given.limit, cursor: given.cursor },
    }, options);
  }

  /**
   * Offer a skill to other projects
   *
   * Create a draft that only this project sees. Publish it with a PATCH of its status.
   *
   * A restricted key needs `marketplace:write`.
   */
  createListing(given: {
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: ListingCreate;
    }, options: CallOptions = {}): Promise<ListingRead> {
    return this.transport.json("POST", "/v1/marketplace/listings", {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Read a listing
   *
   * Return a listing by ID or slug: inputs and outputs, the price of a run, and what its code can access.
   *
   * A restricted key needs `marketplace:read`.
   */
  getListing(given: {
      listing: string;
    }, options: CallOptions = {}): Promise<ListingRead> {
    return this.transport.json("GET", `/v1/marketplace/listings/${encodeURIComponent(given.listing)}`, {}, options);
  }

  /**
   * Change, publish or take down a listing
   *
   * Change a listing. Existing jobs keep the price and the version of their submission.
   *
   * A restricted key needs `marketplace:write`.
   */
  changeListing(given: {
      listing: string;
      body: ListingUpdate;
    }, options: CallOptions = {}): Promise<ListingRead> {
    return this.transport.json("PATCH", `/v1/marketplace/listings/${encodeURIComponent(given.listing)}`, {
      body: given.body,
    }, options);
  }

  /**
   * Delete a draft listing
   *
   * Delete a draft that was never published. Take down other listings instead.
   *
   * A restricted key needs `marketplace:write`.
   */
  deleteListing(given: {
      listing: string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/marketplace/listings/${encodeURIComponent(given.listing)}`, {}, options);
  }

  /**
   * Read the sales of a listing
   *
   * Return sums of runs, earnings and callers, for the publisher.
   *
   * A restricted key needs `billing:read` and `marketplace:read`.
   */
  getListingSales(given: {
      listing: string;
    }, options: CallOptions = {}): Promise<SalesRead> {
    return this.transport.json("GET", `/v1/marketplace/listings/${encodeURIComponent(given.listing)}/sales`, {}, options);
  }

  /**
   * List the versions of a listing
   *
   * List versions, newest first, each with its changes for callers. A job pins one with `?version=`.
   *
   * A restricted key needs `marketplace:read`.
   */
  listListingVersions(given: {
      listing: string;
    }, options: CallOptions = {}): Promise<ListingVersionRead[]> {
    return this.transport.json("GET", `/v1/marketplace/listings/${encodeURIComponent(given.listing)}/versions`, {}, options);
  }

  /**
   * Add a version to a listing
   *
   * Add a version. Callers who pin none use it from now on.
   *
   * A restricted key needs `marketplace:write`.
   */
  addListingVersion(given: {
      listing: string;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: ListingVersionCreate;
    }, options: CallOptions = {}): Promise<ListingVersionRead> {
    return this.transport.json("POST", `/v1/marketplace/listings/${encodeURIComponent(given.listing)}/versions`, {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Read the caller
   *
   * Return the caller, its projects and its permissions.
   */
  getMe(options: CallOptions = {}): Promise<Me> {
    return this.transport.json("GET", "/v1/me", {}, options);
  }

  /**
   * Change my password
   *
   * Set a new password, and end all other sessions of the caller.
   */
  changePassword(given: {
      body: NewPassword;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("POST", "/v1/me/password", {
      body: given.body,
    }, options);
  }

  /**
   * Read my preferences
   *
   * Return the theme, the time zone and the e-mail choices of the signed-in user.
   */
  getPreferences(options: CallOptions = {}): Promise<PreferencesRead> {
    return this.transport.json("GET", "/v1/me/preferences", {}, options);
  }

  /**
   * Change my preferences
   *
   * Change the preferences of the signed-in user, which apply in all browsers.
   */
  updatePreferences(given: {
      body: PreferencesUpdate;
    }, options: CallOptions = {}): Promise<PreferencesRead> {
    return this.transport.json("PATCH", "/v1/me/preferences", {
      body: given.body,
    }, options);
  }

  /**
   * List my sessions
   *
   * List the active sessions of the caller, the last used first.
   */
  listSessions(options: CallOptions = {}): Promise<SessionRead[]> {
    return this.transport.json("GET", "/v1/me/sessions", {}, options);
  }

  /**
   * End my other sessions
   *
   * End all sessions of the caller except this one.
   */
  endOtherSessions(options: CallOptions = {}): Promise<SessionsEnded> {
    return this.transport.json("DELETE", "/v1/me/sessions", {}, options);
  }

  /**
   * End one of my sessions
   *
   * End one session of the caller.
   */
  endSession(given: {
      session_id: string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/me/sessions/${encodeURIComponent(given.session_id)}`, {}, options);
  }

  /**
   * Generate an image, a video, speech or a transcript
   *
   * Generate media with the token of a running job.
   *
   * The file is stored in the drive, and the cost is on the job's receipt.
   *
   * A restricted key needs `drive:write`.
   */
  generateMedia(given: {
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: MediaCreate;
    }, options: CallOptions = {}): Promise<MediaRead> {
    return this.transport.json("POST", "/v1/media/generate", {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * List records
   *
   * List records, by default the last written first. With `job_id`: those that this job wrote last.
   *
   * A restricted key needs `memory:read`.
   */
  listMemory(given: {
      state?: "live" | "stale" | "superseded" | "forgotten" | "all";
      kind?: string | null;
      mtype?: "semantic" | "episodic" | "procedural" | null;
      scope?: "entity" | "skillpack" | "workspace" | null;
      skillpack?: string | null;
      /** A key or an alias. */
      key?: string | null;
      /** Records that this job wrote last. */
      job_id?: string | null;
      pinned?: boolean | null;
      /** The order; `-` for descending. `title` is the key or the kind of records without a title. */
      sort?: "updated_at" | "-updated_at" | "title" | "-title" | "kind" | "-kind" | "key" | "-key" | "written_by" | "-written_by";
      /** Maximum rows per page. */
      limit?: number;
      /** Cursor from the `Link` header of the previous page. */
      cursor?: string | null;
    } = {}, options: CallOptions = {}): Promise<MemoryRead[]> {
    return this.transport.json("GET", "/v1/memory", {
      query: { state: given.state, kind: given.kind, mtype: given.mtype, scope: given.scope, skillpack: given.skillpack, key: given.key, job_id: given.job_id, pinned: given.pinned, sort: given.sort, limit: given.limit, cursor: given.cursor },
    }, options);
  }

  /**
   * Write a record
   *
   * Write a record.
   *
   * A record of the same kind and key is replaced, and its version increases by one. Secrets of the project are
   * redacted.
   *
   * A restricted key needs `memory:write`.
   */
  putMemory(given: {
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: MemoryPut;
    }, options: CallOptions = {}): Promise<MemoryWritten> {
    return this.transport.json("POST", "/v1/memory", {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Export all records
   *
   * Export every record as a line of JSON, including forgotten ones that are still stored. The export is audited.
   *
   * A restricted key needs `memory:read`.
   */
  exportMemory(options: CallOptions = {}): Promise<Response> {
    return this.transport.response("GET", "/v1/memory/export", {}, options);
  }

  /**
   * Forget a record, in a job
   *
   * Hide a record from searches and lists.
   *
   * A restricted key needs `memory:write`.
   */
  forgetMemoryInJob(given: {
      body: MemoryId;
    }, options: CallOptions = {}): Promise<MemoryDeletedRead> {
    return this.transport.json("POST", "/v1/memory/forget", {
      body: given.body,
    }, options);
  }

  /**
   * Read a record, in a job
   *
   * Return one record.
   *
   * A restricted key needs `memory:read`.
   */
  getMemoryInJob(given: {
      body: MemoryId;
    }, options: CallOptions = {}): Promise<MemoryRead> {
    return this.transport.json("POST", "/v1/memory/get", {
      body: given.body,
    }, options);
  }

  /**
   * Write a record, in a job
   *
   * Write a record like `POST /v1/memory`. Calls with the same `key` have one effect, in all attempts of the job.
   *
   * A restricted key needs `memory:write`.
   */
  putMemoryInJob(given: {
      body: MemoryPut;
    }, options: CallOptions = {}): Promise<MemoryWritten> {
    return this.transport.json("POST", "/v1/memory/put", {
      body: given.body,
    }, options);
  }

  /**
   * Search records
   *
   * Search by keys, by words and, if an embedding model is configured, by meaning; the best match first.
   *
   * A restricted key needs `memory:read`.
   */
  searchMemory(given: {
      body: MemorySearch;
    }, options: CallOptions = {}): Promise<MemoryResults> {
    return this.transport.json("POST", "/v1/memory/search", {
      body: given.body,
    }, options);
  }

  /**
   * Read a record
   *
   * Return one record.
   *
   * A restricted key needs `memory:read`.
   */
  getMemory(given: {
      memory_id: string;
    }, options: CallOptions = {}): Promise<MemoryRead> {
    return this.transport.json("GET", `/v1/memory/${encodeURIComponent(given.memory_id)}`, {}, options);
  }

  /**
   * Forget a record
   *
   * Hide the record from searches and lists.
   *
   * It is deleted after `PURAS_KEEP_FORGOTTEN_MEMORY_DAYS`. The request is audited.
   *
   * A restricted key needs `memory:write`.
   */
  deleteMemory(given: {
      memory_id: string;
      reason?: string;
      /** Delete it permanently and immediately. */
      erase?: boolean;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/memory/${encodeURIComponent(given.memory_id)}`, {
      query: { reason: given.reason, erase: given.erase },
    }, options);
  }

  /**
   * List the changes of a record
   *
   * List the last 100 changes of a record with the jobs that made them, newest first.
   *
   * A restricted key needs `memory:read`.
   */
  listMemoryChanges(given: {
      memory_id: string;
    }, options: CallOptions = {}): Promise<MemoryChangeRead[]> {
    return this.transport.json("GET", `/v1/memory/${encodeURIComponent(given.memory_id)}/changes`, {}, options);
  }

  /**
   * List kernels
   *
   * List the project's running kernels, newest first, without their cells.
   *
   * A restricted key needs `jobs:read`.
   */
  listKernels(options: CallOptions = {}): Promise<KernelRead[]> {
    return this.transport.json("GET", "/v1/notebooks/kernels", {}, options);
  }

  /**
   * Start kernel
   *
   * Start the caller's kernel for a notebook of the draft, or return the running one.
   *
   * A kernel is a job with its limits and sandbox. It has the current files and packages of the draft.
   *
   * A restricted key needs `deployments:write` and `jobs:submit` and `jobs:read_own`.
   */
  startKernel(given: {
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: KernelCreate;
    }, options: CallOptions = {}): Promise<KernelRead> {
    return this.transport.json("POST", "/v1/notebooks/kernels", {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Get kernel
   *
   * Return the kernel, and the cells that have changed after the revision.
   *
   * A restricted key needs `jobs:read`.
   */
  getKernel(given: {
      kernel_id: string;
      /** Return changes after this revision. */
      after?: number;
      /** Seconds to wait for a change. */
      wait_s?: number;
    }, options: CallOptions = {}): Promise<KernelRead> {
    return this.transport.json("GET", `/v1/notebooks/kernels/${encodeURIComponent(given.kernel_id)}`, {
      query: { after: given.after, wait_s: given.wait_s },
    }, options);
  }

  /**
   * Stop kernel
   *
   * Stop the kernel permanently.
   *
   * A restricted key needs `deployments:write` and `jobs:submit`.
   */
  stopKernel(given: {
      kernel_id: string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/notebooks/kernels/${encodeURIComponent(given.kernel_id)}`, {}, options);
  }

  /**
   * Run cells
   *
   * Queue cells of the kernel, after those that are already queued.
   *
   * A restricted key needs `deployments:write` and `jobs:submit` and `jobs:read_own`.
   */
  runCells(given: {
      kernel_id: string;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: CellsUpdate;
    }, options: CallOptions = {}): Promise<KernelRead> {
    return this.transport.json("POST", `/v1/notebooks/kernels/${encodeURIComponent(given.kernel_id)}/cells`, {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Interrupt kernel
   *
   * Interrupt the running cell, and drop those that wait. Variables are kept.
   *
   * A restricted key needs `deployments:write` and `jobs:submit`.
   */
  interruptKernel(given: {
      kernel_id: string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("POST", `/v1/notebooks/kernels/${encodeURIComponent(given.kernel_id)}/interrupt`, {}, options);
  }

  /**
   * Restart kernel
   *
   * Start a new Python process. Variables are lost, and waiting cells are dropped.
   *
   * A restricted key needs `deployments:write` and `jobs:submit`.
   */
  restartKernel(given: {
      kernel_id: string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("POST", `/v1/notebooks/kernels/${encodeURIComponent(given.kernel_id)}/restart`, {}, options);
  }

  /**
   * Open as notebook
   *
   * Write a job that has ended, or inputs only, into the draft as a notebook.
   *
   * The notebook of a job has its inputs and steps as cells.
   *
   * A restricted key needs `deployments:write`.
   */
  openAsNotebook(given: {
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: NotebookOpen;
    }, options: CallOptions = {}): Promise<NotebookRead> {
    return this.transport.json("POST", "/v1/notebooks/opened", {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Call a skill with Chat Completions
   *
   * Run a skill as a job, and return its result as the answer of a model. Errors have the format of OpenAI.
   *
   * The text of the last message fills the only required text input of the skill; an agent receives the earlier messages
   * as a conversation. A client that disconnects cancels the job, unless its request has an `Idempotency-Key`.
   *
   * A restricted key needs `jobs:submit` and `jobs:read_own`.
   */
  createChatCompletion(given: {
      /** Maximum seconds until the job must have ended (`extra_query` in the SDKs), up to 590. Default: 590, and no limit for a stream. */
      timeout?: number | null;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: ChatCompletionCreate;
    }, options: CallOptions = {}): Promise<ChatCompletion> {
    return this.transport.json("POST", "/v1/openai/chat/completions", {
      query: { timeout: given.timeout },
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * List the skills as models
   *
   * List the skills that the caller can run, in the format of OpenAI.
   *
   * A restricted key needs `skills:read`.
   */
  listModels(options: CallOptions = {}): Promise<ModelList> {
    return this.transport.json("GET", "/v1/openai/models", {}, options);
  }

  /**
   * Read a skill as a model
   *
   * Return a skill that the caller can run, in the format of OpenAI.
   *
   * A restricted key needs `skills:read`.
   */
  getModel(given: {
      model: string;
    }, options: CallOptions = {}): Promise<Model> {
    return this.transport.json("GET", `/v1/openai/models/${encodeURIComponent(given.model)}`, {}, options);
  }

  /**
   * Call a skill with the Responses API
   *
   * Run a skill as a job, and return its result as the response of a model. Errors have the format of OpenAI.
   *
   * The text of the last message fills the only required text input of the skill; an agent receives the earlier messages
   * as a conversation. A client that disconnects cancels the job, unless its request has an `Idempotency-Key`.
   *
   * A restricted key needs `jobs:submit` and `jobs:read_own`.
   */
  createResponse(given: {
      /** Maximum seconds until the job must have ended (`extra_query` in the SDKs), up to 590. Default: 590, and no limit for a stream. */
      timeout?: number | null;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: ResponseCreate;
    }, options: CallOptions = {}): Promise<ResponseRead> {
    return this.transport.json("POST", "/v1/openai/responses", {
      query: { timeout: given.timeout },
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Prices of this instance
   *
   * Read the prices and margins of the instance, and the price of each model with the margin, its source and date.
   *
   * A model whose price the project has set has that price, which it pays to its own provider.
   *
   * A restricted key needs `billing:read`.
   */
  getPricing(options: CallOptions = {}): Promise<PricingRead> {
    return this.transport.json("GET", "/v1/pricing", {}, options);
  }

  /**
   * List projects
   *
   * List the projects that the caller is in; a key is in one.
   *
   * A restricted key needs `project:read`.
   */
  listProjects(options: CallOptions = {}): Promise<ProjectRead[]> {
    return this.transport.json("GET", "/v1/projects", {}, options);
  }

  /**
   * Create a project
   *
   * Create a project; the caller becomes its owner.
   */
  createProject(given: {
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: ProjectCreate;
    }, options: CallOptions = {}): Promise<ProjectDetail> {
    return this.transport.json("POST", "/v1/projects", {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Read a project
   *
   * Return a project with its limits.
   *
   * A restricted key needs `project:read`.
   */
  getProject(given: {
      project: string;
    }, options: CallOptions = {}): Promise<ProjectDetail> {
    return this.transport.json("GET", `/v1/projects/${encodeURIComponent(given.project)}`, {}, options);
  }

  /**
   * Change a project
   *
   * Change the name, the slug or the concurrency of a project, up to the operator's ceiling.
   *
   * A restricted key needs `project:write`.
   */
  changeProject(given: {
      project: string;
      body: ProjectUpdate;
    }, options: CallOptions = {}): Promise<ProjectDetail> {
    return this.transport.json("PATCH", `/v1/projects/${encodeURIComponent(given.project)}`, {
      body: given.body,
    }, options);
  }

  /**
   * Delete a project
   *
   * Delete a project.
   *
   * Its jobs are cancelled and its keys stop working immediately; its data is removed some days later.
   *
   * A restricted key needs `project:write`.
   */
  deleteProject(given: {
      project: string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/projects/${encodeURIComponent(given.project)}`, {}, options);
  }

  /**
   * Export a project
   *
   * Export the project as one archive: rows as JSON lines, bundles and drive, without the values of secrets.
   *
   * A restricted key needs `project:read`.
   */
  exportProject(given: {
      project: string;
    }, options: CallOptions = {}): Promise<Response> {
    return this.transport.response("GET", `/v1/projects/${encodeURIComponent(given.project)}/export`, {}, options);
  }

  /**
   * List invitations
   *
   * List the invitations that can still be accepted, by e-mail.
   *
   * A restricted key needs `members:read`.
   */
  listInvitations(given: {
      project: string;
    }, options: CallOptions = {}): Promise<InvitationRead[]> {
    return this.transport.json("GET", `/v1/projects/${encodeURIComponent(given.project)}/invitations`, {}, options);
  }

  /**
   * Withdraw an invitation
   *
   * Withdraw an invitation; its link stops working.
   *
   * A restricted key needs `members:write`.
   */
  withdrawInvitation(given: {
      invitation_id: string;
      project: string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/projects/${encodeURIComponent(given.project)}/invitations/${encodeURIComponent(given.invitation_id)}`, {}, options);
  }

  /**
   * Read a project's limits
   *
   * Return the effective limits of the project, its own limits and its ceilings.
   *
   * A restricted key needs `project:read`.
   */
  getLimits(given: {
      project: string;
    }, options: CallOptions = {}): Promise<LimitsRead> {
    return this.transport.json("GET", `/v1/projects/${encodeURIComponent(given.project)}/limits`, {}, options);
  }

  /**
   * Change a project's limits
   *
   * Lower the limits of the project below the operator's ceilings; an operator sets the ceilings themselves.
   *
   * A restricted key needs `project:write`.
   */
  changeLimits(given: {
      project: string;
      body: LimitsUpdate;
    }, options: CallOptions = {}): Promise<LimitsRead> {
    return this.transport.json("PATCH", `/v1/projects/${encodeURIComponent(given.project)}/limits`, {
      body: given.body,
    }, options);
  }

  /**
   * List members
   *
   * List the members of the project, by e-mail.
   *
   * A restricted key needs `members:read`.
   */
  listMembers(given: {
      project: string;
    }, options: CallOptions = {}): Promise<MemberRead[]> {
    return this.transport.json("GET", `/v1/projects/${encodeURIComponent(given.project)}/members`, {}, options);
  }

  /**
   * Invite a member
   *
   * Create a link with which the owner of the e-mail joins. It does not reveal whether an account exists.
   *
   * A restricted key needs `members:write`.
   */
  inviteMember(given: {
      project: string;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: InvitationCreate;
    }, options: CallOptions = {}): Promise<InvitationCreated> {
    return this.transport.json("POST", `/v1/projects/${encodeURIComponent(given.project)}/members`, {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Change a member's role
   *
   * Change the role of a member.
   *
   * A restricted key needs `members:write`.
   */
  changeMember(given: {
      user_id: string;
      project: string;
      body: MemberUpdate;
    }, options: CallOptions = {}): Promise<MemberRead> {
    return this.transport.json("PATCH", `/v1/projects/${encodeURIComponent(given.project)}/members/${encodeURIComponent(given.user_id)}`, {
      body: given.body,
    }, options);
  }

  /**
   * Remove a member
   *
   * Remove a member from the project; every member may leave.
   *
   * A restricted key needs `members:write`.
   */
  removeMember(given: {
      user_id: string;
      project: string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/projects/${encodeURIComponent(given.project)}/members/${encodeURIComponent(given.user_id)}`, {}, options);
  }

  /**
   * Describe a project's skills as OpenAPI
   *
   * Return an OpenAPI document with one operation per skill of the active versions, and its types.
   *
   * A restricted key needs `skills:read`.
   */
  getProjectOpenapi(given: {
      project: string;
    }, options: CallOptions = {}): Promise<Record<string, unknown>> {
    return this.transport.json("GET", `/v1/projects/${encodeURIComponent(given.project)}/openapi.json`, {}, options);
  }

  /**
   * List model families and their keys
   *
   * List every model family that needs an API key, and whose key is used. Keys are never returned.
   *
   * A restricted key needs `providers:read`.
   */
  listProviders(options: CallOptions = {}): Promise<ProviderRead[]> {
    return this.transport.json("GET", "/v1/providers", {}, options);
  }

  /**
   * Read a model family
   *
   * Return the models of a family, and whose key is used.
   *
   * A restricted key needs `providers:read`.
   */
  getProvider(given: {
      family: string;
    }, options: CallOptions = {}): Promise<ProviderRead> {
    return this.transport.json("GET", `/v1/providers/${encodeURIComponent(given.family)}`, {}, options);
  }

  /**
   * Set the API key for a model family
   *
   * Set the project's own API key. Jobs that start from now on use it, and their calls are not billed.
   *
   * A restricted key needs `providers:write`.
   */
  putProvider(given: {
      family: string;
      body: ProviderKeyUpdate;
    }, options: CallOptions = {}): Promise<ProviderRead> {
    return this.transport.json("PUT", `/v1/providers/${encodeURIComponent(given.family)}`, {
      body: given.body,
    }, options);
  }

  /**
   * Delete an API key
   *
   * Delete the project's own key. Models of the family then use the instance's key, if it has one.
   *
   * A restricted key needs `providers:write`.
   */
  deleteProvider(given: {
      family: string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/providers/${encodeURIComponent(given.family)}`, {}, options);
  }

  /**
   * Set what the project pays for a model
   *
   * Set the price of a model that the project calls with its own key. Later receipts show it as upstream cost.
   *
   * `GET /v1/pricing` lists it. It is deleted together with the key.
   *
   * A restricted key needs `providers:write`.
   */
  putProviderPrice(given: {
      family: string;
      variant: string;
      body: ProviderPriceUpdate;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("PUT", `/v1/providers/${encodeURIComponent(given.family)}/prices/${encodeURIComponent(given.variant)}`, {
      body: given.body,
    }, options);
  }

  /**
   * Delete the project's price of a model
   *
   * Delete the project's price of a model. The price of the model catalog then applies.
   *
   * A restricted key needs `providers:write`.
   */
  deleteProviderPrice(given: {
      family: string;
      variant: string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/providers/${encodeURIComponent(given.family)}/prices/${encodeURIComponent(given.variant)}`, {}, options);
  }

  /**
   * Test the project's API key
   *
   * Request the list of models from the provider with the project's key, at no cost.
   *
   * A restricted key needs `providers:write`.
   */
  probeProvider(given: {
      family: string;
    }, options: CallOptions = {}): Promise<ProbeRead> {
    return this.transport.json("POST", `/v1/providers/${encodeURIComponent(given.family)}/probe`, {}, options);
  }

  /**
   * List saved views
   *
   * List the views of lists that the user has saved in this project, sorted by name. API keys have none.
   *
   * A restricted key needs `project:read`.
   */
  listSavedViews(given: {
      /** Only views of this list. */
      page?: "jobs" | "deployments" | "drive" | "memory" | "evals" | "marketplace" | null;
    } = {}, options: CallOptions = {}): Promise<SavedViewRead[]> {
    return this.transport.json("GET", "/v1/saved-views", {
      query: { page: given.page },
    }, options);
  }

  /**
   * Save a view
   *
   * Save filters and order of a list under a name. A view of the same list and name is replaced.
   *
   * Other users do not see it. To share a view, share the URL of the page.
   *
   * A restricted key needs `project:read`.
   */
  putSavedView(given: {
      name: string;
      body: SavedViewUpdate;
    }, options: CallOptions = {}): Promise<SavedViewRead> {
    return this.transport.json("PUT", `/v1/saved-views/${encodeURIComponent(given.name)}`, {
      body: given.body,
    }, options);
  }

  /**
   * Delete a saved view
   *
   * Delete a saved view of the user.
   *
   * A restricted key needs `project:read`.
   */
  deleteSavedView(given: {
      name: string;
      /** The list of the view. */
      page: "jobs" | "deployments" | "drive" | "memory" | "evals" | "marketplace";
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/saved-views/${encodeURIComponent(given.name)}`, {
      query: { page: given.page },
    }, options);
  }

  /**
   * List schedules
   *
   * List the schedules of the project, sorted by name.
   *
   * A restricted key needs `schedules:read`.
   */
  listSchedules(options: CallOptions = {}): Promise<ScheduleRead[]> {
    return this.transport.json("GET", "/v1/schedules", {}, options);
  }

  /**
   * Create a schedule
   *
   * Create a schedule that runs a skill at the times of a cron expression. The inputs are validated now.
   *
   * A restricted key needs `schedules:write` and `jobs:submit`.
   */
  createSchedule(given: {
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: ScheduleCreate;
    }, options: CallOptions = {}): Promise<ScheduleDetailRead> {
    return this.transport.json("POST", "/v1/schedules", {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Preview a cron expression
   *
   * Return the next times of a cron expression in a time zone, or why it is not valid.
   *
   * Nothing is stored.
   *
   * A restricted key needs `schedules:read`.
   */
  previewSchedule(given: {
      cron: string;
      time_zone?: string;
      count?: number;
    }, options: CallOptions = {}): Promise<SchedulePreviewRead> {
    return this.transport.json("GET", "/v1/schedules/preview", {
      query: { cron: given.cron, time_zone: given.time_zone, count: given.count },
    }, options);
  }

  /**
   * Read a schedule
   *
   * Read a schedule with its next five times and its last ten runs.
   *
   * A restricted key needs `schedules:read`.
   */
  getSchedule(given: {
      schedule_id: string;
    }, options: CallOptions = {}): Promise<ScheduleDetailRead> {
    return this.transport.json("GET", `/v1/schedules/${encodeURIComponent(given.schedule_id)}`, {}, options);
  }

  /**
   * Change a schedule
   *
   * Change the times, the inputs or other settings, or turn the schedule off or on.
   *
   * Times that passed while it was off do not count as missed.
   *
   * A restricted key needs `schedules:write` and `jobs:submit`.
   */
  changeSchedule(given: {
      schedule_id: string;
      body: ScheduleUpdate;
    }, options: CallOptions = {}): Promise<ScheduleRead> {
    return this.transport.json("PATCH", `/v1/schedules/${encodeURIComponent(given.schedule_id)}`, {
      body: given.body,
    }, options);
  }

  /**
   * Delete a schedule
   *
   * Delete a schedule. Its jobs stay.
   *
   * A restricted key needs `schedules:write` and `jobs:submit`.
   */
  deleteSchedule(given: {
      schedule_id: string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/schedules/${encodeURIComponent(given.schedule_id)}`, {}, options);
  }

  /**
   * Run a schedule now
   *
   * Submit the job of a schedule immediately, in addition to its scheduled times.
   *
   * A restricted key needs `schedules:write` and `jobs:submit`.
   */
  runSchedule(given: {
      schedule_id: string;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
    }, options: CallOptions = {}): Promise<ScheduleRunRead> {
    return this.transport.json("POST", `/v1/schedules/${encodeURIComponent(given.schedule_id)}/run`, {
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * List the runs of a schedule
   *
   * List the runs of a schedule, newest first.
   *
   * A restricted key needs `schedules:read`.
   */
  listScheduleRuns(given: {
      schedule_id: string;
      /** Maximum rows per page. */
      limit?: number;
      /** Cursor from the `Link` header of the previous page. */
      cursor?: string | null;
    }, options: CallOptions = {}): Promise<ScheduleRunRead[]> {
    return this.transport.json("GET", `/v1/schedules/${encodeURIComponent(given.schedule_id)}/runs`, {
      query: { limit: given.limit, cursor: given.cursor },
    }, options);
  }

  /**
   * List secrets
   *
   * List the names of the project's secrets. Values are never returned.
   *
   * A restricted key needs `secrets:read`.
   */
  listSecrets(given: {
      /** Values of this environment. Default: the shared ones. */
      environment?: "development" | "staging" | "production" | null;
    } = {}, options: CallOptions = {}): Promise<SecretRead[]> {
    return this.transport.json("GET", "/v1/secrets", {
      query: { environment: given.environment },
    }, options);
  }

  /**
   * Put secret
   *
   * Set a secret of the whole project. Jobs that start from now on receive it.
   *
   * A restricted key needs `secrets:write`.
   */
  putSecret(given: {
      body: SecretUpdate;
    }, options: CallOptions = {}): Promise<SecretRead> {
    return this.transport.json("PUT", "/v1/secrets", {
      body: given.body,
    }, options);
  }

  /**
   * Delete secret
   *
   * Delete a secret of the project.
   *
   * A restricted key needs `secrets:write`.
   */
  deleteSecret(given: {
      name: string;
      /** Values of this environment. Default: the shared ones. */
      environment?: "development" | "staging" | "production" | null;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/secrets/${encodeURIComponent(given.name)}`, {
      query: { environment: given.environment },
    }, options);
  }

  /**
   * List sessions
   *
   * List the sessions of the project that the caller can see, those with the newest messages first.
   *
   * A restricted key needs `jobs:read_own`.
   */
  listAgentSessions(given: {
      /** Name of the agent. */
      skill?: string | null;
      /** User of your application. */
      end_user?: string | null;
      /** Words, or their beginnings, of the title or of a message with its reply. */
      q?: string | null;
      environment?: "development" | "staging" | "production" | null;
      /** Maximum rows per page. */
      limit?: number;
      /** Cursor from the `Link` header of the previous page. */
      cursor?: string | null;
      /** A JSON Web Token that names the user of your application, signed by your server. Required with a publishable key. The request then sees the sessions of this user only. With the scope `sessions:anonymous` also `visitor:` and 22 to 64 random letters and digits, which the browser chooses. */
      xPurasEndUser?: string | null;
    } = {}, options: CallOptions = {}): Promise<AgentSessionRead[]> {
    return this.transport.json("GET", "/v1/sessions", {
      query: { skill: given.skill, end_user: given.end_user, q: given.q, environment: given.environment, limit: given.limit, cursor: given.cursor },
      headers: { "X-Puras-End-User": given.xPurasEndUser },
    }, options);
  }

  /**
   * Start a session
   *
   * Start a conversation with an agent. Nothing runs until the first message.
   *
   * A restricted key needs `jobs:submit` and `jobs:read_own`.
   */
  createAgentSession(given: {
      /** A JSON Web Token that names the user of your application, signed by your server. Required with a publishable key. The request then sees the sessions of this user only. With the scope `sessions:anonymous` also `visitor:` and 22 to 64 random letters and digits, which the browser chooses. */
      xPurasEndUser?: string | null;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: SessionCreate;
    }, options: CallOptions = {}): Promise<AgentSessionRead> {
    return this.transport.json("POST", "/v1/sessions", {
      headers: { "X-Puras-End-User": given.xPurasEndUser },
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Read a session
   *
   * Read a session with the cost of its turns.
   *
   * A restricted key needs `jobs:read_own`.
   */
  getAgentSession(given: {
      session_id: string;
      /** A JSON Web Token that names the user of your application, signed by your server. Required with a publishable key. The request then sees the sessions of this user only. With the scope `sessions:anonymous` also `visitor:` and 22 to 64 random letters and digits, which the browser chooses. */
      xPurasEndUser?: string | null;
    }, options: CallOptions = {}): Promise<AgentSessionRead> {
    return this.transport.json("GET", `/v1/sessions/${encodeURIComponent(given.session_id)}`, {
      headers: { "X-Puras-End-User": given.xPurasEndUser },
    }, options);
  }

  /**
   * Change a session
   *
   * Change the title, the metadata or the version of a session.
   *
   * A restricted key needs `jobs:submit` and `jobs:read_own`.
   */
  updateAgentSession(given: {
      session_id: string;
      /** A JSON Web Token that names the user of your application, signed by your server. Required with a publishable key. The request then sees the sessions of this user only. With the scope `sessions:anonymous` also `visitor:` and 22 to 64 random letters and digits, which the browser chooses. */
      xPurasEndUser?: string | null;
      body: SessionUpdate;
    }, options: CallOptions = {}): Promise<AgentSessionRead> {
    return this.transport.json("PATCH", `/v1/sessions/${encodeURIComponent(given.session_id)}`, {
      headers: { "X-Puras-End-User": given.xPurasEndUser },
      body: given.body,
    }, options);
  }

  /**
   * Delete a session
   *
   * Delete a session with its messages and its jobs. A turn that runs is canceled. The ledger is not affected.
   *
   * A restricted key needs `jobs:submit` and `jobs:read_own`.
   */
  deleteAgentSession(given: {
      session_id: string;
      /** A JSON Web Token that names the user of your application, signed by your server. Required with a publishable key. The request then sees the sessions of this user only. With the scope `sessions:anonymous` also `visitor:` and 22 to 64 random letters and digits, which the browser chooses. */
      xPurasEndUser?: string | null;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/sessions/${encodeURIComponent(given.session_id)}`, {
      headers: { "X-Puras-End-User": given.xPurasEndUser },
    }, options);
  }

  /**
   * Cancel the turn that runs
   *
   * Cancel the turn that runs, and keep what the agent has written. The next queued message then starts.
   *
   * A restricted key needs `jobs:submit` and `jobs:read_own`.
   */
  cancelSessionTurn(given: {
      session_id: string;
      /** A JSON Web Token that names the user of your application, signed by your server. Required with a publishable key. The request then sees the sessions of this user only. With the scope `sessions:anonymous` also `visitor:` and 22 to 64 random letters and digits, which the browser chooses. */
      xPurasEndUser?: string | null;
    }, options: CallOptions = {}): Promise<AgentSessionRead> {
    return this.transport.json("POST", `/v1/sessions/${encodeURIComponent(given.session_id)}/cancel`, {
      headers: { "X-Puras-End-User": given.xPurasEndUser },
    }, options);
  }

  /**
   * List the messages of a session
   *
   * List the messages and replies of a session, the oldest first. A page has up to `limit` turns.
   *
   * A restricted key needs `jobs:read_own`.
   */
  listSessionMessages(given: {
      session_id: string;
      /** Only the turns after the one with this number. */
      after?: number;
      /** Maximum rows per page. */
      limit?: number;
      /** Cursor from the `Link` header of the previous page. */
      cursor?: string | null;
      /** A JSON Web Token that names the user of your application, signed by your server. Required with a publishable key. The request then sees the sessions of this user only. With the scope `sessions:anonymous` also `visitor:` and 22 to 64 random letters and digits, which the browser chooses. */
      xPurasEndUser?: string | null;
    }, options: CallOptions = {}): Promise<MessageRead[]> {
    return this.transport.json("GET", `/v1/sessions/${encodeURIComponent(given.session_id)}/messages`, {
      query: { after: given.after, limit: given.limit, cursor: given.cursor },
      headers: { "X-Puras-End-User": given.xPurasEndUser },
    }, options);
  }

  /**
   * Send a message
   *
   * Send a message, which starts the next turn of the session: a job. While a turn runs, the message is queued.
   *
   * A restricted key needs `jobs:submit` and `jobs:read_own`.
   */
  sendSessionMessage(given: {
      session_id: string;
      /** A JSON Web Token that names the user of your application, signed by your server. Required with a publishable key. The request then sees the sessions of this user only. With the scope `sessions:anonymous` also `visitor:` and 22 to 64 random letters and digits, which the browser chooses. */
      xPurasEndUser?: string | null;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: MessageCreate;
    }, options: CallOptions = {}): Promise<MessageSent> {
    return this.transport.json("POST", `/v1/sessions/${encodeURIComponent(given.session_id)}/messages`, {
      headers: { "X-Puras-End-User": given.xPurasEndUser },
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Live events of a session
   *
   * Stream all turns of a session as they happen. `Last-Event-ID` or `after` resumes without gaps or repetitions.
   *
   * A restricted key needs `jobs:read_own`.
   */
  streamSession(given: {
      session_id: string;
      /** `false`: end when no turn runs. `true`: wait for further messages. */
      follow?: boolean;
      /** ID of the last frame that you received. */
      after?: string | null;
      /** Takes precedence over `after`. */
      lastEventID?: string | null;
      /** A JSON Web Token that names the user of your application, signed by your server. Required with a publishable key. The request then sees the sessions of this user only. With the scope `sessions:anonymous` also `visitor:` and 22 to 64 random letters and digits, which the browser chooses. */
      xPurasEndUser?: string | null;
    }, options: CallOptions = {}): Promise<Response> {
    return this.transport.response("GET", `/v1/sessions/${encodeURIComponent(given.session_id)}/stream`, {
      query: { follow: given.follow, after: given.after },
      headers: { "Last-Event-ID": given.lastEventID, "X-Puras-End-User": given.xPurasEndUser },
    }, options);
  }

  /**
   * Read a shared job
   *
   * Read what a link shows of a job. It needs no credentials but the token of the link.
   */
  readSharedJob(given: {
      /** The part of the link after `#`. */
      xPurasShare?: string;
    } = {}, options: CallOptions = {}): Promise<SharedJobRead> {
    return this.transport.json("GET", "/v1/shared-job", {
      headers: { "X-Puras-Share": given.xPurasShare },
    }, options);
  }

  /**
   * Edit the text of a skill.yaml
   *
   * Return the text with the edits. Comments, the order of keys, and everything that no edit concerns are unchanged.
   *
   * Nothing is stored: write the text with `PUT /v1/drafts/files/{path}`. An edit that changes nothing returns the same
   * text.
   *
   * A restricted key needs `deployments:read`.
   */
  editSkillYaml(given: {
      body: SkillYamlEdit;
    }, options: CallOptions = {}): Promise<SkillYamlRead> {
    return this.transport.json("POST", "/v1/skill-yaml/edit", {
      body: given.body,
    }, options);
  }

  /**
   * List skillpacks
   *
   * List the project's skillpacks, the default one first.
   *
   * A restricted key needs `deployments:read`.
   */
  listSkillpacks(given: {
      limit?: number;
    } = {}, options: CallOptions = {}): Promise<SkillpackRead[]> {
    return this.transport.json("GET", "/v1/skillpacks", {
      query: { limit: given.limit },
    }, options);
  }

  /**
   * Create skillpack
   *
   * Create a skillpack.
   *
   * A restricted key needs `deployments:write`.
   */
  createSkillpack(given: {
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: SkillpackCreate;
    }, options: CallOptions = {}): Promise<SkillpackRead> {
    return this.transport.json("POST", "/v1/skillpacks", {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Get skillpack
   *
   * Return one skillpack.
   *
   * A restricted key needs `deployments:read`.
   */
  getSkillpack(given: {
      skillpack: string;
    }, options: CallOptions = {}): Promise<SkillpackRead> {
    return this.transport.json("GET", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}`, {}, options);
  }

  /**
   * List deployments
   *
   * List the versions of a skillpack, by default newest first, each with its unfinished jobs and its scores.
   *
   * A restricted key needs `deployments:read`.
   */
  listDeploymentsOfSkillpack(given: {
      skillpack: string;
      /** Maximum rows per page. */
      limit?: number;
      /** Cursor from the `Link` header of the previous page. */
      cursor?: string | null;
      /** A part of the release notes or of the name of a skill, or a version such as `v12`. */
      q?: string | null;
      /** Whether a version is active in an environment. */
      state?: "active" | "inactive" | null;
      /** The order; `-` for descending. */
      sort?: "version" | "-version" | "size" | "-size";
    }, options: CallOptions = {}): Promise<ListedDeployment[]> {
    return this.transport.json("GET", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/deployments`, {
      query: { limit: given.limit, cursor: given.cursor, q: given.q, state: given.state, sort: given.sort },
    }, options);
  }

  /**
   * Push deployment
   *
   * Push a bundle as the next version. An error lists all problems of the bundle, and nothing is stored.
   *
   * Without `skillpack`, the `skillpack_id` or `slug` in its puras.yaml decides; the skillpack is created if necessary.
   *
   * A restricted key needs `deployments:write`.
   */
  pushDeploymentOfSkillpack(given: {
      skillpack: string;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: FormData;
    }, options: CallOptions = {}): Promise<DeploymentRead> {
    return this.transport.json("POST", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/deployments`, {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Pull deployment
   *
   * Return a temporary URL of the active version's bundle, which works without an API key.
   *
   * A restricted key needs `deployments:read`.
   */
  pullDeploymentOfSkillpack(given: {
      skillpack: string;
      /** Default: that of the API key; for users `production`. */
      environment?: "development" | "staging" | "production" | null;
      /** Seconds until the URL expires. */
      ttl?: number;
    }, options: CallOptions = {}): Promise<PullLinkRead> {
    return this.transport.json("GET", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/deployments/pull`, {
      query: { environment: given.environment, ttl: given.ttl },
    }, options);
  }

  /**
   * Get deployment
   *
   * Return one version by ID or number.
   *
   * A restricted key needs `deployments:read`.
   */
  getDeploymentOfSkillpack(given: {
      deployment: string;
      skillpack: string;
    }, options: CallOptions = {}): Promise<DeploymentRead> {
    return this.transport.json("GET", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/deployments/${encodeURIComponent(given.deployment)}`, {}, options);
  }

  /**
   * Delete deployment
   *
   * Delete a version that is not active and has no unfinished jobs.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  deleteDeploymentOfSkillpack(given: {
      deployment: string;
      skillpack: string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/deployments/${encodeURIComponent(given.deployment)}`, {}, options);
  }

  /**
   * Activate deployment
   *
   * Make a version the active one of an environment, newer or older. Running jobs keep theirs.
   *
   * In production, a version whose skills have gates stays inactive until their suites have passed: `gate` has the
   * state.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  activateDeploymentOfSkillpack(given: {
      deployment: string;
      skillpack: string;
      /** Default: that of the API key; for users `production`. */
      environment?: "development" | "staging" | "production" | null;
      /** Skip the gates of its skills; for admins. */
      force?: boolean;
    }, options: CallOptions = {}): Promise<DeploymentRead> {
    return this.transport.json("POST", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/deployments/${encodeURIComponent(given.deployment)}/activate`, {
      query: { environment: given.environment, force: given.force },
    }, options);
  }

  /**
   * Download bundle
   *
   * Return the ZIP archive as it was pushed.
   *
   * A restricted key needs `deployments:read`.
   */
  downloadBundleOfSkillpack(given: {
      deployment: string;
      skillpack: string;
    }, options: CallOptions = {}): Promise<Response> {
    return this.transport.response("GET", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/deployments/${encodeURIComponent(given.deployment)}/bundle`, {}, options);
  }

  /**
   * Diff deployment
   *
   * Return the changes of a version in comparison with another one; changes that break callers are marked.
   *
   * A restricted key needs `deployments:read`.
   */
  diffDeploymentOfSkillpack(given: {
      deployment: string;
      skillpack: string;
      /** ID or number. Default: the active version. */
      base?: string | null;
    }, options: CallOptions = {}): Promise<DiffRead> {
    return this.transport.json("GET", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/deployments/${encodeURIComponent(given.deployment)}/diff`, {
      query: { base: given.base },
    }, options);
  }

  /**
   * Read deployment file
   *
   * Return one file of a version as it was pushed.
   *
   * A restricted key needs `deployments:read`.
   */
  readDeploymentFileOfSkillpack(given: {
      deployment: string;
      path: string;
      skillpack: string;
    }, options: CallOptions = {}): Promise<Response> {
    return this.transport.response("GET", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/deployments/${encodeURIComponent(given.deployment)}/files/${escapedPath(given.path)}`, {}, options);
  }

  /**
   * Read the draft of a skillpack
   *
   * Return the files of the draft without their contents. The first request creates it from the active version.
   *
   * A restricted key needs `deployments:read`.
   */
  getDraftOfSkillpack(given: {
      skillpack: string;
    }, options: CallOptions = {}): Promise<DraftRead> {
    return this.transport.json("GET", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/drafts`, {}, options);
  }

  /**
   * Start assistant
   *
   * Start the assistant: a job that works on a copy of the draft. Its result is a proposal of changes.
   *
   * The job costs at most `budget_usd`. Cancel it with `POST /v1/jobs/{id}/cancel`.
   *
   * A restricted key needs `deployments:write` and `deployments:read` and `jobs:submit` and `jobs:read`.
   */
  startAssistantOfSkillpack(given: {
      skillpack: string;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: AssistantCreate;
    }, options: CallOptions = {}): Promise<AssistantRead> {
    return this.transport.json("POST", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/drafts/assistant`, {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Download draft
   *
   * Return the draft as a ZIP archive.
   *
   * A restricted key needs `deployments:read`.
   */
  downloadDraftOfSkillpack(given: {
      skillpack: string;
    }, options: CallOptions = {}): Promise<Response> {
    return this.transport.response("GET", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/drafts/bundle`, {}, options);
  }

  /**
   * Check draft
   *
   * Return all problems of the draft. None of its code is executed.
   *
   * A restricted key needs `deployments:read`.
   */
  checkDraftOfSkillpack(given: {
      skillpack: string;
    }, options: CallOptions = {}): Promise<DraftCheckRead> {
    return this.transport.json("GET", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/drafts/check`, {}, options);
  }

  /**
   * Estimate the cost of a run of a skillpack's draft
   *
   * Estimate what one run of a skill of the draft costs, as `GET /v1/cost-estimates/{skill}` does for versions.
   *
   * A restricted key needs `deployments:read` and `jobs:read_own`.
   */
  estimateDraftCostOfSkillpack(given: {
      skillpack: string;
      /** Name of the skill in the draft. */
      skill: string;
    }, options: CallOptions = {}): Promise<CostEstimateRead> {
    return this.transport.json("GET", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/drafts/cost-estimate`, {
      query: { skill: given.skill },
    }, options);
  }

  /**
   * Diff draft
   *
   * Return what publishing the draft would change in comparison with the active version of an environment.
   *
   * A restricted key needs `deployments:read`.
   */
  diffDraftOfSkillpack(given: {
      skillpack: string;
      /** Default: that of the key; for users `production`. */
      environment?: "development" | "staging" | "production" | null;
    }, options: CallOptions = {}): Promise<PendingChangesRead> {
    return this.transport.json("GET", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/drafts/diff`, {
      query: { environment: given.environment },
    }, options);
  }

  /**
   * Add example
   *
   * Add an example to the `skill.yaml` of a skill, after the existing ones. The rest of the file is not changed.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  addExampleOfSkillpack(given: {
      skillpack: string;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: ExampleCreate;
    }, options: CallOptions = {}): Promise<DraftFileRead> {
    return this.transport.json("POST", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/drafts/examples`, {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Read draft file
   *
   * Return a file. Its revision is the `ETag`.
   *
   * A restricted key needs `deployments:read`.
   */
  readDraftFileOfSkillpack(given: {
      path: string;
      skillpack: string;
    }, options: CallOptions = {}): Promise<Response> {
    return this.transport.response("GET", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/drafts/files/${escapedPath(given.path)}`, {}, options);
  }

  /**
   * Write draft file
   *
   * Write a file with the bytes of the body. Without `If-Match` it must be a new file.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  writeDraftFileOfSkillpack(given: {
      path: string;
      skillpack: string;
      /** The revision of the file that you have read. `*`: any. */
      ifMatch?: string | null;
    }, options: CallOptions = {}): Promise<DraftFileRead> {
    return this.transport.json("PUT", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/drafts/files/${escapedPath(given.path)}`, {
      headers: { "If-Match": given.ifMatch },
    }, options);
  }

  /**
   * Delete draft file
   *
   * Delete a file. It can be restored until the next publish.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  deleteDraftFileOfSkillpack(given: {
      path: string;
      skillpack: string;
      /** The revision of the file that you have read. `*`: any. */
      ifMatch?: string | null;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/drafts/files/${escapedPath(given.path)}`, {
      headers: { "If-Match": given.ifMatch },
    }, options);
  }

  /**
   * List the functions of a draft
   *
   * List the functions of the Python files with their signatures. None of the code is executed.
   *
   * A restricted key needs `deployments:read`.
   */
  listFunctionsOfSkillpack(given: {
      skillpack: string;
      /** Only files in this folder: `skills/summarize`. */
      folder?: string;
    }, options: CallOptions = {}): Promise<DraftFunctionRead[]> {
    return this.transport.json("GET", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/drafts/functions`, {
      query: { folder: given.folder },
    }, options);
  }

  /**
   * Import into draft
   *
   * Add the files of a ZIP archive; files with the same path are replaced.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  importIntoDraftOfSkillpack(given: {
      skillpack: string;
      body: FormData;
    }, options: CallOptions = {}): Promise<DraftRead> {
    return this.transport.json("POST", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/drafts/import`, {
      body: given.body,
    }, options);
  }

  /**
   * List the tools of an MCP server
   *
   * Connect to an MCP server with the secrets of the skillpack, and list its tools. Nothing is stored.
   *
   * The same rules apply as in runs of agents: the server must be at a public address, and secrets are sent only over
   * HTTPS and only to the server itself.
   *
   * A restricted key needs `deployments:write` and `deployments:read` and `jobs:submit`.
   */
  listMcpToolsOfSkillpack(given: {
      skillpack: string;
      body: McpServerConnect;
    }, options: CallOptions = {}): Promise<McpToolRead[]> {
    return this.transport.json("POST", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/drafts/mcp-tools`, {
      body: given.body,
    }, options);
  }

  /**
   * Move in draft
   *
   * Move a file or a folder to another path.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  moveInDraftOfSkillpack(given: {
      skillpack: string;
      body: DraftFileMove;
    }, options: CallOptions = {}): Promise<DraftRead> {
    return this.transport.json("POST", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/drafts/move`, {
      body: given.body,
    }, options);
  }

  /**
   * Publish draft
   *
   * Publish the draft as the next version.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  publishDraftOfSkillpack(given: {
      skillpack: string;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: DraftPublish;
    }, options: CallOptions = {}): Promise<DeploymentRead> {
    return this.transport.json("POST", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/drafts/publish`, {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Complete Python code of a skillpack
   *
   * Return the names that fit at a position.
   *
   * They are of the file, of other modules of the draft, of the kit `puras`, and of the standard library.
   * The code is only parsed.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  completePythonOfSkillpack(given: {
      skillpack: string;
      body: PythonPosition;
    }, options: CallOptions = {}): Promise<PythonCompletionsRead> {
    return this.transport.json("POST", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/drafts/python/completions`, {
      body: given.body,
    }, options);
  }

  /**
   * Find a Python definition in a skillpack
   *
   * Return the places that define the name at a position.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  findPythonDefinitionsOfSkillpack(given: {
      skillpack: string;
      body: PythonPosition;
    }, options: CallOptions = {}): Promise<PythonDefinitionsRead> {
    return this.transport.json("POST", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/drafts/python/definitions`, {
      body: given.body,
    }, options);
  }

  /**
   * Describe a Python name of a skillpack
   *
   * Return the signature and the documentation of the name at a position.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  hoverPythonOfSkillpack(given: {
      skillpack: string;
      body: PythonPosition;
    }, options: CallOptions = {}): Promise<PythonHoverRead> {
    return this.transport.json("POST", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/drafts/python/hover`, {
      body: given.body,
    }, options);
  }

  /**
   * Rename a Python name in a skillpack
   *
   * Return the places of a name in the Python files of the draft that a new name changes. Nothing is stored.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  renamePythonOfSkillpack(given: {
      skillpack: string;
      body: PythonRename;
    }, options: CallOptions = {}): Promise<PythonRenameRead> {
    return this.transport.json("POST", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/drafts/python/rename`, {
      body: given.body,
    }, options);
  }

  /**
   * Reset draft
   *
   * Start again with the files of a version or a template.
   *
   * The previous files can be restored until the next publish.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  resetDraftOfSkillpack(given: {
      skillpack: string;
      body: DraftReset;
    }, options: CallOptions = {}): Promise<DraftRead> {
    return this.transport.json("POST", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/drafts/reset`, {
      body: given.body,
    }, options);
  }

  /**
   * Restore draft file
   *
   * Restore a deleted file.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  restoreDraftFileOfSkillpack(given: {
      path: string;
      skillpack: string;
    }, options: CallOptions = {}): Promise<DraftFileRead> {
    return this.transport.json("POST", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/drafts/restore/${escapedPath(given.path)}`, {}, options);
  }

  /**
   * Run draft
   *
   * Run a skill of the draft as it is now: a job like others, of an unnumbered deployment.
   *
   * `files` overrides texts, a prompt for instance, for this run only; `version` runs the files of a version instead of
   * the draft.
   *
   * A restricted key needs `deployments:write` and `deployments:read` and `jobs:submit`.
   */
  runDraftOfSkillpack(given: {
      skillpack: string;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: DraftRunCreate;
    }, options: CallOptions = {}): Promise<DraftRunRead> {
    return this.transport.json("POST", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/drafts/run`, {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Search the draft of a skillpack
   *
   * Return the matches in the text files of the draft, ordered by path. Nothing is replaced.
   *
   * To replace, write each file with `PUT /v1/drafts/files/{path}` and the revision that was searched.
   *
   * A restricted key needs `deployments:read`.
   */
  searchDraftOfSkillpack(given: {
      skillpack: string;
      body: DraftSearch;
    }, options: CallOptions = {}): Promise<DraftSearchRead> {
    return this.transport.json("POST", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/drafts/search`, {
      body: given.body,
    }, options);
  }

  /**
   * Start draft session
   *
   * Start a session with an agent of the draft, whose turns run the draft as it is now. Nothing is published.
   *
   * The state of the draft is kept for seven days. Later changes of the draft need a new session.
   *
   * A restricted key needs `deployments:write` and `deployments:read` and `jobs:submit` and `jobs:read_own`.
   */
  startDraftSessionOfSkillpack(given: {
      skillpack: string;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: DraftSessionCreate;
    }, options: CallOptions = {}): Promise<AgentSessionRead> {
    return this.transport.json("POST", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/drafts/sessions`, {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * List environments
   *
   * List the environments with the active version of a skillpack in each.
   *
   * A restricted key needs `deployments:read`.
   */
  listEnvironmentsOfSkillpack(given: {
      skillpack: string;
    }, options: CallOptions = {}): Promise<EnvironmentRead[]> {
    return this.transport.json("GET", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/environments`, {}, options);
  }

  /**
   * Review promotion
   *
   * Return what a promotion to this environment would change, and the state of its checks. Nothing changes.
   *
   * A restricted key needs `deployments:read`.
   */
  reviewPromotionOfSkillpack(given: {
      environment: "development" | "staging" | "production";
      skillpack: string;
      /** Default: `development` for `staging`, `staging` for `production`. */
      source?: "development" | "staging" | "production" | null;
      /** ID or number of a version, instead of what is active in `source`. */
      deployment?: string | null;
    }, options: CallOptions = {}): Promise<PromotionRead> {
    return this.transport.json("GET", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/environments/${encodeURIComponent(given.environment)}/promotion`, {
      query: { source: given.source, deployment: given.deployment },
    }, options);
  }

  /**
   * Promote deployment
   *
   * Make the version that is active in another environment the active one of this environment.
   *
   * Running jobs keep theirs. In production, a version whose skills have gates stays inactive until their suites have
   * passed: `gate` has the state.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  promoteDeploymentOfSkillpack(given: {
      environment: "development" | "staging" | "production";
      skillpack: string;
      /** Skip the gates of production; for admins. */
      force?: boolean;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: PromotionCreate;
    }, options: CallOptions = {}): Promise<DeploymentRead> {
    return this.transport.json("POST", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/environments/${encodeURIComponent(given.environment)}/promotion`, {
      query: { force: given.force },
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Roll back environment
   *
   * Make the version the active one again that was active in this environment before. Running jobs keep theirs.
   *
   * A restricted key needs `deployments:write` and `deployments:read`.
   */
  rollBackEnvironmentOfSkillpack(given: {
      environment: "development" | "staging" | "production";
      skillpack: string;
      /** Skip the gates of production; for admins. */
      force?: boolean;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
    }, options: CallOptions = {}): Promise<DeploymentRead> {
    return this.transport.json("POST", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/environments/${encodeURIComponent(given.environment)}/rollback`, {
      query: { force: given.force },
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * List suites
   *
   * List the suites of a skillpack, newest first.
   *
   * A restricted key needs `evals:read`.
   */
  listSuitesOfSkillpack(given: {
      skillpack: string;
      skill?: string | null;
      /** Maximum rows per page. */
      limit?: number;
      /** Cursor from the `Link` header of the previous page. */
      cursor?: string | null;
    }, options: CallOptions = {}): Promise<SuiteRead[]> {
    return this.transport.json("GET", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/evals`, {
      query: { skill: given.skill, limit: given.limit, cursor: given.cursor },
    }, options);
  }

  /**
   * Run a suite
   *
   * Run a skill on its cases, each as a separate job, and score every result with the skill's graders.
   *
   * A restricted key needs `evals:write` and `evals:read` and `jobs:submit`.
   */
  startSuiteOfSkillpack(given: {
      skillpack: string;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: SuiteCreate;
    }, options: CallOptions = {}): Promise<SuiteRead> {
    return this.transport.json("POST", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/evals`, {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * List the cases of a suite
   *
   * List every case that a suite of the skill would run: those of the version's dataset, and saved cases.
   *
   * A restricted key needs `evals:read`.
   */
  listDatasetOfSkillpack(given: {
      skillpack: string;
      skill: string;
      /** Default: the active version. */
      version?: number | null;
      /** Maximum rows per page. */
      limit?: number;
      /** Cursor from the `Link` header of the previous page. */
      cursor?: string | null;
    }, options: CallOptions = {}): Promise<SuiteCaseRead[]> {
    return this.transport.json("GET", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/evals/dataset`, {
      query: { skill: given.skill, version: given.version, limit: given.limit, cursor: given.cursor },
    }, options);
  }

  /**
   * Compare two suites
   *
   * Compare two versions of a skill by their newest finished suites.
   *
   * Without a base: the baseline, or else the version before.
   *
   * A restricted key needs `evals:read`.
   */
  compareSuitesOfSkillpack(given: {
      skillpack: string;
      skill: string;
      /** A version number or the ID of a suite. */
      base?: string | null;
      /** A version number or the ID of a suite. */
      head?: string | null;
    }, options: CallOptions = {}): Promise<Comparison> {
    return this.transport.json("GET", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/evals/diff`, {
      query: { skill: given.skill, base: given.base, head: given.head },
    }, options);
  }

  /**
   * List analyses
   *
   * Report that Hindsight is not available.
   *
   * A restricted key needs `jobs:read`.
   */
  listAnalysesOfSkillpack(given: {
      skillpack: string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("GET", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/hindsight`, {}, options);
  }

  /**
   * Analyze runs
   *
   * Report that Hindsight is not available.
   *
   * A restricted key needs `jobs:read`.
   */
  analyzeRunsOfSkillpack(given: {
      skillpack: string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("POST", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/hindsight`, {}, options);
  }

  /**
   * Read the prompt of an agent
   *
   * Return the prompt of a skill, and the file of the bundle that contains it.
   *
   * A restricted key needs `deployments:read`.
   */
  getPromptOfSkillpack(given: {
      skillpack: string;
      skill: string;
      /** Without one the active version. */
      version?: number | null;
    }, options: CallOptions = {}): Promise<PromptRead> {
    return this.transport.json("GET", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/prompts/${encodeURIComponent(given.skill)}`, {
      query: { version: given.version },
    }, options);
  }

  /**
   * List skillpack secrets
   *
   * List the names of the secrets of one skillpack.
   *
   * A restricted key needs `secrets:read`.
   */
  listSkillpackSecrets(given: {
      skillpack: string;
      /** Values of this environment. Default: the shared ones. */
      environment?: "development" | "staging" | "production" | null;
    }, options: CallOptions = {}): Promise<SecretRead[]> {
    return this.transport.json("GET", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/secrets`, {
      query: { environment: given.environment },
    }, options);
  }

  /**
   * Put skillpack secret
   *
   * Set a secret of one skillpack. It overrides one of the same name of the project.
   *
   * A restricted key needs `secrets:write`.
   */
  putSkillpackSecret(given: {
      skillpack: string;
      body: SecretUpdate;
    }, options: CallOptions = {}): Promise<SecretRead> {
    return this.transport.json("PUT", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/secrets`, {
      body: given.body,
    }, options);
  }

  /**
   * Delete skillpack secret
   *
   * Delete a secret of one skillpack.
   *
   * A restricted key needs `secrets:write`.
   */
  deleteSkillpackSecret(given: {
      name: string;
      skillpack: string;
      /** Values of this environment. Default: the shared ones. */
      environment?: "development" | "staging" | "production" | null;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/skillpacks/${encodeURIComponent(given.skillpack)}/secrets/${encodeURIComponent(given.name)}`, {
      query: { environment: given.environment },
    }, options);
  }

  /**
   * List skills
   *
   * List every skill of the active versions of an environment, those of the default skillpack first.
   *
   * A restricted key needs `skills:read`.
   */
  listSkills(given: {
      /** Default: that of the API key; for users `production`. */
      environment?: "development" | "staging" | "production" | null;
    } = {}, options: CallOptions = {}): Promise<SkillSummary[]> {
    return this.transport.json("GET", "/v1/skills", {
      query: { environment: given.environment },
    }, options);
  }

  /**
   * Get skill
   *
   * Return one skill: schemas, examples, limits. The name may include the skillpack: `skillpack/skill`.
   *
   * A restricted key needs `skills:read`.
   */
  getSkill(given: {
      name: string;
      /** ID or slug, if several skillpacks have the skill. */
      skillpack?: string | null;
      /** Without one the active version. */
      version?: number | null;
      /** Default: that of the API key; for users `production`. */
      environment?: "development" | "staging" | "production" | null;
    }, options: CallOptions = {}): Promise<SkillRead> {
    return this.transport.json("GET", `/v1/skills/${encodeURIComponent(given.name)}`, {
      query: { skillpack: given.skillpack, version: given.version, environment: given.environment },
    }, options);
  }

  /**
   * Get the insights of a skill
   *
   * Return insights from the recent jobs of a skill, each with jobs as examples.
   *
   * They are about slow and expensive steps and tools, repeated errors, cache misses, invalid results, and versions.
   *
   * A restricted key needs `jobs:read`.
   */
  getFindings(given: {
      name: string;
      /** ID or slug. Default: the default skillpack. */
      skillpack?: string | null;
      /** Jobs since then. Default: a week ago; at most 90 days ago. */
      since?: string | null;
    }, options: CallOptions = {}): Promise<Findings> {
    return this.transport.json("GET", `/v1/skills/${encodeURIComponent(given.name)}/findings`, {
      query: { skillpack: given.skillpack, since: given.since },
    }, options);
  }

  /**
   * List the versions of the prompt of an agent
   *
   * Return each distinct text of the prompt of an agent, newest first, with its deployments, labels and statistics.
   *
   * The statistics are about the newest 2,000 jobs of the skill in the last 30 days. At most 200 versions are listed.
   *
   * A restricted key needs `deployments:read`.
   */
  listPrompts(given: {
      name: string;
      /** ID or slug. With it, the skill is also found if no version with it is active. */
      skillpack?: string | null;
    }, options: CallOptions = {}): Promise<PromptHistory> {
    return this.transport.json("GET", `/v1/skills/${encodeURIComponent(given.name)}/prompts`, {
      query: { skillpack: given.skillpack },
    }, options);
  }

  /**
   * Label a version of the prompt of an agent
   *
   * Give a version a label, such as `approved`. A label is on one version of the skill: another one loses it.
   *
   * A restricted key needs `deployments:write` and `skills:read`.
   */
  putPromptLabel(given: {
      name: string;
      /** Up to 40 small letters, digits, `-` and `_`, such as `candidate`. */
      label: string;
      /** ID or slug. With it, the skill is also found if no version with it is active. */
      skillpack?: string | null;
      body: PromptLabelUpdate;
    }, options: CallOptions = {}): Promise<PromptLabelRead> {
    return this.transport.json("PUT", `/v1/skills/${encodeURIComponent(given.name)}/prompts/labels/${encodeURIComponent(given.label)}`, {
      query: { skillpack: given.skillpack },
      body: given.body,
    }, options);
  }

  /**
   * Delete a label of a prompt
   *
   * Delete a label. The versions of the prompt stay.
   *
   * A restricted key needs `deployments:write` and `skills:read`.
   */
  deletePromptLabel(given: {
      name: string;
      /** Up to 40 small letters, digits, `-` and `_`, such as `candidate`. */
      label: string;
      /** ID or slug. With it, the skill is also found if no version with it is active. */
      skillpack?: string | null;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/skills/${encodeURIComponent(given.name)}/prompts/labels/${encodeURIComponent(given.label)}`, {
      query: { skillpack: given.skillpack },
    }, options);
  }

  /**
   * Read a version of the prompt of an agent
   *
   * Return one version of the prompt with its text.
   *
   * A restricted key needs `deployments:read`.
   */
  getPromptVersion(given: {
      name: string;
      number: number;
      /** ID or slug. With it, the skill is also found if no version with it is active. */
      skillpack?: string | null;
    }, options: CallOptions = {}): Promise<PromptVersionText> {
    return this.transport.json("GET", `/v1/skills/${encodeURIComponent(given.name)}/prompts/${encodeURIComponent(given.number)}`, {
      query: { skillpack: given.skillpack },
    }, options);
  }

  /**
   * Run a skill and wait for its result
   *
   * Run a skill with the request body as inputs.
   *
   * The response is the job when it has ended, or after `timeout` seconds. The name can include the skillpack:
   * `skillpack/skill`.
   *
   * A restricted key needs `jobs:submit` and `jobs:read_own`.
   */
  runSkill(given: {
      name: string;
      /** ID or slug; default: the default skillpack. */
      skillpack?: string | null;
      /** Default: the active one. */
      version?: number | null;
      /** Maximum seconds to wait, up to 55. */
      timeout?: number;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: Record<string, unknown>;
    }, options: CallOptions = {}): Promise<JobRead> {
    return this.transport.json("POST", `/v1/skills/${encodeURIComponent(given.name)}/run`, {
      query: { skillpack: given.skillpack, version: given.version, timeout: given.timeout },
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Describe another skill
   *
   * Describe the skill that the job of the token would call by this name.
   *
   * A restricted key needs `jobs:submit`.
   */
  describeSubagent(given: {
      body: SubagentsDescribe;
    }, options: CallOptions = {}): Promise<SubagentDescriptionRead> {
    return this.transport.json("POST", "/v1/subagent/describe", {
      body: given.body,
    }, options);
  }

  /**
   * Call another skill
   *
   * Call a skill with the token of a running job.
   *
   * It runs as a subjob, in the slot and from the reservation of the caller.
   *
   * A restricted key needs `jobs:submit`.
   */
  invokeSubagent(given: {
      body: SubagentCreate;
    }, options: CallOptions = {}): Promise<SubagentRead> {
    return this.transport.json("POST", "/v1/subagent/invoke", {
      body: given.body,
    }, options);
  }

  /**
   * List the templates
   *
   * List the templates for a skillpack.
   *
   * A restricted key needs `deployments:read`.
   */
  listTemplates(options: CallOptions = {}): Promise<TemplateRead[]> {
    return this.transport.json("GET", "/v1/templates", {}, options);
  }

  /**
   * Usage by day, skill, model, key, version, listing or environment
   *
   * Report the cost of the jobs that ended in a period. Grouped by model, report that of its calls.
   *
   * A restricted key needs `billing:read`.
   */
  getUsage(given: {
      /** One or more of day, skill, model, key, version, listing, environment, with commas. */
      group_by?: string;
      /** Default: 30 days before `until`. */
      since?: string | null;
      /** Default: now. */
      until?: string | null;
      /** Maximum number of groups per page. */
      limit?: number;
      /** From the `Link` header of the previous page. */
      cursor?: string | null;
    } = {}, options: CallOptions = {}): Promise<UsageRow[]> {
    return this.transport.json("GET", "/v1/usage", {
      query: { group_by: given.group_by, since: given.since, until: given.until, limit: given.limit, cursor: given.cursor },
    }, options);
  }

  /**
   * Jobs over time
   *
   * Add up the jobs that ended in a period of at most 92 days, and the tokens of its model calls, by time slot.
   *
   * A restricted key needs `billing:read` and `jobs:read`.
   */
  getOverview(given: {
      /** Default: 7 days before `until`. */
      since?: string | null;
      /** Default: now. */
      until?: string | null;
      /** Also return a series for each of the largest groups. */
      group_by?: "skill" | "version" | "model" | "environment" | null;
      /** Only jobs of this skill. */
      skill?: string | null;
      /** Only jobs of this environment. */
      environment?: "development" | "staging" | "production" | null;
    } = {}, options: CallOptions = {}): Promise<OverviewRead> {
    return this.transport.json("GET", "/v1/usage/overview", {
      query: { since: given.since, until: given.until, group_by: given.group_by, skill: given.skill, environment: given.environment },
    }, options);
  }

  /**
   * Read a page
   *
   * Return the text of a page, a text file or a PDF.
   *
   * It needs the token of a running job, whose `network:` must allow the host.
   *
   * A restricted key needs `drive:read`.
   */
  fetchPage(given: {
      body: WebPageFetch;
    }, options: CallOptions = {}): Promise<WebPageRead> {
    return this.transport.json("POST", "/v1/web/fetch", {
      body: given.body,
    }, options);
  }

  /**
   * Search for images
   *
   * Return an error: no engine of this instance supports this. The error names alternatives.
   *
   * A restricted key needs `drive:read`.
   */
  searchImages(given: {
      body: WebSearch;
    }, options: CallOptions = {}): Promise<WebSearchRead> {
    return this.transport.json("POST", "/v1/web/image-search", {
      body: given.body,
    }, options);
  }

  /**
   * Search the web
   *
   * Search with the engine of the instance, with the token of a running job. The cost is on the job's receipt.
   *
   * A restricted key needs `drive:read`.
   */
  searchWeb(given: {
      body: WebSearch;
    }, options: CallOptions = {}): Promise<WebSearchRead> {
    return this.transport.json("POST", "/v1/web/search", {
      body: given.body,
    }, options);
  }

  /**
   * List the webhooks
   *
   * List the webhooks of the project, oldest first.
   *
   * A restricted key needs `webhooks:read`.
   */
  listWebhooks(options: CallOptions = {}): Promise<WebhookRead[]> {
    return this.transport.json("GET", "/v1/webhooks", {}, options);
  }

  /**
   * Create a webhook
   *
   * Create a webhook. The response contains the signing secret, which is shown only once.
   *
   * A restricted key needs `webhooks:write`.
   */
  createWebhook(given: {
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body: WebhookCreate;
    }, options: CallOptions = {}): Promise<WebhookSecretRead> {
    return this.transport.json("POST", "/v1/webhooks", {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Read a webhook
   *
   * Return a webhook and its state.
   *
   * A restricted key needs `webhooks:read`.
   */
  getWebhook(given: {
      webhook_id: string;
    }, options: CallOptions = {}): Promise<WebhookRead> {
    return this.transport.json("GET", `/v1/webhooks/${encodeURIComponent(given.webhook_id)}`, {}, options);
  }

  /**
   * Change a webhook
   *
   * Change the URL or the events, or switch the webhook off or on.
   *
   * A restricted key needs `webhooks:write`.
   */
  changeWebhook(given: {
      webhook_id: string;
      body: WebhookUpdate;
    }, options: CallOptions = {}): Promise<WebhookRead> {
    return this.transport.json("PATCH", `/v1/webhooks/${encodeURIComponent(given.webhook_id)}`, {
      body: given.body,
    }, options);
  }

  /**
   * Delete a webhook
   *
   * Delete a webhook and its deliveries.
   *
   * A restricted key needs `webhooks:write`.
   */
  deleteWebhook(given: {
      webhook_id: string;
    }, options: CallOptions = {}): Promise<void> {
    return this.transport.nothing("DELETE", `/v1/webhooks/${encodeURIComponent(given.webhook_id)}`, {}, options);
  }

  /**
   * List the deliveries of a webhook
   *
   * List deliveries, newest first, each with its last response.
   *
   * A restricted key needs `webhooks:read`.
   */
  listWebhookDeliveries(given: {
      webhook_id: string;
      status?: "pending" | "delivered" | "failed" | "given_up" | null;
      /** Maximum rows per page. */
      limit?: number;
      /** Cursor from the `Link` header of the previous page. */
      cursor?: string | null;
    }, options: CallOptions = {}): Promise<DeliveryRead[]> {
    return this.transport.json("GET", `/v1/webhooks/${encodeURIComponent(given.webhook_id)}/deliveries`, {
      query: { status: given.status, limit: given.limit, cursor: given.cursor },
    }, options);
  }

  /**
   * Read a delivery
   *
   * Return one delivery.
   *
   * A restricted key needs `webhooks:read`.
   */
  getWebhookDelivery(given: {
      webhook_id: string;
      delivery_id: string;
    }, options: CallOptions = {}): Promise<DeliveryRead> {
    return this.transport.json("GET", `/v1/webhooks/${encodeURIComponent(given.webhook_id)}/deliveries/${encodeURIComponent(given.delivery_id)}`, {}, options);
  }

  /**
   * Send a delivery again
   *
   * Send a delivery now with the same `webhook-id` and body. It is retried for three more days.
   *
   * A restricted key needs `webhooks:write`.
   */
  redeliver(given: {
      webhook_id: string;
      delivery_id: string;
    }, options: CallOptions = {}): Promise<DeliveryRead> {
    return this.transport.json("POST", `/v1/webhooks/${encodeURIComponent(given.webhook_id)}/deliveries/${encodeURIComponent(given.delivery_id)}/redeliver`, {}, options);
  }

  /**
   * Replace a signing secret
   *
   * Return a new secret, which is shown only once. For `overlap_hours`, requests are signed with both secrets.
   *
   * A restricted key needs `webhooks:write`.
   */
  rotateWebhookSecret(given: {
      webhook_id: string;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
      body?: SecretRotation | null;
    }, options: CallOptions = {}): Promise<WebhookSecretRead> {
    return this.transport.json("POST", `/v1/webhooks/${encodeURIComponent(given.webhook_id)}/rotate`, {
      body: given.body,
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /**
   * Send a test event
   *
   * Send the event `webhook.test`. The delivery contains the result within seconds.
   *
   * A restricted key needs `webhooks:write`.
   */
  testWebhook(given: {
      webhook_id: string;
      /** 1 to 255 characters that you choose. The same request with the same key is executed once; for a day, a repeat returns the first response with `Idempotent-Replayed: true`. */
      idempotencyKey?: string | null;
    }, options: CallOptions = {}): Promise<DeliveryRead> {
    return this.transport.json("POST", `/v1/webhooks/${encodeURIComponent(given.webhook_id)}/test`, {
      idempotencyKey: given.idempotencyKey ?? newKey(),
    }, options);
  }

  /** @deprecated Use `analyzeRunsOfSkillpack`. */
  analyseRunsOfSkillpack(...given: Parameters<Api["analyzeRunsOfSkillpack"]>): ReturnType<Api["analyzeRunsOfSkillpack"]> {
    return this.analyzeRunsOfSkillpack(...given);
  }

  /** @deprecated Use `startUpload`. */
  beginUpload(...given: Parameters<Api["startUpload"]>): ReturnType<Api["startUpload"]> {
    return this.startUpload(...given);
  }

  /** @deprecated Use `forgetMemoryInJob`. */
  forgetInJob(...given: Parameters<Api["forgetMemoryInJob"]>): ReturnType<Api["forgetMemoryInJob"]> {
    return this.forgetMemoryInJob(...given);
  }

  /** @deprecated Use `getDriveMetadata`. */
  getDriveFacts(...given: Parameters<Api["getDriveMetadata"]>): ReturnType<Api["getDriveMetadata"]> {
    return this.getDriveMetadata(...given);
  }

  /** @deprecated Use `getMemoryInJob`. */
  getInJob(...given: Parameters<Api["getMemoryInJob"]>): ReturnType<Api["getMemoryInJob"]> {
    return this.getMemoryInJob(...given);
  }

  /** @deprecated Use `abandonUpload`. */
  giveUpUpload(...given: Parameters<Api["abandonUpload"]>): ReturnType<Api["abandonUpload"]> {
    return this.abandonUpload(...given);
  }

  /** @deprecated Use `resumeUpload`. */
  goOnWithUpload(...given: Parameters<Api["resumeUpload"]>): ReturnType<Api["resumeUpload"]> {
    return this.resumeUpload(...given);
  }

  /** @deprecated Use `saveCase`. */
  keepCase(...given: Parameters<Api["saveCase"]>): ReturnType<Api["saveCase"]> {
    return this.saveCase(...given);
  }

  /** @deprecated Use `listWaitingJobs`. */
  listWaiting(...given: Parameters<Api["listWaitingJobs"]>): ReturnType<Api["listWaitingJobs"]> {
    return this.listWaitingJobs(...given);
  }

  /** @deprecated Use `createBaseline`. */
  makeBaseline(...given: Parameters<Api["createBaseline"]>): ReturnType<Api["createBaseline"]> {
    return this.createBaseline(...given);
  }

  /** @deprecated Use `createFolder`. */
  makeFolder(...given: Parameters<Api["createFolder"]>): ReturnType<Api["createFolder"]> {
    return this.createFolder(...given);
  }

  /** @deprecated Use `createPasswordLink`. */
  makePasswordLink(...given: Parameters<Api["createPasswordLink"]>): ReturnType<Api["createPasswordLink"]> {
    return this.createPasswordLink(...given);
  }

  /** @deprecated Use `putMemoryInJob`. */
  putInJob(...given: Parameters<Api["putMemoryInJob"]>): ReturnType<Api["putMemoryInJob"]> {
    return this.putMemoryInJob(...given);
  }
}
