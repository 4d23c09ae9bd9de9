"""Provide the older name of `puras.subagent`: `skills.run("translate", {"text": "owl"})`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from puras import subagent

__all__ = ["SkillRunError", "run"]

SkillRunError = subagent.SubagentRunError


def run(ref: str, inputs: Mapping[str, object] | None = None, *, timeout: float = 600.0) -> Any:
    """Run a skill and return its result.

    Raises:
        SkillRunError: The call was rejected, or the job did not succeed in time.
    """
    return subagent.run(ref, inputs, timeout=timeout)
