"""The events of a job as typed dicts, one for each type.

`make openapi` generates this file from the classes of the events and overwrites changes. A later version of Puras can
send types and fields that this file does not contain.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


class _Event(TypedDict):
    id: int
    job_id: str
    ts: str


class QueuedPayload(TypedDict):
    """The job was created and waits for a worker."""

    skill: str
    """Name of the skill."""
    version: int | None
    """Version of the deployment, or of the listing of another project; `null` without a deployment."""
    source: str
    """The origin of the job: `api`, `studio`, `schedule`, `replay`, `fork`, `subagent` and others."""


class QueuedEvent(_Event):
    """The job was created and waits for a worker."""

    type: Literal["queued"]
    payload: QueuedPayload


class StartedPayload(TypedDict):
    """A worker claimed the job and started an attempt."""

    attempt: int
    """Number of the attempt, from 1. A job that continues after a wait is in the same attempt."""
    worker: str
    """ID of the worker process."""


class StartedEvent(_Event):
    """A worker claimed the job and started an attempt."""

    type: Literal["started"]
    payload: StartedPayload


class RequeuedPayload(TypedDict):
    """The job returned to the queue, and another attempt follows."""

    reason: str
    """The reason: `drain`, `worker_lost`, `model_overloaded`, `wallet_empty` and others, or the error of an attempt
    that is retried, as `code: message`."""


class RequeuedEvent(_Event):
    """The job returned to the queue, and another attempt follows."""

    type: Literal["requeued"]
    payload: RequeuedPayload


class WaitingPayload(TypedDict):
    """The job waits without a worker: until a user decides, a time, an event, or the end of steps."""

    reason: str
    """The reason to wait: `approval`, `sleep`, `event`, or `steps` of a flow. Of several reasons of a flow, it is the
    first of approval, steps, event and sleep."""
    approvals: int
    """Number of pending approvals."""
    until: NotRequired[str]
    """When the job continues at the latest, if it sleeps or its wait for an event has a time limit."""


class WaitingEvent(_Event):
    """The job waits without a worker: until a user decides, a time, an event, or the end of steps."""

    type: Literal["waiting"]
    payload: WaitingPayload


class ResumedPayload(TypedDict):
    """A later attempt of an agent resumed from the journal."""

    from_step: int
    """The last step that an earlier attempt completed."""
    phases: NotRequired[dict[str, float]]
    """Milliseconds that the preparation took, by part: `load` (secrets, bundle, drive), `guardrails`, `packages`,
    `sandbox`, `tools` (and MCP servers) and `files` (of the inputs). Parts of less than 10 ms are missing."""


class ResumedEvent(_Event):
    """A later attempt of an agent resumed from the journal."""

    type: Literal["resumed"]
    payload: ResumedPayload


class ForkedPayload(TypedDict):
    """The job starts from a step of another job, with changes."""

    from_job_id: str
    """ID of the other job."""
    from_step: int
    """The step after which the jobs differ. Of a flow: the number of copied results."""
    first_step: NotRequired[str]
    """Of a flow: ID of the first step that runs again."""
    inputs: NotRequired[bool]
    """True: the inputs were replaced."""
    model: NotRequired[str]
    """Slug of the new model."""
    version: NotRequired[int]
    """The version of the skill that runs instead."""
    edits: NotRequired[list[dict[str, Any]]]
    """The edits: `what` is `arguments`, `result` or `text`, with the step and the position in it."""


class ForkedEvent(_Event):
    """The job starts from a step of another job, with changes."""

    type: Literal["forked"]
    payload: ForkedPayload


class ContinuedPayload(TypedDict):
    """The job continues the conversation of a job that has ended."""

    from_job_id: str
    """ID of the other job."""


class ContinuedEvent(_Event):
    """The job continues the conversation of a job that has ended."""

    type: Literal["continued"]
    payload: ContinuedPayload


class SucceededPayload(TypedDict):
    """The job ended with a result. No event follows."""

    cost_micros: NotRequired[int]
    """The amount that the wallet paid, in millionths of a dollar."""
    forgiven_micros: NotRequired[int]
    """The usage that is not charged, in millionths of a dollar; present if it is not zero."""
    used_micros: NotRequired[int]
    """The usage of a subjob, in millionths of a dollar, which its parent pays; `cost_micros` is missing then."""
    phases: NotRequired[dict[str, float]]
    """Milliseconds since the end of the skill's code, by part: `store` (files of the result) and `grade`; if the code
    has not started, of the parts of the preparation. Parts of less than 10 ms are missing."""


class SucceededEvent(_Event):
    """The job ended with a result. No event follows."""

    type: Literal["succeeded"]
    payload: SucceededPayload


class FailedPayload(TypedDict):
    """The job ended without a result. No event follows."""

    error: str | None
    """A message for users: what happened, and how to fix it."""
    code: str | None
    """The error code, for programs."""
    cost_micros: NotRequired[int]
    """The amount that the wallet paid, in millionths of a dollar; present if the job used anything."""
    forgiven_micros: NotRequired[int]
    """The usage that is not charged, in millionths of a dollar; present if it is not zero."""
    used_micros: NotRequired[int]
    """The usage of a subjob, in millionths of a dollar, which its parent pays."""
    phases: NotRequired[dict[str, float]]
    """Milliseconds since the end of the skill's code, by part: `store` (files of the result) and `grade`; if the code
    has not started, of the parts of the preparation. Parts of less than 10 ms are missing."""


class FailedEvent(_Event):
    """The job ended without a result. No event follows."""

    type: Literal["failed"]
    payload: FailedPayload


class CancelledPayload(TypedDict):
    """The job was canceled. No event follows."""

    by: NotRequired[str]
    """The user or API key that canceled the job, if it was not running."""
    error: NotRequired[str | None]
    """A message for users, if the job was running."""
    code: NotRequired[str | None]
    """The error code, for programs, if the job was running."""
    cost_micros: NotRequired[int]
    """The amount that the wallet paid, in millionths of a dollar; present if the job used anything."""
    forgiven_micros: NotRequired[int]
    """The usage that is not charged, in millionths of a dollar; present if it is not zero."""
    used_micros: NotRequired[int]
    """The usage of a subjob, in millionths of a dollar, which its parent pays."""
    phases: NotRequired[dict[str, float]]
    """Milliseconds since the end of the skill's code, by part: `store` (files of the result) and `grade`; if the code
    has not started, of the parts of the preparation. Parts of less than 10 ms are missing."""


class CancelledEvent(_Event):
    """The job was canceled. No event follows."""

    type: Literal["cancelled"]
    payload: CancelledPayload


class LogPayload(TypedDict):
    """A piece of the job's output, or a message of the system about it."""

    stream: str
    """`stdout` and `stderr`: printed text, which may be cut anywhere; `log`: a call of `puras.log`; `system`."""
    text: str
    """The text."""
    level: NotRequired[str]
    """`debug`, `info`, `warning` or `error`."""
    fields: NotRequired[dict[str, Any]]
    """Additional fields that the skill passed to `puras.log`."""
    durable_step: NotRequired[str]
    """The durable step that has called `puras.log`: `BRANCH:POSITION`."""


class LogEvent(_Event):
    """A piece of the job's output, or a message of the system about it."""

    type: Literal["log"]
    payload: LogPayload


class ProgressPayload(TypedDict):
    """The skill reported its progress."""

    fraction: float | None
    """From 0 to 1; `null`: unknown."""
    text: str
    """The current activity; may be empty."""


class ProgressEvent(_Event):
    """The skill reported its progress."""

    type: Literal["progress"]
    payload: ProgressPayload


class DriveDeletedPayload(TypedDict):
    """The skill deleted a file or folder of the drive."""

    path: str
    """Path in the drive, without `drive/`."""


class DriveDeletedEvent(_Event):
    """The skill deleted a file or folder of the drive."""

    type: Literal["drive_deleted"]
    payload: DriveDeletedPayload


class StepStartedPayload(TypedDict):
    """A durable step started to run."""

    name: str
    """Name of the step."""
    kind: str
    """`step`, `sleep`, `event` (a wait for an event) or `emit`."""
    branch: str
    """The branch of `parallel` that runs the step; empty for the function itself."""
    position: int
    """Number of the step in its branch, from 1."""


class StepStartedEvent(_Event):
    """A durable step started to run."""

    type: Literal["step_started"]
    payload: StepStartedPayload


class StepFinishedPayload(TypedDict):
    """A durable step ended, and its outcome is stored."""

    name: str
    """Name of the step."""
    kind: str
    """`step`, `sleep`, `event` (a wait for an event) or `emit`."""
    branch: str
    """The branch of `parallel` that ran the step; empty for the function itself."""
    position: int
    """Number of the step in its branch, from 1."""
    status: str
    """`finished` or `failed`."""
    duration_ms: float
    """Its duration, with all calls of the function and the pauses between them."""
    tries: NotRequired[int]
    """How often the function was called, if more than once."""
    error: NotRequired[str]
    """The error of a failed step."""
    event_id: NotRequired[str]
    """ID of the event that was received or sent."""


class StepFinishedEvent(_Event):
    """A durable step ended, and its outcome is stored."""

    type: Literal["step_finished"]
    payload: StepFinishedPayload


class EnvironmentPayload(TypedDict):
    """The installer of the skill's packages printed text."""

    log: str
    """The text."""


class EnvironmentEvent(_Event):
    """The installer of the skill's packages printed text."""

    type: Literal["environment"]
    payload: EnvironmentPayload


class SandboxPayload(TypedDict):
    """The sandbox of the job is ready."""

    layers: list[str]
    """The layers that confine the job on this host."""
    warm: bool
    """Whether a process was ready that has already imported the skill."""
    network: str | list[str]
    """`none`, `public`, `unconfined`, or the hosts that the job can reach."""
    reason: NotRequired[str]
    """The reason why it is not warm, or why layers are missing."""
    missing: NotRequired[list[str]]
    """The layers that are missing, with the reason of each."""


class SandboxEvent(_Event):
    """The sandbox of the job is ready."""

    type: Literal["sandbox"]
    payload: SandboxPayload


class FunctionStartPayload(TypedDict):
    """The function of a deterministic skill was called."""

    name: str
    """Name of the skill."""
    module: NotRequired[str]
    """The file, relative to the folder of the skill; missing in runs of a listing of another project."""
    func: NotRequired[str]
    """Name of the function; missing in runs of a listing of another project."""
    phases: NotRequired[dict[str, float]]
    """Milliseconds that the preparation took, by part: `load` (secrets, bundle, drive), `guardrails`, `packages`,
    `sandbox`, `tools` (and MCP servers) and `files` (of the inputs). Parts of less than 10 ms are missing."""


class FunctionStartEvent(_Event):
    """The function of a deterministic skill was called."""

    type: Literal["function_start"]
    payload: FunctionStartPayload


class NetworkPayload(TypedDict):
    """The total network traffic of the job; recorded at its end, if there was any."""

    connections: int
    """Number of opened connections."""
    refused: int
    """Number of rejected requests."""
    sent_bytes: int
    """Bytes that the job sent."""
    received_bytes: int
    """Bytes that the job received."""


class NetworkEvent(_Event):
    """The total network traffic of the job; recorded at its end, if there was any."""

    type: Literal["network"]
    payload: NetworkPayload


class NetworkRefusedPayload(TypedDict):
    """A request of the job was rejected. The first 20 are recorded."""

    host: str
    """The requested host."""
    port: int | None
    """The port; `null` if the request did not name one."""
    reason: str
    """`host_not_listed`, `port_not_allowed`, `address_not_public`, `own_address`, `malformed` or
    `too_many_connections`."""
    message: str
    """A message for users: what happened, and how to fix it."""


class NetworkRefusedEvent(_Event):
    """A request of the job was rejected. The first 20 are recorded."""

    type: Literal["network_refused"]
    payload: NetworkRefusedPayload


class AgentStartPayload(TypedDict):
    """The agent started. In runs of a listing of another project the fields about tools are missing."""

    skill: str
    """Name of the skill."""
    model: str
    """Slug of the model."""
    has_output_schema: bool
    """Whether the result must have certain fields."""
    resumed: bool
    """False: a later attempt records `resumed` instead of this event."""
    limits: dict[str, Any]
    """`steps`, `timeout_s`, `tokens` (`null` without a limit) and `cap_micros`."""
    tool_count: NotRequired[int]
    """Number of tools that the model may call."""
    tools: NotRequired[list[str]]
    """Names of the tools."""
    bash_enabled: NotRequired[bool]
    """Whether `bash` is one of them."""
    deployment_id: NotRequired[str | None]
    """ID of the deployment; `null` without one."""
    label: NotRequired[str]
    """The replacement of the language model: a simulation or a recording."""
    phases: NotRequired[dict[str, float]]
    """Milliseconds that the preparation took, by part: `load` (secrets, bundle, drive), `guardrails`, `packages`,
    `sandbox`, `tools` (and MCP servers) and `files` (of the inputs). Parts of less than 10 ms are missing."""


class AgentStartEvent(_Event):
    """The agent started. In runs of a listing of another project the fields about tools are missing."""

    type: Literal["agent_start"]
    payload: AgentStartPayload


class ModelResponsePayload(TypedDict):
    """The model replied."""

    step: int
    """Number of the step, from 1."""
    model: str
    """Slug of the model."""
    stop_reason: str | None
    """The stop reason of the reply: `end_turn`, `tool_use`, `max_tokens` and others."""
    input_tokens: int
    """Tokens of the prompt that were not cached."""
    output_tokens: int
    """Tokens of the reply."""
    cache_creation_input_tokens: int
    """Tokens of the prompt that were written to the cache."""
    cache_read_input_tokens: int
    """Tokens of the prompt that were read from the cache."""
    billed_micros: int
    """The price, in millionths of a dollar."""
    cache_hit: bool
    """Whether anything was read from the cache."""
    duration_ms: float
    """Duration of the model call."""
    cleared_input_tokens: NotRequired[int]
    """Tokens of old results that the provider removed from the prompt; present if it removed any."""
    label: NotRequired[str]
    """The replacement of the language model: a simulation or a recording."""
    is_estimated: NotRequired[bool]
    """True: the server reported no usage, so the tokens and the price are estimated by the length of the texts."""
    max_tokens: NotRequired[int]
    """Maximum tokens of the reply in the request."""
    forced_tool: NotRequired[str]
    """The tool that the reply had to call, if the request named one."""
    blocks: NotRequired[list[dict[str, Any]]]
    """The reply: blocks of text, of thinking and of calls of tools."""
    blocks_bytes: NotRequired[int]
    """Size of the reply when it is too large for an event."""
    blocks_in: NotRequired[str]
    """Location of a reply that is too large: `journal/3`."""
    blocks_withheld: NotRequired[str]
    """`rails`: a guardrail of the skill withholds the text of the model."""


class ModelResponseEvent(_Event):
    """The model replied."""

    type: Literal["model_response"]
    payload: ModelResponsePayload


class ModelInterruptedPayload(TypedDict):
    """The run was canceled while the model replied."""

    step: int
    """Number of the step."""
    text: str
    """The text of the reply so far."""


class ModelInterruptedEvent(_Event):
    """The run was canceled while the model replied."""

    type: Literal["model_interrupted"]
    payload: ModelInterruptedPayload


ModelRetryPayload = TypedDict(
    "ModelRetryPayload",
    {
        # Number of the step.
        "step": int,
        # The reason of the failure.
        "reason": NotRequired[str],
        # The HTTP status of the provider, if it sent one.
        "status": NotRequired[int],
        # Slug of the model.
        "model": NotRequired[str],
        # Number of the failed call, from 1.
        "try": NotRequired[int],
        # Maximum number of calls.
        "of": NotRequired[int],
        # Seconds until the next call.
        "wait_s": NotRequired[float],
    },
)
"""A call of the model failed and is repeated. In runs of a listing of another project only `step` is present."""


class ModelRetryEvent(_Event):
    """A call of the model failed and is repeated. In runs of a listing of another project only `step` is present."""

    type: Literal["model_retry"]
    payload: ModelRetryPayload


ModelEscalatedPayload = TypedDict(
    "ModelEscalatedPayload",
    {
        # Slug of the model until now.
        "from": str,
        # Slug of the model from now on.
        "to": str,
        # `schema_fail`: results were not valid.
        "reason": str,
        # Number of results that were not valid.
        "after": int,
        # Number of the step.
        "step": int,
    },
)
"""A stronger model continues the run, as the skill's `routing` requires."""


class ModelEscalatedEvent(_Event):
    """A stronger model continues the run, as the skill's `routing` requires."""

    type: Literal["model_escalated"]
    payload: ModelEscalatedPayload


ModelFailoverPayload = TypedDict(
    "ModelFailoverPayload",
    {
        # Slug of the model until now.
        "from": str,
        # Slug of the model from now on.
        "to": str,
        # `outage`, `key`, `budget` or `context`: the reason why it cannot continue.
        "reason": str,
        # The error of the failed call.
        "error": str,
        # Number of the step; 0: before the first one.
        "step": int,
    },
)
"""The next model of the skill's list continues the run. The failed call has no reply and is not billed."""


class ModelFailoverEvent(_Event):
    """The next model of the skill's list continues the run. The failed call has no reply and is not billed."""

    type: Literal["model_failover"]
    payload: ModelFailoverPayload


class ContextCompactedPayload(TypedDict):
    """Old results of tools were removed from the conversation to make room."""

    step: int
    """The step before which they were removed."""
    cleared: int
    """Number of removed results."""
    tokens_before: int
    """Approximate tokens of the conversation before."""
    tokens_after: int
    """Approximate tokens of the conversation after."""


class ContextCompactedEvent(_Event):
    """Old results of tools were removed from the conversation to make room."""

    type: Literal["context_compacted"]
    payload: ContextCompactedPayload


class MemoryInjectedPayload(TypedDict):
    """Records of the memory became part of the first message."""

    entity_count: int
    """Number of records about the inputs."""
    pinned_count: int
    """Number of pinned records."""
    memory_ids: list[str]
    """IDs of the records."""
    kinds: list[str]
    """Kinds of the records, sorted."""


class MemoryInjectedEvent(_Event):
    """Records of the memory became part of the first message."""

    type: Literal["memory_injected"]
    payload: MemoryInjectedPayload


class MemoryMissPayload(TypedDict):
    """The memory has no record about some of the inputs."""

    keys: list[str]
    """Keys of the inputs without a record."""


class MemoryMissEvent(_Event):
    """The memory has no record about some of the inputs."""

    type: Literal["memory_miss"]
    payload: MemoryMissPayload


class ToolUsePayload(TypedDict):
    """The model requested a call of a tool."""

    step: int
    """Number of the step."""
    name: str
    """Name of the tool."""
    tool_use_id: str
    """ID of the call."""
    label: NotRequired[str]
    """The purpose of the call, as the model states it."""
    input: NotRequired[dict[str, Any]]
    """The arguments."""
    input_bytes: NotRequired[int]
    """Size of the arguments when they are too large for an event."""
    input_withheld: NotRequired[str]
    """`rails`: a guardrail of the skill withholds the arguments."""


class ToolUseEvent(_Event):
    """The model requested a call of a tool."""

    type: Literal["tool_use"]
    payload: ToolUsePayload


class ToolStartedPayload(TypedDict):
    """A call of a tool started."""

    tool: str
    """Name of the tool."""
    tool_use_id: str
    """ID of the call."""
    step: int
    """Number of the step."""


class ToolStartedEvent(_Event):
    """A call of a tool started."""

    type: Literal["tool_started"]
    payload: ToolStartedPayload


class ToolResultPayload(TypedDict):
    """A call of a tool ended. Tools add fields of their own, such as `exit_code`, `path` or `media`."""

    step: int
    """Number of the step."""
    tool: str
    """Name of the tool."""
    tool_use_id: str
    """ID of the call."""
    ok: bool
    """False: the model received an error."""
    preview: str
    """The first 512 characters of the result."""
    billed_micros: NotRequired[int]
    """The price, in millionths of a dollar, if the call used something that is billed."""


class ToolResultEvent(_Event):
    """A call of a tool ended. Tools add fields of their own, such as `exit_code`, `path` or `media`."""

    type: Literal["tool_result"]
    payload: ToolResultPayload


class LimitsPayload(TypedDict):
    """The agent reached a limit on steps or tokens."""

    kind: str
    """`step_limit`, `token_limit` or `context_full`."""
    limit: int
    """The limit."""
    used: NotRequired[int]
    """Tokens that the run has used, for `token_limit`."""
    tokens: NotRequired[int]
    """Approximate tokens of the conversation, for `context_full`."""
    model: NotRequired[str]
    """Slug of the model, for `context_full`."""


class LimitsEvent(_Event):
    """The agent reached a limit on steps or tokens."""

    type: Literal["limits"]
    payload: LimitsPayload


class TimeoutPayload(TypedDict):
    """The agent reached its time limit."""

    kind: str
    """`timeout`."""
    step: int
    """Number of the step."""
    limit_s: float
    """The limit in seconds."""


class TimeoutEvent(_Event):
    """The agent reached its time limit."""

    type: Literal["timeout"]
    payload: TimeoutPayload


class CostCappedPayload(TypedDict):
    """The next call could cost more than is left for the job, so it was not made."""

    kind: str
    """`cost_capped`."""
    step: int
    """Number of the step."""
    spent_micros: int
    """The cost of the job so far, in millionths of a dollar."""
    cap_micros: int
    """The maximum that it may spend."""
    needed_micros: int
    """The maximum cost of the call."""
    capped_by: str
    """The limit that decides: `job_limit`, `budget`, `key_cap`, `caller` or `wallet`."""


class CostCappedEvent(_Event):
    """The next call could cost more than is left for the job, so it was not made."""

    type: Literal["cost_capped"]
    payload: CostCappedPayload


class RailPayload(TypedDict):
    """A guardrail of the skill decided about a value. The event never contains the value."""

    rail: str
    """Name of the guardrail."""
    where: str
    """`input`, `tool`, `output` or `retrieval`."""
    action: str
    """`block`, `redact`, `approve` or `flag`."""
    matched: dict[str, int]
    """Number of matches by kind of content."""
    step: NotRequired[int]
    """Number of the step of an agent."""
    tool: NotRequired[str]
    """Name of the tool that the value is for or from."""
    failed: NotRequired[str]
    """The reason why the guardrail could not evaluate the value: `broken`, `timeout` or `too_large`."""


class RailEvent(_Event):
    """A guardrail of the skill decided about a value. The event never contains the value."""

    type: Literal["rail"]
    payload: RailPayload


class ApprovalRequiredPayload(TypedDict):
    """A user must approve a call before it is made."""

    approval_id: str
    """ID of the approval."""
    step: int
    """Number of the step; 0: before the first one."""
    tool: str
    """Name of the tool."""
    tool_use_id: str
    """ID of the call."""
    expires_at: str
    """When the approval expires."""
    input: NotRequired[Any]
    """The arguments."""
    input_begins: NotRequired[str]
    """The start of the arguments as JSON when they are long; the approval has all of them."""


class ApprovalRequiredEvent(_Event):
    """A user must approve a call before it is made."""

    type: Literal["approval_required"]
    payload: ApprovalRequiredPayload


class ApprovalDecidedPayload(TypedDict):
    """A user decided about a call, or the approval expired."""

    approval_id: str
    """ID of the approval."""
    step: int
    """Number of the step."""
    tool: str
    """Name of the tool."""
    tool_use_id: str
    """ID of the call."""
    decision: str
    """`approved`, `denied` (rejected) or `expired`."""
    by: str
    """The user or API key that decided."""
    reason: NotRequired[str]
    """The reason, if one was given."""
    changed: NotRequired[list[str]]
    """Paths of the arguments that the user has changed, if there are any."""
    input: NotRequired[dict[str, Any]]
    """The arguments as the agent requested them, if the user has changed them and they are short."""
    arguments: NotRequired[dict[str, Any]]
    """The arguments with which the call is made instead. The approval has them also if they are long."""


class ApprovalDecidedEvent(_Event):
    """A user decided about a call, or the approval expired."""

    type: Literal["approval_decided"]
    payload: ApprovalDecidedPayload


class SubagentStartPayload(TypedDict):
    """The job called another skill, which runs as a subjob."""

    label: str
    """The purpose of the call; by default the name of the skill."""
    job_id: str
    """ID of the job that was called."""
    skill: str
    """Name of the skill."""
    depth: int
    """The depth of the call."""
    tool_use_id: NotRequired[str]
    """ID of the call of a tool, if an agent called it."""
    durable_step: NotRequired[str]
    """The durable step of a function that made the call: `BRANCH:POSITION`."""


class SubagentStartEvent(_Event):
    """The job called another skill, which runs as a subjob."""

    type: Literal["subagent_start"]
    payload: SubagentStartPayload


class SubagentEndPayload(TypedDict):
    """A job that this job called has ended."""

    label: str
    """The purpose of the call; by default the name of the skill."""
    job_id: str
    """ID of the job that was called."""
    skill: str
    """Name of the skill."""
    status: str
    """`succeeded`, `failed` or `cancelled`."""
    used_micros: int
    """The usage of the subjob, in millionths of a dollar."""
    duration_ms: float
    """Its duration, including the time in the queue."""
    tool_use_id: NotRequired[str]
    """ID of the call of a tool, if an agent called it."""
    error_code: NotRequired[str]
    """The error code if it failed."""


class SubagentEndEvent(_Event):
    """A job that this job called has ended."""

    type: Literal["subagent_end"]
    payload: SubagentEndPayload


class MediaPayload(TypedDict):
    """An image, a video, a recording or a transcript was generated."""

    verb: str
    """`image`, `video`, `audio` or `transcribe`."""
    model: str
    """Slug of the model."""
    kind: str
    """`image`, `video` or `audio`."""
    label: str
    """`local` if it was generated on this host without a model; otherwise empty."""
    drive_path: str | None
    """Path in the drive of the first file; `null`: a transcript has no file."""
    request_id: str
    """ID of the request at the provider; may be empty."""
    billed_micros: int
    """The price, in millionths of a dollar."""
    media: list[dict[str, Any]]
    """All files, each with `drive_path` and `kind`."""
    duration_ms: float
    """Duration of the generation."""
    durable_step: NotRequired[str]
    """The durable step of a function that made the call: `BRANCH:POSITION`."""


class MediaEvent(_Event):
    """An image, a video, a recording or a transcript was generated."""

    type: Literal["media"]
    payload: MediaPayload


class WebPayload(TypedDict):
    """The code of a skill searched the web."""

    verb: str
    """`search`."""
    count: int
    """Number of results."""
    billed_micros: int
    """The price, in millionths of a dollar."""
    durable_step: NotRequired[str]
    """The durable step of a function that made the call: `BRANCH:POSITION`."""


class WebEvent(_Event):
    """The code of a skill searched the web."""

    type: Literal["web"]
    payload: WebPayload


class EvalsPayload(TypedDict):
    """The graders of the skill scored the result."""

    score: int | None
    """0 to 100; `null` if every grader was skipped."""
    graders: list[dict[str, Any]]
    """The verdict of each grader: `name`, `kind`, `weight`, `score`, `passed`, `skipped`, `detail` and, if no model
    scored it, `label`."""


class EvalsEvent(_Event):
    """The graders of the skill scored the result."""

    type: Literal["evals"]
    payload: EvalsPayload


JobEvent = (
    QueuedEvent
    | StartedEvent
    | RequeuedEvent
    | WaitingEvent
    | ResumedEvent
    | ForkedEvent
    | ContinuedEvent
    | SucceededEvent
    | FailedEvent
    | CancelledEvent
    | LogEvent
    | ProgressEvent
    | DriveDeletedEvent
    | StepStartedEvent
    | StepFinishedEvent
    | EnvironmentEvent
    | SandboxEvent
    | FunctionStartEvent
    | NetworkEvent
    | NetworkRefusedEvent
    | AgentStartEvent
    | ModelResponseEvent
    | ModelInterruptedEvent
    | ModelRetryEvent
    | ModelEscalatedEvent
    | ModelFailoverEvent
    | ContextCompactedEvent
    | MemoryInjectedEvent
    | MemoryMissEvent
    | ToolUseEvent
    | ToolStartedEvent
    | ToolResultEvent
    | LimitsEvent
    | TimeoutEvent
    | CostCappedEvent
    | RailEvent
    | ApprovalRequiredEvent
    | ApprovalDecidedEvent
    | SubagentStartEvent
    | SubagentEndEvent
    | MediaEvent
    | WebEvent
    | EvalsEvent
)
"""Any event; `type` distinguishes them."""
