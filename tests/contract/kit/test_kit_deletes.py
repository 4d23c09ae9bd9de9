"""`drive.delete` and `drive.fetch` where the drive is a live folder, and what the runner is told."""

from __future__ import annotations

from pathlib import Path

from tests.contract.kit.conftest import RunKit


def test_a_deleted_file_is_gone_and_the_runner_is_told(run_kit: RunKit, tmp_path: Path) -> None:
    ran = run_kit("from puras import drive\ndrive.save('a/b.txt', 'x')\ndrive.delete('./drive/a/b.txt')")
    assert ran.events == [{"type": "drive_deleted", "path": "a/b.txt"}]
    assert not (tmp_path / "drive/a/b.txt").exists()


def test_what_is_no_file_of_the_drive_is_not_deleted(run_kit: RunKit, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("kept")
    (tmp_path / "drive/link").symlink_to(tmp_path / "outside")
    code = """
from puras import drive
for name in ("gone.txt", "../outside", "", ".", "link"):
    try:
        drive.delete(name)
    except drive.DriveError as error:
        print(error)
"""
    ran = run_kit(code)
    assert (ran.events, ran.stdout.count("\n")) == ([], 5)
    assert (tmp_path / "outside").read_text() == "kept"


def test_a_file_in_the_drive_is_fetched_by_staying_where_it_is(run_kit: RunKit, tmp_path: Path) -> None:
    (tmp_path / "drive/a.txt").write_text("x")
    code = """
from puras import drive
print(drive.fetch("a.txt"))
try:
    drive.fetch("gone.txt")
except drive.DriveError as error:
    print(error)
"""
    assert run_kit(code).stdout.splitlines() == [
        str(tmp_path / "drive/a.txt"),
        "There is no file 'gone.txt' in the drive.",
    ]
