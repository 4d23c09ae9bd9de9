"""Remember which version runs a skill, so that a request for a job needs no query to find it.

Another version may be active since. Only code whose own statement fails if the configuration stamp of the project has
changed may use a remembered version: `backend.execution.jobs.fast_route`.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import Final, NamedTuple
from uuid import UUID
from weakref import ReferenceType, ref

from backend.identity.auth.principal import Principal
from backend.skills.deployments.active import ResolvedSkill
from backend.skills.manifest.types import Skill

MAX_SKILLS: Final = 2_000


class _Recent(NamedTuple):
    """A version that was active at a stamp of its project's configuration."""

    stamp: UUID
    skill: ReferenceType[Skill]
    """Weak: only the cache of manifests, whose size is limited, keeps skills in memory."""
    resolved: partial[ResolvedSkill]
    """Everything but the skill."""


_recent: OrderedDict[tuple[UUID, str, frozenset[str], str], _Recent] = OrderedDict()
"""By project, environment, the skills that the key may run, and the name in the request."""


def remember(principal: Principal, skill: str, resolved: ResolvedSkill) -> None:
    """Remember the active version that the principal runs under this name."""
    if resolved.configuration_stamp is None:
        return
    key = _key(principal, skill)
    others = resolved._asdict()
    weak = ref(others.pop("skill"))
    _recent[key] = _Recent(resolved.configuration_stamp, weak, partial(ResolvedSkill, **others))
    _recent.move_to_end(key)
    while len(_recent) > MAX_SKILLS:
        _recent.popitem(last=False)


def find(principal: Principal, skill: str, stamp: UUID) -> ResolvedSkill | None:
    """Return the version that was active at this stamp of the configuration of the principal's project."""
    recent = _recent.get(_key(principal, skill))
    if recent is None or recent.stamp != stamp:
        return None
    known = recent.skill()
    return None if known is None else recent.resolved(skill=known)


def _key(principal: Principal, skill: str) -> tuple[UUID, str, frozenset[str], str]:
    return principal.project_id, principal.environment, principal.skill_allowlist, skill
