"""The cases of a skill: those of its bundle's dataset, and those that are kept here."""

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
select id as kept_id, case_id, inputs, expected, has_expected, tags, source_job_id from eval_cases
where project_id = :project_id and skillpack_id = :skillpack_id and skill_name = :skill
order by created_at, id
""")


@dataclass(frozen=True, slots=True)
class Given:
    """A case as it is to be run."""

    case_id: str
    inputs: dict[str, Any]
    expected: Any = None
    has_expected: bool = False
    tags: tuple[str, ...] = ()
    source_job_id: UUID | None = None
    """The job that it was made of."""
    kept_id: UUID | None = None
    """Of one that is kept here; none: it is of the dataset."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A skill of one version."""

    project_id: UUID
    skillpack_id: UUID
    deployment_id: UUID
    version: int | None
    sha256: str | None
    """Of its bundle."""
    skill: Skill


async def cases_of(session: AnySession, storage: Storage, subject: Subject) -> list[Given]:
    """Every case of the skill, in the order of the dataset and then of keeping; a kept one replaces its namesake.

    Raises:
        BundleMissing: the version's bundle is gone.
    """
    cases: dict[str, Given] = {}
    if subject.skill.eval_dataset is not None and subject.sha256 is not None:
        bundle = await storage.get_bundle(subject.sha256)
        for case in await asyncio.to_thread(_in_bundle, bundle, subject.skill):
            cases[case.case_id] = case
    values = {
        "project_id": subject.project_id,
        "skillpack_id": subject.skillpack_id,
        "skill": subject.skill.name,
    }
    for row in (await session.execute(_KEPT, values)).all():
        facts = row._asdict()
        cases[row.case_id] = Given(**{**facts, "tags": tuple(row.tags)})
    return list(cases.values())


def _in_bundle(bundle: bytes, skill: Skill) -> list[Given]:
    file = f"{skill.path}/{skill.eval_dataset}" if skill.path else str(skill.eval_dataset)
    return read(Archive(bundle).read(file, most_bytes=MAX_DATASET_BYTES))


def read(content: bytes) -> list[Given]:
    """The cases of a dataset that was checked when it was pushed: one JSON object per line."""
    cases: list[Given] = []
    for line in content.split(b"\n"):
        if not line.strip() or line.lstrip().startswith(b"#"):
            continue
        case = json.loads(line)
        name = case.get("id") or f"case-{len(cases) + 1}"
        tags = case.get("tags")
        cases.append(
            Given(
                case_id=str(name)[:200],
                inputs=case["inputs"],
                expected=case.get("expected"),
                has_expected="expected" in case,
                tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
            )
        )
    return cases
