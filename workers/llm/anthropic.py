"""Call models at an endpoint of the Messages API, such as Claude.

Replies are streamed and returned complete; each retry is reported, and their number is limited.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from anthropic import AnthropicError, AsyncAnthropic, Omit

from backend.skills.model_catalog.catalog import CatalogueEntry
from workers.llm import token_counting
from workers.llm.pricing import Margin, upstream_nanos, worst_case_nanos
from workers.llm.provider_errors import fault_of
from workers.llm.requests import as_request
from workers.llm.retries import reply_with_retries
from workers.llm.retry_policy import DEFAULT, RetryPolicy
from workers.llm.streams import Assembly, BrokenStream
from workers.llm.types import Closes, Label, Prompt, Reply, Retry

_FAULTS = (
    *(AnthropicError, httpx2.HTTPError, httpx2.StreamError, OSError, BrokenStream),
    *(json.JSONDecodeError, UnicodeDecodeError),  # of an event
)


_NO_KEY = "none"  # the SDK requires a key, also for a server without keys, to which it is not sent


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
    has_server_tools: bool = True
    """Whether its endpoint runs tools itself, such as the web search."""
    authenticate: Callable[[], Awaitable[None]] | None = None
    """Gives the client a valid access token before each request, if the endpoint needs one."""

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
        return await reply_with_retries(
            lambda: self._request(request, prompt, on_delta),
            lambda error: fault_of(error, self.entry, is_own_key=self.margin.is_own_key),
            faults=_FAULTS,
            slug=self.slug,
            policy=self.retry_policy,
            on_retry=on_retry,
        )

    async def count(self, prompt: Prompt) -> int | None:
        """Return the maximum tokens of the prompt by the count of the upstream; None if it does not report it."""
        if not self.counts_tokens:
            return None
        client = await self.ready_client()
        return await token_counting.bound(client, as_request(self.entry, prompt), self.slug)

    async def ready_client(self) -> AsyncAnthropic:
        """Return the client with a valid access token, if its endpoint needs one.

        Raises:
            httpx2.HTTPError: The cloud does not issue a token.
        """
        if self.authenticate is not None:
            await self.authenticate()
        return self.client

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
        client = await self.ready_client()
        stream = await client.beta.messages.create(**request, stream=True)
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
            request_id=_request_id(stream.response.headers),
            cleared_tokens=assembly.cleared_tokens,
        )


def _request_id(headers: Mapping[str, str]) -> str:
    return headers.get("request-id") or headers.get("x-amzn-requestid", "")


def open_client(
    base_url: str, api_key: str | None, auth: str, *, timeout: httpx2.Timeout, http: httpx2.AsyncClient
) -> AsyncAnthropic:
    """Return a client that sends the key in the headers of the endpoint, and nothing of the environment."""
    headers: dict[str, str | Omit] = {"Authorization": f"Bearer {api_key}"}
    if api_key is None:
        headers = {"Authorization": Omit(), "X-Api-Key": Omit()}
    elif auth != "bearer":
        headers[auth] = api_key
    return AsyncAnthropic(
        api_key=api_key or _NO_KEY,
        base_url=base_url,
        max_retries=0,
        timeout=timeout,
        default_headers=headers,  # type: ignore[arg-type]
        open_telemetry=False,
        http_client=http,
    )
