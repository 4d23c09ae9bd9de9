"""Report the parts of the language that flows cannot run yet, so that no job stops at one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from backend.skills.flows.types import Step, StepKind

KINDS: Final[frozenset[StepKind]] = frozenset({"prompt", "python"})
"""Kinds of steps that cannot run yet."""


def unsupported(step: Step) -> Iterator[str]:
    """Yield the keys of a step that this version reads, but cannot run."""
    if step.kind in KINDS:
        yield str(step.kind)
    if step.approval is not None:
        if step.approval.form is not None:
            yield "form"
        if step.approval.reviewers:
            yield "reviewers"
