"""The check whether the built pages are current."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from backend.core.release_files import ROOT
from studio import build


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of all sources of the pages."""
    for name in ("studio", "assets", "reflex.lock"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("rxconfig.py", "bunfig.toml", ".npmrc"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_equal_sources_have_equal_fingerprints_in_any_folder(checkout: Path) -> None:
    assert build.fingerprint(checkout) == build.fingerprint(ROOT)


@pytest.mark.parametrize(
    "source", ["assets/ps.css", "studio/pages/home.py", "rxconfig.py", "reflex.lock/bun.lock"]
)
def test_a_changed_source_makes_the_pages_stale(checkout: Path, source: str) -> None:
    built_from = build.fingerprint(checkout)
    with (checkout / source).open("a", encoding="utf-8") as file:
        file.write("\n")
    assert build.fingerprint(checkout) != built_from


def test_a_new_file_makes_the_pages_stale(checkout: Path) -> None:
    built_from = build.fingerprint(checkout)
    (checkout / "assets" / "ui" / "one_more.jsx").write_text("export const One = 1;", encoding="utf-8")
    assert build.fingerprint(checkout) != built_from


@pytest.mark.parametrize("source", ["studio/gateway.py", "studio/serve.py", "studio/left_over.pyc"])
def test_a_change_outside_of_the_pages_does_not_make_them_stale(checkout: Path, source: str) -> None:
    built_from = build.fingerprint(checkout)
    with (checkout / source).open("a", encoding="utf-8") as file:
        file.write("\n")
    assert build.fingerprint(checkout) == built_from
