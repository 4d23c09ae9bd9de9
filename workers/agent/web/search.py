"""Search the web: the engine protocol, and the search of Claude with Anthropic's server tool."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import httpx2
from anthropic import AnthropicError

from backend.integrations.web.errors import SearchFailed
from backend.integrations.web.search import Found, Hit
from backend.money.ledger.service import LineItem
from workers.llm.anthropic import MessagesModel
from workers.llm.pricing import upstream_nanos
from workers.llm.provider_errors import fault_of
from workers.llm.types import CurrentModel, Message, Model, Prompt, Tokens

__all__ = ["Engine", "Found", "Hit"]


class Engine(Protocol):
    """A search engine for the tool `web_search`."""

    async def find(self, query: str, max_results: int) -> Found:
        """Search.

        Raises:
            SearchFailed: it is unavailable.
        """

    def worst_case_micros(self, query: str) -> int:
        """Return the maximum cost of a search."""


FAMILY: Final = "claude"
_SEARCH_NANOS: Final = 10_000_000  # $10 for a thousand
_RESULT_TOKENS: Final = 60_000
"""Upper bound of the tokens that one search adds to the prompt."""
_MAX_TOKENS: Final = 1_024
_TIMEOUT_S: Final = 90.0
"""Timeout, much longer than a search with a short text takes."""
_TOOL: Final = {"type": "web_search_20250305", "name": "web_search", "max_uses": 1}


def claude_search(current_model: CurrentModel) -> ClaudeSearch | None:
    """Return the search engine of a run's model, if it is Claude with a key."""
    return ClaudeSearch(current_model) if _as_claude(current_model()) else None


@dataclass(frozen=True, slots=True)
class ClaudeSearch:
    """Searches with the key and at the price of the model that the run uses at the time of the search."""

    current_model: CurrentModel
    timeout_s: float = _TIMEOUT_S

    def worst_case_micros(self, query: str) -> int:
        """Return the cost of the search, and of a prompt with the longest search results."""
        model = _as_claude(self.current_model())
        if model is None:
            return 0  # it fails without a request
        prompt = Prompt("", _messages(query), (), _MAX_TOKENS)
        tokens = model.worst_case_micros(prompt, _MAX_TOKENS)
        found = upstream_nanos(model.entry, Tokens(input=_RESULT_TOKENS))
        return tokens + model.margin.billed_micros(found + _SEARCH_NANOS)

    async def find(self, query: str, max_results: int) -> Found:
        """Search; see `Engine.find`."""
        current = self.current_model()
        model = _as_claude(current)
        if model is None:
            raise SearchFailed(
                f"The model {current.slug!r}, which continues this run, has no web search. Continue without it."
            )
        entry = model.entry
        try:
            async with asyncio.timeout(self.timeout_s):
                client = await model.ready_client()
                message = await client.beta.messages.create(**_request(entry.upstream_id, query))
        except (AnthropicError, httpx2.HTTPError, OSError) as error:
            fault = fault_of(error, entry, is_own_key=model.margin.is_own_key)
            raise SearchFailed(
                f"The search failed ({fault.reason}). Try again later, or continue without it."
            ) from None
        body = message.model_dump(mode="json")
        hits = list(_hits(body["content"]))[:max_results]
        return Found(hits, _used(model, body["usage"]), _summary(body["content"]))


def _as_claude(model: Model) -> MessagesModel | None:
    """Return the model if it is Claude with the search tool, which Bedrock does not offer."""
    if not isinstance(model, MessagesModel) or model.entry.family != FAMILY:
        return None
    return model if model.has_server_tools else None


def _used(model: MessagesModel, usage: dict[str, Any]) -> LineItem:
    tokens = Tokens(
        input=usage["input_tokens"],
        output=usage["output_tokens"],
        cache_write=usage.get("cache_creation_input_tokens") or 0,
        cache_read=usage.get("cache_read_input_tokens") or 0,
    )
    searches = int((usage.get("server_tool_use") or {}).get("web_search_requests") or 0)
    nanos = upstream_nanos(model.entry, tokens) + searches * _SEARCH_NANOS
    quantity = {"searches": searches, "input_tokens": tokens.prompt, "output_tokens": tokens.output}
    billed = model.margin.billed_micros(nanos)
    return LineItem("web", quantity, nanos, billed, provider=FAMILY, model=model.slug)


def _request(upstream_id: str, query: str) -> dict[str, Any]:
    return {"model": upstream_id, "max_tokens": _MAX_TOKENS, "messages": _messages(query), "tools": [_TOOL]}


def _messages(query: str) -> list[Message]:
    text = f"Search the web once, then write a short summary that contains only what you found: {query}"
    return [{"role": "user", "content": [{"type": "text", "text": text}]}]


def _hits(blocks: Sequence[dict[str, Any]]) -> Iterator[Hit]:
    for block in blocks:
        found = block.get("content") if block.get("type") == "web_search_tool_result" else None
        for row in found if isinstance(found, list) else ():
            yield Hit(str(row.get("title") or "")[:300], str(row.get("url") or "")[:2_000])


def _summary(blocks: Sequence[dict[str, Any]]) -> str:
    return "".join(str(block["text"]) for block in blocks if block.get("type") == "text").strip()
