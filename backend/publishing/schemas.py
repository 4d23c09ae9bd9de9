"""What the routes of deployments and skills answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from backend.core.errors import Problem
from backend.evals.gates import GateRead
from backend.publishing.stats import Listed
from backend.skills.bundles.read import ReadBundle
from backend.skills.deployments import schema_changes
from backend.skills.deployments.diff import Diff, FileChange
from backend.skills.deployments.schema_changes import Change
from backend.skills.deployments.service import ActiveSkill
from backend.skills.deployments.tables import Deployment
from backend.skills.manifest import job_ceilings
from backend.skills.manifest.types import Example, Limits, Manifest, Retries, Skill
from backend.skills.skillpacks.tables import Skillpack


class _Answer(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class ProblemRead(_Answer):
    """A place in the bundle, and what about it."""

    path: str
    message: str
    line: int | None = None
    column: int | None = None

    @classmethod
    def of(cls, problem: Problem) -> ProblemRead:
        """The answer for a problem."""
        return cls(path=problem.path, message=problem.message, line=problem.line, column=problem.column)


class DeploymentSummary(_Answer):
    """A version, as lists show it."""

    id: UUID
    project_id: UUID
    workspace_id: UUID
    """The same id, by the name that newer clients read."""
    skillpack_id: UUID
    skillpack: str
    """Its slug."""
    version: int | None
    """`null` for a draft."""
    is_active: bool
    size_bytes: int
    sha256: str
    """Of the zip: the same bytes have the same."""
    notes: str
    created_by: str
    created_at: datetime
    gate: GateRead | None
    """How it stands with the gates of its skills; `null`: nothing was asked of it yet."""

    @classmethod
    def of(cls, deployment: Deployment, skillpack: Skillpack) -> DeploymentSummary:
        """The summary of a deployment of that skillpack."""
        return cls(**_summary(deployment, skillpack))


class SkillScoreRead(_Answer):
    """What the newest finished suite of a skill came to, on the skill's own model."""

    skill: str
    suite_id: UUID
    mean_score: float | None
    """0 to 100."""
    pass_rate_pct: float | None


class ListedDeployment(DeploymentSummary):
    """A version among the others of its skillpack."""

    skills: list[str]
    """Those that jobs can name."""
    gated_skills: list[str]
    """Those of them of which a suite has to pass before the version becomes active."""
    live_jobs: int
    """Jobs that have not ended, and stay on it whatever is activated."""
    scores: list[SkillScoreRead]
    """By skill; empty: no suite of it has finished."""

    @classmethod
    def as_it_stands(cls, listed: Listed) -> ListedDeployment:
        """The version as it stands now."""
        every = listed.deployment.manifest["skills"]  # as it is stored: a long list parses no manifest
        skills = [skill for skill in every if not skill.get("parent_skill")]  # absent: older than sub-skills
        return cls(
            **_summary(listed.deployment, listed.skillpack),
            skills=[skill["name"] for skill in skills],
            gated_skills=[skill["name"] for skill in skills if skill.get("eval_gate")],
            live_jobs=listed.standing.live_jobs,
            scores=[SkillScoreRead(**score._asdict()) for score in listed.standing.scores],
        )


class DeploymentRead(DeploymentSummary):
    """A version with all that it offers."""

    manifest: Manifest
    warnings: list[ProblemRead]
    removed_skills: list[str]
    """Skills that the version that was active at the push has, and this one does not."""

    @classmethod
    def of(cls, deployment: Deployment, skillpack: Skillpack) -> DeploymentRead:
        """The answer for a deployment of that skillpack."""
        return cls(
            **_summary(deployment, skillpack),
            manifest=Manifest.model_validate(deployment.manifest),
            warnings=[ProblemRead.model_validate(warning) for warning in deployment.warnings],
            removed_skills=schema_changes.removed_in(deployment.warnings),
        )


class ValidationRead(_Answer):
    """A bundle that may be pushed as it is."""

    ok: Literal[True] = True
    sha256: str
    size_bytes: int
    manifest: Manifest
    warnings: list[ProblemRead]
    removed_skills: list[str]
    """Skills of the active version that a push of the bundle removes."""

    @classmethod
    def of(cls, read: ReadBundle, removed: list[str]) -> ValidationRead:
        """The answer for a bundle without errors."""
        return cls(
            sha256=read.sha256,
            size_bytes=read.size_bytes,
            manifest=read.manifest,
            warnings=[ProblemRead.of(warning) for warning in read.warnings],
            removed_skills=removed,
        )


class PullLinkRead(_Answer):
    """Where the bundle of the active version is, for a while."""

    download_url: str
    version: int | None
    deployment_id: UUID
    sha256: str
    expires_in: int
    """Seconds."""


class FileChangeRead(_Answer):
    """A file that differs; a size is `null` where the file is not."""

    path: str
    change: Literal["added", "removed", "changed"]
    base_bytes: int | None
    head_bytes: int | None

    @classmethod
    def of(cls, file: FileChange) -> FileChangeRead:
        """The file as it is shown."""
        is_kept = file.base_bytes is not None and file.head_bytes is not None
        change: Literal["added", "removed", "changed"] = "added" if file.base_bytes is None else "removed"
        return cls(
            path=file.path,
            change="changed" if is_kept else change,
            base_bytes=file.base_bytes,
            head_bytes=file.head_bytes,
        )


class SkillChangeRead(_Answer):
    """A skill that differs, and whether its callers can trip over it."""

    skill: str
    path: str
    message: str
    is_breaking: bool

    @classmethod
    def of(cls, change: Change) -> SkillChangeRead:
        """The change as it is shown."""
        return cls(
            skill=change.skill, path=change.place, message=change.message, is_breaking=change.is_breaking
        )


class DiffRead(_Answer):
    """What `head` changes over `base`."""

    base: DeploymentSummary
    head: DeploymentSummary
    is_breaking: bool
    files: list[FileChangeRead]
    skills: list[SkillChangeRead]

    @classmethod
    def of(cls, diff: Diff, skillpack: Skillpack) -> DiffRead:
        """The answer for the difference of two versions of that skillpack."""
        return cls(
            base=DeploymentSummary.of(diff.base, skillpack),
            head=DeploymentSummary.of(diff.head, skillpack),
            is_breaking=diff.is_breaking,
            files=[FileChangeRead.of(file) for file in diff.files],
            skills=[SkillChangeRead.of(change) for change in diff.changes],
        )


class SkillSummary(_Answer):
    """A skill that jobs can name."""

    name: str
    full_name: str
    """What a job calls it by: its name, before it the skillpack's and a slash where that is not the default one."""
    skillpack: str
    """Slug of the skillpack that it is in."""
    skillpack_id: UUID
    deployment_id: UUID
    version: int | None
    title: str | None
    description: str
    type: Literal["agentic", "deterministic"]
    is_agentic: bool

    @classmethod
    def of(cls, active: ActiveSkill) -> SkillSummary:
        """The summary of an active skill."""
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
    """As its author wrote it, in the dialect."""
    output_schema: dict[str, Any]
    input_json_schema: dict[str, Any]
    """The same in plain JSON Schema 2020-12."""
    output_json_schema: dict[str, Any]
    examples: list[Example]
    model: str | None
    timeout_s: float | None
    """`null`: as the instance says."""
    limits: Limits
    """What a job gets: where the operator has lowered a ceiling since the version was pushed, the ceiling."""
    retries: Retries
    network: str | list[str]
    lane: str | None
    marketing: dict[str, Any] | None


def detail_of_skill(skill: Skill) -> dict[str, Any]:
    """The fields of a skill that its detail shows, with its limits as they hold under the operator's ceilings."""
    most = job_ceilings.current()
    return {
        **_of_skill(skill),
        "input_schema": skill.input_schema,
        "output_schema": skill.output_schema,
        "input_json_schema": skill.input_json_schema,
        "output_json_schema": skill.output_json_schema,
        "examples": list(skill.examples),
        "model": skill.model,
        "timeout_s": most.declared_timeout_s(skill),
        "limits": most.declared(skill.limits),
        "retries": most.declared_retries(skill.retries),
        "network": skill.network,
        "lane": skill.lane,
        "marketing": skill.marketing,
    }


def _of_skill(skill: Skill) -> dict[str, Any]:
    return {
        "name": skill.name,
        "title": skill.title,
        "description": skill.description,
        "type": "agentic" if skill.is_agentic else "deterministic",
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
