"""Return the prices of media on this instance: upstream prices plus its margin."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, Field

from backend.core.attribute_docstrings import Schema
from backend.integrations.media.model_families import Family, Kind, MediaPrice, ModeName, Unit, families
from backend.money.pricing import billed_micros


class MediaRateRead(BaseModel):
    """Price of a unit in micro-dollars, including the margin."""

    micros: int
    with_audio_micros: int | None = None


class MediaModelPrice(Schema):
    """A media model with its abilities and prices."""

    model: str
    kind: Kind
    modes: list[ModeName]
    """`t2i` and `edit` of images; `t2v`, `i2v`, `r2v` and `lipsync` of videos; `tts` speaks, `stt` transcribes."""
    per: Unit | None
    """The unit of the price. None: it is free."""
    micros: int
    """Price of a unit in micro-dollars, including the margin."""
    with_audio_micros: int | None = None
    """Of a video with sound."""
    at: dict[str, MediaRateRead] = Field(default={})
    """By resolution, if the price differs."""

    @classmethod
    def all(cls, margin_pct: int) -> list[Self]:
        """Return every media model that skills may name."""
        return [cls._of(family, margin_pct) for family in families().values()]

    @classmethod
    def _of(cls, family: Family, margin_pct: int) -> Self:
        price = family.price
        return cls(
            model=family.slug,
            kind=family.kind,
            modes=list(family.modes),
            per=None if price is None else price.per,
            micros=0 if price is None else billed_micros(price.nanos(), margin_pct),
            with_audio_micros=_with_audio(price, margin_pct),
            at={}
            if price is None
            else {name: _rate_with_margin(price, name, margin_pct) for name in price.at},
        )


def _rate_with_margin(price: MediaPrice, resolution: str, margin_pct: int) -> MediaRateRead:
    has_sound_price = price.at[resolution].with_audio_usd is not None
    nanos = price.nanos(resolution=resolution)
    with_sound = price.nanos(resolution=resolution, has_audio=True) if has_sound_price else None
    return MediaRateRead(
        micros=billed_micros(nanos, margin_pct),
        with_audio_micros=None if with_sound is None else billed_micros(with_sound, margin_pct),
    )


def _with_audio(price: MediaPrice | None, margin_pct: int) -> int | None:
    if price is None or price.with_audio_usd is None:
        return None
    return billed_micros(price.nanos(has_audio=True), margin_pct)
