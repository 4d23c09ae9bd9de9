"""Errors of deployments and of references to their skills."""

from __future__ import annotations

from collections.abc import Sequence

from backend.core.errors import Conflict, Missing, field
from backend.core.names import suggestion
from backend.identity.environments import PRODUCTION


class DeploymentNotFound(Missing):
    """The deployment does not exist, or was deleted."""

    code = "deployment_not_found"
    message = (
        "The deployment {deployment!r} does not exist, or was deleted. GET /v1/deployments lists all; a "
        "number refers to a version of the skillpack."
    )
    deployment: str = field(max_length=100)


class DeploymentFileNotFound(Missing):
    """The version has no such file."""

    code = "deployment_file_not_found"
    version: int | None = field(in_body=False)
    path: str = field(max_length=200)

    def describe(self) -> str:
        """Return the message."""
        which = "The draft" if self.version is None else f"Version {self.version}"
        return (
            f"{which} has no file {self.path!r}. GET /v1/deployments/{{deployment}}/bundle returns all of "
            "its files."
        )


class NothingActive(Missing):
    """The skillpack has no active version."""

    code = "nothing_active"
    skillpack: str | None = field(in_body=False)
    environment: str = field(default=PRODUCTION, in_body=False)

    def describe(self) -> str:
        """Return the message."""
        of = f"The skillpack {self.skillpack!r}" if self.skillpack else "The project"
        if self.environment != PRODUCTION:
            return (
                f"{of} has no active version in the environment {self.environment!r}. Promote or activate a version "
                "there."
            )
        return f"{of} has no active deployment. Push a bundle, or activate a version."


class SkillNotFound(Missing):
    """The version has no such skill."""

    code = "skill_not_found"
    skill: str = field(max_length=200)
    known: Sequence[str] = field(in_body=False)

    def describe(self) -> str:
        """Return the message."""
        listed = f" It has {', '.join(repr(name) for name in self.known[:20])}." if self.known else ""
        hint = suggestion(self.skill, self.known) or listed or " Check its name."
        return f"There is no skill {self.skill[:200]!r}.{hint}"


class SubskillNotSubmittable(Missing):
    """Only the parent of a subskill can run it."""

    code = "subskill_not_submittable"
    message = (
        "{skill!r} is a subskill, which only {parent!r} can run. Submit a job for {parent!r}, or make it a "
        "skill of its own."
    )
    skill: str
    parent: str = field(in_body=False)


class SkillAmbiguous(Conflict):
    """Several skillpacks have the skill, and none of them is the default one."""

    code = "skill_ambiguous"
    skill: str
    candidates: Sequence[str]

    def describe(self) -> str:
        """Return the message."""
        listed = f": {', '.join(self.candidates)}" if self.candidates else ""
        return f"Several skillpacks have a skill {self.skill!r}. Name one with ?skillpack={listed}."


class SkillpackMismatch(Conflict):
    """The name of the skill and the request name different skillpacks."""

    code = "skillpack_mismatch"
    message = "{skill!r} is not in the skillpack {skillpack!r}. Name the skillpack only once."
    skill: str = field(in_body=False, max_length=200)
    skillpack: str = field(in_body=False, max_length=100)


class DeploymentActive(Conflict):
    """The active version of an environment cannot be deleted."""

    code = "deployment_active"
    message = "Version {version} is the active one in {environment}. Activate another version there, then delete it."
    version: int | None = field(in_body=False)
    environment: str = field(default=PRODUCTION, in_body=False)


class DeploymentInUse(Conflict):
    """Unfinished jobs use the deployment."""

    code = "deployment_in_use"
    version: int | None = field(in_body=False)
    live_jobs: int

    def describe(self) -> str:
        """Return the message."""
        are = "job that has" if self.live_jobs == 1 else "jobs that have"
        return (
            f"Version {self.version} still has {self.live_jobs} {are} not ended. Wait for them to end, or "
            "cancel them."
        )


class DeploymentListed(Conflict):
    """A listing of the marketplace uses the deployment."""

    code = "deployment_listed"
    message = (
        "The listing {listing!r} runs version {version}. Add another version to the listing, or withdraw it."
    )
    version: int | None = field(in_body=False)
    listing: str


class DraftNotActivatable(Conflict):
    """A draft cannot be activated."""

    code = "draft_not_activatable"
    message = "A draft has no version and cannot be activated. Publish it as a version."


class BadPullLink(Missing):
    """The URL is invalid or has expired, or its version was deleted."""

    code = "bad_pull_link"
    message = "This URL is not valid, or has expired. Request a new one."
