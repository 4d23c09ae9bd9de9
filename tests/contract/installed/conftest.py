"""The built release, once per session, and an environment of the interpreter of these tests."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.instance import require_pages
from tests.contract.installed.release import Installed, build, write_locked_versions


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the wheels of the release: new ones, or those in PURAS_TEST_DIST, which are published."""
    folder = tmp_path_factory.mktemp("dist")
    if published := os.environ.get("PURAS_TEST_DIST"):
        shutil.copytree(published, folder, dirs_exist_ok=True)
    else:
        require_pages()
        build(folder)
    write_locked_versions(folder)
    for open_folder in (folder, *folder.parents[:3]):
        open_folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def installed(dist: Path) -> Iterator[Installed]:
    """Return a plain installation of the release."""
    release = Installed(Path(tempfile.mkdtemp(prefix="puras-installed-", dir="/tmp")), dist)
    try:
        release.create()
        release.install("puras-studio")
        release.reuse_bytecode()
        yield release
    finally:
        release.remove()
