"""What can be wrong with a request about deployments and the skills in them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from backend.bundles.names import suggestion
from backend.errors import Conflict, Missing


class DeploymentNotFound(Missing):
    """There is no such deployment, or it is not the caller's."""

    code = "deployment_not_found"

    def __init__(self, reference: UUID | str | int) -> None:
        super().__init__(
            f"No deployment {str(reference)!r} here. List the deployments to see their versions.",
            deployment=str(reference),
        )


class NothingDeployed(Missing):
    """The skillpack has no active deployment."""

    code = "nothing_deployed"

    def __init__(self, skillpack: str) -> None:
        super().__init__(
            f"The skillpack {skillpack!r} has no active deployment. Push a bundle, or activate a version.",
            skillpack=skillpack,
        )


class SkillNotFound(Missing):
    """The deployment has no such skill."""

    code = "skill_not_found"

    def __init__(self, skill: str, known: Sequence[str]) -> None:
        super().__init__(
            f"No skill {skill!r} here.{suggestion(skill, known)} It has {', '.join(sorted(known)) or 'none'}.",
            skill=skill,
            skills=sorted(known),
        )


class SubskillNotSubmittable(Missing):
    """A subskill is run by its parent alone."""

    code = "subskill_not_submittable"

    def __init__(self, skill: str, parent: str) -> None:
        super().__init__(
            f"The subskill {skill!r} is run by its parent alone. Submit {parent!r} instead.",
            skill=skill,
            parent=parent,
        )


class AmbiguousSkill(Conflict):
    """Several skillpacks have a skill of that name, and none of them is the default one."""

    code = "ambiguous_skill"

    def __init__(self, skill: str, skillpacks: Sequence[str]) -> None:
        super().__init__(
            f"Several skillpacks have a skill {skill!r}: {', '.join(sorted(skillpacks))}. "
            "Name the one you mean with ?skillpack=.",
            skill=skill,
            skillpacks=sorted(skillpacks),
        )
