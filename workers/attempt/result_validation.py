"""How a run that is over has ended: its result checked against what the skill promises, its files kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from backend.core.errors import PurasError
from backend.execution.jobs.finish import Ending
from backend.money.ledger.service import Used
from backend.skills.manifest.types import Skill
from workers.types import Failure, Measured, Outcome


class Kept(NamedTuple):
    """A result whose files are stored."""

    value: Any
    """The result, with its files named where they are now."""
    files: list[dict[str, Any]]


class Keep(Protocol):
    """Stores what the job wrote; says which files its result names."""

    async def __call__(self, *, value: Any) -> Kept:
        """Raises PurasError when not everything could be stored."""


async def judged(
    skill: Skill, outcome: Outcome, keep: Keep, *, used: tuple[Used, ...], hide: Callable[[str], str]
) -> Ending:
    """The ending that an outcome comes to; `hide` takes the secrets out of what is told."""
    usage = _usage(outcome.measured)
    if isinstance(outcome, Failure):
        return Ending("failed", error=hide(outcome.message), error_code=outcome.code, usage=usage, used=used)
    checked = skill.output.check(outcome.value)
    if checked.problems:
        first = checked.problems[0]
        error = hide(f"The result does not fit the skill's output_schema: {first.path}: {first.message}")
        return Ending("failed", error=error, error_code="bad_output", usage=usage, used=used)
    try:
        kept = await keep(value=checked.value)
    except PurasError as trouble:
        error = hide(f"The job ended well, but its files were not stored: {trouble.detail}")
        return Ending(
            "failed", result=checked.value, error=error, error_code=trouble.code, usage=usage, used=used
        )
    return Ending("succeeded", result=kept.value, outputs=kept.files, usage=usage, used=used)


def _usage(measured: Measured) -> dict[str, float]:
    return {
        "wall_s": round(measured.wall_s, 4),
        "cpu_s": round(measured.cpu_s, 4),
        "peak_memory_mb": round(measured.peak_memory_mb, 1),
    }
