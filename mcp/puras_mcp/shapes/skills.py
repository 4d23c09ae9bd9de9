"""Define skills, versions, eval suites and pages of the documentation."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from puras_mcp.cutting import Cut
from puras_mcp.shapes.base import Shape


class Problem(Shape):
    """An error or a warning about a bundle."""

    path: str = ""
    """File of the bundle, or JSON path."""
    message: str
    line: int | None = None


class Deployment(Shape):
    """A version of the project's skills."""

    id: str
    version: int | None
    skillpack: str
    is_active: bool
    size_bytes: int
    sha256: str
    notes: str
    created_at: str


class Pushed(Deployment):
    """A new version."""

    skills: list[str]
    warnings: list[Problem]
    removed_skills: list[str]
    """Skills of the previously active version that this one does not have."""


class Checked(Shape):
    """The result of a check of a bundle. Nothing was stored or run."""

    ok: bool
    skills: list[str]
    warnings: list[Problem]
    size_bytes: int


class Deployments(Shape):
    """Versions, newest first."""

    deployments: list[Deployment]
    total: int
    """Total number."""
    next_offset: int | None
    """Pass it as `offset` for older versions; null: there are none."""


class EnvironmentLine(Shape):
    """An environment of the project."""

    environment: str
    active: Deployment | None
    """Null: no version is active there."""
    previous: Deployment | None


class Environments(Shape):
    """Development, staging and production."""

    environments: list[EnvironmentLine]


class PromotionCheck(Shape):
    """A check of a promotion."""

    name: str
    state: str
    """`passed`, `warning`, or `pending`: the promotion starts it."""
    message: str


class Promotion(Shape):
    """What a promotion would change."""

    environment: str
    source: str | None
    head: Deployment
    """The version that would become active."""
    base: Deployment | None
    """The version that is active now."""
    is_active: bool
    """Whether there is nothing to promote."""
    diff: dict[str, Any] | None
    """Changed skills and files; null: no version is active."""
    checks: list[PromotionCheck]


class SkillLine(Shape):
    """A skill that can be run."""

    name: str
    skillpack: str
    version: int | None
    title: str | None
    description: str
    type: str


class PromptVersion(Shape):
    """A version of the prompt of an agent."""

    number: int
    labels: list[str]
    created_at: str
    created_by: str
    deployments: list[dict[str, Any]]
    """Deployments with it, newest first: `version`, `active_in` and others."""
    statistics: dict[str, Any] | None
    """Jobs, success rate and median cost of recent jobs."""
    eval_score: float | None
    """Mean score of its newest suite, from 0 to 100."""
    text: str | None = None
    """The text, if one version was requested."""
    cuts: list[Cut] = Field(default_factory=list)


class Prompts(Shape):
    """The versions of the prompt of an agent, newest first."""

    skill: str
    skillpack: str
    versions: list[PromptVersion]


class Skills(Shape):
    """The skills of the active deployments."""

    skills: list[SkillLine]
    total: int
    """Total number."""
    next_offset: int | None
    """Pass it as `offset` for more; null: there are none."""


class Skill(SkillLine):
    """A skill with its input and output schemas."""

    input_schema: Any
    """JSON Schema of the inputs of `submit_job`."""
    output_schema: Any
    """JSON Schema of the result."""
    examples: Any
    model: str | None
    timeout_s: float | None
    limits: Any
    network: Any
    cuts: list[Cut] = Field(default_factory=list)
    """Shortened values."""


class Suite(Shape):
    """An eval suite of a skill."""

    id: str
    skill_name: str
    version: int | None
    status: Literal["preparing", "running", "succeeded", "failed", "cancelled"]
    waiting_reason: str
    error: str
    total_runs: int
    completed_runs: int
    passed_runs: int
    failed_runs: int
    mean_score: float | None = None
    pass_rate_pct: float | None = None
    gate_passed: bool | None
    total_cost_micros: int
    failures: list[dict[str, Any]] = Field(default_factory=list)
    """The runs that did not pass, shortened."""
    next: str = ""
    """The next step."""


class Starter(Shape):
    """The files of a new skill."""

    files: dict[str, str]
    """Content by path. The files were written if `folder` is set."""
    folder: str
    """Folder of the written files; empty: nothing was written, pass them to `push`."""
    next: str
    """The next step."""


class Page(Shape):
    """A page of the documentation, or a search result."""

    name: str
    title: str
    text: str
    """Markdown; empty in a list."""
    next_offset: int | None = None
    """Pass it as `offset` for more; null: this is the end."""


class Pages(Shape):
    """Pages of the documentation."""

    pages: list[Page]
