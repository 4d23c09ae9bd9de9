"""Define the families of media models: their abilities, parameters and prices."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from typing import Final, Literal

from pydantic import ConfigDict, Field

from backend.core.attribute_docstrings import Schema
from backend.core.names import suggestion
from backend.integrations.media.errors import ModeMissing, UnknownMediaModel
from backend.skills.model_catalog import catalog
from backend.skills.model_catalog.entries import NANOS_PER_USD

Kind = Literal["image", "video", "audio"]
Verb = Literal["image", "video", "audio", "transcribe"]
ModeName = Literal["t2i", "edit", "t2v", "i2v", "r2v", "lipsync", "tts", "stt"]
Unit = Literal["image", "second", "1000_characters", "audio_second"]

TRANSCRIBES: Final = "elevenlabs/scribe-v2"
_LOCAL: Final[Mapping[str, str]] = {
    "image": "local/drawing",
    "video": "local/clip",
    "audio": "local/espeak",
}
_MODE_DESCRIPTIONS: Final[Mapping[str, str]] = {
    "t2i": "image from text",
    "edit": "image from reference images ('refs')",
    "t2v": "video from text",
    "i2v": "video from an 'image'",
    "r2v": "video from 'refs'",
    "lipsync": "lip sync to 'lipsync_audio'",
    "tts": "speech from text",
    "stt": "text from speech",
}


class _Part(Schema):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MediaRate(_Part):
    """The upstream price of a unit, with and without sound."""

    usd: Decimal = Field(ge=0)
    with_audio_usd: Decimal | None = None
    """The price of a video with sound."""


class MediaPrice(MediaRate):
    """The upstream price of a unit."""

    per: Unit
    at: dict[str, MediaRate] = Field(default={})
    """By resolution, if the price differs."""

    def nanos(self, *, has_audio: bool = False, resolution: str | None = None) -> int:
        """Return the price of one unit in nano-dollars."""
        rate = self.at.get(resolution or "", self)
        usd = rate.with_audio_usd if has_audio and rate.with_audio_usd is not None else rate.usd
        return int(usd * NANOS_PER_USD)


class Duration(_Part):
    """The durations of videos, in seconds."""

    minimum: int
    maximum: int
    default: int
    step: int = 1
    form: str = "{}"
    """The format that the model expects."""

    def nearest(self, seconds: float | None) -> int:
        """Return the supported duration that is nearest to the requested one."""
        requested = self.default if seconds is None else seconds
        steps = range(self.minimum, self.maximum + 1, self.step)
        return min(steps, key=lambda one: (abs(one - requested), one))


class Mode(_Part):
    """One way to use a family."""

    path: str = Field(default="", repr=False)
    """Path of the provider's endpoint; never shown."""
    sends: dict[str, str] = Field(default={})
    leaves: tuple[str, ...] = ()
    """Inputs of the family that this mode does not support."""
    needs: tuple[str, ...] = ()
    price: MediaPrice | None = None


class Family(_Part):
    """A family of models for one kind of media."""

    slug: str
    kind: Kind
    price: MediaPrice | None = None
    """None: it is free."""
    duration: Duration | None = None
    sends: dict[str, str] = Field(default={})
    adds: dict[str, str] = Field(default={})
    sizes: dict[str, str] = Field(default={})
    """The model's own names of aspect ratios, if it has any."""
    resolutions: tuple[str, ...] = ()
    """Those with a known price; empty: all, or none."""
    modes: dict[ModeName, Mode]

    @property
    def is_local(self) -> bool:
        """Return whether it runs on this host."""
        return self.slug.startswith("local/")

    @property
    def provider(self) -> str:
        """Return the name of the provider."""
        return self.slug.partition("/")[0]

    def mode(self, name: ModeName) -> Mode:
        """Return the mode with this name.

        Raises:
            ModeMissing: The family does not have it.
        """
        mode = self.modes.get(name)
        if mode is None:
            others = [one.slug for one in families().values() if name in one.modes and not one.is_local]
            raise ModeMissing(self.slug, _MODE_DESCRIPTIONS[name], others)
        return mode

    def price_of(self, name: ModeName) -> MediaPrice | None:
        """Return the price of a unit in this mode; None: it is free."""
        return self.modes[name].price or self.price


@lru_cache(maxsize=1)
def families() -> Mapping[str, Family]:
    """Return every family, by slug."""
    text = files(__package__).joinpath("families.toml").read_text("utf-8")
    definitions = tomllib.loads(text)["families"]
    return {slug: Family.model_validate({**family, "slug": slug}) for slug, family in definitions.items()}


def find(model: str, verb: Verb | None) -> tuple[Family, Verb]:
    """Return the family with this slug, or with this last part of it, and the verb.

    Raises:
        UnknownMediaModel: It does not exist, or does not support the verb.
    """
    all_families = families()
    slugs = [slug for slug in all_families if model in (slug, slug.partition("/")[2])]
    if not slugs:
        hint = suggestion(model, all_families) or f" Known: {', '.join(all_families)}."
        raise UnknownMediaModel(
            f"The media model {model[:100]!r} does not exist.{hint} You can also use 'auto'.", model[:100]
        )
    family = all_families[slugs[0]]
    family_verb: Verb = "transcribe" if "stt" in family.modes else family.kind
    if verb not in (None, family_verb):
        alternatives = (
            ", ".join(slug for slug in all_families if all_families[slug].kind == verb) or TRANSCRIBES
        )
        raise UnknownMediaModel(
            f"{family.slug} does not support this: its verb is {family_verb!r}. For {verb!r} use one of "
            f"{alternatives}, or 'auto'.",
            family.slug,
        )
    return family, family_verb


def default_family(verb: Verb) -> Family:
    """Return the family for `auto`."""
    if verb == "transcribe":
        return families()[TRANSCRIBES]
    slugs: tuple[str, ...] = getattr(catalog.current().media, verb)
    return families()[slugs[0]]


def local(kind: Kind) -> Family:
    """Return the local family."""
    return families()[_LOCAL[kind]]
