"""What can be wrong with a deployment, or with naming a skill of one.

Missing
├── DeploymentNotFound      no such version, or it was deleted
├── DeploymentFileNotFound  the version has no such file
├── NothingActive           the skillpack has no active version yet
├── SkillNotFound           the version has no such skill
├── SubskillNotSubmittable  only its parent runs it
└── BadPullLink             forged, expired, or of a deleted version
Conflict
├── SkillAmbiguous          several skillpacks have the skill
├── SkillpackMismatch       the skill's own name says another skillpack
├── DeploymentActive        the active version cannot be deleted
├── DeploymentInUse         live jobs run on it
├── DeploymentListed        a listing of the marketplace runs it
└── DraftNotActivatable     drafts are run, never activated
"""

from __future__ import annotations

from collections.abc import Sequence

from backend.core.errors import Conflict, Missing
from backend.core.names import suggestion


class DeploymentNotFound(Missing):
    """There is no such version, or it was deleted."""

    code = "deployment_not_found"

    def __init__(self, ref: str) -> None:
        super().__init__(
            f"There is no deployment {ref[:100]!r} here, or it was deleted. GET /v1/deployments lists them; "
            "a plain number is a version of the skillpack.",
            deployment=ref[:100],
        )


class DeploymentFileNotFound(Missing):
    """The version has no such file."""

    code = "deployment_file_not_found"

    def __init__(self, version: int | None, path: str) -> None:
        which = "The draft" if version is None else f"Version {version}"
        super().__init__(
            f"{which} has no file {path[:200]!r}. GET /v1/deployments/{{deployment}}/bundle has all that it has.",
            path=path[:200],
        )


class NothingActive(Missing):
    """No version is active, so no skill can be named."""

    code = "nothing_active"

    def __init__(self, skillpack: str | None) -> None:
        of = f"The skillpack {skillpack!r}" if skillpack else "The project"
        super().__init__(f"{of} has no active deployment. Push a bundle, or activate a version.")


class SkillNotFound(Missing):
    """The version that was named, or is active, has no such skill."""

    code = "skill_not_found"

    def __init__(self, skill: str, known: Sequence[str]) -> None:
        listed = f" It has {', '.join(repr(name) for name in known[:20])}." if known else ""
        hint = suggestion(skill, known) or listed or " Check its name."
        super().__init__(f"There is no skill {skill[:200]!r}.{hint}", skill=skill[:200])


class SubskillNotSubmittable(Missing):
    """Subskills are run by their parent alone."""

    code = "subskill_not_submittable"

    def __init__(self, skill: str, parent: str) -> None:
        super().__init__(
            f"{skill!r} is a subskill: only {parent!r} runs it. Submit a job for {parent!r}, or move it to the top.",
            skill=skill,
        )


class SkillAmbiguous(Conflict):
    """Several skillpacks have the skill, and none of them is the default one."""

    code = "skill_ambiguous"

    def __init__(self, skill: str, candidates: Sequence[str]) -> None:
        listed = f": {', '.join(candidates)}" if candidates else ""
        super().__init__(
            f"Several skillpacks have a skill {skill!r}. Name one with ?skillpack={listed}.",
            skill=skill,
            candidates=list(candidates),
        )


class SkillpackMismatch(Conflict):
    """The skill's own name says another skillpack than the request does."""

    code = "skillpack_mismatch"

    def __init__(self, skill: str, skillpack: str) -> None:
        super().__init__(
            f"{skill[:200]!r} is not in the skillpack {skillpack[:100]!r}. Name it in one place only."
        )


class DeploymentActive(Conflict):
    """The active version cannot be deleted."""

    code = "deployment_active"

    def __init__(self, version: int | None) -> None:
        super().__init__(
            f"Version {version} is the active one. Activate another version, then delete this one."
        )


class DeploymentInUse(Conflict):
    """Jobs that have not ended are pinned to it."""

    code = "deployment_in_use"

    def __init__(self, version: int | None, jobs: int) -> None:
        are = "job that has" if jobs == 1 else "jobs that have"
        super().__init__(
            f"Version {version} still has {jobs} {are} not ended. Wait for them or cancel them.",
            live_jobs=jobs,
        )


class DeploymentListed(Conflict):
    """A listing of the marketplace runs it now."""

    code = "deployment_listed"

    def __init__(self, version: int | None, listing: str) -> None:
        super().__init__(
            f"Version {version} is what the listing {listing!r} runs. Add another version to it, or take it down.",
            listing=listing,
        )


class DraftNotActivatable(Conflict):
    """Drafts are run, never activated."""

    code = "draft_not_activatable"

    def __init__(self) -> None:
        super().__init__("A draft has no version and cannot be activated. Publish it as a version.")


class BadPullLink(Missing):
    """The address is forged, its time is over, or its version was deleted."""

    code = "bad_pull_link"

    def __init__(self) -> None:
        super().__init__("This address is not valid, or its time is over. Ask for a new one.")
