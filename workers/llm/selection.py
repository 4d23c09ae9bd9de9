"""Select a job's model: with the project's own key, else the key of the instance, else simulated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from anthropic import AsyncAnthropic

from backend.config import Settings
from backend.core.net.transport import trusted_certificates
from backend.integrations.providers.access import Access, access_of
from backend.integrations.providers.service import OwnKey
from backend.skills.manifest.types import Skill
from backend.skills.model_catalog import catalog
from backend.skills.model_catalog.catalog import CatalogueEntry, Endpoint
from workers.llm.anthropic import MessagesModel
from workers.llm.errors import ModelKeyMissing
from workers.llm.pricing import Margin
from workers.llm.retry_policy import DEFAULT, RetryPolicy
from workers.llm.simulated import SimulatedModel
from workers.llm.transport import ProjectTransport
from workers.llm.types import Model

_TIMEOUT = httpx2.Timeout(connect=10.0, read=300.0, write=60.0, pool=60.0)
"""Read timeout: a local server may need minutes before its first token; others send pings in that time."""
_LIMITS = httpx2.Limits(max_connections=1_000, max_keepalive_connections=100, keepalive_expiry=60.0)
_NO_KEY = "none"  # the SDK requires one; a server without keys ignores it


@dataclass(frozen=True, slots=True)
class _Reached:
    """The endpoint and the key of a model."""

    base_url: str
    auth: str
    api_key: str


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
        own_key = own_keys.get(entry.family)
        if entry.endpoint is not None and own_key is not None:
            return self._with_own_key(entry, self._access.endpoints[entry.endpoint], own_key)
        if entry.endpoint is not None and self._access.reaches(entry.endpoint):
            return self._with_instance_key(entry, entry.endpoint)
        if entry.endpoint is not None and (own_keys or self._access.has_any):
            raise ModelKeyMissing(entry.slug)
        return SimulatedModel(catalog.current().get(catalog.SIMULATED_MODEL), skill, inputs)

    async def close(self) -> None:
        """Close the connections that models shared."""
        await self._http.aclose()

    def _with_instance_key(self, entry: CatalogueEntry, name: str) -> MessagesModel:
        endpoint = self._access.endpoints[name]
        reached = _Reached(endpoint.base_url, endpoint.auth, self._access.keys.get(name, _NO_KEY))
        return MessagesModel(
            entry,
            _client(reached, self._http),
            Margin(self._margin_pct),
            self._retry_policy,
            counts_tokens=endpoint.counts_tokens,
        )

    def _with_own_key(self, entry: CatalogueEntry, endpoint: Endpoint, own_key: OwnKey) -> MessagesModel:
        reached = _Reached(own_key.base_url or endpoint.base_url, endpoint.auth, own_key.api_key)
        margin = Margin(self._margin_pct, is_own_key=True)
        if own_key.base_url is None:
            return MessagesModel(entry, _client(reached, self._http), margin, self._retry_policy)
        transport = ProjectTransport(own_key.base_url, allowed_hosts=self._access.allowed_hosts)
        http = httpx2.AsyncClient(
            transport=transport, timeout=_TIMEOUT, follow_redirects=False, trust_env=False
        )
        return MessagesModel(entry, _client(reached, http), margin, self._retry_policy, owned=http)


def _client(reached: _Reached, http: httpx2.AsyncClient) -> AsyncAnthropic:
    """Return a client that ignores environment variables."""
    headers = {"Authorization": f"Bearer {reached.api_key}"}
    if reached.auth == "x-api-key":
        headers["x-api-key"] = reached.api_key
    return AsyncAnthropic(
        api_key=reached.api_key,
        base_url=reached.base_url,
        max_retries=0,
        timeout=_TIMEOUT,
        default_headers=headers,
        open_telemetry=False,
        http_client=http,
    )
