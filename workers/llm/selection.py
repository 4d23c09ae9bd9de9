"""Select a job's model: with the project's own key, else the key of the instance, else simulated."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import httpx2

from backend.config import Settings
from backend.core import extras
from backend.core.net.transport import trusted_certificates
from backend.integrations.providers.access import Access, access_of
from backend.integrations.providers.service import OwnKey
from backend.skills.manifest.types import Skill
from backend.skills.model_catalog import catalog
from backend.skills.model_catalog.catalog import CatalogueEntry, Endpoint
from backend.skills.model_catalog.entries import Cloud, ProjectPricedEntry
from workers.llm.anthropic import MessagesModel, open_client
from workers.llm.errors import ModelKeyMissing
from workers.llm.pricing import Margin
from workers.llm.retry_policy import DEFAULT, RetryPolicy
from workers.llm.simulated import SimulatedModel
from workers.llm.transport import ProjectTransport
from workers.llm.types import Model

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

_TIMEOUT = httpx2.Timeout(connect=10.0, read=300.0, write=60.0, pool=60.0)
"""Read timeout: a local server may need minutes before its first token; others send pings in that time."""
_LIMITS = httpx2.Limits(max_connections=1_000, max_keepalive_connections=100, keepalive_expiry=60.0)


@dataclass(frozen=True, slots=True)
class _Reached:
    """The endpoint and the key with which a model is called."""

    endpoint: Endpoint
    api_key: str | None
    """None: the server needs no key, so none is sent."""
    own_base_url: str | None = None
    """The URL of a server that the project names."""
    is_own_key: bool = False


class Models:
    """The models of one worker process; their connections are shared and stay open."""

    def __init__(
        self,
        access: Access,
        *,
        margin_pct: int,
        default_model: str = "claude/sonnet-4-6",
        retry_policy: RetryPolicy = DEFAULT,
    ) -> None:
        self._access = access
        self._margin_pct = margin_pct
        self._default_model = default_model
        self._retry_policy = retry_policy
        self._http = httpx2.AsyncClient(
            verify=trusted_certificates(), timeout=_TIMEOUT, limits=_LIMITS, follow_redirects=False
        )

    @classmethod
    def of(cls, settings: Settings, *, text_margin_pct: int) -> Models:
        """Return the models that the settings define for a worker.

        Call it once the process has its catalog.
        """
        return cls(
            access_of(settings, catalog.current()),
            margin_pct=text_margin_pct,
            default_model=settings.default_model,
        )

    def choose(
        self,
        slug: str | None,
        *,
        skill: Skill,
        inputs: Mapping[str, Any],
        own_keys: Mapping[str, OwnKey],
    ) -> Model:
        """Return the model of that name, else that of the skill, else the instance's default, for one job.

        The simulated model is used only if no key for any model is configured; each reply is labeled.

        Raises:
            UnknownModel: the catalog has no such model.
            ModelKeyMissing: there are keys, and none for this model.
        """
        entry = catalog.current().get(slug or skill.model or self._default_model)
        reached = self._reached(entry, own_keys)
        if reached is not None:
            rates = own_keys[entry.family].rates.get(entry.slug) if reached.is_own_key else None
            return self._open(entry if rates is None else ProjectPricedEntry.of(entry, rates), reached)
        return SimulatedModel(catalog.current().get(catalog.SIMULATED_MODEL), skill, inputs)

    async def load_client(self, slug: str | None, *, skill: Skill, own_keys: Mapping[str, OwnKey]) -> None:
        """Load the client of the model's API if it is a large one, in a thread so that other jobs do not wait."""
        entry = catalog.current().get(slug or skill.model or self._default_model)
        reached = self._reached(entry, own_keys)
        if reached is None:
            return
        if reached.endpoint.api != "messages":
            await asyncio.to_thread(_openai_api)
        elif reached.endpoint.cloud is not None:
            await asyncio.to_thread(_clouds, reached.endpoint.cloud)

    async def close(self) -> None:
        """Close the connections that models shared."""
        await self._http.aclose()

    def _reached(self, entry: CatalogueEntry, own_keys: Mapping[str, OwnKey]) -> _Reached | None:
        """Return how the model is reached; None if it is simulated, since nothing has a key.

        Raises:
            ModelKeyMissing: there are keys, and none for this model.
        """
        if entry.endpoint is None:
            return None
        own_key = own_keys.get(entry.family)
        if own_key is not None:
            endpoint = self._access.endpoints[entry.endpoint]
            return _Reached(own_key.applied_to(endpoint), own_key.api_key, own_key.base_url, is_own_key=True)
        if self._access.reaches(entry.endpoint):
            return _Reached(self._access.endpoints[entry.endpoint], self._access.keys.get(entry.endpoint))
        if own_keys or self._access.has_any:
            raise ModelKeyMissing(entry.slug)
        return None

    def _open(self, entry: CatalogueEntry, reached: _Reached) -> Model:
        margin = Margin(self._margin_pct, is_own_key=reached.is_own_key)
        own_http = self._own_http(reached.own_base_url) if reached.own_base_url else None
        http = own_http or self._http
        endpoint = reached.endpoint
        if endpoint.cloud is not None:
            return self._open_cloud(entry, endpoint, reached, margin)
        if endpoint.api == "messages":
            return MessagesModel(
                entry,
                open_client(endpoint.base_url, reached.api_key, endpoint.auth, timeout=_TIMEOUT, http=http),
                margin,
                self._retry_policy,
                owned=own_http,
                counts_tokens=endpoint.counts_tokens and not reached.is_own_key,
            )
        model: Model = _openai_api().open_model(
            entry,
            endpoint,
            reached.api_key,
            margin=margin,
            retry_policy=self._retry_policy,
            timeout=_TIMEOUT,
            http=http,
            owned=own_http,
        )
        return model

    def _open_cloud(
        self, entry: CatalogueEntry, endpoint: Endpoint, reached: _Reached, margin: Margin
    ) -> Model:
        clouds, authenticate = _clouds(endpoint.cloud), None
        key = reached.api_key or ""
        if endpoint.cloud == "vertex":
            client, token = clouds.open_vertex(endpoint, key, timeout=_TIMEOUT, http=self._http)

            async def authenticate() -> None:
                client.access_token = await token.get()
        else:
            client = clouds.open_bedrock(endpoint, key, timeout=_TIMEOUT, http=self._http)
        return MessagesModel(
            entry,
            cast("AsyncAnthropic", client),  # its messages have the same methods
            margin,
            self._retry_policy,
            counts_tokens=endpoint.counts_tokens and not reached.is_own_key,
            has_server_tools=endpoint.cloud != "bedrock",
            authenticate=authenticate,
        )

    def _own_http(self, base_url: str) -> httpx2.AsyncClient:
        """Return connections to the server that a project names, which must be public."""
        transport = ProjectTransport(base_url, allowed_hosts=self._access.allowed_hosts)
        return httpx2.AsyncClient(
            transport=transport, timeout=_TIMEOUT, follow_redirects=False, trust_env=False
        )


def _clouds(cloud: Cloud | None) -> ModuleType:
    """Load the clients of clouds, whose packages take a second."""
    from workers.llm import clouds

    if cloud == "bedrock" and extras.is_installed("bedrock"):
        import_module("boto3")
    return clouds


def _openai_api() -> ModuleType:
    """Load the client of the other APIs, with the first model that needs it: it takes most of a second."""
    from workers.llm.openai_api import model

    return model
