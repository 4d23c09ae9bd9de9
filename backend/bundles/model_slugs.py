"""Models that skills may name."""

from __future__ import annotations

import re
from typing import Final

from backend.bundles.names import suggestion

TEXT_MODELS: Final = (
    "claude/opus-4-8",
    "claude/opus-4-7",
    "claude/opus-4-6",
    "claude/opus-4-5",
    "claude/sonnet-4-6",
    "claude/sonnet-4-5",
    "claude/haiku-4-5",
    "gpt/5",
    "gpt/5-mini",
    "gpt/4o",
    "gpt/4o-mini",
    "gemini/2.5-pro",
    "gemini/2.5-flash",
    "gemini/2.0-flash",
    "puras/rehearsal",
)
IMAGE_MODELS: Final = (
    "google/nano-banana",
    "openai/gpt-image",
    "bytedance/seedream",
    "google/imagen",
    "kuaishou/kling-image",
)
VIDEO_MODELS: Final = (
    "bytedance/seedance-fast",
    "bytedance/seedance",
    "kuaishou/kling",
    "google/veo",
    "google/veo-fast",
)
AUDIO_MODELS: Final = ("elevenlabs/tts", "elevenlabs/tts-v2", "elevenlabs/scribe-v2")

_FORM: Final = re.compile(r"[a-z][a-z0-9]*/[a-z0-9][a-z0-9._-]*\Z")


def text_model_problem(slug: str) -> str | None:
    """Why a skill cannot name this language model; None when it can."""
    if ":" in slug:
        return (
            f"The model {slug!r} names a provider. Write only family/variant.{suggestion(slug, TEXT_MODELS)}"
        )
    if not _FORM.match(slug):
        return f"The model {slug!r} is not family/variant.{suggestion(slug, TEXT_MODELS)}"
    if slug not in TEXT_MODELS:
        known = suggestion(slug, TEXT_MODELS) or f" Known are {', '.join(TEXT_MODELS)}."
        return f"The model {slug!r} is not in the catalogue.{known}"
    return None


def media_model_problem(slug: str, models: tuple[str, ...]) -> str | None:
    """Why a skill cannot name this model for media; None when it can, also by its last part alone."""
    names = (*models, *(model.partition("/")[2] for model in models))
    if slug == "auto" or slug in names:
        return None
    return f"The model {slug!r} is not in the catalogue.{suggestion(slug, names) or ' Known: ' + ', '.join(models)}"
