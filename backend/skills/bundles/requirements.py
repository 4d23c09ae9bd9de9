"""Find the requirements.txt of a skill, and reject lines from which no environment can be built."""

from __future__ import annotations

import re
from typing import Final

from backend.core.errors import Problem, PurasError
from backend.skills.archives.archive import Archive
from backend.skills.manifest.findings import Findings
from backend.skills.manifest.skill_reader import SkillFolder
from backend.skills.schemas.messages import shown

FILE: Final = "requirements.txt"
MAX_BYTES: Final = 256 << 10

_FROM_INDEX: Final = re.compile(
    r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\s*(\[[^\]]*\])?\s*(\(?\s*(===|==|~=|!=|<=|>=|<|>)[^;@]*)?(;.*)?\Z"
)


def requirements_of(archive: Archive, folder: SkillFolder) -> str | None:
    """Return the path of the file that applies: the skill's own, else the bundle's.

    An empty file does not count.
    """
    for path in dict.fromkeys((folder.inside(FILE), FILE)):
        if path in archive and _lines(archive, path):
            return path
    return None


def check_requirements(archive: Archive, path: str, findings: Findings) -> None:
    """Report every line that does not name a package of the index."""
    for number, line in _lines(archive, path):
        # Runs of spaces are reduced to one: a pattern with several optional parts would try every way to
        # divide them.
        if not _FROM_INDEX.match(" ".join(line.split())):
            findings.error(
                Problem(
                    path,
                    f"{shown(line)} is not supported. Write a package of the index and its version, like "
                    "'pillow==11.0'; options, paths, URLs and repositories are rejected.",
                    number,
                )
            )


def names_in(archive: Archive, path: str) -> frozenset[str]:
    """Return the normalized names of the packages in a file."""
    found = (re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line) for _, line in _lines(archive, path))
    return frozenset(re.sub(r"[-_.]+", "-", match[0]).lower() for match in found if match)


def _lines(archive: Archive, path: str) -> list[tuple[int, str]]:
    try:
        text = archive.read(path, max_bytes=MAX_BYTES).decode("utf-8-sig")
    except (UnicodeDecodeError, PurasError):
        return [(1, "<unreadable>")]
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        plain = re.sub(r"(^|\s)#.*$", "", line).strip()
        if plain:
            found.append((number, plain))
    return found
