"""Call models at an endpoint of the Messages API, such as Claude.

Replies are streamed and returned complete; each retry is reported, and their number is limited.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import httpx2
from anthropic import AnthropicError, AsyncAnthropic

from backend.core import logs
from backend.skills.model_catalog.catalog import CatalogueEntry
from workers.llm import token_counting
from workers.llm.errors import ModelOverloaded, ModelUnavailable
from workers.llm.pricing import Margin, upstream_nanos, worst_case_nanos
from workers.llm.provider_errors import Fault, fault_of
from workers.llm.requests import as_request
from workers.llm.retry_policy import DEFAULT, RetryPolicy
from workers.llm.streams import Assembly, BrokenStream
from workers.llm.types import Label, Prompt, Reply, Retry

log = logs.get(__name__)

_FAULTS = (
    *(AnthropicError, httpx2.HTTPError, httpx2.StreamError, OSError, BrokenStream),
    *(json.JSONDecodeError, UnicodeDecodeError),  # of an event
)


class Closes(Protocol):
    """A resource to close with a model."""

    async def aclose(self) -> None:
        """Close it."""


@dataclass(frozen=True, slots=True)
class MessagesModel:
    """One model of the catalog with one key."""

    entry: CatalogueEntry
    client: AsyncAnthropic
    margin: Margin
    retry_policy: RetryPolicy = DEFAULT
    owned: Closes | None = None
    """Connections that only this model uses."""
    counts_tokens: bool = False
    """Whether its endpoint counts the tokens of a prompt."""

    @property
    def slug(self) -> str:
        """Its slug in the model catalog."""
        return self.entry.slug

    @property
    def label(self) -> Label:
        """Return the empty text: it is a language model."""
        return ""

    async def reply(
        self, prompt: Prompt, on_delta: Callable[[str], None], on_retry: Callable[[Retry], None]
    ) -> Reply:
        """Reply to the prompt, with retries by the retry policy; see `Model.reply`."""
        request = as_request(self.entry, prompt)
        for attempt in range(1, self.retry_policy.attempts + 1):
            try:
                return await self._request(request, prompt, on_delta)
            except _FAULTS as error:
                fault = fault_of(error, self.entry, is_own_key=self.margin.is_own_key)
            wait_s = self._wait_s(fault, attempt)
            retry = Retry(fault.reason, fault.status, self.slug, attempt, self.retry_policy.attempts, wait_s)
            log.info("model call failed; retrying", **retry._asdict())
            on_retry(retry)
            await asyncio.sleep(wait_s)
        raise AssertionError("the last attempt returns or raises")

    async def count(self, prompt: Prompt) -> int | None:
        """Return the maximum tokens of the prompt by the count of the upstream; None if it does not report it."""
        if not self.counts_tokens:
            return None
        return await token_counting.bound(self.client, as_request(self.entry, prompt), self.slug)

    def worst_case_micros(self, prompt: Prompt, max_tokens: int) -> int:
        """Return the maximum cost of this call."""
        return self.margin.billed_micros(worst_case_nanos(self.entry, prompt, max_tokens))

    async def close(self) -> None:
        """Close its own connections."""
        if self.owned is not None:
            await self.owned.aclose()

    async def _request(
        self, request: dict[str, Any], prompt: Prompt, on_delta: Callable[[str], None]
    ) -> Reply:
        assembly = Assembly(on_delta)
        stream = await self.client.beta.messages.create(**request, stream=True)
        async with stream:
            async for event in stream:
                assembly.add(event)
        blocks, tokens = assembly.blocks(), assembly.tokens
        token_counting.check(self.client, self.slug, bounded=prompt.counted, used=tokens.prompt)
        nanos = upstream_nanos(
            self.entry, tokens, cache_write_1h=assembly.cache_write_1h, cache_ttl=prompt.cache_ttl
        )
        return Reply(
            blocks=blocks,
            stop_reason=assembly.stop_reason,
            tokens=tokens,
            model=self.slug,
            upstream_nanos=nanos,
            billed_micros=self.margin.billed_micros(nanos),
            cache_hit=tokens.cache_read > 0,
            request_id=stream.response.headers.get("request-id", ""),
            cleared_tokens=assembly.cleared_tokens,
        )

    def _wait_s(self, fault: Fault, attempt: int) -> float:
        """Return how long to wait before the next attempt.

        Raises:
            PurasError: a retry cannot help, or would take too long here.
        """
        if fault.final is not None:
            raise fault.final
        wait_s = self.retry_policy.wait_s(attempt, fault.retry_after_s)
        if attempt < self.retry_policy.attempts and wait_s <= self.retry_policy.max_wait_s:
            return wait_s
        if fault.is_busy:
            raise ModelOverloaded(self.slug, wait_s, tries=attempt)
        raise ModelUnavailable(self.slug, fault.reason, tries=attempt)
