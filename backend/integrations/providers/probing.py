"""Trying a project's own key: its provider is asked for the list of its models, which costs nothing."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import httpx

from backend.core.net.public_transport import PublicTransport
from backend.integrations.providers.access import Access
from backend.integrations.providers.service import OwnKey
from backend.skills.model_catalog import lists
from backend.skills.model_catalog.catalog import Catalogue

Verdict = Literal["ok", "warn", "fail"]
_MAX_BYTES: Final = 8 * 1024 * 1024  # of a list; the longest that is known has two
_MAX_NAMED: Final = 8


class Probed(NamedTuple):
    """What came of a probe."""

    verdict: Verdict
    """`ok`: the key is taken; `warn`: something is to be looked at; `fail`: jobs will not reach the models."""
    found: str


class _Answer(NamedTuple):
    status: int
    content: bytes


async def probe(family: str, key: OwnKey, models: Catalogue, access: Access) -> Probed:
    """Ask the provider of a family of models whether it takes the key; what it says itself is not repeated.

    Raises:
        UnknownFamily: no models of that family are reached over a network.
    """
    models.endpoint_of(family)
    name = models.families[family]
    endpoint = access.endpoints[name]
    base_url = key.base_url or endpoint.base_url
    try:
        async with _client(key, access) as client:
            client.headers.update(lists.headers(endpoint, key.api_key))
            if key.base_url is not None:  # which of the two it looks at is not known; jobs send both
                client.headers["authorization"] = f"Bearer {key.api_key}"
            if name == lists.OPENROUTER and key.base_url is None:
                answer = await _get(client, f"{base_url}/v1/key")
                if answer.status in lists.NOT_TAKEN:
                    return _not_taken(answer)
            answer = await _get(client, f"{base_url}/v1/models?limit=1000")
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:  # its text could hold what was sent
        return Probed("fail", f"{base_url} does not answer ({type(error).__name__}). Check the address.")
    if answer.status in lists.NOT_TAKEN:
        return _not_taken(answer)
    return _compared(family, models, answer)


def _client(key: OwnKey, access: Access) -> httpx.AsyncClient:
    """Addresses that the operator has named are trusted, those of a project are vetted."""
    if key.base_url is None:
        return httpx.AsyncClient(timeout=lists.PATIENCE_S, trust_env=False)
    transport = PublicTransport(access.allowed_hosts, ports=None)  # servers of models have ports of their own
    return httpx.AsyncClient(transport=transport, timeout=lists.PATIENCE_S, trust_env=False)


async def _get(client: httpx.AsyncClient, url: str) -> _Answer:
    async with client.stream("GET", url) as answer:
        content = bytearray()
        async for piece in answer.aiter_bytes():
            content += piece
            if len(content) > _MAX_BYTES:
                raise ValueError("an answer that is no list")
        return _Answer(answer.status_code, bytes(content))


def _not_taken(answer: _Answer) -> Probed:
    return Probed("fail", f"The key is not taken (HTTP {answer.status}). Bring another one.")


def _compared(family: str, models: Catalogue, answer: _Answer) -> Probed:
    listed = lists.ids(answer.content) if answer.status == httpx.codes.OK else None
    if listed is None:
        return Probed(
            "warn",
            f"It answers (HTTP {answer.status}) and has no list of models; whether it takes the key shows with the "
            "first job.",
        )
    ours = [entry for entry in models.models.values() if entry.family == family]
    missing = lists.missing(ours, listed)
    found = f"The key is taken; {len(ours) - len(missing)} of {len(ours)} models are listed"
    if not missing:
        return Probed("ok", f"{found}.")
    more = f" and {len(missing) - _MAX_NAMED} more" if len(missing) > _MAX_NAMED else ""
    return Probed(
        "warn", f"{found}, not {', '.join(missing[:_MAX_NAMED])}{more}: skills that name those fail."
    )
