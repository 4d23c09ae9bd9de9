"""What can be wrong with a skillpack.

Missing
└── SkillpackNotFound
Conflict
└── SkillpackSlugTaken
"""

from __future__ import annotations

from backend.core.errors import Conflict, Missing


class SkillpackNotFound(Missing):
    """There is no such skillpack in the project."""

    code = "skillpack_not_found"

    def __init__(self, ref: str) -> None:
        super().__init__(
            f"The project has no skillpack {ref[:100]!r}. GET /v1/skillpacks lists them.", skillpack=ref[:100]
        )


class SkillpackSlugTaken(Conflict):
    """The project has a skillpack of that slug."""

    code = "slug_taken"

    def __init__(self, slug: str) -> None:
        super().__init__(f"The project has a skillpack {slug!r} already. Choose another slug.", slug=slug)
