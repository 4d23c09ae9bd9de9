"""Define the entries of the model catalog: a model, and an endpoint of models."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, model_validator

from backend.core.attribute_docstrings import Schema
from backend.core.net.base_urls import ServerUrl

NANOS_PER_USD = 10**9
FORMER_KEYS: Final = {"most_output_tokens": "max_output_tokens"}
"""The current name of each key of a model that an operator's file may have under its former name until 0.3."""


class Rates(NamedTuple):
    """Nano-dollars per million tokens of each kind."""

    input: int
    output: int
    cache_write_5m: int
    cache_write_1h: int
    cache_read: int


class _Part(Schema):
    """An immutable entry; unknown keys are rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Price(_Part):
    """Upstream price of tokens."""

    input_usd: Decimal = Field(ge=0, le=100_000)
    """US dollars per million tokens of the prompt."""
    output_usd: Decimal = Field(ge=0, le=100_000)
    """US dollars per million tokens of the reply."""


class LongPrice(Price):
    """Upstream price of every token of a call with a long prompt."""

    above_tokens: int = Field(ge=1)
    """Longest prompt, including cached tokens, to which the ordinary price applies."""


class CacheRates(_Part):
    """Prices of tokens of the prompt cache, as multiples of the price of the prompt."""

    write_5m: Decimal = Field(default=Decimal(1), ge=0, le=100)
    write_1h: Decimal = Field(default=Decimal(1), ge=0, le=100)
    read: Decimal = Field(default=Decimal(1), ge=0, le=100)


ApiName = Literal["messages", "chat", "responses"]
"""The API that a server speaks: Anthropic's Messages, OpenAI's Chat Completions, or OpenAI's Responses."""


Cloud = Literal["bedrock", "vertex"]
"""A cloud that offers models with its own authentication and URLs: Amazon Bedrock, or Vertex AI of Google Cloud."""
_VERTEX_HOSTS: Final = {
    "global": "aiplatform.googleapis.com",
    "us": "aiplatform.us.rep.googleapis.com",
    "eu": "aiplatform.eu.rep.googleapis.com",
}
GOOGLE_TOKEN_URL: Final = "https://oauth2.googleapis.com/token"  # noqa: S105 - a URL


class Endpoint(_Part):
    """A server of language models."""

    base_url: ServerUrl = ""
    """URL before `/v1/messages`, or that before `/chat/completions` or `/responses`, such as `https://host/v1`."""
    api: ApiName = "messages"
    """The API that it speaks."""
    key_env: str | None = Field(default=None, pattern=r"^[A-Z_][A-Z0-9_]*$")
    """Environment variable of the operator that contains the API key; none: it needs no key."""
    auth: Literal["bearer", "x-api-key", "api-key"] = "bearer"
    """How the key is sent: as `Authorization: Bearer`, or also as `x-api-key` or `api-key`, which some gateways
    require."""
    cloud: Cloud | None = None
    """The cloud that it is part of; its default URL is that of the region."""
    region: str | None = Field(default=None, pattern=r"^[a-z0-9-]{2,32}$")
    """Region of the cloud, such as `us-east-1`; for Vertex AI also `global`, `us` and `eu`."""
    cloud_project: str | None = Field(default=None, pattern=r"^[a-z0-9.:-]{1,64}$")
    """ID of the project of Google Cloud."""
    token_url: ServerUrl = GOOGLE_TOKEN_URL
    """Where Google Cloud issues access tokens."""
    counts_tokens: bool = False
    """Whether it supports `/v1/messages/count_tokens`, with counts within a tenth of those that it charges
    for."""

    @model_validator(mode="after")
    def _normalize(self) -> Endpoint:
        if self.counts_tokens and (self.api != "messages" or self.cloud == "bedrock"):
            raise ValueError(
                "'counts_tokens' applies only to endpoints with the Messages API, and not to Bedrock"
            )
        if self.cloud is None and not self.base_url:
            raise ValueError("'base_url' is required without a 'cloud'")
        if self.cloud is not None:
            self._check_cloud()
            return self
        if self.region or self.cloud_project:
            raise ValueError("'region' and 'cloud_project' apply only to endpoints with a 'cloud'")
        object.__setattr__(self, "base_url", base_url_of(self.base_url, self.api))
        return self

    def _check_cloud(self) -> None:
        if self.api != "messages":
            raise ValueError("endpoints with a 'cloud' speak the Messages API: omit 'api'")
        if not self.region:
            raise ValueError("'region' is required with a 'cloud'")
        if not self.key_env:
            raise ValueError("'key_env' is required with a 'cloud'")
        if (self.cloud == "vertex") != bool(self.cloud_project):
            raise ValueError("'cloud_project' is required for Vertex AI, and only for it")
        if not self.base_url:
            host = f"bedrock-runtime.{self.region}.amazonaws.com"
            if self.cloud == "vertex":
                host = _VERTEX_HOSTS.get(self.region, f"{self.region}-aiplatform.googleapis.com")
            object.__setattr__(self, "base_url", f"https://{host}{'/v1' if self.cloud == 'vertex' else ''}")


def base_url_of(url: str, api: ApiName) -> str:
    """Return the base URL as the client of that API expects it, with or without the `/v1` of its routes."""
    if api == "messages":
        return url.removesuffix("/v1")
    return url if urlsplit(url).path.strip("/") else f"{url}/v1"


class CatalogueEntry(_Part):
    """A language model that skills may use."""

    slug: str = Field(pattern=r"^[a-z][a-z0-9]*/[a-z0-9][a-z0-9._-]*$", max_length=100)
    """`family/variant`."""
    title: str = ""
    """Display name."""
    endpoint: str | None = None
    """Name of the endpoint that has it; none: it runs in the worker."""
    upstream_id: str = Field(default="", repr=False)
    """Its name at the endpoint; not shown to users."""
    context_tokens: int = Field(ge=1_000)
    """Maximum tokens of prompt and reply together."""
    max_output_tokens: int = Field(ge=1)
    """Maximum tokens of one reply."""
    vision: bool = False
    """Whether it can read images."""
    pdf: bool = False
    """Whether it can read PDF documents."""
    clears_context: bool = False
    """Whether its endpoint removes old tool results of a long conversation automatically."""
    price: Price = Price(input_usd=Decimal(0), output_usd=Decimal(0))
    long_price: LongPrice | None = None
    price_source: str = Field(default="", max_length=200)
    """Where its price was read."""
    price_date: date | None = None
    """When its price was read."""
    cache: CacheRates | None = None
    """Prices of the prompt cache; none: the prompt is sent without cache marks."""

    @model_validator(mode="before")
    @classmethod
    def _accept_former_keys(cls, entry: Any) -> Any:
        if not isinstance(entry, dict) or not entry.keys() & FORMER_KEYS.keys():
            return entry
        if both := [
            f"{former!r} and {name!r}"
            for former, name in FORMER_KEYS.items()
            if {former, name} <= entry.keys()
        ]:
            raise ValueError(f"{both[0]} are the former and the current name of one key; keep the second one")
        return {FORMER_KEYS.get(key, key): value for key, value in entry.items()}

    @model_validator(mode="after")
    def _is_whole(self) -> CatalogueEntry:
        if (self.endpoint is None) != (not self.upstream_id):
            raise ValueError("'endpoint' and 'upstream_id' must be set together")
        for price in (self.price, self.long_price):
            if price and any(nanos % 1 for nanos in self._exact(price)):
                raise ValueError("a price has more than nine decimal places of a dollar per million tokens")
        return self

    @property
    def family(self) -> str:
        """The part before the slash; API keys apply to a whole family."""
        return self.slug.partition("/")[0]

    @property
    def is_free(self) -> bool:
        """Whether all calls of it are free."""
        return not any(
            rate for price in (self.price, self.long_price) if price for rate in self._exact(price)
        )

    def rates(self, prompt_tokens: int) -> Rates:
        """Return the prices of tokens of a call with a prompt of this length."""
        long = self.long_price
        price = long if long and prompt_tokens > long.above_tokens else self.price
        return Rates(*(int(nanos) for nanos in self._exact(price)))

    def _exact(self, price: Price) -> tuple[Decimal, ...]:
        per_input = price.input_usd * NANOS_PER_USD
        cache = self.cache or CacheRates()
        multiples = (cache.write_5m, cache.write_1h, cache.read)
        return per_input, price.output_usd * NANOS_PER_USD, *(per_input * times for times in multiples)


class ProjectPricedEntry(CatalogueEntry):
    """A model that a project calls with its own key, at the price of its provider."""

    project_rates: Rates

    @classmethod
    def of(cls, entry: CatalogueEntry, rates: Rates) -> CatalogueEntry:
        """Return the model with the prices of the project."""
        return cls.model_construct(**dict(entry), project_rates=rates)

    @property
    def is_free(self) -> bool:
        """Whether all calls of it are free."""
        return not any(self.project_rates)

    def rates(self, prompt_tokens: int) -> Rates:
        """Return the prices of tokens, which are the same for prompts of any length."""
        return self.project_rates


class MediaModels(_Part):
    """Media models that skills may use, each list with its default first."""

    image: tuple[str, ...] = ()
    video: tuple[str, ...] = ()
    audio: tuple[str, ...] = ()


class CatalogueFile(_Part):
    """The content of a model catalog file."""

    endpoints: dict[str, Endpoint] = Field(default={})
    models: dict[str, CatalogueEntry] = Field(default={})
    media: MediaModels = MediaModels()

    @model_validator(mode="before")
    @classmethod
    def _name_models(cls, written: Any) -> Any:
        """Set the slug of each model from its table: `[models."family/variant"]`."""
        models = written.get("models") if isinstance(written, dict) else None
        if not isinstance(models, dict):
            return written
        named = {
            slug: {**entry, "slug": slug} if isinstance(entry, dict) else entry
            for slug, entry in models.items()
        }
        return {**written, "models": named}
