"""Of every price that is built in, a page says what it is and how much is known of it."""

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
READ = {"provider", "others", "not verified"}
UNITS = {
    "image": "an image",
    "second": "a second",
    "1000_characters": "for 1,000 characters",
    "audio_second": "a second heard",
}


def of_model(entry: CatalogueEntry) -> str:
    """As the page writes it."""
    said = f"{entry.price.input_usd} / {entry.price.output_usd}"
    if entry.cache:
        said += f", cache {entry.cache.read}"
    if entry.long_price:
        long = entry.long_price
        said += f"; above {long.above_tokens:,} tokens {long.input_usd} / {long.output_usd}"
    return said


def of_family(family: Family) -> str:
    """As the page writes it."""
    assert family.price is not None
    own = [of_media(family.price)]
    own += [f"{at}: {of_rate(rate)}" for at, rate in family.price.at.items()]
    own += [f"{name}: {of_media(mode.price)}" for name, mode in family.modes.items() if mode.price]
    return "; ".join(own)


def of_media(price: MediaPrice) -> str:
    return f"{of_rate(price)} {UNITS[price.per]}"


def of_rate(rate: MediaRate) -> str:
    return str(rate.usd) if rate.with_audio_usd is None else f"{rate.usd} ({rate.with_audio_usd} with sound)"


def families() -> Iterator[Family]:
    """Those that cost something."""
    written = tomllib.loads(
        (files("backend.integrations.media") / "families.toml").read_text(encoding="utf-8")
    )
    for slug, facts in written["families"].items():
        family = Family(slug=slug, **facts)
        if family.price is not None:
            yield family


def test_the_page_has_the_price_of_every_model_with_where_it_was_read() -> None:
    priced = {entry.slug: of_model(entry) for entry in catalog.current().models.values() if not entry.is_free}
    priced |= {family.slug: of_family(family) for family in families()}
    told = re.findall(
        r"^\| `([a-z0-9.-]+/[a-z0-9.-]+)` \| ([^|]+) \| ([\w ]+) \| ([^|]+) \|$",
        PAGE.read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    assert {slug: price for slug, price, _, _ in told} == priced
    assert {read for _, _, read, _ in told} <= READ


@pytest.mark.parametrize("slug", ["google/imagen", "kuaishou/kling-image", "elevenlabs/tts-v2"])
def test_a_price_that_its_file_calls_not_verified_is_not_called_anything_else(slug: str) -> None:
    written = (files("backend.integrations.media") / "families.toml").read_text(encoding="utf-8")
    (above,) = re.findall(rf"((?:^#.*\n)+)\[families\.\"{slug}\"\]", written, flags=re.MULTILINE)
    assert above.startswith("# Not verified")
    assert re.search(
        rf"^\| `{slug}` .* \| not verified \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
