"""Read the cases of a skill: those of its bundle's dataset, and those that were saved from jobs."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from backend.core.db.engine import AnySession
from backend.skills.archives.archive import Archive
from backend.skills.manifest.evals import MAX_DATASET_BYTES
from backend.skills.manifest.types import Skill
from backend.storage import Storage

_KEPT: Final = text("""
select id as saved_case_id, case_id, inputs, expected, has_expected, tags, conversation, source_job_id
from eval_cases
where project_id = :project_id and skillpack_id = :skillpack_id and skill_name = :skill
order by created_at, id
""")


@dataclass(frozen=True, slots=True)
class SuiteCase:
    """A case as a suite runs it."""

    case_id: str
    inputs: dict[str, Any]
    expected: Any = None
    has_expected: bool = False
    tags: tuple[str, ...] = ()
    conversation: dict[str, Any] | None = None
    """The conversation that its jobs continue; None: none."""
    source_job_id: UUID | None = None
    """The job that it was made from."""
    saved_case_id: UUID | None = None
    """The ID of a saved case; None for a case of the dataset."""


@dataclass(frozen=True, slots=True)
class Target:
    """The skill of one version that a suite runs."""

    project_id: UUID
    skillpack_id: UUID
    deployment_id: UUID
    version: int | None
    sha256: str | None
    """SHA-256 of the bundle."""
    skill: Skill


async def cases_of(session: AnySession, storage: Storage, target: Target) -> list[SuiteCase]:
    """Return every case of the skill: the dataset in its order, then the saved cases.

    A saved case replaces one of the same name.

    Raises:
        BundleMissing: The bundle of the version is deleted.
    """
    cases: dict[str, SuiteCase] = {}
    if target.skill.eval_dataset is not None and target.sha256 is not None:
        bundle = await storage.get_bundle(target.sha256)
        for case in await asyncio.to_thread(_in_bundle, bundle, target.skill):
            cases[case.case_id] = case
    values = {
        "project_id": target.project_id,
        "skillpack_id": target.skillpack_id,
        "skill": target.skill.name,
    }
    for row in (await session.execute(_KEPT, values)).all():
        columns = row._asdict()
        cases[row.case_id] = SuiteCase(**{**columns, "tags": tuple(row.tags)})
    return list(cases.values())


def _in_bundle(bundle: bytes, skill: Skill) -> list[SuiteCase]:
    file = f"{skill.path}/{skill.eval_dataset}" if skill.path else str(skill.eval_dataset)
    return parse(Archive(bundle).read(file, max_bytes=MAX_DATASET_BYTES))


def parse(content: bytes) -> list[SuiteCase]:
    """Parse a dataset with one JSON object per line; it was validated when it was pushed."""
    cases: list[SuiteCase] = []
    for line in content.split(b"\n"):
        if not line.strip() or line.lstrip().startswith(b"#"):
            continue
        case = json.loads(line)
        name = case.get("id") or f"case-{len(cases) + 1}"
        tags = case.get("tags")
        cases.append(
            SuiteCase(
                case_id=str(name)[:200],
                inputs=case["inputs"],
                expected=case.get("expected"),
                has_expected="expected" in case,
                tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
            )
        )
    return cases
