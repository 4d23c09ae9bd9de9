"""Errors of the assistant."""

from __future__ import annotations

from backend.core.errors import Conflict


class AssistantNeedsModel(Conflict):
    """Only the simulation is available, which cannot work on a draft."""

    code = "assistant_needs_model"
    message = (
        "The assistant needs a language model, and only the simulation is available. Add an API key of a provider in "
        "the settings of the project, or name another model."
    )
