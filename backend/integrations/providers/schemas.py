"""What the routes of providers take and answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from backend.core.schemas import Asked
from backend.integrations.providers.access import Access
from backend.integrations.providers.probing import Verdict
from backend.integrations.providers.service import ShownKey
from backend.skills.model_catalog.catalog import Catalogue


class ProviderKeyUpdate(Asked):
    """A key of the project's own."""

    api_key: str
    """As the provider gave it; never shown again."""
    base_url: str | None = None
    """Another server that speaks the Messages API: its address in front of `/v1/messages`, https and public."""

    def __repr_args__(self) -> list[tuple[str | None, object]]:
        return [("base_url", self.base_url)]


class ProviderRead(BaseModel):
    """A family of models, and who pays for it."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    family: str
    """The part of a model's name before the slash."""
    models: list[str]
    """All of the family's."""
    has_own_key: bool
    """Whether the project brought a key: calls are billed nothing then."""
    has_instance_key: bool
    """Whether the instance reaches the family by itself: calls cost what `/v1/pricing` says."""
    key_begins: str | None = None
    """How the project's key begins: a few characters, to tell it from another one."""
    base_url: str | None = None
    """Another address that the project named."""
    updated_at: datetime | None = None
    """When the project's key was set."""
    updated_by: str | None = None

    @classmethod
    def all_of(cls, catalogue: Catalogue, access: Access, keys: Mapping[str, ShownKey]) -> list[Self]:
        """Every family that takes a key, by name."""
        return [
            cls(
                family=family,
                models=[entry.slug for entry in catalogue.models.values() if entry.family == family],
                has_own_key=family in keys,
                has_instance_key=access.reaches(endpoint),
                **(_shown(keys[family]) if family in keys else {}),
            )
            for family, endpoint in sorted(catalogue.families.items())
        ]


class ProbeRead(BaseModel):
    """What the provider said when it was asked for its list of models."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    verdict: Verdict
    """`ok`: the key is taken; `warn`: something is to be looked at; `fail`: jobs will not reach the models."""
    found: str
    """The same in a sentence."""


def _shown(key: ShownKey) -> dict[str, Any]:
    return {
        "key_begins": key.beginning,
        "base_url": key.base_url,
        "updated_at": key.updated_at,
        "updated_by": key.updated_by,
    }
