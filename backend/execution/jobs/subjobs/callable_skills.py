"""Limit the skills that the model of an agent may call when the API key of its job has a list of skills.

A key that may run a skill may also run what that skill declares in its skill.yaml and what its code calls, because the
author decided that. Any other name that the model calls must be in the list of the key, because the inputs of the
caller can determine that name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import text

from backend.core.db.engine import AnySession
from backend.execution.jobs.errors import CalledSkillNotOnKey
from backend.execution.jobs.tables import Job
from backend.identity.auth import skill_allowlist
from backend.skills.deployments.active import ResolvedSkill
from backend.skills.manifest.types import Skill

_FIND: Final = text("""
select k.skill_allowlist, s.slug, coalesce(s.is_default, false) as is_default
from api_keys k left join skillpacks s on s.project_id = k.project_id and s.id = :skillpack_id
where k.project_id = :project_id and k.id = :api_key_id and k.skill_allowlist <> '{}'
""")


@dataclass(frozen=True, slots=True)
class CalledSkills:
    """The skills that the model of a job may call."""

    allowlist: frozenset[str]
    """The list of the key that submitted the job; empty: every skill."""
    declared: frozenset[str] = frozenset()
    """Names of skills of the caller's version that belong to its skill or that it declares as tools."""
    caller: str = ""
    """Name of the calling skill."""
    skillpack_id: UUID | None = None
    skillpack: str = ""
    """Slug of the caller's skillpack."""
    is_default: bool = False
    """Whether that is the default one."""

    def check_name(self, target: str) -> None:
        """Reject a name that no allowed skill can have, before the lookup.

        Raises:
            CalledSkillNotOnKey: Neither the key nor the caller names it, whether or not the skill exists.
        """
        pack, name = skill_allowlist.parts_of(target)
        is_declared = bool({target, name} & self.declared)
        if not is_declared and not skill_allowlist.may_name(self.allowlist, pack, name):
            raise CalledSkillNotOnKey(target[:200], self.caller)

    def check_own(self, target: str, skill: Skill) -> None:
        """Reject a skill of the caller's own version unless the key or the caller names it."""
        is_own = skill.name in self.declared or skill.parent_skill is not None
        if not is_own and not self._allows(self.skillpack, skill.name, is_default=self.is_default):
            raise CalledSkillNotOnKey(target[:200], self.caller)

    def check_found(self, target: str, found: ResolvedSkill) -> None:
        """Reject a skill of another version or skillpack unless the key or the caller names it."""
        is_declared = found.skillpack_id == self.skillpack_id and found.skill.name in self.declared
        if not is_declared and not self._allows(
            found.skillpack_slug, found.skill.name, is_default=found.is_default
        ):
            raise CalledSkillNotOnKey(target[:200], self.caller)

    def _allows(self, skillpack: str, skill: str, *, is_default: bool) -> bool:
        return skill_allowlist.allows(self.allowlist, skillpack, skill, is_default=is_default)


_EVERY_SKILL: Final = CalledSkills(frozenset())


async def called_skills(
    session: AnySession, caller: Job, caller_skill: Skill | None, *, is_by_model: bool
) -> CalledSkills:
    """Return what the job may call.

    Args:
        session: The transaction of the call.
        caller: The job. A run of a listing can only call skills of the listing, which its publisher chose.
        caller_skill: The skill of the job's version that it runs, or whose text or prompt it runs.
        is_by_model: Whether a model has chosen the name, and not the code of the skill.
    """
    if not is_by_model or caller.api_key_id is None or caller.publisher_id is not None:
        return _EVERY_SKILL
    values = {
        "project_id": caller.project_id,
        "api_key_id": caller.api_key_id,
        "skillpack_id": caller.skillpack_id,
    }
    row = (await session.execute(_FIND, values)).one_or_none()
    if row is None:
        return _EVERY_SKILL
    declared = {tool.skill for tool in caller_skill.tools if tool.skill} if caller_skill else set()
    own = {caller_skill.name, caller_skill.parent_skill or caller_skill.name} if caller_skill else set()
    return CalledSkills(
        allowlist=frozenset(row.skill_allowlist),
        declared=frozenset(declared | own),
        caller=caller_skill.name if caller_skill else caller.skill_name,
        skillpack_id=caller.skillpack_id,
        skillpack=row.slug or "",
        is_default=row.is_default,
    )
