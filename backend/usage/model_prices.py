"""Prices of tokens: upstream prices plus the margin of the instance."""

from __future__ import annotations

from typing import Self

from pydantic import computed_field

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import DEPRECATED
from backend.money.pricing import billed_micros
from backend.skills.model_catalog.catalog import Catalogue, CatalogueEntry
from backend.skills.model_catalog.entries import Rates


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
    long_prompts_above_tokens: int | None = None
    """Calls with a longer prompt cost `long_prompts` for every token."""
    long_prompts: TokenPrices | None = None

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def most_output_tokens(self) -> int:
        """The former name of `max_output_tokens`. Removed in 0.3."""
        return self.max_output_tokens

    @classmethod
    def all_of(cls, catalogue: Catalogue, margin_pct: int) -> list[Self]:
        """Return all language models that skills can name."""
        return [cls._of(entry, margin_pct) for entry in catalogue.models.values()]

    @classmethod
    def _of(cls, entry: CatalogueEntry, margin_pct: int) -> Self:
        above = entry.long_price.above_tokens if entry.long_price else None
        return cls(
            model=entry.slug,
            title=entry.title or entry.slug,
            context_tokens=entry.context_tokens,
            max_output_tokens=entry.max_output_tokens,
            vision=entry.vision,
            pdf=entry.pdf,
            per_million_tokens=TokenPrices.of(entry.rates(0), margin_pct),
            long_prompts_above_tokens=above,
            long_prompts=None if above is None else TokenPrices.of(entry.rates(above + 1), margin_pct),
        )
