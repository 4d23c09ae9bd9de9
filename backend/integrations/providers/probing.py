"""Test a project's own API key with the provider's list of models, which costs nothing."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Final, Literal, NamedTuple

import httpx2

from backend.core.net.destinations import OPERATOR, PublicDestinations
from backend.core.net.transport import Limits, guarded_client
from backend.integrations.providers import cloud_keys
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
NO_LIST: Final = (
    "The key has the right form. {base_url} has no free request that checks it: the first job shows whether it is "
    "accepted."
)


class ProbeResult(NamedTuple):
    """The result of a test."""

    verdict: Verdict
    """`ok`: the key is accepted; `warn`: something needs attention; `fail`: jobs cannot use the models."""
    found: str


async def probe(family: str, key: OwnKey, models: Catalogue, access: Access) -> ProbeResult:
    """Return whether the provider of a model family accepts the key, without quoting its response.

    Raises:
        UnknownFamily: No models of that family have an endpoint.
        BadProviderKey: The key does not have the form that the cloud of the endpoint requires.
        ExtraMissing: The packages for that cloud are not installed.
    """
    models.endpoint_of(family)
    name = models.families[family]
    endpoint = key.applied_to(access.endpoints[name])
    base_url = endpoint.base_url
    if endpoint.cloud is not None:
        cloud_keys.check(endpoint, key.api_key)
        return ProbeResult("warn", NO_LIST.format(base_url=base_url))
    try:
        async with _client(key, access) as client:
            client.headers.update(lists.headers(endpoint, key.api_key))
            if key.base_url is not None:  # the server may check either header, so jobs send both
                client.headers["authorization"] = f"Bearer {key.api_key}"
            if name == lists.OPENROUTER and key.base_url is None:
                response = await client.get(lists.key_url(endpoint))
                if response.status_code in lists.NOT_TAKEN:
                    return _rejected(response)
            response = await client.get(lists.url(endpoint))
    except (
        httpx2.HTTPError,
        httpx2.InvalidURL,
        TimeoutError,
        ValueError,
    ) as error:  # the text of the error could contain the key
        return ProbeResult("fail", f"{base_url} does not respond ({type(error).__name__}). Check the URL.")
    if response.status_code in lists.NOT_TAKEN:
        return _rejected(response)
    return _compared(family, models, response)


def _client(key: OwnKey, access: Access) -> AbstractAsyncContextManager[httpx2.AsyncClient]:
    """Open a client for the endpoint of the operator, or for the base URL of a project, which has to be public."""
    if key.base_url is None:
        return guarded_client(OPERATOR, _LIMITS)
    # Servers of models have ports of their own, so no port is excluded.
    return guarded_client(PublicDestinations(access.allowed_hosts, ports=None), _LIMITS)


def _rejected(response: httpx2.Response) -> ProbeResult:
    return ProbeResult(
        "fail", f"The provider rejects the key (HTTP status {response.status_code}). Add another key."
    )


def _compared(family: str, models: Catalogue, response: httpx2.Response) -> ProbeResult:
    listed = lists.ids(response.content) if response.status_code == httpx2.codes.OK else None
    if listed is None:
        return ProbeResult(
            "warn",
            f"The server responds (HTTP status {response.status_code}), but has no list of models. The first job shows "
            "whether it accepts the key.",
        )
    entries = [entry for entry in models.models.values() if entry.family == family]
    missing = lists.missing(entries, listed)
    found = f"The key is accepted; {len(entries) - len(missing)} of {len(entries)} models are listed"
    if not missing:
        return ProbeResult("ok", f"{found}.")
    more = f" and {len(missing) - _MAX_NAMED} more" if len(missing) > _MAX_NAMED else ""
    return ProbeResult(
        "warn", f"{found}. Skills that use the others fail: {', '.join(missing[:_MAX_NAMED])}{more}."
    )
