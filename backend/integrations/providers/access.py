"""Find the API keys and URLs with which the instance itself calls language models."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from dotenv import dotenv_values

from backend.config import Settings
from backend.core.net.public_urls import listed
from backend.skills.model_catalog.catalog import Catalogue, Endpoint


@dataclass(frozen=True, slots=True)
class Access:
    """The instance's own keys and URLs, by endpoint."""

    endpoints: Mapping[str, Endpoint]
    keys: Mapping[str, str] = field(repr=False)
    allowed_hosts: frozenset[str] = frozenset()
    """`host:port` that projects may name although they are not public."""

    def reaches(self, endpoint: str) -> bool:
        """Return whether the instance can use the endpoint without a key of a project."""
        return endpoint in self.keys or self.endpoints[endpoint].key_env is None

    @property
    def has_any(self) -> bool:
        """Return whether any language model is available."""
        return any(map(self.reaches, self.endpoints))


def access_of(settings: Settings, catalogue: Catalogue) -> Access:
    """Return the access from the settings. Keys of an operator's own endpoints are in the environment or in `.env`."""
    instance_keys = {"anthropic": settings.anthropic_api_key, "openrouter": settings.openrouter_api_key}
    environment = {**dotenv_values(".env", encoding="utf-8"), **os.environ}
    found = {name: key.get_secret_value() if key else None for name, key in instance_keys.items()}
    for name, endpoint in catalogue.endpoints.items():
        if endpoint.key_env and name not in instance_keys:
            found[name] = environment.get(endpoint.key_env)
    endpoints = dict(catalogue.endpoints)
    if settings.anthropic_base_url:
        override = {"base_url": settings.anthropic_base_url}
        endpoints["anthropic"] = endpoints["anthropic"].model_copy(update=override)
    keys = {name: key.strip() for name, key in found.items() if key and key.strip()}
    return Access(endpoints, keys, listed(settings.provider_hosts))
