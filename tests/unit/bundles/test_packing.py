"""Check the bundles that the kit packs for commands and for the MCP server."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from puras import bundles
from puras.bundles import BundleError, left_out_of, pack, unnamed_notebooks


def test_too_many_files_are_rejected_before_any_is_read(tmp_path: Path) -> None:
    for number in range(bundles.MAX_FILES + 1):
        (tmp_path / f"{number}.txt").touch()
    with pytest.raises(BundleError, match=r"more than 5,000 files.*only the skills"):
        pack(tmp_path)
    (tmp_path / "0.txt").unlink()
    assert pack(tmp_path)


def test_too_large_files_are_rejected_before_any_is_read(tmp_path: Path) -> None:
    with (tmp_path / "model.bin").open("wb") as file:
        file.truncate(bundles.MAX_BYTES + 1)
    with pytest.raises(BundleError, match=r"more than 256 MiB.*to the drive"):
        pack(tmp_path)


def test_files_that_are_left_out_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "skill.yaml").write_text("entrypoint: main.py:run\n")
    (tmp_path / ".venv").mkdir()
    for name in ("train.log", ".venv/large.bin"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(bundles.MAX_BYTES + 1)
    assert pack(tmp_path)


def test_a_notebook_is_packed_only_if_its_skill_contains_its_name(tmp_path: Path) -> None:
    files = {
        "notebooks/first.ipynb": "{}",
        "skills/report/skill.yaml": "entrypoint: main.py:run\n",
        "skills/report/main.py": "def run(): return open('templates/page.ipynb').read()\n",
        "skills/report/templates/page.ipynb": "{}",
        "skills/report/try.ipynb": "{}",
        "skills/report/.ipynb_checkpoints/page.ipynb": "{}",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    packed = zipfile.ZipFile(BytesIO(pack(tmp_path))).namelist()
    assert [name for name in packed if name.endswith(".ipynb")] == ["skills/report/templates/page.ipynb"]
    assert left_out_of(tmp_path) == ["notebooks/first.ipynb", "skills/report/try.ipynb"]


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        (b"see page.ipynb.", True),
        (b"./templates/page.ipynb", True),
        (b"my-page.ipynb", False),
        (b"page.ipynb-old", False),
        (b"page", False),
        (b"\xff\x00 page.ipynb", True),
    ],
)
def test_a_notebook_is_named_by_the_text_of_a_file(text: bytes, is_named: bool) -> None:
    files = {"SKILL.md": b"", "notes.md": text, "page.ipynb": b"{}"}
    assert unnamed_notebooks(files, files.__getitem__) == (set() if is_named else {"page.ipynb"})


def test_files_of_other_skills_do_not_name_a_notebook() -> None:
    files = {
        "skills/a/skill.yaml": b"",
        "skills/a/page.ipynb": b"other.ipynb",
        "skills/b/skill.yaml": b"# page.ipynb",
        "skills/b/other.ipynb": b"",
        "skills/b/subskills/c/skill.yaml": b"# other.ipynb",
    }
    assert unnamed_notebooks(files, files.__getitem__) == {"skills/a/page.ipynb"}
