"""A failed archive closes its stream immediately, and writes nothing more to its target."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FAILS = """
import gc, os, tempfile
from backend.administration.archives.writer import ArchiveWriter

def attempt():
    with tempfile.TemporaryFile("wb", buffering=0) as file:
        with ArchiveWriter(file) as archive:
            archive.add("first", os.urandom(100_000))
            raise OSError(28, "No space left on device")

try:
    attempt()
except OSError as error:
    print(error.errno)
gc.collect()
"""
PYTHONS = sorted({sys.executable, *filter(None, map(shutil.which, ("python3.13", "python3.14")))})


@pytest.mark.parametrize("python", PYTHONS)
def test_failed_archive_leaves_no_stream_open(python: str) -> None:
    """Since Python 3.13, a stream that the garbage collector closes reports that its target is already closed."""
    ran = subprocess.run(
        [python, "-W", "always", "-c", FAILS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "28\n", "")
