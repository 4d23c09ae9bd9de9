"""The page of prices has every built-in price, with its source."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from backend.integrations.media.model_families import Family, MediaPrice, MediaRate
from backend.skills.model_catalog import catalog
from backend.skills.model_catalog.entries import CatalogueEntry

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "prices.md"
SOURCES = {"provider", "others", "not verified"}
UNITS = {
    "image": "an image",
    "second": "a second",
    "1000_characters": "for 1,000 characters",
    "audio_second": "a second heard",
}


def of_model(entry: CatalogueEntry) -> str:
    """Return the price as on the page."""
    price = f"{entry.price.input_usd} / {entry.price.output_usd}"
    if entry.cache:
        price += f", cache {entry.cache.read}"
    if entry.long_price:
        long = entry.long_price
        price += f"; above {long.above_tokens:,} tokens {long.input_usd} / {long.output_usd}"
    return price


def of_family(family: Family) -> str:
    """Return the price as on the page."""
    assert family.price is not None
    prices = [of_media(family.price)]
    prices += [f"{at}: {of_rate(rate)}" for at, rate in family.price.at.items()]
    prices += [f"{name}: {of_media(mode.price)}" for name, mode in family.modes.items() if mode.price]
    return "; ".join(prices)


def of_media(price: MediaPrice) -> str:
    return f"{of_rate(price)} {UNITS[price.per]}"


def of_rate(rate: MediaRate) -> str:
    return str(rate.usd) if rate.with_audio_usd is None else f"{rate.usd} ({rate.with_audio_usd} with sound)"


def families() -> Iterator[Family]:
    """Yield the families that are not free."""
    definitions = tomllib.loads(
        (files("backend.integrations.media") / "families.toml").read_text(encoding="utf-8")
    )
    for slug, fields in definitions["families"].items():
        family = Family(slug=slug, **fields)
        if family.price is not None:
            yield family


def test_page_has_the_price_and_source_of_every_model() -> None:
    priced = {entry.slug: of_model(entry) for entry in catalog.current().models.values() if not entry.is_free}
    priced |= {family.slug: of_family(family) for family in families()}
    rows = re.findall(
        r"^\| `([a-z0-9.-]+/[a-z0-9.-]+)` \| ([^|]+) \| ([\w ]+) \| ([^|]+) \|$",
        PAGE.read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    assert {slug: price for slug, price, _, _ in rows} == priced
    assert {source for _, _, source, _ in rows} <= SOURCES


@pytest.mark.parametrize("slug", ["google/imagen", "kuaishou/kling-image", "elevenlabs/tts-v2"])
def test_unverified_price_is_marked_as_not_verified(slug: str) -> None:
    definitions = (files("backend.integrations.media") / "families.toml").read_text(encoding="utf-8")
    (above,) = re.findall(rf"((?:^#.*\n)+)\[families\.\"{slug}\"\]", definitions, flags=re.MULTILINE)
    assert above.startswith("# Not verified")
    assert re.search(
        rf"^\| `{slug}` .* \| not verified \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
