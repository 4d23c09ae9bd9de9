"""Count the tokens of a job."""

from __future__ import annotations

from typing import NamedTuple

from backend.execution.jobs.schemas import JobRead


class TokenCounts(NamedTuple):
    """The tokens of all replies of a job, without its subjobs."""

    prompt: int
    """All tokens of the prompts, cached or not."""
    output: int
    cache_read: int
    cache_write: int


def tokens_of(job: JobRead) -> TokenCounts:
    """Return the tokens of a job; a function has used none."""
    counts = {
        name: int(job.usage.get(f"{name}_tokens") or 0)
        for name in ("input", "output", "cache_read", "cache_write")
    }
    prompt = counts["input"] + counts["cache_read"] + counts["cache_write"]
    return TokenCounts(prompt, counts["output"], counts["cache_read"], counts["cache_write"])
