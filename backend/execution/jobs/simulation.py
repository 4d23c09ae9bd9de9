"""Simulated jobs: no language model replied, since no key for one is configured or since that was requested."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

LABEL: Final = "rehearsal"
"""What replies, receipts and `usage` of simulated jobs are labeled with."""
_NO_MODEL: Final = "Simulated: no language model ran."
_MADE_OF: Final = {
    "example": "The result is the output of an example of this skill that has the same inputs.",
    "other_example": "The result is the output of an example of this skill with other inputs. It does not answer these "
    "inputs.",
    "sample": "The result is made of sample values that are valid for the output schema.",
}


def is_simulated(usage: Mapping[str, Any]) -> bool:
    """Return whether a simulation replied in place of a language model, by what the job has used."""
    return usage.get("label") == LABEL


def described(usage: Mapping[str, Any]) -> str | None:
    """Return what the result of a simulated job is made of; `None` for other jobs."""
    if not is_simulated(usage):
        return None
    return " ".join(filter(None, (_NO_MODEL, _MADE_OF.get(str(usage.get("simulated_from", ""))))))
