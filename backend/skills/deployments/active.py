"""Find the version that runs a skill.

This is on the path of every job, so it takes one query and no parsing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import TextClause, text

from backend.core.db.engine import AnySession
from backend.identity.auth import skill_allowlist
from backend.identity.auth.errors import SkillNotOnKey
from backend.identity.auth.principal import Principal
from backend.identity.environments import PRODUCTION, Environment
from backend.skills.bundles import inline_skills
from backend.skills.deployments import manifests
from backend.skills.deployments.errors import (
    DeploymentNotFound,
    NothingActive,
    SkillAmbiguous,
    SkillNotFound,
    SkillpackMismatch,
    SubskillNotSubmittable,
)
from backend.skills.flows import step_skills
from backend.skills.manifest.types import Manifest, Skill
from backend.skills.skillpacks import service as skillpacks
from backend.skills.skillpacks.errors import SkillpackNotFound
from backend.skills.skillpacks.tables import full_name

MAX_VERSION = 2**31 - 1  # of the database column
DEFAULT_SLUG: Final = "default"
"""Slug of the default skillpack."""


class ResolvedSkill(NamedTuple):
    """A skill and the version that it is pinned to."""

    skill: Skill
    skillpack_id: UUID
    skillpack_slug: str
    deployment_id: UUID | None
    """None for a prompt that runs without one."""
    version: int | None
    """None for a draft."""
    sha256: str | None
    is_default: bool = False
    """Whether its skillpack is the project's default one."""
    has_budgets: bool = False
    """Whether budgets may limit its jobs. The same query returns it, so that submission without budgets needs
    no other."""
    configuration_stamp: UUID | None = None
    """The stamp of the project's configuration, read with it. None: not known."""

    @property
    def full_name(self) -> str:
        """Its name in the project: `resize`, or `images/resize` if its skillpack is not the default one."""
        return full_name(self.skill.name, self.skillpack_slug, is_default=self.is_default)


class DeployedSkill(NamedTuple):
    """A skill of a version that a job is pinned to."""

    skill: Skill
    sha256: str | None
    """None if it has no bundle."""
    manifest: Manifest
    """All skills of the version."""


class _Pin(NamedTuple):
    """What decides the version: a number, a deployment, or else the environment."""

    version: int | None
    deployment_id: UUID | None
    environment: Environment


class _Wanted(NamedTuple):
    """The parts of a requested skill name."""

    text: str
    parts: tuple[str, ...]
    skillpack: str | None
    workspace: str | None


async def resolve_skill(
    session: AnySession,
    principal: Principal,
    *,
    skill: str,
    skillpack: str | None = None,
    version: int | None = None,
    deployment_id: UUID | None = None,
    environment: Environment | None = None,
    is_for_run: bool = False,
) -> ResolvedSkill:
    """Return the skill of that name.

    It is searched in the named skillpack, else in the default one, else in the only one that has it. The name
    may be full: `skillpack/skill` or `project/skillpack/skill`. A version number refers to that skillpack;
    without one, the active version of the environment is used, which is by default that of the principal. A deployment
    ID selects that deployment. For a run
    (`is_for_run`), only the skills that the list of the key allows are considered.

    Raises:
        SkillNotOnKey: the list does not allow it, whether or not the skill exists.
        SkillNotFound: it does not exist.
        SubskillNotSubmittable: only its parent runs it.
        SkillAmbiguous: several skillpacks have it.
        DeploymentNotFound: the version does not exist.
        NothingActive: no version was activated yet.
        SkillpackNotFound: the skillpack does not exist.
    """
    wanted = _taken_apart(skill, skillpack)
    pin = _Pin(version, deployment_id, environment or principal.environment)
    rows = await _candidates(session, principal, wanted, pin)
    name = wanted.text
    if len(wanted.parts) > 1:
        rows, name = _narrowed(rows, wanted)
    if is_for_run and principal.skill_allowlist:
        pinned = deployment_id or version
        rows = _allowed(principal, rows, wanted, name, pinned=str(pinned) if pinned else None)
    if not rows:
        await _explain_nothing(session, principal, wanted, pin)
    return await _chosen(session, principal, rows, name)


async def resolve_prompt(
    session: AnySession,
    principal: Principal,
    *,
    name: str = inline_skills.INLINE,
    skillpack: str | None = None,
    version: int | None = None,
    deployment_id: UUID | None = None,
    environment: Environment | None = None,
) -> ResolvedSkill:
    """Return the base of an inline prompt or a notebook kernel.

    It is a version of the named skillpack, or only the project.

    Raises:
        DeploymentNotFound: the version does not exist.
        NothingActive: no version of that skillpack was activated yet.
        SkillpackNotFound: the skillpack does not exist.
    """
    if skillpack is None and version is None and deployment_id is None:
        values = {"project_id": principal.project_id}
        row = (await session.execute(_DEFAULT_SKILLPACK, values)).one()
        return _prompt(name, row, inline_skills.NO_SKILLS, None)
    wanted = _taken_apart(name, skillpack)
    pin = _Pin(version, deployment_id, environment or principal.environment)
    rows = await _candidates(session, principal, wanted, pin)
    rows = [row for row in rows if skillpack is not None or row.is_default]
    if not rows:
        await _explain_nothing(session, principal, wanted, pin)
    known = (await manifests.of(session, [rows[0].deployment_id]))[rows[0].deployment_id]
    return _prompt(name, rows[0], known.manifest, known.sha256)


def _prompt(name: str, row: Any, manifest: Manifest, sha256: str | None) -> ResolvedSkill:
    skill = inline_skills.agent_of(name, manifest)
    assert skill is not None  # noqa: S101 - it needs no skill of the manifest
    return ResolvedSkill(
        skill=skill,
        skillpack_id=row.skillpack_id,
        skillpack_slug=row.slug,
        deployment_id=row.deployment_id,
        version=row.version,
        sha256=sha256,
        is_default=row.is_default,
        has_budgets=row.has_budgets,
    )


async def load_deployed_skill(
    session: AnySession, deployment_id: UUID | None, skill_name: str
) -> DeployedSkill:
    """Return the skill of a stored job, including deleted versions; without a query if it is cached.

    Raises:
        DeploymentNotFound: the version's row is gone.
        SkillNotFound: the version has no such skill.
    """
    manifest, sha256 = inline_skills.NO_SKILLS, None
    if deployment_id is not None:
        known = (await manifests.of(session, (deployment_id,))).get(deployment_id)
        if known is None:
            raise DeploymentNotFound(str(deployment_id))
        manifest, sha256 = known.manifest, known.sha256
    found = (
        manifest.find(skill_name)
        or inline_skills.agent_of(skill_name, manifest)
        or step_skills.find(skill_name, manifest)
    )
    if found is None:
        raise SkillNotFound(skill_name, ())
    return DeployedSkill(found, sha256, manifest)


def _taken_apart(skill: str, skillpack: str | None) -> _Wanted:
    parts = tuple(skill.split("/"))
    workspace, _, slug = (skillpack or "").rpartition("/")
    if len(parts) > 3 or not all(parts) or "\0" in skill or "\0" in slug or "/" in workspace:
        raise SkillNotFound(skill, ())
    if len(parts) == 3:
        if slug and slug != parts[1]:
            raise SkillpackMismatch(skill, slug)
        if workspace and workspace != parts[0]:
            raise SkillpackMismatch(skill, f"{workspace}/{slug}")
        workspace, slug = parts[0], parts[1]
    return _Wanted(skill, parts, slug or None, workspace or None)


async def _candidates(session: AnySession, principal: Principal, wanted: _Wanted, pin: _Pin) -> Sequence[Any]:
    """Return one row per skillpack that may have the skill, the default one first."""
    version, deployment_id, environment = pin
    if version is not None and not 0 < version <= MAX_VERSION:
        raise DeploymentNotFound(str(version))
    skillpack_id = skillpacks.as_id(wanted.skillpack) if wanted.skillpack else None
    values = {
        "deployment_id": deployment_id,
        "version": version if deployment_id is None else None,
        "skillpack_id": skillpack_id,
        "slug": wanted.skillpack if skillpack_id is None else None,
        "workspace": wanted.workspace,
    }
    if version is None and deployment_id is None and environment != PRODUCTION:
        values["environment"] = environment
    given = {name: value for name, value in values.items() if value is not None}
    rows: Sequence[Any] = (
        await session.execute(_query(frozenset(given)), {**given, "project_id": principal.project_id})
    ).all()
    return rows


_CONDITIONS: Final = {
    "deployment_id": "d.id = :deployment_id",
    "version": "d.version = :version",
    "skillpack_id": "p.id = :skillpack_id",
    "slug": "p.slug = :slug",
    "environment": """d.id = (select v.active_deployment_id from environment_versions v
                             where v.project_id = p.project_id and v.skillpack_id = p.id
                               and v.environment = :environment)""",
    "workspace": """exists (select from projects w where w.id = p.project_id
                            and :workspace in (w.slug, cast(w.id as text)))""",
}


_DEFAULT_SKILLPACK: Final = text("""
    select p.id as skillpack_id, p.slug, p.is_default, cast(null as uuid) as deployment_id,
           cast(null as int) as version,
           exists (select from budgets b where b.project_id = p.project_id and b.enforce) as has_budgets
    from skillpacks p where p.project_id = :project_id and p.is_default
""")
_SKILLPACK: Final = text("""
    select id from skillpacks where project_id = :project_id and :ref in (slug, cast(id as text))
""")


@lru_cache(maxsize=32)
def _query(given: frozenset[str]) -> TextClause:
    conditions = [condition for name, condition in _CONDITIONS.items() if name in given]
    if not {"deployment_id", "version", "environment"} & given:
        conditions.append("d.id = p.active_deployment_id")
    return text(f"""
        select p.id as skillpack_id, p.slug, p.is_default, d.id as deployment_id, d.version,
               exists (select from budgets b where b.project_id = p.project_id and b.enforce) as has_budgets,
               (select c.stamp from configuration_stamps c where c.project_id = p.project_id) as configuration_stamp
        from skillpacks p join deployments d on d.skillpack_id = p.id and d.deleted_at is null
        where p.project_id = :project_id and {" and ".join(conditions)}
        order by p.is_default desc, p.slug
    """)  # noqa: S608 - made of the constants above


def _narrowed(rows: Sequence[Any], wanted: _Wanted) -> tuple[Sequence[Any], str]:
    """Read `a/b` as the skill b of the skillpack a if that exists, else as the subskill b of a."""
    if len(wanted.parts) == 3:
        return rows, wanted.parts[2]
    own = [row for row in rows if wanted.parts[0] in (row.slug, str(row.skillpack_id))]
    return (own, wanted.parts[1]) if own else (rows, wanted.text)


def _allowed(
    principal: Principal, rows: Sequence[Any], wanted: _Wanted, name: str, *, pinned: str | None
) -> Sequence[Any]:
    """Return the rows in which the key may run the skill.

    If there are none, the error does not depend on what other skillpacks have.
    """
    allowlist = principal.skill_allowlist
    allowed = [
        row for row in rows if skill_allowlist.allows(allowlist, row.slug, name, is_default=row.is_default)
    ]
    if allowed:
        return allowed
    pack, bare_name = skill_allowlist.parts_of(wanted.text, wanted.skillpack)
    is_default = pack in (None, DEFAULT_SLUG)
    if not skill_allowlist.allows(allowlist, pack or DEFAULT_SLUG, bare_name, is_default=is_default):
        raise SkillNotOnKey(wanted.text[:200], allowlist)
    if pinned is not None:
        raise DeploymentNotFound(pinned)
    raise SkillNotFound(wanted.text, ())


async def _chosen(session: AnySession, principal: Principal, rows: Sequence[Any], name: str) -> ResolvedSkill:
    known = await manifests.of(session, [row.deployment_id for row in rows])
    having = [row for row in rows if known[row.deployment_id].manifest.find(name)]
    if not having:
        skills = {skill.name for row in rows for skill in known[row.deployment_id].manifest.submittable}
        raise SkillNotFound(name, sorted(skills) if _may_list(principal) else ())
    if len(having) > 1 and not having[0].is_default:
        raise SkillAmbiguous(name, [row.slug for row in having] if _may_list(principal) else ())
    row = having[0]
    manifest, sha256 = known[row.deployment_id].manifest, known[row.deployment_id].sha256
    skill = manifest.find(name)
    if skill is None or skill.parent_skill is not None:
        raise SubskillNotSubmittable(name, name.rpartition("/")[0])
    return ResolvedSkill(
        skill=skill,
        skillpack_id=row.skillpack_id,
        skillpack_slug=row.slug,
        deployment_id=row.deployment_id,
        version=row.version,
        sha256=sha256,
        is_default=row.is_default,
        has_budgets=row.has_budgets,
        configuration_stamp=row.configuration_stamp,
    )


def _may_list(principal: Principal) -> bool:
    """Return whether an error may list existing skills and skillpacks.

    A running job has them in its bundle.
    """
    return principal.kind == "job" or principal.scopes is None or "skills:read" in principal.scopes


async def _explain_nothing(session: AnySession, principal: Principal, wanted: _Wanted, pin: _Pin) -> None:
    if pin.deployment_id is not None or pin.version is not None:
        raise DeploymentNotFound(str(pin.deployment_id or pin.version))
    if wanted.workspace is not None:
        raise SkillNotFound(wanted.text, ())
    if wanted.skillpack is not None:
        values = {"project_id": principal.project_id, "ref": wanted.skillpack}
        if (await session.execute(_SKILLPACK, values)).first() is None:
            raise SkillpackNotFound(wanted.skillpack)
    raise NothingActive(wanted.skillpack, pin.environment)
