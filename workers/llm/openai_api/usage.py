"""Read the tokens of a reply as APIs of OpenAI report them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workers.llm.types import Tokens


def tokens_of_chat(usage: Mapping[str, Any]) -> Tokens:
    """Return the tokens that Chat Completions reports."""
    details = _part(usage, "prompt_tokens_details")
    read = count(details.get("cached_tokens")) or count(usage.get("prompt_cache_hit_tokens"))
    return _tokens(
        usage, count(usage.get("prompt_tokens")), count(usage.get("completion_tokens")), details, read
    )


def tokens_of_response(usage: Mapping[str, Any]) -> Tokens:
    """Return the tokens that the Responses API reports."""
    details = _part(usage, "input_tokens_details")
    read = count(details.get("cached_tokens"))
    return _tokens(usage, count(usage.get("input_tokens")), count(usage.get("output_tokens")), details, read)


def count(value: Any) -> int:
    """Return a number of tokens; what is none counts as 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _tokens(
    usage: Mapping[str, Any], prompt: int, output: int, details: Mapping[str, Any], read: int
) -> Tokens:
    """Return tokens of which none is counted twice: these APIs count cached ones as part of the prompt."""
    read = min(read, prompt)
    written = min(count(details.get("cache_write_tokens")), prompt - read)
    # Some servers count reasoning only in the total.
    output = max(output, count(usage.get("total_tokens")) - prompt)
    return Tokens(input=prompt - read - written, output=output, cache_write=written, cache_read=read)


def _part(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = usage.get(name)
    return found if isinstance(found, dict) else {}
