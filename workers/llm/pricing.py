"""Compute costs of calls as integers.

Upstream costs are nano-dollars, rounded up once; prices are micro-dollars, rounded up once from those.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from backend.money import pricing as ledger
from backend.skills.model_catalog.catalog import CatalogueEntry
from workers.llm.types import Block, Prompt, Tokens

_TOKENS_PER_PRICE = 1_000_000
_FRAME_TOKENS = 1_000
"""Tokens that an upstream adds around tools and messages; the longest known are under 700."""
_MESSAGE_TOKENS = 16  # around one message or block
_IMAGE_TOKENS = 6_500  # the maximum of all known models for one image
_PDF_BYTES_PER_TOKEN = 4  # of base64; pages of plain text have fewer


@dataclass(frozen=True, slots=True)
class Margin:
    """The margin on upstream cost."""

    percent: int
    is_own_key: bool = False
    """The project pays its provider directly, and nothing to the instance."""

    def billed_micros(self, upstream_nanos: int) -> int:
        """Return whole micro-dollars, rounded up once."""
        return 0 if self.is_own_key else ledger.billed_micros(upstream_nanos, self.percent)


def upstream_nanos(
    entry: CatalogueEntry, tokens: Tokens, *, cache_write_1h: int = 0, cache_ttl: Literal["5m", "1h"] = "5m"
) -> int:
    """Return the upstream cost of these tokens in nano-dollars, rounded up once.

    `cache_write_1h` of the written tokens are cached for an hour, or all of them if `cache_ttl` is `1h`.
    """
    rates = entry.rates(tokens.prompt)
    hour = tokens.cache_write if cache_ttl == "1h" else min(cache_write_1h, tokens.cache_write)
    total = (
        tokens.input * rates.input
        + tokens.output * rates.output
        + (tokens.cache_write - hour) * rates.cache_write_5m
        + hour * rates.cache_write_1h
        + tokens.cache_read * rates.cache_read
    )
    return -(-total // _TOKENS_PER_PRICE)


def worst_case_nanos(entry: CatalogueEntry, prompt: Prompt, max_tokens: int) -> int:
    """Return the maximum upstream cost of this call, whatever is cached."""
    if entry.is_free:
        return 0
    length = max_prompt_tokens(entry, prompt)
    output = min(max_tokens, entry.max_output_tokens)
    rates = entry.rates(length)
    per_token = max(rates.input, rates.cache_read, *_writing(entry, prompt, length))
    return -(-(length * per_token + output * rates.output) // _TOKENS_PER_PRICE)


def max_prompt_tokens(entry: CatalogueEntry, prompt: Prompt) -> int:
    """Return the maximum tokens of a prompt.

    That is the measured part and one token per byte of the rest, or the count of the upstream, if less.
    """
    maximum = min(prompt_tokens(prompt), entry.context_tokens)
    return maximum if prompt.counted is None else min(maximum, prompt.counted)


def prompt_tokens(prompt: Prompt, *, bytes_per_token: int = 1) -> int:
    """Return the tokens of a prompt: the measured part, and the rest with that many bytes per token."""
    if prompt.measured is not None and prompt.measured.messages <= len(prompt.messages):
        known = prompt.measured.tokens
        rest: Sequence[Mapping[str, Any]] = prompt.messages[prompt.measured.messages :]
    else:
        tools = [tool.described() for tool in prompt.tools]
        length = _bytes(prompt.system) + _bytes(tools)
        known = _FRAME_TOKENS + length // bytes_per_token + _MESSAGE_TOKENS * len(tools)
        rest = prompt.messages
    return known + sum(
        _MESSAGE_TOKENS + _max_tokens(block, bytes_per_token)
        for message in rest
        for block in message["content"]
    )


def _writing(entry: CatalogueEntry, prompt: Prompt, length: int) -> tuple[int, ...]:
    rates = entry.rates(length)
    if entry.cache is None:
        return ()
    return (rates.cache_write_1h,) if prompt.cache_ttl == "1h" else (rates.cache_write_5m,)


def _max_tokens(block: Block, per: int) -> int:
    kind = block.get("type")
    if kind == "image":
        return _IMAGE_TOKENS
    if kind == "document":
        return _max_tokens_of_document(block)
    if kind == "tool_result" and isinstance(block.get("content"), list):
        return _MESSAGE_TOKENS + sum(_MESSAGE_TOKENS + _max_tokens(inner, per) for inner in block["content"])
    return -(-_bytes(block) // per)


def _max_tokens_of_document(block: Block) -> int:
    source = block.get("source", {})
    if source.get("type") != "base64":
        return _bytes(block)
    return _bytes({**block, "source": None}) + len(source.get("data", "")) // _PDF_BYTES_PER_TOKEN


def _bytes(value: Any) -> int:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return len(text.encode("utf-8", "surrogatepass"))
