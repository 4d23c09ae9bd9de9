"""Check that the kit accepts the same names for new files as the API, and reads files with any name."""

from __future__ import annotations

from pathlib import Path

import pytest
from puras import drive

from backend.storage.file_errors import BadDrivePath
from backend.storage.paths import parse_new_path

NAMES = [
    "a.txt", "drive/drive/x", "e\u0301.txt", "out/a b.txt", " ", "a ", " a", "a.", "nul", "CON.txt", "com1", "com10",
    "a\u202eb", "a\u200bb", "x" * 300, "a\nb", "out /x", "..hidden", "../x",
]  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PURAS_DRIVE_DIR", str(tmp_path / "drive"))
    (tmp_path / "drive").mkdir()
    return tmp_path / "drive"


@pytest.mark.parametrize("name", NAMES)
def test_kit_and_api_accept_the_same_names(name: str, folder: Path) -> None:
    try:
        expected = str(parse_new_path(name))
    except BadDrivePath:
        with pytest.raises(drive.DriveError):
            drive.save(name, b"x")
        with pytest.raises(drive.DriveError):
            drive.open(name, "w")
        assert list(folder.iterdir()) == []
        return
    assert drive.save(name, b"x") == expected
    assert (folder / expected).read_bytes() == b"x"


def test_existing_files_with_other_names_are_read_and_written(folder: Path) -> None:
    (folder / "a ").write_text("old")
    with drive.open("a ") as file:
        assert file.read() == "old"
    with drive.open("a ", "w") as file:
        file.write("new")
    assert (folder / "a ").read_text() == "new"
