"""What the catalogue says of one model, and of one place where models are reached."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

from backend.core.net.base_urls import Address

NANOS_PER_USD = 10**9


class Rates(NamedTuple):
    """Nano-dollars per million tokens of each sort."""

    input: int
    output: int
    cache_write_5m: int
    cache_write_1h: int
    cache_read: int


class _Part(BaseModel):
    """Frozen; a key that is not known is a mistake of whoever wrote the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Price(_Part):
    """What tokens cost upstream."""

    input_usd: Decimal = Field(ge=0, le=100_000)
    """US dollars per million tokens of the prompt."""
    output_usd: Decimal = Field(ge=0, le=100_000)
    """US dollars per million tokens of the reply."""


class LongPrice(Price):
    """What every token of a call costs upstream when its prompt is long."""

    above_tokens: int = Field(ge=1)
    """Longest prompt, cached tokens included, to which the ordinary price still applies."""


class CacheRates(_Part):
    """What tokens of the prompt cache cost, as multiples of the price of the prompt."""

    write_5m: Decimal = Field(default=Decimal(1), ge=0, le=100)
    write_1h: Decimal = Field(default=Decimal(1), ge=0, le=100)
    read: Decimal = Field(default=Decimal(1), ge=0, le=100)


class Endpoint(_Part):
    """A server that speaks the Messages API."""

    base_url: Address
    """Address in front of `/v1/messages`."""
    key_env: str | None = Field(default=None, pattern=r"^[A-Z_][A-Z0-9_]*$")
    """Environment variable of the operator that holds the key; none: it needs no key."""
    auth: Literal["bearer", "x-api-key"] = "bearer"
    """How the key is sent: as `Authorization: Bearer`, or as `x-api-key` too, which older gateways want."""
    counts_tokens: bool = False
    """Whether it serves `/v1/messages/count_tokens`, and its counts are those that it charges by but for a tenth."""


class CatalogueEntry(_Part):
    """A language model that skills may name."""

    slug: str = Field(pattern=r"^[a-z][a-z0-9]*/[a-z0-9][a-z0-9._-]*$", max_length=100)
    """`family/variant`."""
    title: str = ""
    """What people see."""
    endpoint: str | None = None
    """Name of the endpoint that has it; none: it runs in the worker."""
    upstream_id: str = Field(default="", repr=False)
    """What its endpoint calls it; never shown."""
    context_tokens: int = Field(ge=1_000)
    """Most tokens of prompt and reply together."""
    most_output_tokens: int = Field(ge=1)
    """Most tokens of one reply."""
    vision: bool = False
    """Whether it sees images."""
    pdf: bool = False
    """Whether it reads PDF documents."""
    clears_context: bool = False
    """Whether its endpoint forgets old tool results of a long conversation by itself."""
    price: Price = Price(input_usd=Decimal(0), output_usd=Decimal(0))
    long_price: LongPrice | None = None
    cache: CacheRates | None = None
    """Prices of the prompt cache; none: the prompt is sent without cache marks."""

    @model_validator(mode="after")
    def _is_whole(self) -> CatalogueEntry:
        if (self.endpoint is None) != (not self.upstream_id):
            raise ValueError("'endpoint' and 'upstream_id' come together")
        for price in (self.price, self.long_price):
            if price and any(nanos % 1 for nanos in self._exact(price)):
                raise ValueError("a price is finer than a billionth of a dollar per million tokens")
        return self

    @property
    def family(self) -> str:
        """The part before the slash; keys are brought for a whole family."""
        return self.slug.partition("/")[0]

    @property
    def is_free(self) -> bool:
        """Whether no call of it costs anything."""
        return not any(
            rate for price in (self.price, self.long_price) if price for rate in self._exact(price)
        )

    def rates(self, prompt_tokens: int) -> Rates:
        """What tokens of a call with so long a prompt cost."""
        long = self.long_price
        price = long if long and prompt_tokens > long.above_tokens else self.price
        return Rates(*(int(nanos) for nanos in self._exact(price)))

    def _exact(self, price: Price) -> tuple[Decimal, ...]:
        per_input = price.input_usd * NANOS_PER_USD
        cache = self.cache or CacheRates()
        multiples = (cache.write_5m, cache.write_1h, cache.read)
        return per_input, price.output_usd * NANOS_PER_USD, *(per_input * times for times in multiples)


class MediaModels(_Part):
    """Models for media that skills may name, each list with its default first."""

    image: tuple[str, ...] = ()
    video: tuple[str, ...] = ()
    audio: tuple[str, ...] = ()


class CatalogueFile(_Part):
    """A file of models, as it is written."""

    endpoints: dict[str, Endpoint] = {}
    models: dict[str, CatalogueEntry] = {}
    media: MediaModels = MediaModels()

    @model_validator(mode="before")
    @classmethod
    def _name_models(cls, written: Any) -> Any:
        """Each model is named by its table: `[models."family/variant"]`."""
        models = written.get("models") if isinstance(written, dict) else None
        if not isinstance(models, dict):
            return written
        named = {
            slug: {**entry, "slug": slug} if isinstance(entry, dict) else entry
            for slug, entry in models.items()
        }
        return {**written, "models": named}
