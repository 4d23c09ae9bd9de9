"""Call models at an endpoint that speaks Chat Completions or the Responses API.

Replies are streamed and returned complete; each retry is reported, and their number is limited.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import httpx2
from openai import APIConnectionError, APIStatusError, APITimeoutError, AsyncOpenAI, AsyncStream, Omit

from backend.core import logs
from backend.skills.model_catalog.catalog import CatalogueEntry, Endpoint
from workers.llm import blocks
from workers.llm.openai_api import chat, responses, unsupported
from workers.llm.openai_api.errors import FAULTS, fault_of
from workers.llm.pricing import Margin, prompt_tokens, upstream_nanos, worst_case_nanos
from workers.llm.retries import reply_with_retries
from workers.llm.retry_policy import DEFAULT, RetryPolicy
from workers.llm.streams import BrokenStream
from workers.llm.types import Block, Closes, Label, Prompt, Reply, Retry, Tokens

log = logs.get(__name__)

_NO_KEY = "none"  # the SDK requires a key, also for a server without keys, to which it is not sent
_BYTES_PER_TOKEN = 3  # of an estimate: a little less than of most texts


class _Assembly(Protocol):
    """A reply that is being assembled."""

    def add(self, event: Any) -> None:
        """Add the next event."""

    @property
    def is_complete(self) -> bool:
        """Return whether the reply has ended."""

    @property
    def stop_reason(self) -> str:
        """The stop reason in the form of the Messages API."""

    @property
    def tokens(self) -> Tokens | None:
        """The tokens that the upstream counted."""

    @property
    def reply_id(self) -> str:
        """The ID of the reply."""

    def blocks(self) -> tuple[Block, ...]:
        """Return the blocks of the complete reply."""


class Api(NamedTuple):
    """How one API is spoken."""

    name: str
    as_request: Callable[[CatalogueEntry, Prompt], dict[str, Any]]
    open_stream: Callable[[AsyncOpenAI, dict[str, Any]], Awaitable[AsyncStream[Any]]]
    structured: Callable[[dict[str, Any]], dict[str, Any]]
    assembly: Callable[[Callable[[str], None], str, set[str]], _Assembly]


CHAT = Api(chat.NAME, chat.as_request, chat.open_stream, chat.structured, chat.Assembly)
RESPONSES = Api(
    responses.NAME, responses.as_request, responses.open_stream, responses.structured, responses.Assembly
)
_APIS: Mapping[str, Api] = {api.name: api for api in (CHAT, RESPONSES)}


@dataclass(frozen=True, slots=True)
class OpenAIModel:
    """One model of the catalog with one key."""

    entry: CatalogueEntry
    client: AsyncOpenAI
    api: Api
    margin: Margin
    retry_policy: RetryPolicy = DEFAULT
    owned: Closes | None = None
    """Connections that only this model uses."""

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
        request = self.api.as_request(self.entry, prompt)
        return await reply_with_retries(
            lambda: self._request(request, prompt, on_delta),
            lambda error: fault_of(error, self.entry, is_own_key=self.margin.is_own_key),
            faults=FAULTS,
            slug=self.slug,
            policy=self.retry_policy,
            on_retry=on_retry,
        )

    async def count(self, prompt: Prompt) -> int | None:
        """Return None: these APIs do not count the tokens of a prompt."""
        return None

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
        assembly = self.api.assembly(on_delta, self.slug, blocks.call_ids(prompt.messages))
        stream = await self._open_stream(request)
        async with stream:
            await self._read(stream, assembly)
        content = assembly.blocks()
        stop_reason = self._stop_reason(prompt, assembly)
        if prompt.forced_tool and (stop_reason == "end_turn" or _is_cut_prose(stop_reason, content)):
            unsupported.ignores_choice(str(self.client.base_url), self.entry.upstream_id)
        tokens = assembly.tokens or self._estimate(prompt, content)
        nanos = upstream_nanos(self.entry, tokens, cache_ttl=prompt.cache_ttl)
        return Reply(
            blocks=content,
            stop_reason=stop_reason,
            tokens=tokens,
            model=self.slug,
            upstream_nanos=nanos,
            billed_micros=self.margin.billed_micros(nanos),
            cache_hit=tokens.cache_read > 0,
            is_estimated=assembly.tokens is None,
            request_id=stream.response.headers.get("x-request-id") or assembly.reply_id,
        )

    def _stop_reason(self, prompt: Prompt, assembly: _Assembly) -> str:
        """Return the stop reason; a reply of the maximum length counts as cut off.

        The Responses API of llama.cpp reports such a reply as complete.
        """
        max_tokens = min(prompt.max_tokens, self.entry.max_output_tokens)
        is_of_maximum_length = assembly.tokens is not None and assembly.tokens.output >= max_tokens
        if assembly.stop_reason == "end_turn" and is_of_maximum_length:
            return "max_tokens"
        return assembly.stop_reason

    async def _open_stream(self, request: dict[str, Any]) -> AsyncStream[Any]:
        """Send the request, without what the server does not support."""
        url, model = str(self.client.base_url), self.entry.upstream_id
        known = parts = unsupported.known(url, model)
        while True:
            sent = unsupported.without(request, parts, self.api.structured)
            try:
                stream = await self.api.open_stream(self.client, {**sent, **self._no_key()})
            except APIStatusError as error:
                part = unsupported.rejected_part(error, sent)
                if part is None or part in parts or unsupported.OTHER_NAMES.get(part) in parts:
                    raise
                log.info("request sent again without what the server rejects", model=self.slug, part=part)
                parts |= {part}
                continue
            if parts != known:
                unsupported.remember(url, model, parts)
            return stream

    def _no_key(self) -> dict[str, Any]:
        """Return the argument without which the SDK requires a key, if the server needs none."""
        return {"extra_headers": {"Authorization": Omit()}} if self.client.api_key == _NO_KEY else {}

    async def _read(self, stream: AsyncStream[Any], assembly: _Assembly) -> None:
        """Add the events of the stream; what is lost after the end of the reply is not requested again."""
        try:
            async for event in stream:
                assembly.add(event)
        except FAULTS as error:
            if not assembly.is_complete:
                is_lost = isinstance(error, APIConnectionError) and not isinstance(error, APITimeoutError)
                if is_lost:  # the SDK has one error for this and for a connection that it could not make
                    raise BrokenStream("the connection was lost") from error
                raise
            log.info("connection lost after the reply", model=self.slug, error=type(error).__name__)

    def _estimate(self, prompt: Prompt, content: tuple[Block, ...]) -> Tokens:
        """Return tokens by the length of the texts, for a server that reports no usage."""
        log.info("reply without usage; its tokens are estimated", model=self.slug)
        length = sum(len(blocks.json_text(block).encode("utf-8", "replace")) for block in content)
        return Tokens(
            input=prompt_tokens(prompt, bytes_per_token=_BYTES_PER_TOKEN),
            output=-(-length // _BYTES_PER_TOKEN),
        )


def _is_cut_prose(stop_reason: str, content: tuple[Block, ...]) -> bool:
    """Return whether a reply of the maximum length is text without a tool call."""
    return stop_reason == "max_tokens" and [block.get("type") for block in content] == ["text"]


def open_model(
    entry: CatalogueEntry,
    endpoint: Endpoint,
    api_key: str | None,
    *,
    margin: Margin,
    retry_policy: RetryPolicy,
    timeout: httpx2.Timeout,
    http: httpx2.AsyncClient,
    owned: Closes | None,
) -> OpenAIModel:
    """Return a model at the endpoint, with a client that sends nothing of the environment."""
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    if api_key and endpoint.auth != "bearer":
        headers[endpoint.auth] = api_key
    client = AsyncOpenAI(
        api_key=api_key or _NO_KEY,
        base_url=endpoint.base_url,
        max_retries=0,
        timeout=timeout,
        default_headers=headers,
        http_client=http,
    )
    client.organization = client.project = None
    return OpenAIModel(entry, client, _APIS[endpoint.api], margin, retry_policy, owned)
