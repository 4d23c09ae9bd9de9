"""What one call asks of which model, and what it can cost at most."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from backend.core.errors import Problem
from backend.integrations.media import model_families
from backend.integrations.media.errors import BadMediaInputs, NoTranscripts
from backend.integrations.media.inputs import (
    AudioInputs,
    ImageInputs,
    MediaInputs,
    TranscribeInputs,
    VideoInputs,
    parse,
)
from backend.integrations.media.model_families import Family, MediaPrice, ModeName, Verb

FILES: Final = ("refs", "image", "last_frame", "lipsync_audio", "audio")
"""Inputs that are files; `audio` of a video is a flag."""
_LEAST_BYTES_PER_S: Final = 2_000
"""Speech is hardly ever encoded thinner (16 kbit/s): how long a recording can be at most is told by its size."""


class Quantity(NamedTuple):
    """How much a call asks for."""

    unit: str
    """`images`, `seconds`, `characters`, `audio_seconds`."""
    amount: int
    upstream_nanos: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A call that can be made."""

    verb: Verb
    family: Family
    mode: ModeName
    inputs: MediaInputs
    warnings: tuple[str, ...] = ()
    has_reached_for: str = ""
    """The model that was named and cannot be had here, in whose place a local one is."""

    @property
    def seconds(self) -> int:
        """Of a video."""
        assert self.family.duration is not None  # noqa: S101 - every family of videos has one
        wanted = self.inputs.duration if isinstance(self.inputs, VideoInputs) else None
        return self.family.duration.nearest(wanted)

    def quantity(self, audio_bytes: int = 0) -> Quantity:
        """What the call asks for, and what that costs at most; `audio_bytes`: of a recording that it is priced by."""
        price, inputs = self.family.price_of(self.mode), self.inputs
        if isinstance(inputs, ImageInputs):
            return _quantity("images", inputs.n, price, inputs.n)
        if isinstance(inputs, AudioInputs):
            return _characters(len(inputs.text), price)
        if isinstance(inputs, TranscribeInputs) or (price is not None and price.per == "audio_second"):
            seconds = math.ceil(audio_bytes / _LEAST_BYTES_PER_S)
            return _quantity("audio_seconds", seconds, price, seconds)
        nanos = 0 if price is None else price.nanos(has_audio=inputs.audio, resolution=inputs.resolution)
        return Quantity("seconds", self.seconds, self.seconds * nanos)


def plan(verb: Verb | None, model: str, given: dict[str, Any], *, usual: str | None, can_buy: bool) -> Plan:
    """What is to be done.

    `usual`: the model of the skill, for 'auto'. Where nothing can be bought a model of this machine takes the place of
    every other, and says so.

    Raises:
        UnknownMediaModel: there is no such model, or it is not for that.
        ModeMissing: it cannot do what the inputs ask for.
        BadMediaInputs: the inputs do not fit.
        NoTranscripts: nothing can be bought, and transcripts are made nowhere else.
    """
    family, does = _family(verb, model, usual)
    inputs = parse(does, given)
    mode = inputs.mode
    missing = [name for name in family.mode(mode).needs if getattr(inputs, name) is None]
    if missing:
        raise BadMediaInputs(
            [Problem(f"inputs.{name}", f"{family.slug} needs it for this.") for name in missing]
        )
    _check_resolution(family, inputs)
    if can_buy or family.is_local:
        return Plan(does, family, mode, inputs, _left_out(family, mode, inputs))
    if does == "transcribe":
        raise NoTranscripts
    local = model_families.local(family.kind)
    words = f"Made by {local.slug}, which is no model: this instance has no key for {family.slug}."
    return Plan(does, local, mode, inputs, (words,), family.slug)


def _family(verb: Verb | None, model: str, usual: str | None) -> tuple[Family, Verb]:
    if model != "auto":
        return model_families.find(model, verb)
    if verb is None:
        raise BadMediaInputs([Problem("model", "Name a model: without a verb 'auto' could mean any.")])
    if usual and usual != "auto" and verb != "transcribe":
        return model_families.find(usual, verb)
    return model_families.usual(verb), verb


def _check_resolution(family: Family, inputs: MediaInputs) -> None:
    """Refuse a video in a resolution of which nobody here knows what it costs."""
    wanted = inputs.resolution if isinstance(inputs, VideoInputs) else None
    if wanted is not None and family.resolutions and wanted not in family.resolutions:
        raise BadMediaInputs(
            [
                Problem(
                    "inputs.resolution",
                    f"{family.slug} makes {', '.join(family.resolutions)} here, not {wanted}.",
                )
            ]
        )


def _left_out(family: Family, mode: ModeName, inputs: MediaInputs) -> tuple[str, ...]:
    """What was asked for and the model does not take: said, rather than dropped in silence."""
    if family.is_local:
        return ()
    taken = {**family.sends, **family.modes[mode].sends}
    for name in family.modes[mode].leaves:
        taken.pop(name, None)
    lost = [name for name in inputs.model_fields_set if name not in taken and getattr(inputs, name)]
    words = [f"{family.slug} does not take {name!r}: it was left out." for name in sorted(lost)]
    duration = getattr(inputs, "duration", None)
    if "duration" in taken and duration is not None and family.duration is not None:
        nearest = family.duration.nearest(duration)
        if nearest != duration:
            words.append(f"{family.slug} makes no video of {duration:g} s: this one has {nearest} s.")
    return tuple(words)


def _characters(count: int, price: MediaPrice | None) -> Quantity:
    nanos = 0 if price is None else -(-count * price.nanos() // 1_000)
    return Quantity("characters", count, nanos)


def _quantity(unit: str, amount: int, price: MediaPrice | None, units: int) -> Quantity:
    return Quantity(unit, amount, 0 if price is None else units * price.nanos())
