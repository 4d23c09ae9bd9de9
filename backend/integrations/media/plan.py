"""Plan one call: which model, with which inputs, and its maximum cost."""

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
_MIN_BYTES_PER_S: Final = 2_000
"""Speech is rarely encoded with less (16 kbit/s), so the size of a recording limits its duration."""


class Quantity(NamedTuple):
    """The amount that a call requests."""

    unit: str
    """`images`, `seconds`, `characters`, `audio_seconds`."""
    amount: int
    upstream_nanos: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A valid call."""

    verb: Verb
    family: Family
    mode: ModeName
    inputs: MediaInputs
    warnings: tuple[str, ...] = ()
    requested_model: str = ""
    """The requested model, if it is unavailable and a local one replaces it."""

    @property
    def seconds(self) -> int:
        """Return the duration of a video."""
        assert self.family.duration is not None  # noqa: S101 - every family of videos has one
        requested = self.inputs.duration if isinstance(self.inputs, VideoInputs) else None
        return self.family.duration.nearest(requested)

    def quantity(self, audio_bytes: int = 0) -> Quantity:
        """Return the amount of the call and its maximum cost.

        `audio_bytes` is the size of a recording that determines the price.
        """
        price, inputs = self.family.price_of(self.mode), self.inputs
        if isinstance(inputs, ImageInputs):
            return _quantity("images", inputs.n, price, inputs.n)
        if isinstance(inputs, AudioInputs):
            return _characters(len(inputs.text), price)
        if isinstance(inputs, TranscribeInputs) or (price is not None and price.per == "audio_second"):
            seconds = math.ceil(audio_bytes / _MIN_BYTES_PER_S)
            return _quantity("audio_seconds", seconds, price, seconds)
        nanos = 0 if price is None else price.nanos(has_audio=inputs.audio, resolution=inputs.resolution)
        return Quantity("seconds", self.seconds, self.seconds * nanos)


def plan(
    verb: Verb | None, model: str, values: dict[str, Any], *, default_model: str | None, can_buy: bool
) -> Plan:
    """Return the plan of a call.

    Without an API key, a local model replaces every other one, with a warning.

    Args:
        verb: What to generate; None: the model decides.
        model: A name, or `auto`.
        values: The inputs.
        default_model: The model of the skill, for `auto`.
        can_buy: Whether the instance has an API key.

    Raises:
        UnknownMediaModel: The model does not exist, or does not support the verb.
        ModeMissing: It does not support what the inputs imply.
        BadMediaInputs: The inputs are invalid.
        NoTranscripts: There is no API key, and no local model transcribes.
    """
    family, resolved_verb = _family(verb, model, default_model)
    inputs = parse(resolved_verb, values)
    mode = inputs.mode
    missing = [name for name in family.mode(mode).needs if getattr(inputs, name) is None]
    if missing:
        raise BadMediaInputs(
            [Problem(f"inputs.{name}", f"{family.slug} requires it for this.") for name in missing]
        )
    _check_resolution(family, inputs)
    if can_buy or family.is_local:
        return Plan(resolved_verb, family, mode, inputs, _ignored_inputs(family, mode, inputs))
    if resolved_verb == "transcribe":
        raise NoTranscripts
    local = model_families.local(family.kind)
    warning = f"Made by {local.slug}, which is not a model: this instance has no key for {family.slug}."
    return Plan(resolved_verb, local, mode, inputs, (warning,), family.slug)


def _family(verb: Verb | None, model: str, default_model: str | None) -> tuple[Family, Verb]:
    if model != "auto":
        return model_families.find(model, verb)
    if verb is None:
        raise BadMediaInputs([Problem("model", "Name a model: without a verb, 'auto' is ambiguous.")])
    if default_model and default_model != "auto" and verb != "transcribe":
        return model_families.find(default_model, verb)
    return model_families.default_family(verb), verb


def _check_resolution(family: Family, inputs: MediaInputs) -> None:
    """Reject a video resolution whose price is unknown."""
    requested = inputs.resolution if isinstance(inputs, VideoInputs) else None
    if requested is not None and family.resolutions and requested not in family.resolutions:
        raise BadMediaInputs(
            [
                Problem(
                    "inputs.resolution",
                    f"{family.slug} makes {', '.join(family.resolutions)} here, not {requested}.",
                )
            ]
        )


def _ignored_inputs(family: Family, mode: ModeName, inputs: MediaInputs) -> tuple[str, ...]:
    """Return warnings about inputs that the model does not support."""
    if family.is_local:
        return ()
    supported = {**family.sends, **family.modes[mode].sends}
    for name in family.modes[mode].leaves:
        supported.pop(name, None)
    ignored = [name for name in inputs.model_fields_set if name not in supported and getattr(inputs, name)]
    warnings = [f"{family.slug} does not support {name!r}: it was ignored." for name in sorted(ignored)]
    duration = getattr(inputs, "duration", None)
    if "duration" in supported and duration is not None and family.duration is not None:
        nearest = family.duration.nearest(duration)
        if nearest != duration:
            warnings.append(f"{family.slug} does not support {duration:g} s: this video has {nearest} s.")
    return tuple(warnings)


def _characters(count: int, price: MediaPrice | None) -> Quantity:
    nanos = 0 if price is None else -(-count * price.nanos() // 1_000)
    return Quantity("characters", count, nanos)


def _quantity(unit: str, amount: int, price: MediaPrice | None, units: int) -> Quantity:
    return Quantity(unit, amount, 0 if price is None else units * price.nanos())
