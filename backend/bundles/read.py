"""A pushed zip as a checked manifest: everything wrong with it is reported at once, and nothing of it is executed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from backend.bundles import grammar_marketing
from backend.bundles.agent_skills import read_agent_skill
from backend.bundles.archive import Archive
from backend.bundles.discovery import SKILL_FILE, discover
from backend.bundles.document import MAX_DOCUMENT_BYTES, Document, read_document
from backend.bundles.errors import Findings
from backend.bundles.grammar import read_skill
from backend.bundles.manifest import Manifest, Skill
from backend.bundles.reading import Reading, SkillFolder
from backend.bundles.requirements import check_requirements, requirements_of
from backend.bundles.sections import Section
from backend.errors import Problem, PurasError

MAX_MANIFEST_BYTES: Final = 4 << 20
PACK_FILE: Final = "puras.yaml"


@dataclass(frozen=True, slots=True)
class ReadBundle:
    """A bundle without errors."""

    manifest: Manifest
    warnings: tuple[Problem, ...]
    archive: Archive
    sha256: str
    size_bytes: int


def read_bundle(data: bytes) -> ReadBundle:
    """Read and check a bundle without executing anything of it.

    Raises:
        BundleInvalid: with every problem, each with its file and line.
        BundleUnreadable: it is not a zip, or not a safe one.
        BundleTooLarge: it is over a limit of size.
    """
    archive = Archive(data)
    archive.verify()
    findings = Findings()
    manifest = _manifest(archive, findings)
    if not findings.errors and len(manifest.model_dump_json()) > MAX_MANIFEST_BYTES:
        message = f"All skill.yaml files together are over {MAX_MANIFEST_BYTES >> 20} MiB. Shorten them."
        findings.error(Problem("skills", message))
    findings.raise_if_wrong()
    return ReadBundle(
        manifest, tuple(findings.warnings), archive, hashlib.sha256(data).hexdigest(), len(data)
    )


def _manifest(archive: Archive, findings: Findings) -> Manifest:
    found = discover(archive, findings)
    names = frozenset(folder.name for folder in (*found.described, *found.plain))
    skills = [_described(archive, folder, findings, names) for folder in found.described]
    skills += [read_agent_skill(archive, folder, findings) for folder in found.plain]
    applying = {folder.name: requirements_of(archive, folder) for folder in (*found.described, *found.plain)}
    for path in dict.fromkeys(path for path in applying.values() if path):
        check_requirements(archive, path, findings)
    ready = (_with_requirements(archive, skill) for skill in skills if skill is not None)
    return Manifest(skills=tuple(ready), **_pack(archive, findings))


def _described(
    archive: Archive, folder: SkillFolder, findings: Findings, names: frozenset[str]
) -> Skill | None:
    if findings.is_late:
        findings.error(
            Problem(folder.path, "Checking the bundle takes too long. Split it, and simplify its schemas.")
        )
        return None
    document = _document(archive, folder.inside(SKILL_FILE))
    return read_skill(Reading(archive, folder, document, findings, names))


def _with_requirements(archive: Archive, skill: Skill) -> Skill:
    folder = SkillFolder(skill.name, skill.path)
    return skill.model_copy(update={"requirements": requirements_of(archive, folder)})


def _pack(archive: Archive, findings: Findings) -> dict[str, object]:
    """What puras.yaml says of the whole skillpack; its other keys belong to the command line."""
    if PACK_FILE not in archive:
        return {}
    document = _document(archive, PACK_FILE)
    for problem in document.problems:
        findings.error(problem)
    if not isinstance(document.value, dict):
        return {}
    section = Section(document, findings, (), document.value)
    return {
        "title": section.text("title", most=200),
        "description": section.loose_text("description") or None,
        "marketing": grammar_marketing.read(section),
    }


def _document(archive: Archive, file: str) -> Document:
    try:
        return read_document(file, archive.read(file, most_bytes=MAX_DOCUMENT_BYTES))
    except PurasError as error:
        return Document(file, problems=[Problem(file, error.detail)])
