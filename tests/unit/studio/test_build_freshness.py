"""When the pages count as current."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from studio import build
from studio.prerender import ROOT


@contextmanager
def touched(file: Path, text: str) -> Iterator[None]:
    """The file with another text, put back in the end."""
    before = file.read_bytes() if file.exists() else None
    file.write_text(text, encoding="utf-8")
    try:
        yield
    finally:
        if before is None:
            file.unlink()
        else:
            file.write_bytes(before)


def test_another_source_makes_the_pages_stale() -> None:
    built_from = build.fingerprint()
    with touched(ROOT / "assets" / "ui" / "another_widget.jsx", "export const One = 1;"):
        assert build.fingerprint() != built_from
    assert build.fingerprint() == built_from


def test_what_has_no_part_in_the_pages_does_not_make_them_stale() -> None:
    built_from = build.fingerprint()
    gateway = ROOT / "studio" / "gateway.py"
    with touched(gateway, gateway.read_text(encoding="utf-8") + "\n"):
        assert build.fingerprint() == built_from


def test_bytecode_is_no_source() -> None:
    built_from = build.fingerprint()
    with touched(ROOT / "studio" / "left_over.pyc", "x"):
        assert build.fingerprint() == built_from
