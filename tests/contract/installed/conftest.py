"""The built release, once per session, and an environment of the interpreter of these tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.instance import require_pages
from tests.contract.installed.release import Installed, build


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the wheels of the release."""
    require_pages()
    folder = tmp_path_factory.mktemp("dist")
    build(folder)
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
