"""Which skills the model of an agent may call when the key of its job has a list of skills.

A key that may run a skill may run what that skill declares in its skill.yaml, and what its code calls: the author
decided that. What the model calls by any other name has to be in the key's list, since the inputs of the caller can
choose that name.
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
    """Of the key that submitted the job; empty: every skill."""
    declared: frozenset[str] = frozenset()
    """Names of skills of the caller's own version that belong to it or that it declares as tools."""
    caller: str = ""
    """Name of the skill that calls."""
    skillpack_id: UUID | None = None
    skillpack: str = ""
    """Slug of the caller's skillpack."""
    is_default: bool = False
    """Whether that is the default one."""

    def check_name(self, target: str) -> None:
        """Reject a name that no allowed skill can have, before it is looked up.

        Raises:
            CalledSkillNotOnKey: Neither the key nor the caller names it, whether there is such a skill or not.
        """
        pack, name = skill_allowlist.parts_of(target)
        is_declared = bool({target, name} & self.declared)
        if not is_declared and not skill_allowlist.may_name(self.allowlist, pack, name):
            raise CalledSkillNotOnKey(target[:200], self.caller)

    def check_own(self, target: str, skill: Skill) -> None:
        """Reject a skill of the caller's own version unless the key or the caller names it."""
        belongs = skill.name in self.declared or skill.parent_skill is not None
        if not belongs and not self._allows(self.skillpack, skill.name, is_default=self.is_default):
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
    session: AnySession, caller: Job, base: Skill | None, *, is_by_model: bool
) -> CalledSkills:
    """Return what the job may call.

    Args:
        session: Of the call.
        caller: The job. One of a listing calls skills of the listing alone, which its publisher chose.
        base: The skill of the job's version that it runs, or whose text or prompt it runs.
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
    declared = {tool.skill for tool in base.tools if tool.skill} if base else set()
    own = {base.name, base.parent_skill or base.name} if base else set()
    return CalledSkills(
        allowlist=frozenset(row.skill_allowlist),
        declared=frozenset(declared | own),
        caller=base.name if base else caller.skill_name,
        skillpack_id=caller.skillpack_id,
        skillpack=row.slug or "",
        is_default=row.is_default,
    )
