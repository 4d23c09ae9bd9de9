"""Count the tokens of prompts with the upstream, as a safe upper bound.

The count of an upstream costs nothing and is an estimate: Anthropic says that a call may use a small amount more. So it
is raised by a tenth and by 256 tokens, and it is never more than the bound by bytes, which holds for every tokenizer.
If an endpoint used more than that for a model, its count is not used for that model again in this process: such prompts
are bounded by bytes. What such a call costs above its job's reservation is not charged, so no limit is passed.
"""

from __future__ import annotations

from typing import Any, Final

from anthropic import AnthropicError, AsyncAnthropic

from backend.core import logs

log = logs.get(__name__)

MAX_WAIT_S: Final = 10.0
SPARE_TOKENS: Final = 256
SPARE_SHARE: Final = 10
"""The count is raised by one token per this number."""
_COUNTED: Final = ("model", "messages", "system", "tools")
"""Parts of a request that make its prompt; without the rule that clears old results, which would make it shorter."""

_distrusted: set[tuple[str, str]] = set()
"""Base URL and model: what the endpoint of one project replies says nothing about the endpoints of others."""


async def bound(client: AsyncAnthropic, request: dict[str, Any], slug: str) -> int | None:
    """Return the maximum tokens of the prompt of a request; None if the upstream does not report it."""
    if (str(client.base_url), slug) in _distrusted:
        return None
    parts = {name: request[name] for name in _COUNTED if name in request}
    try:
        count = (await client.beta.messages.count_tokens(**parts, timeout=MAX_WAIT_S)).input_tokens
    except (AnthropicError, OSError, ValueError) as error:
        log.info(
            "prompt tokens not counted; using the upper bound by bytes",
            model=slug,
            error=type(error).__name__,
        )
        return None
    if not isinstance(count, int) or count <= 0:
        return None
    return count + -(-count // SPARE_SHARE) + SPARE_TOKENS


def check(client: AsyncAnthropic, slug: str, *, bounded: int | None, used: int) -> None:
    """Trust the counts of an endpoint for a model no longer after a call that used more than its bound."""
    if bounded is not None and used > bounded:
        _distrusted.add((str(client.base_url), slug))
        log.warning("prompt had more tokens than the upstream counted", model=slug, used=used, bound=bounded)


def trust_all() -> None:
    """Trust every model's counts again."""
    _distrusted.clear()
