"""What can go wrong when media are made.

PurasError
├── Malformed
│   ├── UnknownMediaModel    400  no family of that name, or not of that kind
│   └── ModeMissing          400  the family cannot do what the inputs ask for
├── PaymentRequired
│   └── MediaTooDear         402  it could cost more than is left of what is reserved for the job
├── Conflict
│   ├── MediaBeingMade       409  the same Idempotency-Key is being worked on
│   └── JobMovedOn           409  the job has ended, or runs elsewhere
├── Invalid
│   ├── BadMediaInputs       422  inputs that do not fit; carries every problem
│   └── MediaRefused         422  the model refused it, with its own words
├── NotOffered
│   └── NoTranscripts        501  this instance has no key for a model that transcribes
├── MediaFailed              502  the provider gave nothing that can be used
└── Unavailable
    └── ProviderAway         503  the provider does not answer, or has too much to do
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from backend.core.errors import (
    Conflict,
    Invalid,
    Malformed,
    NotOffered,
    PaymentRequired,
    Problem,
    PurasError,
    Unavailable,
)

_MAX_WORDS: Final = 500
"""Characters of what a provider says."""


class UnknownMediaModel(Malformed):
    """No model of that name makes media of that kind."""

    code = "unknown_media_model"

    def __init__(self, sentence: str, model: str) -> None:
        super().__init__(sentence, model=model)


class ModeMissing(Malformed):
    """The family cannot do what the inputs ask for."""

    code = "media_mode_missing"

    def __init__(self, model: str, wanted: str, others: Sequence[str]) -> None:
        hint = f" {', '.join(others)} can." if others else ""
        super().__init__(f"{model} cannot {wanted}.{hint} Name another model, or 'auto'.", model=model)


class MediaTooDear(PaymentRequired):
    """The call could cost more than is left of what is reserved for the job."""

    code = "media_too_dear"

    def __init__(self, model: str, *, needed_micros: int, left_micros: int, is_reserved: bool) -> None:
        mend = (
            "Ask for less, or raise 'limits.cost_usd' in skill.yaml."
            if is_reserved
            else "Name the model in skill.yaml ('image_model', 'video_model' or 'audio_model'; 'auto' will do), so "
            "that money is reserved for its jobs."
        )
        super().__init__(
            f"A call of {model} may cost ${needed_micros / 1e6:.6f}, and ${left_micros / 1e6:.6f} is left for this "
            f"job. {mend}",
            model=model,
            needed_micros=needed_micros,
            left_micros=left_micros,
        )


class MediaBeingMade(Conflict):
    """The same call is being worked on."""

    code = "media_being_made"

    def __init__(self) -> None:
        super().__init__(
            "A call with this Idempotency-Key is being worked on. Send it again in a minute for its result."
        )


class JobMovedOn(Conflict):
    """The job has ended, or runs elsewhere by now."""

    code = "job_moved_on"

    def __init__(self) -> None:
        super().__init__(
            "The job does not run any more, or runs elsewhere: nothing was made for it, or charged."
        )


class BadMediaInputs(Invalid):
    """The inputs do not fit."""

    code = "bad_media_inputs"

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        super().__init__(f"{first.path}: {first.message}", problems)


class MediaRefused(Invalid):
    """The model refused what it was asked for."""

    code = "media_refused"

    def __init__(self, model: str, words: str) -> None:
        super().__init__(
            f"{model} refused this: {words[:_MAX_WORDS]}", [Problem("inputs", words[:_MAX_WORDS])]
        )


class NoTranscripts(NotOffered):
    """Nothing on this instance can transcribe speech."""

    code = "not_offered"

    def __init__(self) -> None:
        super().__init__(
            "Transcribing needs a model, and this instance has no key for one: its operator sets FAL_KEY."
        )


class MediaFailed(PurasError):
    """The provider gave nothing that can be used."""

    status = 502
    code = "media_failed"

    def __init__(self, model: str, why: str, *, may_come_later: bool = False) -> None:
        """`may_come_later`: something was made, so that asking again may bring it."""
        super().__init__(f"{model} made nothing that can be used: {why} Nothing was charged.", model=model)
        self.may_come_later = may_come_later


class ProviderAway(Unavailable):
    """The provider does not answer, or has too much to do."""

    code = "media_provider_away"

    def __init__(self, why: str, *, retry_after_s: int = 10) -> None:
        super().__init__(f"The provider of media {why}. Try again later.", retry_after_s=retry_after_s)
