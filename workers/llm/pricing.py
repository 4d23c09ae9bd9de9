"""What a call costs, in exact integers: nano-dollars rounded up once, and micro-dollars rounded up once from those."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from backend.money import pricing as ledger
from backend.skills.model_catalog.catalog import CatalogueEntry
from workers.llm.types import Block, Prompt, Tokens

_TOKENS_PER_PRICE = 1_000_000
_FRAME_TOKENS = 1_000
"""What an upstream writes around tools and messages by itself; the longest known is under 700."""
_MESSAGE_TOKENS = 16  # around one message or block
_IMAGE_TOKENS = 6_500  # the most that any known model counts for one image
_PDF_BYTES_PER_TOKEN = 4  # of base64; a page of nothing but text holds far less


@dataclass(frozen=True, slots=True)
class Margin:
    """What is put on top of upstream cost."""

    percent: int
    is_own_key: bool = False
    """The project pays its provider itself, and us nothing."""

    def billed_micros(self, upstream_nanos: int) -> int:
        """Whole micro-dollars, rounded up once."""
        return 0 if self.is_own_key else ledger.billed_micros(upstream_nanos, self.percent)


def upstream_nanos(
    entry: CatalogueEntry, tokens: Tokens, *, cache_write_1h: int = 0, cache_ttl: Literal["5m", "1h"] = "5m"
) -> int:
    """What the upstream charges for these tokens, in whole nano-dollars, rounded up once.

    `cache_write_1h` of the written tokens are kept for an hour, and all of them when `cache_ttl` says so.
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
    """The most that the upstream could charge for this call, whatever it finds in its cache."""
    if entry.is_free:
        return 0
    length = most_prompt_tokens(entry, prompt)
    output = min(max_tokens, entry.most_output_tokens)
    rates = entry.rates(length)
    per_token = max(rates.input, rates.cache_read, *_writing(entry, prompt, length))
    return -(-(length * per_token + output * rates.output) // _TOKENS_PER_PRICE)


def most_prompt_tokens(entry: CatalogueEntry, prompt: Prompt) -> int:
    """Return the most tokens that a prompt can have.

    That is what was measured and a token for each byte of everything else, or what the upstream has counted, if less.
    """
    most = min(prompt_tokens(prompt), entry.context_tokens)
    return most if prompt.counted is None else min(most, prompt.counted)


def prompt_tokens(prompt: Prompt, *, bytes_per_token: int = 1) -> int:
    """The tokens of a prompt: what was measured, and what the rest has if so many bytes of text make one."""
    if prompt.measured is not None and prompt.measured.messages <= len(prompt.messages):
        known = prompt.measured.tokens
        rest: Sequence[Mapping[str, Any]] = prompt.messages[prompt.measured.messages :]
    else:
        tools = [asdict(tool) for tool in prompt.tools]
        words = _bytes(prompt.system) + _bytes(tools)
        known = _FRAME_TOKENS + words // bytes_per_token + _MESSAGE_TOKENS * len(tools)
        rest = prompt.messages
    return known + sum(
        _MESSAGE_TOKENS + _most_tokens(block, bytes_per_token)
        for message in rest
        for block in message["content"]
    )


def _writing(entry: CatalogueEntry, prompt: Prompt, length: int) -> tuple[int, ...]:
    rates = entry.rates(length)
    if entry.cache is None:
        return ()
    return (rates.cache_write_1h,) if prompt.cache_ttl == "1h" else (rates.cache_write_5m,)


def _most_tokens(block: Block, per: int) -> int:
    kind = block.get("type")
    if kind == "image":
        return _IMAGE_TOKENS
    if kind == "document":
        return _most_tokens_of_document(block)
    if kind == "tool_result" and isinstance(block.get("content"), list):
        return _MESSAGE_TOKENS + sum(_MESSAGE_TOKENS + _most_tokens(inner, per) for inner in block["content"])
    return -(-_bytes(block) // per)


def _most_tokens_of_document(block: Block) -> int:
    source = block.get("source", {})
    if source.get("type") != "base64":
        return _bytes(block)
    return _bytes({**block, "source": None}) + len(source.get("data", "")) // _PDF_BYTES_PER_TOKEN


def _bytes(value: Any) -> int:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return len(text.encode("utf-8", "surrogatepass"))
