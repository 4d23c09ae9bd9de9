"""Remember which version runs a skill, so that a request for a job needs no query to find it.

Another version may be active since. Only code whose own statement fails if the configuration stamp of the project has
changed may use a remembered version: `backend.execution.jobs.fast_route`.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final
from uuid import UUID

from backend.identity.auth.principal import Principal
from backend.skills.deployments.active import ResolvedSkill

MAX_SKILLS: Final = 2_000

_recent: OrderedDict[tuple[UUID, str, frozenset[str], str], ResolvedSkill] = OrderedDict()
"""By project, environment, the skills that the key may run, and the name in the request."""


def remember(principal: Principal, skill: str, resolved: ResolvedSkill) -> None:
    """Remember the active version that the principal runs under this name."""
    if resolved.configuration_stamp is None:
        return
    key = _key(principal, skill)
    _recent[key] = resolved
    _recent.move_to_end(key)
    while len(_recent) > MAX_SKILLS:
        _recent.popitem(last=False)


def find(principal: Principal, skill: str, stamp: UUID) -> ResolvedSkill | None:
    """Return the version that was active at this stamp of the configuration of the principal's project."""
    resolved = _recent.get(_key(principal, skill))
    return resolved if resolved is not None and resolved.configuration_stamp == stamp else None


def _key(principal: Principal, skill: str) -> tuple[UUID, str, frozenset[str], str]:
    return principal.project_id, principal.environment, principal.skill_allowlist, skill
