"""Parse requirements.txt, which may contain only plain packages of the index."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from packaging.markers import InvalidMarker, Marker

from backend.core.errors import Problem
from workers.sandbox.packages.errors import RequirementsRefused

_MAX_BYTES: Final = 256 * 1024
_NAME: Final = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_VERSION: Final = r"(?:===|==|~=|!=|<=|>=|<|>)\s*[A-Za-z0-9.*+!_-]+"
_REQUIREMENT: Final = re.compile(
    rf"(?P<name>{_NAME})\s*(?P<extras>\[\s*(?:{_NAME}\s*(?:,\s*{_NAME}\s*)*)?\])?"
    rf"\s*(?P<versions>\(?\s*{_VERSION}(?:\s*,\s*{_VERSION})*\s*\)?)?"
    r"\s*(?P<marker>;[^;$@\\]{1,2000})?"
)
_EXACT: Final = re.compile(r"===?[^*,<>=!~]+")
_ARCHIVES: Final = (".whl", ".zip", ".gz", ".tgz", ".bz2", ".xz", ".tar", ".egg")
_KIT: Final = {"puras": ("httpx", "pyyaml"), "puras-kit": ()}
"""Names of the package `puras`, which every job has from its worker, and the other packages that each
requires."""
_HASH: Final = re.compile(r"\s--hash[= ](sha256|sha384|sha512):([0-9a-f]{64,128})(?=\s|$)")


def read(file: Path) -> list[str]:
    """Return the requirements of a file, each on one line in one spelling, sorted.

    The package `puras` is not installed, since the worker's own would hide it; what it requires is.

    Raises:
        RequirementsRefused: with each line that is not a plain package of the index, and what to write instead.
    """
    with file.open("rb") as stream:
        data = stream.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise RequirementsRefused(f"{file.name} has more than {_MAX_BYTES} bytes.")
    requirements: set[str] = set()
    problems = []
    for number, line in _logical_lines(data.decode("utf-8", "replace")):
        plain = normal(line)
        if plain is None:
            problems.append(Problem(file.name, _why(line), line=number))
        else:
            requirements.update(_without_kit(plain))
    if problems:
        first = problems[0]
        more = f" ({len(problems) - 1} more lines are rejected.)" if len(problems) > 1 else ""
        raise RequirementsRefused(f"{file.name} line {first.line}: {first.message}{more}", problems)
    return sorted(requirements)


def normal(line: str) -> str | None:
    """Return a requirement in normal form; none if it is not a plain package of the index."""
    line = " ".join(line.split())  # or the pattern would backtrack over runs of spaces
    hashes = sorted(f"{kind}:{digest}" for kind, digest in _HASH.findall(line))
    match = _REQUIREMENT.fullmatch(_HASH.sub("", line).strip())
    if match is None or match["name"].lower().endswith(_ARCHIVES):
        return None
    name = re.sub(r"[-_.]+", "-", match["name"]).lower()
    extras = re.sub(r"\s", "", match["extras"] or "").lower()
    versions = re.sub(r"[\s()]", "", match["versions"] or "")
    marker = f" {' '.join(match['marker'].split())}" if match["marker"] else ""
    if (hashes and not _EXACT.fullmatch(versions)) or (marker and not _is_marker(marker[2:])):
        return None
    return f"{name}{extras}{versions}{marker}" + "".join(f" --hash={digest}" for digest in hashes)


def name_of(requirement: str) -> str:
    """Return the package of a requirement in normal form."""
    match = re.match(_NAME, requirement)
    return match[0] if match else ""


def _without_kit(requirement: str) -> list[str]:
    requires = _KIT.get(name_of(requirement))
    if requires is None:
        return [requirement]
    _, mark, marker = _HASH.sub("", requirement).partition(" ;")
    return [f"{name}{mark}{marker}" for name in requires]


def hashes_of(requirement: str) -> list[str]:
    """Return the hashes of a requirement in normal form, as `sha256:…`."""
    return [f"{kind}:{digest}" for kind, digest in _HASH.findall(requirement)]


def with_hashes(requirement: str, *hashes: str) -> str:
    """Return a requirement in normal form with other hashes, or with none."""
    return _HASH.sub("", requirement) + "".join(f" --hash={digest}" for digest in hashes)


def _is_marker(text: str) -> bool:
    """Return whether a text is a marker and nothing else: the installer accepts options after a marker."""
    try:
        Marker(text)
    except (InvalidMarker, RecursionError):
        return False
    return " -" not in text


def _logical_lines(text: str) -> list[tuple[int, str]]:
    """Return the lines without comments, continued ones joined, with the number of their first."""
    lines: list[tuple[int, str]] = []
    started, pending = 0, ""
    for number, raw in enumerate(text.splitlines(), start=1):
        part = re.sub(r"(^|\s)#.*$", "", raw)
        started = started or number
        if part.endswith("\\"):
            pending += part[:-1] + " "
            continue
        line = (pending + part).strip()
        if line:
            lines.append((started, line))
        started, pending = 0, ""
    return [*lines, (started, pending.strip())] if pending.strip() else lines


def _why(line: str) -> str:
    quoted = line if len(line) <= 80 else f"{line[:80]}…"
    if line.startswith("-"):
        return (
            f"{quoted!r} is an option; only packages of the index are allowed, one per line, as `name==1.2`."
        )
    if "://" in line or "@" in line:
        return f"{quoted!r} is a URL; use the name of the package in the index, as `name==1.2`."
    if _HASH.search(line) and normal(_HASH.sub("", line)) is not None:
        return (
            f"{quoted!r} has a hash but no exact version, so the hash would not be checked; write one "
            "version, as `name==1.2 --hash=sha256:…`."
        )
    if line.startswith((".", "/", "~")) or line.lower().endswith(_ARCHIVES):
        return (
            f"{quoted!r} is a path; add Python files to the skill's folder, or name a package of the index."
        )
    return f"{quoted!r} is not a requirement; write a package and its versions, as `name>=1.2,<2`."
