"""Define the events of an agent: its model, its memory and its tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from backend.execution.events.types.base import OMITTED, Event, Omitted, event_type


@event_type
class AgentStartEvent(Event):
    """The agent started. In runs of a listing of another project the fields about tools are missing."""

    type: ClassVar[Literal["agent_start"]] = "agent_start"
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
    tool_count: int | Omitted = OMITTED
    """Number of tools that the model may call."""
    tools: list[str] | Omitted = OMITTED
    """Names of the tools."""
    bash_enabled: bool | Omitted = OMITTED
    """Whether `bash` is one of them."""
    deployment_id: str | Omitted | None = OMITTED
    """ID of the deployment; `null` without one."""
    label: str | Omitted = OMITTED
    """The replacement of the language model: a simulation or a recording."""
    phases: dict[str, float] | Omitted = OMITTED
    """Milliseconds that the preparation took, by part: `load` (secrets, bundle, drive), `guardrails`, `packages`,
    `sandbox`, `tools` (and MCP servers) and `files` (of the inputs). Parts of less than 10 ms are missing."""


@event_type
class ModelResponseEvent(Event):
    """The model replied."""

    type: ClassVar[Literal["model_response"]] = "model_response"
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
    cleared_input_tokens: int | Omitted = OMITTED
    """Tokens of old results that the provider removed from the prompt; present if it removed any."""
    label: str | Omitted = OMITTED
    """The replacement of the language model: a simulation or a recording."""
    is_estimated: bool | Omitted = OMITTED
    """True: the server reported no usage, so the tokens and the price are estimated by the length of the texts."""
    max_tokens: int | Omitted = OMITTED
    """Maximum tokens of the reply in the request."""
    forced_tool: str | Omitted = OMITTED
    """The tool that the reply had to call, if the request named one."""
    blocks: list[dict[str, Any]] | Omitted = OMITTED
    """The reply: blocks of text, of thinking and of calls of tools."""
    blocks_bytes: int | Omitted = OMITTED
    """Size of the reply when it is too large for an event."""
    blocks_in: str | Omitted = OMITTED
    """Location of a reply that is too large: `journal/3`."""
    blocks_withheld: str | Omitted = OMITTED
    """`rails`: a guardrail of the skill withholds the text of the model."""


@event_type
class ModelInterruptedEvent(Event):
    """The run was canceled while the model replied."""

    type: ClassVar[Literal["model_interrupted"]] = "model_interrupted"
    step: int
    """Number of the step."""
    text: str
    """The text of the reply so far."""


@event_type
class ModelRetryEvent(Event):
    """A call of the model failed and is repeated. In runs of a listing of another project only `step` is present."""

    type: ClassVar[Literal["model_retry"]] = "model_retry"
    step: int
    """Number of the step."""
    reason: str | Omitted = OMITTED
    """The reason of the failure."""
    status: int | Omitted = OMITTED
    """The HTTP status of the provider, if it sent one."""
    model: str | Omitted = OMITTED
    """Slug of the model."""
    try_: int | Omitted = OMITTED
    """Number of the failed call, from 1."""
    of: int | Omitted = OMITTED
    """Maximum number of calls."""
    wait_s: float | Omitted = OMITTED
    """Seconds until the next call."""


@event_type
class ModelEscalatedEvent(Event):
    """A stronger model continues the run, as the skill's `routing` requires."""

    type: ClassVar[Literal["model_escalated"]] = "model_escalated"
    from_: str
    """Slug of the model until now."""
    to: str
    """Slug of the model from now on."""
    reason: str
    """`schema_fail`: results were not valid."""
    after: int
    """Number of results that were not valid."""
    step: int
    """Number of the step."""


@event_type
class ModelFailoverEvent(Event):
    """The next model of the skill's list continues the run. The failed call has no reply and is not billed."""

    type: ClassVar[Literal["model_failover"]] = "model_failover"
    from_: str
    """Slug of the model until now."""
    to: str
    """Slug of the model from now on."""
    reason: str
    """`outage`, `key`, `budget` or `context`: the reason why it cannot continue."""
    error: str
    """The error of the failed call."""
    step: int
    """Number of the step; 0: before the first one."""


@event_type
class ContextCompactedEvent(Event):
    """Old results of tools were removed from the conversation to make room."""

    type: ClassVar[Literal["context_compacted"]] = "context_compacted"
    step: int
    """The step before which they were removed."""
    cleared: int
    """Number of removed results."""
    tokens_before: int
    """Approximate tokens of the conversation before."""
    tokens_after: int
    """Approximate tokens of the conversation after."""


@event_type
class MemoryInjectedEvent(Event):
    """Records of the memory became part of the first message."""

    type: ClassVar[Literal["memory_injected"]] = "memory_injected"
    entity_count: int
    """Number of records about the inputs."""
    pinned_count: int
    """Number of pinned records."""
    memory_ids: list[str]
    """IDs of the records."""
    kinds: list[str]
    """Kinds of the records, sorted."""


@event_type
class MemoryMissEvent(Event):
    """The memory has no record about some of the inputs."""

    type: ClassVar[Literal["memory_miss"]] = "memory_miss"
    keys: Sequence[str]
    """Keys of the inputs without a record."""


@event_type
class ToolUseEvent(Event):
    """The model requested a call of a tool."""

    type: ClassVar[Literal["tool_use"]] = "tool_use"
    step: int
    """Number of the step."""
    name: str
    """Name of the tool."""
    tool_use_id: str
    """ID of the call."""
    label: str | Omitted = OMITTED
    """The purpose of the call, as the model states it."""
    input: dict[str, Any] | Omitted = OMITTED
    """The arguments."""
    input_bytes: int | Omitted = OMITTED
    """Size of the arguments when they are too large for an event."""
    input_withheld: str | Omitted = OMITTED
    """`rails`: a guardrail of the skill withholds the arguments."""


@event_type
class ToolStartedEvent(Event):
    """A call of a tool started."""

    type: ClassVar[Literal["tool_started"]] = "tool_started"
    tool: str
    """Name of the tool."""
    tool_use_id: str
    """ID of the call."""
    step: int
    """Number of the step."""


@event_type
class ToolResultEvent(Event):
    """A call of a tool ended. Tools add fields of their own, such as `exit_code`, `path` or `media`."""

    type: ClassVar[Literal["tool_result"]] = "tool_result"
    extra: ClassVar[str] = "details"
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
    billed_micros: int | Omitted = OMITTED
    """The price, in millionths of a dollar, if the call used something that is billed."""
    details: Mapping[str, Any]
    """The fields that the tool adds."""
