"""Define the types of the protocol of language models: prompts, replies and costs.

Content blocks have the form of the Messages API; upstream IDs of models are used only in this package.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, Protocol

from backend.skills.model_catalog.catalog import CatalogueEntry

Block = dict[str, Any]
"""A content block as the Messages API has it: text, image, document, tool_use, tool_result, thinking…"""

Message = dict[str, Any]
"""`{"role": "user" | "assistant", "content": [Block, …]}`"""

EARLIER_CALL: Final = "earlier_"
"""The start of the IDs of calls that earlier turns of a conversation have made."""

Label = Literal["", "rehearsal", "recording"]
"""The source of a reply that no language model generated; empty if one did."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """The description of a tool for a model."""

    name: str
    description: str
    input_schema: dict[str, Any]
    """Plain JSON Schema 2020-12."""
    is_remote: bool = False
    """Whether an MCP server runs it."""
    is_read_only: bool = False
    """Whether the section of its MCP server declares that it has no effects."""

    def described(self) -> dict[str, Any]:
        """Return what the model receives."""
        return {"name": self.name, "description": self.description, "input_schema": self.input_schema}


@dataclass(frozen=True, slots=True)
class Measured:
    """The token count of the start of a conversation by the upstream, so that only the rest is estimated."""

    messages: int
    """The number of first messages, including the reply to them."""
    tokens: int
    """`Reply.measured` of that reply."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """The input of one model call."""

    system: str
    messages: Sequence[Message]
    tools: Sequence[ToolSpec]
    max_tokens: int
    """Maximum tokens of the reply."""
    cache_ttl: Literal["5m", "1h"] = "5m"
    measured: Measured | None = None
    """The known part of its length, which makes the worst case of the call more precise."""
    counted: int | None = None
    """The maximum tokens of all of it, by `Model.count`."""
    forced_tool: str | None = None
    """The tool that the reply must call, where the API allows to require it."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of one call; no token is counted twice."""

    input: int = 0
    """Neither written to the prompt cache nor read from it."""
    output: int = 0
    cache_write: int = 0
    cache_read: int = 0

    @property
    def prompt(self) -> int:
        """Tokens of the prompt, cached or not."""
        return self.input + self.cache_write + self.cache_read


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete reply of a model, and its cost."""

    blocks: tuple[Block, ...]
    stop_reason: str
    """The stop reason of the Messages API: end_turn, tool_use, max_tokens, refusal, pause_turn…"""
    tokens: Tokens
    model: str
    """Slug in the catalog."""
    upstream_nanos: int
    billed_micros: int
    cache_hit: bool = False
    """Whether a part of the prompt was read from the cache."""
    request_id: str = ""
    label: Label = ""
    is_estimated: bool = False
    """Whether the upstream reported no usage, so that the tokens are estimated by the length of the texts."""
    cleared_tokens: int = 0
    """Tokens of old tool results that the upstream removed from the conversation."""
    simulated_from: str = ""
    """The source of a simulated output: `example` (of the same inputs), `other_example` or `sample`; empty:
    no output."""

    @property
    def measured(self) -> int:
        """Tokens of the whole conversation up to and with this reply."""
        return self.tokens.prompt + self.tokens.output + self.cleared_tokens


class Retry(NamedTuple):
    """A call of a model that failed and is repeated."""

    reason: str
    status: int | None
    """The HTTP status of the upstream, if it sent one."""
    model: str
    tried: int
    """The number of calls so far."""
    max_calls: int
    wait_s: float
    """Seconds until the next call."""


class Closes(Protocol):
    """A resource to close with a model."""

    async def aclose(self) -> None:
        """Close it."""


class Model(Protocol):
    """A model for the agent loop."""

    @property
    def slug(self) -> str:
        """Its slug in the model catalog."""

    @property
    def entry(self) -> CatalogueEntry:
        """Its capabilities and prices."""

    @property
    def label(self) -> Label:
        """The source of its replies, if it is no language model."""

    async def reply(
        self, prompt: Prompt, on_delta: Callable[[str], None], on_retry: Callable[[Retry], None]
    ) -> Reply:
        """Reply to the prompt; text is passed to `on_delta` as it arrives, and each retry to `on_retry`.

        A retry starts the reply again: text of the incomplete one is not part of it.

        Raises:
            PromptTooLong: the conversation exceeds the context of the model.
            ModelRefused: the upstream rejects the request itself.
            ModelKeyRefused: the key is not valid, or may not be used for this.
            ModelOverloaded: it was overloaded in all attempts.
            ModelUnavailable: it is unavailable.
        """

    async def count(self, prompt: Prompt) -> int | None:
        """Return the maximum tokens of the prompt by the count of the upstream; None if it does not report it."""

    def worst_case_micros(self, prompt: Prompt, max_tokens: int) -> int:
        """Return the maximum cost of this call, with a reply of that many tokens."""

    async def close(self) -> None:
        """Close connections."""


CurrentModel = Callable[[], Model]
"""Returns the model that a run uses now; after a failover or an escalation, the former one is closed."""
