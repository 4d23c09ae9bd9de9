"""What the kit packs a folder into, for the terminal and for the MCP server."""

from __future__ import annotations

from pathlib import Path

import pytest
from puras import bundles
from puras.bundles import BundleError, pack


def test_a_folder_with_too_many_files_is_refused_before_any_is_read(tmp_path: Path) -> None:
    for number in range(bundles.MOST_FILES + 1):
        (tmp_path / f"{number}.txt").touch()
    with pytest.raises(BundleError, match=r"more than 5,000 files.*skills alone"):
        pack(tmp_path)
    (tmp_path / "0.txt").unlink()
    assert pack(tmp_path)


def test_a_folder_that_is_too_large_is_refused_before_any_file_is_read(tmp_path: Path) -> None:
    with (tmp_path / "model.bin").open("wb") as file:
        file.truncate(bundles.MOST_BYTES + 1)
    with pytest.raises(BundleError, match=r"more than 256 MiB.*on the drive"):
        pack(tmp_path)


def test_what_is_left_out_is_not_counted(tmp_path: Path) -> None:
    (tmp_path / "skill.yaml").write_text("entrypoint: main.py:run\n")
    (tmp_path / ".venv").mkdir()
    for name in ("train.log", ".venv/large.bin"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(bundles.MOST_BYTES + 1)
    assert pack(tmp_path)
