"""Families of models for media: what each can do, how it is asked, and what it costs."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

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
_WANTED: Final[Mapping[str, str]] = {
    "t2i": "draw from words",
    "edit": "work from reference images ('refs')",
    "t2v": "film from words",
    "i2v": "film from an 'image'",
    "r2v": "film from 'refs'",
    "lipsync": "move lips to 'lipsync_audio'",
    "tts": "speak",
    "stt": "transcribe",
}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class MediaRate(_Part):
    """What a unit costs upstream, with and without sound."""

    usd: Decimal = Field(ge=0)
    with_audio_usd: Decimal | None = None
    """Of a video with sound."""


class MediaPrice(MediaRate):
    """What a unit costs upstream."""

    per: Unit
    at: dict[str, MediaRate] = {}
    """Of resolutions that cost something else."""

    def nanos(self, *, has_audio: bool = False, resolution: str | None = None) -> int:
        """Nano-dollars of one unit."""
        rate = self.at.get(resolution or "", self)
        usd = rate.with_audio_usd if has_audio and rate.with_audio_usd is not None else rate.usd
        return int(usd * NANOS_PER_USD)


class Duration(_Part):
    """How long a video may be, in seconds."""

    least: int
    most: int
    usual: int
    step: int = 1
    form: str = "{}"
    """How the model wants it written."""

    def nearest(self, seconds: float | None) -> int:
        """The duration that the model has and that is nearest to the wanted one."""
        wanted = self.usual if seconds is None else seconds
        steps = range(self.least, self.most + 1, self.step)
        return min(steps, key=lambda one: (abs(one - wanted), one))


class Mode(_Part):
    """One way to use a family."""

    path: str = Field(default="", repr=False)
    """Of the provider's endpoint; never shown."""
    sends: dict[str, str] = {}
    leaves: tuple[str, ...] = ()
    """Inputs of the family that this mode does not take."""
    needs: tuple[str, ...] = ()
    price: MediaPrice | None = None


class Family(_Part):
    """A family of models for one kind of media."""

    slug: str
    kind: Kind
    price: MediaPrice | None = None
    """None: it costs nothing."""
    duration: Duration | None = None
    sends: dict[str, str] = {}
    adds: dict[str, str] = {}
    sizes: dict[str, str] = {}
    """Aspect ratios by what the model calls them, where it has names of its own."""
    resolutions: tuple[str, ...] = ()
    """Those that its price is known for; empty: it takes any, or none."""
    modes: dict[ModeName, Mode]

    @property
    def is_local(self) -> bool:
        """Whether it is made on this machine."""
        return self.slug.startswith("local/")

    @property
    def provider(self) -> str:
        """Whose it is."""
        return self.slug.partition("/")[0]

    def mode(self, name: ModeName) -> Mode:
        """The mode of that name.

        Raises:
            ModeMissing: the family does not have it.
        """
        mode = self.modes.get(name)
        if mode is None:
            others = [one.slug for one in families().values() if name in one.modes and not one.is_local]
            raise ModeMissing(self.slug, _WANTED[name], others)
        return mode

    def price_of(self, name: ModeName) -> MediaPrice | None:
        """What a unit of the mode costs; none: nothing."""
        return self.modes[name].price or self.price


@lru_cache(maxsize=1)
def families() -> Mapping[str, Family]:
    """Every family, by its slug."""
    text = files(__package__).joinpath("families.toml").read_text("utf-8")
    written = tomllib.loads(text)["families"]
    return {slug: Family.model_validate({**family, "slug": slug}) for slug, family in written.items()}


def find(model: str, verb: Verb | None) -> tuple[Family, Verb]:
    """The family that a slug, or its last part alone, names, and what is done with it.

    Raises:
        UnknownMediaModel: there is none, or it makes something else.
    """
    known = families()
    slugs = [slug for slug in known if model in (slug, slug.partition("/")[2])]
    if not slugs:
        hint = suggestion(model, known) or f" Known: {', '.join(known)}."
        raise UnknownMediaModel(
            f"There is no model for media {model[:100]!r}.{hint} Or write 'auto'.", model[:100]
        )
    family = known[slugs[0]]
    own: Verb = "transcribe" if "stt" in family.modes else family.kind
    if verb not in (None, own):
        fitting = ", ".join(slug for slug in known if known[slug].kind == verb) or TRANSCRIBES
        raise UnknownMediaModel(
            f"{family.slug} is not for this: it does {own!r}. For {verb!r} name one of {fitting}, or 'auto'.",
            family.slug,
        )
    return family, own


def usual(verb: Verb) -> Family:
    """The family that is meant by 'auto'."""
    if verb == "transcribe":
        return families()[TRANSCRIBES]
    slugs: tuple[str, ...] = getattr(catalog.current().media, verb)
    return families()[slugs[0]]


def local(kind: Kind) -> Family:
    """The family of this machine."""
    return families()[_LOCAL[kind]]
