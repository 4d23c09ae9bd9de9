"""Read plain Agent Skills: the manifest of a folder with only a SKILL.md is derived from that file."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from backend.core.errors import Problem, PurasError
from backend.core.names import as_name, is_name
from backend.skills.archives.archive import Archive
from backend.skills.manifest.findings import Findings
from backend.skills.manifest.keys import Key, Part
from backend.skills.manifest.reader import read_part
from backend.skills.manifest.skill_reader import Section, SkillFolder
from backend.skills.manifest.types import Skill
from backend.skills.manifest.yaml_document import Document, read_document
from backend.skills.schemas.messages import shown
from backend.skills.schemas.schema_dialect import Schema

AGENT_SKILL_FILE: Final = "SKILL.md"
MAX_FILE_BYTES: Final = 1 << 20
MAX_DESCRIPTION: Final = 1_024

_FRONT_MATTER: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?---[ \t]*\r?\n(.*?)(?:\r?\n|\A)---[ \t]*(?:\r?\n|\Z)", re.DOTALL
)


class FrontMatter(Part):
    """The keys in the front matter of a SKILL.md; other keys are allowed and ignored."""

    name: Annotated[str | None, Key(most=64)] = None
    description: str
    allowed_tools: Annotated[Any, Key(name="allowed-tools")] = None


def read_agent_skill(archive: Archive, folder: SkillFolder, findings: Findings) -> Skill | None:
    """Return the skill derived from a folder with a SKILL.md; None if its front matter has problems."""
    file = folder.inside(AGENT_SKILL_FILE)
    before = len(findings.errors)
    front = _front_matter(archive, file, findings)
    if front is None:
        return None
    name = folder.name or front.name or ""
    if not is_name(name):
        findings.error(
            Problem(file, f"{shown(name)} is not a valid name of a skill. Write 'name: {as_name(name)}'.", 1)
        )
    elif front.name and front.name != name:
        findings.warn(
            Problem(file, f"The name of the skill is that of its folder, {name!r}, not {front.name!r}.", 1)
        )
    if len(findings.errors) > before:
        return None
    return Skill(
        name=name,
        path=folder.path,
        entrypoint=AGENT_SKILL_FILE,
        is_agentic=True,
        description=front.description,
        input_schema=_input_schema(),
        output_schema=_output_schema(),
        origin="agent_skill",
    )


def _front_matter(archive: Archive, file: str, findings: Findings) -> FrontMatter | None:
    try:
        content = archive.read(file, max_bytes=MAX_FILE_BYTES)
    except PurasError as error:
        findings.error(Problem(file, error.detail))
        return None
    match = _FRONT_MATTER.match(content)
    if match is None:
        findings.error(
            Problem(
                file,
                "The file has no front matter. Start it with '---', 'name: …', 'description: …', '---', or "
                "add a skill.yaml to the folder.",
                1,
            )
        )
        return None
    document = read_document(file, match[1], first_line=2)
    for problem in document.problems:
        findings.error(problem)
    if document.problems:
        return None
    return _fields(document, findings)


def _fields(document: Document, findings: Findings) -> FrontMatter | None:
    value: Any = document.value if document.value is not None else {}
    if not isinstance(value, dict):
        findings.error(document.problem((), "The front matter must be a mapping of keys like 'name:'."))
        return None
    section = Section(document, findings, (), value)
    front = read_part(FrontMatter, section)
    if front.description and len(front.description) > MAX_DESCRIPTION:
        section.warn(
            "description",
            f"The description has {len(front.description):,} characters; other hosts of Agent Skills accept "
            f"at most {MAX_DESCRIPTION:,}. Shorten it to what the skill does and when to use it.",
        )
    if front.allowed_tools is not None:
        section.warn("allowed-tools", "'allowed-tools' is not applied. Use 'allowed_tools' in a skill.yaml.")
    return front


def _input_schema() -> Schema:
    return {
        "type": "object",
        "properties": {
            "prompt": {"type": "text", "description": "The task of the agent."},
            "files": {"type": "array", "items": {"type": "file"}, "description": "Files for the task."},
        },
        "required": ["prompt"],
    }


def _output_schema() -> Schema:
    return {
        "type": "object",
        "properties": {
            "answer": {"type": "text", "description": "The response of the agent."},
            "files": {
                "type": "array",
                "items": {"type": "file"},
                "description": "Files that the agent created.",
            },
        },
        "required": ["answer"],
    }
