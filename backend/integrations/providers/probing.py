"""Trying a project's own key: its provider is asked for the list of its models, which costs nothing."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Final, Literal, NamedTuple

import httpx2

from backend.core.net.destinations import OPERATOR, PublicDestinations
from backend.core.net.transport import Limits, guarded_client
from backend.integrations.providers.access import Access
from backend.integrations.providers.service import OwnKey
from backend.skills.model_catalog import lists
from backend.skills.model_catalog.catalog import Catalogue

Verdict = Literal["ok", "warn", "fail"]
_LIMITS: Final = Limits(
    max_response_bytes=8 << 20,  # the longest known list has 2 MiB
    timeout=httpx2.Timeout(lists.PATIENCE_S),
    deadline_s=4 * lists.PATIENCE_S,
)
_MAX_NAMED: Final = 8


class Probed(NamedTuple):
    """What came of a probe."""

    verdict: Verdict
    """`ok`: the key is taken; `warn`: something is to be looked at; `fail`: jobs will not reach the models."""
    found: str


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
                answer = await client.get(f"{base_url}/v1/key")
                if answer.status_code in lists.NOT_TAKEN:
                    return _not_taken(answer)
            answer = await client.get(f"{base_url}/v1/models?limit=1000")
    except (
        httpx2.HTTPError,
        httpx2.InvalidURL,
        TimeoutError,
        ValueError,
    ) as error:  # its text could hold what was sent
        return Probed("fail", f"{base_url} does not answer ({type(error).__name__}). Check the address.")
    if answer.status_code in lists.NOT_TAKEN:
        return _not_taken(answer)
    return _compared(family, models, answer)


def _client(key: OwnKey, access: Access) -> AbstractAsyncContextManager[httpx2.AsyncClient]:
    """Open a client for the endpoint of the operator, or for the base URL of a project, which has to be public."""
    if key.base_url is None:
        return guarded_client(OPERATOR, _LIMITS)
    # Servers of models have ports of their own.
    return guarded_client(PublicDestinations(access.allowed_hosts, ports=None), _LIMITS)


def _not_taken(answer: httpx2.Response) -> Probed:
    return Probed("fail", f"The key is not taken (HTTP {answer.status_code}). Bring another one.")


def _compared(family: str, models: Catalogue, answer: httpx2.Response) -> Probed:
    listed = lists.ids(answer.content) if answer.status_code == httpx2.codes.OK else None
    if listed is None:
        return Probed(
            "warn",
            f"It answers (HTTP {answer.status_code}) and has no list of models; whether it takes the key shows with "
            "the first job.",
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
