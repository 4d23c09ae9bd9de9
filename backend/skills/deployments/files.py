"""Read single files of a version, and the prompts of its agents."""

from __future__ import annotations

import asyncio

from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.attribute_docstrings import Schema
from backend.core.errors import Invalid, Problem
from backend.identity.auth.principal import Principal, Role
from backend.skills.archives.archive import Archive
from backend.skills.deployments import service
from backend.skills.deployments.active import ResolvedSkill
from backend.skills.deployments.errors import DeploymentFileNotFound
from backend.skills.manifest.types import Skill
from backend.storage import Storage


class PromptRead(Schema):
    """The prompt of an agent."""

    path: str
    """Path in the bundle, by which `files` of a draft run replaces the prompt."""
    text: str


async def read(
    session: AsyncSession,
    principal: Principal,
    ref: str,
    path: str,
    *,
    skillpack: str | None = None,
    storage: Storage,
) -> bytes:
    """Return the content of one file of a version.

    Raises:
        DeploymentNotFound: there is no such version.
        DeploymentFileNotFound: its bundle does not have the file.
    """
    deployment = await service.get(session, principal, ref, skillpack=skillpack)
    bundle = await storage.get_bundle(deployment.sha256)
    content = await asyncio.to_thread(_one, bundle, path)
    if content is None:
        raise DeploymentFileNotFound(deployment.version, path)
    return content


async def read_prompt(
    session: AsyncSession,
    principal: Principal,
    skill: str,
    *,
    skillpack: str,
    version: int | None,
    storage: Storage,
) -> PromptRead:
    """Return the prompt of a skill in a version, by default in the active one.

    Raises:
        SkillNotFound, DeploymentNotFound, NothingActive: it does not exist.
        Invalid: the skill is not an agent, so it does not have a prompt.
    """
    principal.require(Role.VIEWER, "deployments:read")
    found = await service.get_skill(session, principal, skill, skillpack=skillpack, version=version)
    if not found.skill.is_agentic:
        message = f"The skill {skill!r} is not an agent and has no prompt. Edit its files instead."
        raise Invalid(message, [Problem("skill", message)])
    return await prompt_of(found, storage=storage)


async def prompt_of(found: ResolvedSkill, *, storage: Storage) -> PromptRead:
    """Return the prompt of an agent that the caller may read."""
    assert found.sha256 is not None  # noqa: S101 - every skill of a version has a bundle
    bundle = await storage.get_bundle(found.sha256)
    return await asyncio.to_thread(prompt_in, Archive(bundle), found.skill)


def prompt_in(archive: Archive, skill: Skill) -> PromptRead:
    """Return the prompt of an agent in its bundle."""
    path = "/".join(part for part in (skill.path, skill.file) if part)
    return PromptRead(path=path, text=archive.read(path).decode("utf-8", "replace"))


def _one(bundle: bytes, path: str) -> bytes | None:
    archive = Archive(bundle)
    return archive.read(path) if path in archive.entries else None
