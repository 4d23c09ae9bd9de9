"""Every component of the studio names a widget that exists."""

from __future__ import annotations

import re
from pathlib import Path

from backend.core.release_files import ROOT

_LIBRARY = re.compile(r'"\$/public/ui/([^"]+)"')


def test_every_component_names_a_file_of_the_widgets() -> None:
    widgets = ROOT / "assets" / "ui"
    missing = {
        f"{source.relative_to(ROOT)}: {name}"
        for source in sorted(Path(ROOT, "studio").rglob("*.py"))
        for name in _LIBRARY.findall(source.read_text(encoding="utf-8"))
        if not (widgets / name).is_file()
    }
    assert missing == set()
