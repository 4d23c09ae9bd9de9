"""Decide which skills can be listed, and how a new version changes them for callers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from backend.core.errors import Problem
from backend.data.drive.file_refs import default_files
from backend.skills.deployments import schema_changes
from backend.skills.flows.types import ApprovalStep, Flow
from backend.skills.manifest import confirmed
from backend.skills.manifest.types import Manifest, Skill

_SCHEMAS = ("input_schema", "output_schema")
MAX_CHANGES = 100


class Difference(NamedTuple):
    """Between one version and the previous one."""

    is_breaking: bool
    changes: list[dict[str, Any]]


def problems(manifest: Manifest, skill: Skill, *, shows_approvals: bool) -> list[Problem]:
    """Return why the skill cannot be listed; empty if it can."""
    found = []
    if asks_for_approval(manifest, skill) and not shows_approvals:
        message = (
            "Its runs can ask callers for approval ('confirm: true', a guardrail with 'action: approve', or a step "
            "'approval' of a flow), which show the tool and its arguments, or the message. Set 'shows_approvals' to "
            "true if callers may see these, or remove the approval."
        )
        found.append(Problem("shows_approvals", message))
    people = [
        name for step in _approvals(skill) for name in step.reviewers if "@" in name and "${{" not in name
    ]
    if people:
        message = (
            "An approval of the flow names e-mail addresses, which callers would see, and which are not members of "
            "their projects. Name roles in 'reviewers', or remove the key."
        )
        found.append(Problem("reviewers", message))
    if skill.parent_skill is not None:
        found.append(Problem("skill", "Only its parent can run a subskill. List the parent."))
    message = (
        "This names a file in the drive of the caller, which the caller has not chosen. Remove the `default`."
    )
    places = default_files(skill.input_schema, takes_attachments=skill.is_agentic)
    found += [Problem(f"input_schema.{place}", message) for place in places]
    return found


def asks_for_approval(manifest: Manifest, skill: Skill) -> bool:
    """Return whether a run of the skill can ask its caller for an approval, which shows a call or a message.

    A confirmation that any agent of a bundle requires applies to all of its agents. A function can start these if it
    reserves money for them, and so can a flow with steps that cost something.
    """
    if any(_approvals(skill)):
        return True
    reaches_agents = skill.is_agentic or skill.calls_paid_skills or skill.limits.cost_usd is not None
    skills = manifest.skills if reaches_agents else (skill,)
    if any(rail.action == "approve" for one in skills for rail in one.rails):
        return True
    return reaches_agents and (bool(manifest.confirmed) or any(confirmed.of_kernel(one) for one in skills))


def _approvals(skill: Skill) -> Iterator[ApprovalStep]:
    """Yield the approvals of a flow; none for another skill."""
    if skill.is_flow:
        yield from (
            step.approval for step in Flow.model_validate(skill.flow).walk() if step.approval is not None
        )


def difference(name: str, before: Manifest | None, after: Manifest) -> Difference:
    """Return the changes in inputs and outputs for callers; the first version has none."""
    if before is None:
        return Difference(is_breaking=False, changes=[])
    changes = [
        change
        for change in schema_changes.between(before, after)
        if change.skill == name and change.place.startswith(tuple(f"{name}.{side}" for side in _SCHEMAS))
    ]
    shown = [
        {"place": change.place, "message": change.message, "is_breaking": change.is_breaking}
        for change in changes[:MAX_CHANGES]
    ]
    return Difference(any(change.is_breaking for change in changes), shown)
