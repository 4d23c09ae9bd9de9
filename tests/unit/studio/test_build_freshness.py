"""When the pages count as current."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from studio import build
from studio.prerender import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of everything that pages are made of."""
    for name in ("studio", "assets", "reflex.lock"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("rxconfig.py", "bunfig.toml", ".npmrc"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_the_same_sources_are_the_same_wherever_they_lie(checkout: Path) -> None:
    assert build.fingerprint(checkout) == build.fingerprint(ROOT)


@pytest.mark.parametrize(
    "source", ["assets/ps.css", "studio/pages/home.py", "rxconfig.py", "reflex.lock/bun.lock"]
)
def test_another_source_makes_the_pages_stale(checkout: Path, source: str) -> None:
    built_from = build.fingerprint(checkout)
    with (checkout / source).open("a", encoding="utf-8") as file:
        file.write("\n")
    assert build.fingerprint(checkout) != built_from


def test_a_new_file_makes_the_pages_stale(checkout: Path) -> None:
    built_from = build.fingerprint(checkout)
    (checkout / "assets" / "ui" / "one_more.jsx").write_text("export const One = 1;", encoding="utf-8")
    assert build.fingerprint(checkout) != built_from


@pytest.mark.parametrize("source", ["studio/gateway.py", "studio/serve.py", "studio/left_over.pyc"])
def test_what_has_no_part_in_the_pages_does_not_make_them_stale(checkout: Path, source: str) -> None:
    built_from = build.fingerprint(checkout)
    with (checkout / source).open("a", encoding="utf-8") as file:
        file.write("\n")
    assert build.fingerprint(checkout) == built_from
