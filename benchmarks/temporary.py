"""Temporary folders whose processes end together with this process, even if it is killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

GUARD: Final = Path(__file__).parent / "guard.py"
MARK: Final = "PURAS_BENCH_FOLDER"
"""Variable by which the guard finds processes that do not name the folder otherwise."""


@contextmanager
def temporary_folder(home: Path | None = None) -> Iterator[Path]:
    """Create a folder that all users may read, and delete it at the end.

    If the block fails or this process is killed, a second process ends all processes that use the folder or `home`:
    they have it in their command line or in their variables.
    """
    with tempfile.TemporaryDirectory(prefix="puras-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        uses = [str(path) for path in (folder, home) if path is not None]
        with subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARD)],
            stdin=subprocess.PIPE,
            start_new_session=True,  # a signal to this process group must not end it
        ) as guard:
            assert guard.stdin is not None
            guard.stdin.write(json.dumps({"uses": uses, "folder": name}).encode() + b"\n")
            guard.stdin.flush()
            yield folder
            guard.stdin.write(b"done\n")


def marked(folder: Path, variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables of a process that must end with the folder."""
    return {**(os.environ if variables is None else variables), MARK: str(folder)}
