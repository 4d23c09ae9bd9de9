"""Skills, their versions, and how they are written and judged."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from puras_mcp.cutting import Cut
from puras_mcp.shapes.base import Shape


class Problem(Shape):
    """Something in a bundle that is wrong, or could be better."""

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
    """A version that was just made."""

    skills: list[str]
    warnings: list[Problem]
    removed_skills: list[str]
    """Skills of the version that was active before, which this one does not have."""


class Checked(Shape):
    """What a bundle is, as the instance reads it; nothing was stored or run."""

    ok: bool
    skills: list[str]
    warnings: list[Problem]
    size_bytes: int


class Deployments(Shape):
    """Versions, newest first."""

    deployments: list[Deployment]
    total: int
    """How many there are."""
    next_offset: int | None
    """Give it as `offset` for older ones; null when there are none."""


class SkillLine(Shape):
    """A skill that can be run."""

    name: str
    skillpack: str
    version: int | None
    title: str | None
    description: str
    type: str


class Skills(Shape):
    """The skills of the active deployments."""

    skills: list[SkillLine]
    total: int
    """How many there are."""
    next_offset: int | None
    """Give it as `offset` for more; null when there are none."""


class Skill(SkillLine):
    """A skill with what it takes and gives."""

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
    """Where values were cut to fit."""


class Suite(Shape):
    """A run of a skill's evals."""

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
    """The runs that did not pass, cut to fit."""
    next: str = ""
    """What to do now."""


class Starter(Shape):
    """A skill to begin with."""

    files: dict[str, str]
    """Content by path; they were written when `folder` is set."""
    folder: str
    """Where they were written; empty: nowhere, pass them to `push`."""
    next: str
    """What to do now."""


class Page(Shape):
    """A page of the documentation, or what was found in it."""

    name: str
    title: str
    text: str
    """Markdown; empty in a list."""
    next_offset: int | None = None
    """Give it as `offset` for more; null when this is the end."""


class Pages(Shape):
    """Pages of the documentation."""

    pages: list[Page]
