"""Errors of media generation and transcription."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY
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
    field,
)

_MAX_DETAIL: Final = 500
"""Maximum characters of a message of the provider."""


class UnknownMediaModel(Malformed):
    """No model of this name creates media of this kind."""

    code = "unknown_media_model"
    text: str = field(in_body=False)
    model: str

    def describe(self) -> str:
        """Return the detail of the error."""
        return self.text


class ModeMissing(Malformed):
    """The model does not support what the inputs request."""

    code = "media_mode_missing"
    model: str
    needed: str = field(in_body=False)
    others: Sequence[str] = field(in_body=False)

    def describe(self) -> str:
        """Return the detail of the error."""
        hint = f" Supported by: {', '.join(self.others)}." if self.others else ""
        return f"{self.model} does not support this: {self.needed}.{hint} Name another model, or 'auto'."


class MediaCostExceedsLimit(PaymentRequired):
    """The call could cost more than the job has left."""

    code = "media_cost_exceeds_limit"
    former_code = "media_too_dear"
    model: str
    _: KW_ONLY
    needed_micros: int
    left_micros: int
    has_reservation: bool = field(in_body=False)

    def describe(self) -> str:
        """Return the detail of the error."""
        hint = (
            "Request less, or increase 'limits.cost_usd' in skill.yaml."
            if self.has_reservation
            else "Name the model in skill.yaml ('image_model', 'video_model' or 'audio_model'; 'auto' is possible), so "
            "that money is reserved for its jobs."
        )
        return (
            f"A call of {self.model} may cost ${self.needed_micros / 1e6:.6f}, but this job may only spend another "
            f"${self.left_micros / 1e6:.6f}. {hint}"
        )


class MediaInProgress(Conflict):
    """A call with the same idempotency key is in progress."""

    code = "media_in_progress"
    former_code = "media_being_made"
    message = "A call with this Idempotency-Key is in progress. Send it again in a minute to get its result."


class JobNotRunning(Conflict):
    """The job has ended, or another attempt runs."""

    code = "job_not_running"
    former_code = "job_moved_on"
    message = "The job does not run any more, or another worker runs it. Nothing was generated or charged."


class BadMediaInputs(Invalid):
    """The inputs are invalid."""

    code = "bad_media_inputs"

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        super().__init__(f"{first.path}: {first.message}", problems)


class MediaRefused(Invalid):
    """The model rejects the request."""

    code = "media_refused"

    def __init__(self, model: str, detail: str) -> None:
        super().__init__(
            f"{model} rejected this: {detail[:_MAX_DETAIL]}", [Problem("inputs", detail[:_MAX_DETAIL])]
        )


class NoTranscripts(NotOffered):
    """This instance has no model that transcribes speech."""

    code = "not_offered"
    message = "Transcription needs a model, and this instance has no API key for one. Ask the operator to set FAL_KEY."


class MediaFailed(PurasError):
    """The provider returned no usable result."""

    status = 502
    code = "media_failed"

    def __init__(self, model: str, why: str, *, may_come_later: bool = False) -> None:
        """Set the message; `may_come_later` means that a retry may return the result, since it was generated."""
        super().__init__(f"{model} returned no usable result: {why} Nothing was charged.", model=model)
        self.may_come_later = may_come_later


class MediaProviderUnavailable(Unavailable):
    """The provider does not respond, or is overloaded."""

    code = "media_provider_unavailable"
    former_code = "media_provider_away"
    message = "The media provider {why}. Retry later."
    why: str = field(in_body=False)
    _: KW_ONLY
    retry_after_s: int = 10
