"""Build a package inside a sandbox: unpack its source, get the requirements of its build, build its wheel.

Run as `python -I -S -c "…; from puras_inside import build; build.main()"`, the plan on standard input. Unpacking runs
no code of the package; the other two run its build backend, as installers do.
"""

# ruff: noqa: PTH101, PTH103, PTH112, PTH118, PTH120, PTH123, PTH208
# (names from archives are text until they have been validated)

from __future__ import annotations

import importlib
import json
import os
import shutil
import stat
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from typing import IO, Any, Final, NamedTuple

from . import enclosure, interpreter

JOBS: Final = "/jobs"
RESULT_FILE: Final = "answer.json"
ARCHIVE: Final = "archive"
WHEELS: Final = "wheels"
FAILED: Final = 3

_SOURCE: Final = f"{JOBS}/source"
_LEGACY: Final = "setuptools.build_meta:__legacy__"
_LEGACY_REQUIRES: Final = ["setuptools>=40.8.0"]
_MAX_ENTRIES: Final = 100_000


class Plan(NamedTuple):
    """One step of a build."""

    action: str
    """`unpack`, `requires` or `wheel`."""
    prefix: str
    """Folder of the environment that builds it; empty for none."""


class Refused(Exception):
    """The package cannot be built; the message is for the author of the skill."""


def main() -> None:
    """Confine this process, carry out the step and write the result."""
    body = json.load(sys.stdin)
    plan = Plan(**body["plan"])
    enclosure.enter(enclosure.Enclosure.from_json(body["enclosure"]))
    if plan.prefix:
        os.environ["PATH"] = f"{plan.prefix}/bin:{os.environ['PATH']}"
    interpreter.become(plan.prefix)
    try:
        result = _ACTIONS[plan.action]()
    except Refused as refusal:
        sys.stdout.write(f"{refusal}\n")
        sys.stdout.flush()
        os._exit(FAILED)
    with open(f"{JOBS}/{RESULT_FILE}", "w", encoding="utf-8") as file:
        json.dump(result, file)
    sys.stdout.flush()
    os._exit(0)


def _unpack() -> dict[str, Any]:
    """Unpack plain files and folders, and read what the build requires."""
    os.makedirs(_SOURCE)
    entries = _zip_entries if zipfile.is_zipfile(f"{JOBS}/{ARCHIVE}") else _tar_entries
    for count, entry in enumerate(entries()):
        if count >= _MAX_ENTRIES:
            raise Refused(f"its source has more than {_MAX_ENTRIES} files")
        path = os.path.join(_SOURCE, *_parts(entry.name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            shutil.copyfileobj(entry.content, file)
        os.chmod(path, 0o755 if entry.is_program else 0o644)
    return {"requires": _build_system(_root()).get("requires", _LEGACY_REQUIRES)}


class _Entry(NamedTuple):
    name: str
    content: IO[bytes]
    is_program: bool


def _tar_entries() -> Iterator[_Entry]:
    try:
        with tarfile.open(f"{JOBS}/{ARCHIVE}", "r:*") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isreg() else None
                if content is not None:
                    yield _Entry(member.name, content, bool(member.mode & stat.S_IXUSR))
    except (tarfile.TarError, EOFError) as error:
        raise Refused(f"its source cannot be unpacked: {error}") from None


def _zip_entries() -> Iterator[_Entry]:
    try:
        with zipfile.ZipFile(f"{JOBS}/{ARCHIVE}") as archive:
            for info in archive.infolist():
                mode = info.external_attr >> 16
                if not info.is_dir() and not stat.S_ISLNK(mode):
                    with archive.open(info) as content:
                        yield _Entry(info.filename, content, bool(mode & stat.S_IXUSR))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise Refused(f"its source cannot be unpacked: {error}") from None


def _parts(name: str) -> list[str]:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or not parts:
        raise Refused(f"its source contains a file with a path outside of it: {name!r}")
    return parts


def _root() -> str:
    """Return the folder of the project: the only one in the archive, or the archive's own top."""
    names = os.listdir(_SOURCE)
    only = os.path.join(_SOURCE, names[0]) if len(names) == 1 else _SOURCE
    return only if os.path.isdir(only) else _SOURCE


def _build_system(root: str) -> dict[str, Any]:
    import tomllib  # here, since only unpacking and building need it

    try:
        with open(os.path.join(root, "pyproject.toml"), "rb") as file:
            table = tomllib.load(file).get("build-system", {})
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused(f"its pyproject.toml cannot be read: {error}") from None
    return table if isinstance(table, dict) else {}


def _requires() -> dict[str, Any]:
    """Return the requirements of the backend in addition to those of the source."""
    get_requires = getattr(_backend(), "get_requires_for_build_wheel", None)
    return {"requires": list(get_requires(None)) if get_requires else []}


def _wheel() -> dict[str, Any]:
    wheels = f"{JOBS}/{WHEELS}"
    os.makedirs(wheels, exist_ok=True)
    return {"wheel": str(_backend().build_wheel(wheels, None))}


def _backend() -> Any:
    root = _root()
    os.chdir(root)
    table = _build_system(root)
    sys.path[:0] = [os.path.join(root, str(path)) for path in table.get("backend-path", [])]
    name, _, attributes = str(table.get("build-backend", _LEGACY)).partition(":")
    sys.argv = ["setup.py"]
    backend: Any = importlib.import_module(name)
    for attribute in attributes.split(".") if attributes else []:
        backend = getattr(backend, attribute)
    return backend


_ACTIONS: Final = {"unpack": _unpack, "requires": _requires, "wheel": _wheel}
