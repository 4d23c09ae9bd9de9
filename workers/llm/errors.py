"""Define the errors of language models."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY
from uuid import UUID

from backend.core.errors import Conflict, Invalid, Missing, PaymentRequired, TooLarge, Unavailable, field


class ModelOverloaded(Unavailable):
    """The model is overloaded or rate limited, after all retries."""

    code = "model_overloaded"

    def __init__(self, model: str, retry_after_s: float, *, tries: int = 1) -> None:
        seconds = max(1, math.ceil(retry_after_s))
        super().__init__(
            f"The model {model!r} is overloaded and did not respond in {tries} attempts. Retry in {seconds} "
            "s.",
            retry_after_s=seconds,
            model=model,
            tries=tries,
        )


class ModelUnavailable(Unavailable):
    """The model cannot be reached."""

    code = "model_unavailable"
    message = (
        "The model {model!r} is unavailable after {tries} attempts: {reason}. Check the URL and the network "
        "of its provider, or use another model."
    )
    model: str
    reason: str = field(in_body=False)
    _: KW_ONLY
    tries: int = 1
    retry_after_s: int = 30


class ModelKeyMissing(Conflict):
    """The project has API keys for other models, but none for this one, so a simulation would be misleading."""

    code = "model_key_missing"
    model: str

    def describe(self) -> str:
        """Return the message."""
        family = self.model.partition("/")[0]
        return (
            f"There is no key for the model {self.model!r}. Add one with PUT /v1/providers/{family}, or use "
            "a model of another family. GET /v1/providers lists the families with a key."
        )


class ModelKeyRefused(PaymentRequired):
    """The provider rejects the API key, or does not allow it to use this model."""

    code = "model_key_refused"

    def __init__(self, model: str, status: int, *, is_own: bool) -> None:
        family = model.partition("/")[0]
        hint = (
            f"Set a valid one with PUT /v1/providers/{family}, or delete the key of the project."
            if is_own
            else "Ask the operator of this instance for a valid one, or add a key to the project."
        )
        super().__init__(
            f"The provider of {model!r} rejected the API key (HTTP {status}). {hint}", model=model
        )


class ModelRefused(Invalid):
    """The provider rejects the request as invalid, so a retry does not help."""

    code = "model_refused"

    def __init__(self, model: str, message: str) -> None:
        super().__init__(f"The model {model!r} rejects the request: {message}", model=model)


class PromptTooLong(TooLarge):
    """The conversation exceeds the context of the model."""

    code = "prompt_too_long"
    message = (
        "The conversation exceeds the context of {model!r}, which is {context_tokens:,} tokens. Use a "
        "shorter conversation, or a model with a longer context."
    )
    model: str
    context_tokens: int


class RecordingMissing(Missing):
    """The project has no such job with replies of a model."""

    code = "recording_not_found"
    message = (
        "The project has no job {job_id} with replies of a model, so there is no recording of it. Name "
        "another job, or a model of the catalog."
    )
    job_id: UUID
