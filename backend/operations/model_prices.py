"""Compare the prices of the model catalog with a maintained package of prices, and write a file with newer ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal

import httpx2

from backend.skills.model_catalog.entries import CacheRates, CatalogueEntry, Endpoint, LongPrice, Price

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot

PACKAGE: Final = "genai-prices"
_PLACES: Final = Decimal("0.000000001")
_PROVIDERS: Final = {
    "https://api.anthropic.com": "anthropic",
    "https://openrouter.ai/api": "openrouter",
    "https://openrouter.ai/api/v1": "openrouter",
    "https://api.openai.com/v1": "openai",
    "https://generativelanguage.googleapis.com/v1beta/openai": "google",
    "https://api.mistral.ai/v1": "mistral",
    "https://api.groq.com/openai/v1": "groq",
}
"""The providers of the package by base URL; others are found by their pattern of the URL."""

Verdict = Literal["same", "differs", "unknown"]


@dataclass(frozen=True, slots=True)
class Rates:
    """The prices of one model."""

    price: Price
    long_price: LongPrice | None
    cache: CacheRates | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The prices of one model in the catalog and in the package."""

    entry: CatalogueEntry
    found: Rates | None

    @property
    def verdict(self) -> Verdict:
        """Whether both have the same prices."""
        if self.found is None:
            return "unknown"
        own = (self.entry.price, self.entry.long_price, _read(self.entry.cache))
        return (
            "same" if own == (self.found.price, self.found.long_price, _read(self.found.cache)) else "differs"
        )


class NotRefreshed(Exception):
    """The newest prices cannot be requested."""


def snapshot(*, is_refreshed: bool, url: str | None = None) -> tuple[DataSnapshot, str]:
    """Return the prices and their source: those of the installed package, or the newest of its maintainers.

    Args:
        is_refreshed: Whether to request the newest ones.
        url: Where to request them from; default: the file of the package's maintainers.

    Raises:
        NotRefreshed: the newest ones cannot be requested.
    """
    import genai_prices
    from genai_prices import UpdatePrices
    from genai_prices.data_snapshot import get_snapshot

    if not is_refreshed:
        return get_snapshot(), f"{PACKAGE} {genai_prices.__version__}"
    updater = UpdatePrices(url=url) if url else UpdatePrices()
    try:
        fetched = updater.fetch()
    except (OSError, httpx2.HTTPError, httpx2.InvalidURL, ValueError, LookupError, TypeError) as error:
        raise NotRefreshed(_cause(error, updater.url)) from None
    if fetched is None or not fetched.providers:
        raise NotRefreshed(f"{updater.url} contains no prices")
    return fetched, f"{PACKAGE}, requested {datetime.now(UTC):%Y-%m-%d}"


def compare(
    models: Sequence[CatalogueEntry], endpoints: Mapping[str, Endpoint], prices: DataSnapshot
) -> Iterator[Comparison]:
    """Yield the comparison of each model that has an endpoint and a price."""
    for entry in models:
        if entry.endpoint is not None and not entry.is_free:
            yield Comparison(entry, _rates(entry, endpoints[entry.endpoint], prices))


def lines(compared: Sequence[Comparison]) -> Iterator[str]:
    """Yield the table of comparisons."""
    width = max((len(one.entry.slug) for one in compared), default=0)
    for one in compared:
        own = _shown(Rates(one.entry.price, one.entry.long_price, one.entry.cache))
        other = "" if one.found is None or one.verdict == "same" else f"  {PACKAGE}: {_shown(one.found)}"
        yield f"{one.entry.slug:<{width}}  {one.verdict:<7}  {own}{other}"


def as_catalog_file(compared: Sequence[Comparison], source: str) -> str:
    """Return a file for PURAS_MODELS with the models whose prices differ, at the prices of the package."""
    parts = [f"# Prices of {source}, written on {datetime.now(UTC):%Y-%m-%d}. US dollars per million tokens."]
    parts += [
        _table(one.entry, one.found, source) for one in compared if one.found and one.verdict == "differs"
    ]
    return "\n\n".join(parts) + "\n"


def _rates(entry: CatalogueEntry, endpoint: Endpoint, prices: DataSnapshot) -> Rates | None:
    try:
        provider, model = prices.find_provider_model(
            entry.upstream_id, None, _PROVIDERS.get(endpoint.base_url), endpoint.base_url
        )
    except LookupError:
        return None
    if provider.id != _PROVIDERS.get(endpoint.base_url, provider.id):
        return None
    found = model.get_prices(datetime.now(UTC))
    ordinary, long = _tier(found.input_mtok), _tier(found.output_mtok)
    if ordinary is None or long is None:
        return None
    price = Price(input_usd=ordinary[0], output_usd=long[0])
    above = ordinary[1] or long[1]
    long_price = None
    if above is not None:
        long_price = LongPrice(above_tokens=above, input_usd=ordinary[2], output_usd=long[2])
    return Rates(price, long_price, _cache(found, price))


def _cause(error: Exception, url: str) -> str:
    if isinstance(error, httpx2.HTTPStatusError):
        return f"{url} responded with status {error.response.status_code}"
    if isinstance(error, httpx2.TimeoutException):
        return f"{url} did not respond in time"
    if isinstance(error, httpx2.HTTPError | OSError):
        return f"there is no connection to {url}"
    if isinstance(error, httpx2.InvalidURL):
        return f"{url} is not a URL"
    return f"{url} is not a file of prices in the form of this release of {PACKAGE}"


def _tier(value: Any) -> tuple[Decimal, int | None, Decimal] | None:
    """Return the price, the tokens above which another one applies, and that one."""
    if value is None:
        return None
    if isinstance(value, Decimal):
        return value, None, value
    last = value.tiers[-1]
    return value.base, last.start, last.price


def _cache(found: Any, price: Price) -> CacheRates | None:
    read, write, hour = (
        _tier(getattr(found, f"cache_{name}_mtok", None)) for name in ("read", "write", "write_1h")
    )
    if read is None or not price.input_usd:
        return None
    written = write[0] if write else price.input_usd
    return CacheRates(
        write_5m=_multiple(max(written, price.input_usd), price),
        write_1h=_multiple(hour[0] if hour else max(written, price.input_usd), price),
        read=_multiple(read[0], price),
    )


def _multiple(value: Decimal, price: Price) -> Decimal:
    return (value / price.input_usd).quantize(Decimal("0.0001")).normalize()


def _read(cache: CacheRates | None) -> Decimal:
    """Return the multiple of a cache read, the only one that all sources have."""
    return Decimal(1) if cache is None else cache.read.normalize()


def _shown(rates: Rates) -> str:
    text = f"{_usd(rates.price.input_usd)} / {_usd(rates.price.output_usd)}"
    if rates.cache is not None:
        text += f", cache {_usd(rates.cache.read)}"
    long = rates.long_price
    return (
        f"{text}; above {long.above_tokens:,} {_usd(long.input_usd)} / {_usd(long.output_usd)}"
        if long
        else text
    )


def _table(entry: CatalogueEntry, found: Rates, source: str) -> str:
    replaced = {"slug", "price", "long_price", "cache", "price_source", "price_date"}
    written = entry.model_dump(exclude_defaults=True, exclude=replaced)
    written |= {
        "upstream_id": entry.upstream_id,
        "price_source": source,
        "price_date": datetime.now(UTC).date(),
    }
    rows = [f'[models."{entry.slug}"]  # {source}']
    rows += [f"{name} = {_toml(value)}" for name, value in written.items()]
    parts = {"price": found.price, "long_price": found.long_price, "cache": found.cache or entry.cache}
    rows += [f"{name} = {_inline(part.model_dump())}" for name, part in parts.items() if part is not None]
    return "\n".join(rows)


def _inline(values: Mapping[str, Any]) -> str:
    return "{ " + ", ".join(f"{name} = {_toml(value)}" for name, value in values.items()) + " }"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:_}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f'"{_usd(value)}"'
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _usd(value: Decimal) -> str:
    return f"{value.quantize(_PLACES):f}".rstrip("0").rstrip(".")
