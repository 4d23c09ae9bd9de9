"""Build the validated manifest of a pushed ZIP.

All problems are reported together, and none of its code is executed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from backend.core.errors import Problem, PurasError
from backend.skills.archives.archive import Archive
from backend.skills.bundles.discovery import SKILL_FILE, discover
from backend.skills.bundles.requirements import check_requirements, requirements_of
from backend.skills.bundles.scripts import check_scripts
from backend.skills.flows.reader import check_cycles, paid_flows, read_flow
from backend.skills.manifest.agent import readable_helpers, ways_to_run_code
from backend.skills.manifest.agent_skills import read_agent_skill
from backend.skills.manifest.files import PackFile
from backend.skills.manifest.findings import Findings
from backend.skills.manifest.grammar import read_skill
from backend.skills.manifest.reader import read_part
from backend.skills.manifest.skill_reader import Reading, Section, SkillFolder
from backend.skills.manifest.types import Manifest, Skill
from backend.skills.manifest.yaml_document import MAX_DOCUMENT_BYTES, Document, read_document

MAX_MANIFEST_BYTES: Final = 4 << 20
PACK_FILE: Final = "puras.yaml"


class Binding(NamedTuple):
    """The skillpack that puras.yaml names for the bundle."""

    slug: str | None = None
    skillpack_id: str | None = None
    """From the instance that the bundle was created for, which may be another one."""


NO_BINDING: Final = Binding()


@dataclass(frozen=True, slots=True)
class ReadBundle:
    """A bundle without errors."""

    manifest: Manifest
    warnings: tuple[Problem, ...]
    archive: Archive
    sha256: str
    size_bytes: int
    binding: Binding = NO_BINDING


def read_bundle(data: bytes) -> ReadBundle:
    """Read and validate a bundle without executing its code.

    Raises:
        BundleInvalid: with every problem, each with its file and line.
        BundleUnreadable: it is not a zip, or not a safe one.
        BundleTooLarge: it exceeds a size limit.
    """
    archive = Archive(data)
    archive.verify()
    findings = Findings()
    pack = _pack_file(archive, findings)
    manifest = _manifest(archive, findings, pack)
    if not findings.errors and len(manifest.model_dump_json()) > MAX_MANIFEST_BYTES:
        message = (
            f"All skill.yaml files together have more than {MAX_MANIFEST_BYTES >> 20} MiB. Shorten them."
        )
        findings.error(Problem("skills", message))
    findings.raise_if_wrong()
    digest = hashlib.sha256(data).hexdigest()
    return ReadBundle(manifest, tuple(findings.warnings), archive, digest, len(data), pack.binding)


def _manifest(archive: Archive, findings: Findings, pack: _PackFile) -> Manifest:
    found = discover(archive, findings)
    names = frozenset(folder.name for folder in (*found.described, *found.plain))
    skills = [_described(archive, folder, findings, names) for folder in found.described]
    skills += [read_agent_skill(archive, folder, findings) for folder in found.plain]
    applying = {folder.name: requirements_of(archive, folder) for folder in (*found.described, *found.plain)}
    for path in dict.fromkeys(path for path in applying.values() if path):
        check_requirements(archive, path, findings)
    for folder in (*found.described, *found.plain):
        check_scripts(archive, folder, applying[folder.name], findings)
    ready = [_with_requirements(archive, skill) for skill in skills if skill is not None]
    manifest = Manifest(skills=tuple(_with_flows(archive, ready, findings)), **pack.fields)
    _warn_of_readers(manifest, findings)
    return manifest


def _with_flows(archive: Archive, skills: list[Skill], findings: Findings) -> list[Skill]:
    """Read the flows after all other skills, since they are checked against the skills that they call."""
    by_name = {skill.name: skill for skill in skills}
    flows = {
        skill.name: flow
        for skill in skills
        if skill.is_flow and (flow := read_flow(archive, skill, by_name, findings)) is not None
    }
    check_cycles(flows, by_name, findings)
    paid = paid_flows(flows, by_name)
    return [
        skill.model_copy(
            update={
                "flow": flows[skill.name].model_dump(mode="json"),
                "calls_paid_skills": skill.name in paid,
            }
        )
        if skill.name in flows
        else skill
        for skill in skills
    ]


def _warn_of_readers(manifest: Manifest, findings: Findings) -> None:
    """Warn of confirmed Python tools whose modules agents of other skills can read.

    Each skill warns of its own.
    """
    readers = [skill.name for skill in manifest.skills if skill.is_agentic and _runs_code(skill)]
    for skill in manifest.skills:
        if not readers or skill.name in readers:
            continue
        for tool in skill.tools:
            if tool.confirm and tool.entrypoint:
                file = tool.entrypoint.rpartition(":")[0]
                who = f"agents of {', '.join(map(repr, readers[:3]))}"
                message = f"The tool {tool.name!r}: {readable_helpers(file, [who])}"
                findings.warn(Problem(SkillFolder(skill.name, skill.path).inside(SKILL_FILE), message))


def _runs_code(skill: Skill) -> bool:
    return bool(ways_to_run_code(skill.tools, skill.allowed_tools, disables_bash=skill.disable_bash))


def _described(
    archive: Archive, folder: SkillFolder, findings: Findings, names: frozenset[str]
) -> Skill | None:
    if findings.is_late:
        findings.error(
            Problem(
                folder.path,
                "The validation of the bundle takes too long. Split it, and simplify its schemas.",
            )
        )
        return None
    document = _document(archive, folder.inside(SKILL_FILE))
    return read_skill(Reading(archive, folder, document, findings, names))


def _with_requirements(archive: Archive, skill: Skill) -> Skill:
    folder = SkillFolder(skill.name, skill.path)
    return skill.model_copy(update={"requirements": requirements_of(archive, folder)})


class _PackFile(NamedTuple):
    fields: dict[str, Any]
    """Fields of the manifest."""
    binding: Binding = NO_BINDING


def _pack_file(archive: Archive, findings: Findings) -> _PackFile:
    """Return the description of the skillpack in puras.yaml, and its slug or ID."""
    if PACK_FILE not in archive:
        return _PackFile({})
    document = _document(archive, PACK_FILE)
    for problem in document.problems:
        findings.error(problem)
    if not isinstance(document.value, dict):
        return _PackFile({})
    pack = read_part(PackFile, Section(document, findings, (), document.value))
    fields = {"title": pack.title, "description": pack.description, "marketing": pack.marketing}
    return _PackFile(fields, Binding(pack.slug, pack.skillpack_id))


def _document(archive: Archive, file: str) -> Document:
    try:
        return read_document(file, archive.read(file, max_bytes=MAX_DOCUMENT_BYTES))
    except PurasError as error:
        return Document(file, problems=[Problem(file, error.detail)])
