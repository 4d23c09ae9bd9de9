"""Prices of tokens: upstream prices plus the margin of the instance."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal, Self

from pydantic import computed_field

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import DEPRECATED
from backend.integrations.providers.prices import OwnPrice
from backend.money.pricing import billed_micros
from backend.skills.model_catalog.catalog import Catalogue, CatalogueEntry
from backend.skills.model_catalog.entries import Rates

PriceSetter = Literal["release", "operator", "project"]


class TokenPrices(Schema):
    """Micro-dollars per million tokens, including the margin."""

    input_micros: int
    output_micros: int
    cache_write_5m_micros: int
    cache_write_1h_micros: int
    cache_read_micros: int

    @classmethod
    def of(cls, rates: Rates, margin_pct: int) -> Self:
        """Return upstream rates with the margin."""
        return cls(
            **{f"{name}_micros": billed_micros(nanos, margin_pct) for name, nanos in rates._asdict().items()}
        )


class ModelPrice(Schema):
    """Capabilities and prices of a language model."""

    model: str
    title: str
    context_tokens: int
    max_output_tokens: int
    """Maximum tokens of one reply."""
    vision: bool
    """Whether the model accepts images."""
    pdf: bool
    """Whether the model accepts PDF documents."""
    per_million_tokens: TokenPrices
    price_set_by: PriceSetter
    """Who has set the price: the `release`, the `operator` of the instance, or the `project`, which pays it to its own
    provider without a margin."""
    price_source: str | None
    """Where the price was read."""
    price_date: date | None
    """When the price was read or set."""
    long_prompts_above_tokens: int | None = None
    """Calls with a longer prompt cost `long_prompts` for every token."""
    long_prompts: TokenPrices | None = None

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def most_output_tokens(self) -> int:
        """The former name of `max_output_tokens`. Removed in 0.3."""
        return self.max_output_tokens

    @classmethod
    def all_of(
        cls, catalogue: Catalogue, margin_pct: int, own_prices: Mapping[str, OwnPrice] | None = None
    ) -> list[Self]:
        """Return all language models that skills can name, with the prices that a project has set."""
        found = []
        for entry in catalogue.models.values():
            own = (own_prices or {}).get(entry.slug)
            if own is None:
                found.append(cls._of(entry, margin_pct, catalogue))
            else:
                found.append(cls._of_project(entry, own))
        return found

    @classmethod
    def _of_project(cls, entry: CatalogueEntry, own: OwnPrice) -> Self:
        return cls(
            **_features(entry),
            per_million_tokens=TokenPrices.of(own.rates, 0),
            price_set_by="project",
            price_source=own.updated_by,
            price_date=own.updated_at.date(),
        )

    @classmethod
    def _of(cls, entry: CatalogueEntry, margin_pct: int, catalogue: Catalogue) -> Self:
        above = entry.long_price.above_tokens if entry.long_price else None
        return cls(
            **_features(entry),
            per_million_tokens=TokenPrices.of(entry.rates(0), margin_pct),
            price_set_by="operator" if entry.slug in catalogue.operator_models else "release",
            price_source=entry.price_source or None,
            price_date=entry.price_date,
            long_prompts_above_tokens=above,
            long_prompts=None if above is None else TokenPrices.of(entry.rates(above + 1), margin_pct),
        )


def _features(entry: CatalogueEntry) -> dict[str, Any]:
    return {
        "model": entry.slug,
        "title": entry.title or entry.slug,
        "context_tokens": entry.context_tokens,
        "max_output_tokens": entry.max_output_tokens,
        "vision": entry.vision,
        "pdf": entry.pdf,
    }
