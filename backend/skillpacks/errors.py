"""What can be wrong with a request about skillpacks."""

from __future__ import annotations

from backend.errors import Missing


class SkillpackNotFound(Missing):
    """There is no such skillpack, or it is not the caller's."""

    code = "skillpack_not_found"

    def __init__(self, reference: str) -> None:
        super().__init__(
            f"No skillpack {reference!r} in this project. List the skillpacks to see their slugs.", skillpack=reference
        )
