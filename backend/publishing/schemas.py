"""Define the responses of the routes of deployments and skills."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from backend.core.attribute_docstrings import Schema
from backend.core.errors import Problem
from backend.core.schemas import RequestBody
from backend.evals.gates import GateRead
from backend.execution.sessions.inputs import is_filled_by_text
from backend.identity.auth.principal import Principal
from backend.identity.auth.scopes import ANONYMOUS_SESSIONS
from backend.identity.environments import Environment
from backend.publishing.promotion import ActiveIn, Promotion
from backend.publishing.stats import ListedVersion
from backend.skills.bundles.read import ReadBundle
from backend.skills.deployments import schema_changes
from backend.skills.deployments.active import ResolvedSkill
from backend.skills.deployments.diff import Diff, FileChange
from backend.skills.deployments.schema_changes import Change
from backend.skills.deployments.service import ActiveSkill
from backend.skills.deployments.tables import Deployment
from backend.skills.manifest import job_ceilings
from backend.skills.manifest.types import Example, Limits, Manifest, Retries, Skill
from backend.skills.skillpacks.tables import Skillpack


class ProblemRead(Schema):
    """A problem and its location in the bundle."""

    path: str
    message: str
    line: int | None = None
    column: int | None = None

    @classmethod
    def of(cls, problem: Problem) -> ProblemRead:
        """Return the response for a problem."""
        return cls(path=problem.path, message=problem.message, line=problem.line, column=problem.column)


class DeploymentSummary(Schema):
    """A version in a list."""

    id: UUID
    project_id: UUID
    workspace_id: UUID
    """The same as `project_id`."""
    skillpack_id: UUID
    skillpack: str
    """Slug of the skillpack."""
    version: int | None
    """`null` for a draft."""
    is_active: bool
    """Whether it is active in production."""
    size_bytes: int
    sha256: str
    """SHA-256 of the ZIP archive."""
    notes: str
    created_by: str
    created_at: datetime
    gate: GateRead | None
    """The state of the gates of its skills. `null`: no activation was requested yet."""

    @classmethod
    def of(cls, deployment: Deployment, skillpack: Skillpack) -> DeploymentSummary:
        """Return the summary of a deployment of that skillpack."""
        return cls(**_summary(deployment, skillpack))


class SkillScoreRead(Schema):
    """The result of the newest finished suite of a skill with the skill's own model."""

    skill: str
    suite_id: UUID
    mean_score: float | None
    """0 to 100."""
    pass_rate_pct: float | None


class ListedDeployment(DeploymentSummary):
    """A version in the list of its skillpack."""

    skills: list[str]
    """Skills that jobs can name."""
    gated_skills: list[str]
    """Skills whose suites must pass before the version becomes active."""
    live_jobs: int
    """Jobs that have not ended. They keep this version."""
    scores: list[SkillScoreRead]
    """Scores by skill; empty if none of its suites has finished."""
    environments: list[Environment]
    """The environments in which the version is active."""

    @classmethod
    def of_listed(cls, listed: ListedVersion) -> ListedDeployment:
        """Return the response for a version with its statistics."""
        # Read from the row, since a long list should parse no manifests.
        stored_skills = listed.deployment.manifest["skills"]
        # Absent in manifests from before subskills existed.
        skills = [skill for skill in stored_skills if not skill.get("parent_skill")]
        return cls(
            **_summary(listed.deployment, listed.skillpack),
            skills=[skill["name"] for skill in skills],
            gated_skills=[skill["name"] for skill in skills if skill.get("eval_gate")],
            live_jobs=listed.stats.live_jobs,
            scores=[SkillScoreRead(**score._asdict()) for score in listed.stats.scores],
            environments=list(listed.stats.environments),
        )


class DeploymentRead(DeploymentSummary):
    """A version with everything that it contains."""

    manifest: Manifest
    warnings: list[ProblemRead]
    removed_skills: list[str]
    """Skills of the version that was active at the push that this version lacks."""
    environments: list[Environment]
    """The environments in which the version is active."""

    @classmethod
    def of_active(
        cls, deployment: Deployment, skillpack: Skillpack, environments: Iterable[Environment]
    ) -> DeploymentRead:
        """Return the response for a deployment of that skillpack that is active in these environments."""
        return cls(
            **_summary(deployment, skillpack),
            manifest=Manifest.model_validate(deployment.manifest),
            warnings=[ProblemRead.model_validate(warning) for warning in deployment.warnings],
            removed_skills=schema_changes.removed_in(deployment.warnings),
            environments=list(environments),
        )


class ValidationRead(Schema):
    """A bundle that can be pushed as it is."""

    ok: Literal[True] = True
    sha256: str
    size_bytes: int
    manifest: Manifest
    warnings: list[ProblemRead]
    removed_skills: list[str]
    """Skills of the active version that a push of the bundle removes."""

    @classmethod
    def of(cls, read: ReadBundle, removed: list[str]) -> ValidationRead:
        """Return the response for a bundle without errors."""
        return cls(
            sha256=read.sha256,
            size_bytes=read.size_bytes,
            manifest=read.manifest,
            warnings=[ProblemRead.of(warning) for warning in read.warnings],
            removed_skills=removed,
        )


class PullLinkRead(Schema):
    """A temporary URL of the bundle of the active version."""

    download_url: str
    version: int | None
    deployment_id: UUID
    sha256: str
    expires_in: int
    """Seconds until the URL expires."""


class FileChangeRead(Schema):
    """A file that differs. A size is `null` if that side lacks the file."""

    path: str
    change: Literal["added", "removed", "changed"]
    base_bytes: int | None
    head_bytes: int | None

    @classmethod
    def of(cls, file: FileChange) -> FileChangeRead:
        """Return the response for a file."""
        is_in_both = file.base_bytes is not None and file.head_bytes is not None
        change: Literal["added", "removed", "changed"] = "added" if file.base_bytes is None else "removed"
        return cls(
            path=file.path,
            change="changed" if is_in_both else change,
            base_bytes=file.base_bytes,
            head_bytes=file.head_bytes,
        )


class SkillChangeRead(Schema):
    """A change of a skill, and whether it breaks callers."""

    skill: str
    path: str
    message: str
    is_breaking: bool

    @classmethod
    def of(cls, change: Change) -> SkillChangeRead:
        """Return the response for a change."""
        return cls(
            skill=change.skill, path=change.place, message=change.message, is_breaking=change.is_breaking
        )


class DiffRead(Schema):
    """The changes from `base` to `head`."""

    base: DeploymentSummary
    head: DeploymentSummary
    is_breaking: bool
    files: list[FileChangeRead]
    skills: list[SkillChangeRead]

    @classmethod
    def of(cls, diff: Diff, skillpack: Skillpack) -> DiffRead:
        """Return the response for the difference of two versions of that skillpack."""
        return cls(
            base=DeploymentSummary.of(diff.base, skillpack),
            head=DeploymentSummary.of(diff.head, skillpack),
            is_breaking=diff.is_breaking,
            files=[FileChangeRead.of(file) for file in diff.files],
            skills=[SkillChangeRead.of(change) for change in diff.changes],
        )


class EnvironmentRead(Schema):
    """An environment with the active version of a skillpack."""

    environment: Environment
    active: DeploymentSummary | None
    """`null`: no version is active, so that jobs of this environment need a version."""
    previous: DeploymentSummary | None
    """The version that a rollback activates."""

    @classmethod
    def of(cls, found: ActiveIn, skillpack: Skillpack) -> EnvironmentRead:
        """Return the response for an environment of that skillpack."""
        return cls(
            environment=found.environment,
            active=found.active and DeploymentSummary.of(found.active, skillpack),
            previous=found.previous and DeploymentSummary.of(found.previous, skillpack),
        )


class PromotionCreate(RequestBody):
    """A promotion to an environment."""

    source: Environment | None = None
    """The environment whose active version is promoted. Default: `development` for `staging`, `staging` for
    `production`, `production` for `development`."""
    deployment: str | None = Field(default=None, min_length=1, max_length=100)
    """ID or number of a version, instead of `source`."""
    version: int | None = Field(default=None, ge=1, le=2**31 - 1)
    """The version that you have reviewed. If another one is active in `source` meanwhile, nothing is promoted."""

    @model_validator(mode="after")
    def _is_from_one(self) -> Self:
        if self.source is not None and self.deployment is not None:
            raise ValueError("Set either `source` (an environment) or `deployment` (a version)")
        return self


class PromotionCheckRead(Schema):
    """A check of a promotion."""

    name: Literal["gate", "compatibility", "secrets"]
    state: Literal["passed", "warning", "pending"]
    """`pending`: the promotion starts it, and the version becomes active when it has passed."""
    message: str


class PromotionRead(Schema):
    """The changes that a promotion would make."""

    environment: Environment
    source: Environment | None
    head: DeploymentSummary
    """The version that would become active."""
    base: DeploymentSummary | None
    """The version that is active now."""
    is_active: bool
    """Whether the version is active in the environment already, so that there is nothing to promote."""
    diff: DiffRead | None
    """`null`: no version is active in the environment."""
    checks: list[PromotionCheckRead]

    @classmethod
    def of(cls, found: Promotion, skillpack: Skillpack) -> PromotionRead:
        """Return the response for a promotion of that skillpack."""
        return cls(
            environment=found.environment,
            source=found.source,
            head=DeploymentSummary.of(found.head, skillpack),
            base=found.base and DeploymentSummary.of(found.base, skillpack),
            is_active=found.base is not None and found.base.id == found.head.id,
            diff=found.diff and DiffRead.of(found.diff, skillpack),
            checks=[PromotionCheckRead(**check._asdict()) for check in found.checks],
        )


class SkillSummary(Schema):
    """A skill that jobs can name."""

    name: str
    full_name: str
    """The name for jobs: that of the skill, prefixed with `skillpack/` unless the skillpack is the default one."""
    skillpack: str
    """Slug of its skillpack."""
    skillpack_id: UUID
    deployment_id: UUID
    version: int | None
    title: str | None
    description: str
    type: Literal["agentic", "deterministic", "flow"]
    is_agentic: bool

    @classmethod
    def of(cls, active: ActiveSkill) -> SkillSummary:
        """Return the summary of an active skill."""
        return cls(
            full_name=active.full_name,
            skillpack=active.skillpack.slug,
            skillpack_id=active.skillpack.id,
            deployment_id=active.deployment.id,
            version=active.deployment.version,
            **_of_skill(active.skill),
        )


class SkillRead(SkillSummary):
    """A skill with everything that a caller or a form needs."""

    input_schema: dict[str, Any]
    """The schema as its author wrote it, in the dialect of skill.yaml."""
    output_schema: dict[str, Any]
    input_json_schema: dict[str, Any]
    """The same schema in JSON Schema 2020-12."""
    output_json_schema: dict[str, Any]
    examples: list[Example]
    model: str | None
    timeout_s: float | None
    """`null`: the default of the instance."""
    limits: Limits
    """The limits of a job. If the operator has lowered a ceiling since the push, the ceiling."""
    retries: Retries
    network: str | list[str]
    lane: str | None
    marketing: dict[str, Any] | None


class EmbedRead(Schema):
    """The parts of a skill that a form or a chat in a page needs."""

    name: str
    full_name: str
    """The name for jobs and sessions."""
    title: str | None
    description: str
    is_agentic: bool
    """Whether sessions with the skill are possible."""
    allows_visitors: bool = False
    """Whether the key allows sessions of visitors without a signed user, and the text of a message fills all required
    inputs."""
    input_schema: dict[str, Any]
    """The schema as its author wrote it, in the dialect of skill.yaml."""

    @classmethod
    def of(cls, found: ResolvedSkill, principal: Principal) -> EmbedRead:
        """Return the response for a skill and the key of the page."""
        skill = found.skill
        return cls(
            name=skill.name,
            full_name=found.full_name,
            title=skill.title,
            description=skill.description,
            is_agentic=skill.is_agentic,
            allows_visitors=skill.is_agentic
            and ANONYMOUS_SESSIONS in (principal.scopes or ())
            and is_filled_by_text(skill),
            input_schema=skill.input_schema,
        )


def detail_of_skill(skill: Skill) -> dict[str, Any]:
    """Return the detail fields of a skill, with limits under the operator's ceilings."""
    ceilings = job_ceilings.current()
    return {
        **_of_skill(skill),
        "input_schema": skill.input_schema,
        "output_schema": skill.output_schema,
        "input_json_schema": skill.input_json_schema,
        "output_json_schema": skill.output_json_schema,
        "examples": list(skill.examples),
        "model": skill.model,
        "timeout_s": ceilings.declared_timeout_s(skill),
        "limits": ceilings.declared(skill.limits),
        "retries": ceilings.declared_retries(skill.retries),
        "network": skill.network,
        "lane": skill.lane,
        "marketing": skill.marketing,
    }


def _of_skill(skill: Skill) -> dict[str, Any]:
    return {
        "name": skill.name,
        "title": skill.title,
        "description": skill.description,
        "type": skill.type,
        "is_agentic": skill.is_agentic,
    }


def _summary(deployment: Deployment, skillpack: Skillpack) -> dict[str, Any]:
    return {
        "id": deployment.id,
        "project_id": deployment.project_id,
        "workspace_id": deployment.project_id,
        "skillpack_id": deployment.skillpack_id,
        "skillpack": skillpack.slug,
        "version": deployment.version,
        "is_active": skillpack.active_deployment_id == deployment.id,
        "size_bytes": deployment.size_bytes,
        "sha256": deployment.sha256,
        "notes": deployment.notes,
        "created_by": deployment.created_by,
        "created_at": deployment.created_at,
        "gate": deployment.gate,
    }
