"""Define the requests and responses of the routes of providers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import Field, computed_field

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import DEPRECATED, RequestBody
from backend.integrations.providers.access import Access
from backend.integrations.providers.probing import Verdict
from backend.integrations.providers.service import ShownKey
from backend.skills.model_catalog.catalog import ApiName, Catalogue
from backend.skills.model_catalog.entries import Cloud


class ProviderKeyUpdate(RequestBody):
    """An API key of the project."""

    api_key: str
    """As the provider has issued it; never returned."""
    base_url: str | None = None
    """Another server, https and public: its URL before `/v1/messages`, or before `/chat/completions` or
    `/responses`, such as `https://host/v1`."""
    api: ApiName | None = None
    """The API of the server at `base_url`: `messages` (default), `chat` for Chat Completions, or `responses`."""

    def __repr_args__(self) -> list[tuple[str | None, object]]:
        return [("base_url", self.base_url), ("api", self.api)]


Usd = Annotated[Decimal, Field(ge=0, le=100_000, decimal_places=9)]


class ProviderPriceUpdate(RequestBody):
    """What the project pays its provider for a model, in US dollars per million tokens."""

    input_usd: Usd
    """Tokens of the prompt."""
    output_usd: Usd
    """Tokens of the reply."""
    cache_read_usd: Usd | None = None
    """Tokens that are read from the prompt cache. Default: the price of the prompt."""
    cache_write_usd: Usd | None = None
    """Tokens that are written to the prompt cache. Default: the price of the prompt."""


class ProviderRead(Schema):
    """A model family, and whose key is used."""

    family: str
    """The part of a model's name before the slash."""
    models: list[str]
    """All models of the family."""
    has_own_key: bool
    """Whether the project has set a key: its calls are not billed then."""
    has_instance_key: bool
    """Whether the instance has a key: calls cost the prices in `/v1/pricing`."""
    key_prefix: str | None = None
    """The first characters of the project's key, to distinguish it from others."""
    base_url: str | None = None
    """Another URL that the project has set."""
    api: ApiName = "messages"
    """The API with which the models are called: that of the project's server, else that of the instance's."""
    cloud: Cloud | None = None
    """The cloud that the models run in; its keys have forms of their own, which are in the documentation."""
    updated_at: datetime | None = None
    """When the project's key was set."""
    updated_by: str | None = None

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def key_begins(self) -> str | None:
        """The former name of `key_prefix`. Removed in 0.3."""
        return self.key_prefix

    @classmethod
    def all_of(cls, catalogue: Catalogue, access: Access, keys: Mapping[str, ShownKey]) -> list[Self]:
        """Return every model family that needs a key, by name."""
        return [
            cls(
                family=family,
                models=[entry.slug for entry in catalogue.models.values() if entry.family == family],
                has_own_key=family in keys,
                has_instance_key=access.reaches(endpoint),
                api=(family in keys and keys[family].api) or access.endpoints[endpoint].api,
                cloud=access.endpoints[endpoint].cloud,
                **(_shown(keys[family]) if family in keys else {}),
            )
            for family, endpoint in sorted(catalogue.families.items())
        ]


class ProbeRead(Schema):
    """The provider's response to a request for its list of models."""

    verdict: Verdict
    """`ok`: the key is accepted. `warn`: something needs attention. `fail`: jobs cannot use the models."""
    message: str
    """The result as text."""

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def found(self) -> str:
        """The former name of `message`. Removed in 0.3."""
        return self.message


def _shown(key: ShownKey) -> dict[str, Any]:
    return {
        "key_prefix": key.beginning,
        "base_url": key.base_url,
        "updated_at": key.updated_at,
        "updated_by": key.updated_by,
    }
