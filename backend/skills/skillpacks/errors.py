"""Errors of skillpacks."""

from __future__ import annotations

from backend.core.errors import Conflict, Missing, field


class SkillpackNotFound(Missing):
    """The project has no such skillpack."""

    code = "skillpack_not_found"
    message = "The project has no skillpack {skillpack!r}. GET /v1/skillpacks lists all of them."
    skillpack: str = field(max_length=100)


class SkillpackSlugTaken(Conflict):
    """Another skillpack of the project has this slug."""

    code = "slug_taken"
    message = "The project already has a skillpack {slug!r}. Choose another slug."
    slug: str
