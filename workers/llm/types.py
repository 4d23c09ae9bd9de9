"""Language models behind one protocol: what is asked, what is answered, and what it cost.

Content blocks have the form of the Messages API everywhere; the ids that an upstream calls its models by stay inside
of this package.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from backend.skills.model_catalog.catalog import CatalogueEntry

Block = dict[str, Any]
"""A content block as the Messages API has it: text, image, document, tool_use, tool_result, thinking…"""

Message = dict[str, Any]
"""`{"role": "user" | "assistant", "content": [Block, …]}`"""

Label = Literal["", "rehearsal", "recording"]
"""What a reply is when no language model gave it; empty: one did."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model is told of it."""

    name: str
    description: str
    input_schema: dict[str, Any]
    """Plain JSON Schema 2020-12."""


@dataclass(frozen=True, slots=True)
class Measured:
    """How long the upstream found the beginning of a conversation to be, so that the rest alone is estimated."""

    messages: int
    """How many of the first messages, the reply to them included."""
    tokens: int
    """`Reply.measured` of that reply."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that one call of a model is given."""

    system: str
    messages: Sequence[Message]
    tools: Sequence[ToolSpec]
    max_tokens: int
    """Most tokens of the reply."""
    cache_ttl: Literal["5m", "1h"] = "5m"
    measured: Measured | None = None
    """What is known of its length; it makes the worst case of the next call a close one."""
    counted: int | None = None
    """The most tokens that all of it can have, by `Model.count`."""


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
    """What a model answered, whole, and what that cost."""

    blocks: tuple[Block, ...]
    stop_reason: str
    """As the Messages API has it: end_turn, tool_use, max_tokens, refusal, pause_turn…"""
    tokens: Tokens
    model: str
    """Slug of the catalogue."""
    upstream_nanos: int
    billed_micros: int
    cache_hit: bool = False
    """Whether a part of the prompt was read from the cache."""
    request_id: str = ""
    label: Label = ""
    cleared_tokens: int = 0
    """Tokens of old tool results that the upstream left out of the conversation by itself."""
    simulated_from: str = ""
    """What a simulated output is: `example` (of the same inputs), `other_example` or `sample`; empty: no output."""

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
    """How many calls were made."""
    max_calls: int
    wait_s: float
    """Seconds until the next call."""


class Model(Protocol):
    """A model as the agent's loop sees it."""

    @property
    def slug(self) -> str:
        """Its name in the catalogue."""

    @property
    def entry(self) -> CatalogueEntry:
        """What it can do, and its prices."""

    @property
    def label(self) -> Label:
        """Whether it is no language model at all."""

    async def reply(
        self, prompt: Prompt, on_delta: Callable[[str], None], on_retry: Callable[[Retry], None]
    ) -> Reply:
        """Answer the prompt; text is told as it comes, and so is every retry with its facts.

        A retry begins the reply anew: what was told of the broken one is not part of the answer.

        Raises:
            PromptTooLong: the conversation does not fit into the model.
            ModelRefused: the upstream says that the request itself is wrong.
            ModelKeyRefused: the key is not valid, or may not be used for this.
            ModelOverloaded: it was busy until every retry was spent.
            ModelUnavailable: it cannot be reached.
        """

    async def count(self, prompt: Prompt) -> int | None:
        """Return the most tokens that the prompt can have, as the upstream counts them; None if it does not say."""

    def worst_case_micros(self, prompt: Prompt, max_tokens: int) -> int:
        """The most that this call could be billed, with a reply of so many tokens."""

    async def close(self) -> None:
        """Let go of connections."""
