"""The job that wrote a file: named only if no other job can have written it."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from backend.storage import DriveEntry
from workers.drives.change_tracking import MAX_WRITERS, Changed, Window, writer_of

FIRST, SECOND = uuid4(), uuid4()


def changed(wrote_at: float, changed_at: float | None = None) -> Changed:
    entry = DriveEntry("a.txt", 1, datetime.fromtimestamp(wrote_at, UTC), is_folder=False, version="1")
    return Changed(entry, (wrote_at, wrote_at if changed_at is None else changed_at))


def window(job_id: UUID, began: float, ended: float, *outputs: str) -> Window:
    return Window(job_id, began, ended, frozenset(outputs))


def test_only_running_job_is_the_writer() -> None:
    writer = writer_of(changed(15), [window(FIRST, 10, 20), window(SECOND, 21, 30)])
    assert writer is not None
    assert (writer["kind"], writer["id"]) == ("job", str(FIRST))


def test_job_that_names_the_file_is_the_writer() -> None:
    writer = writer_of(changed(15), [window(FIRST, 10, 20), window(SECOND, 10, 20, "a.txt")])
    assert writer is not None
    assert writer["id"] == str(SECOND)


@pytest.mark.parametrize("outputs", [(), ("a.txt",)])
def test_several_possible_writers_are_all_named(outputs: tuple[str, ...]) -> None:
    writer = writer_of(changed(15), [window(FIRST, 10, 20, *outputs), window(SECOND, 10, 20, *outputs)])
    assert writer == {"kind": "jobs", "ids": [str(FIRST), str(SECOND)]}


def test_too_many_possible_writers_are_not_named() -> None:
    assert writer_of(changed(15), [window(uuid4(), 10, 20) for _ in range(MAX_WRITERS + 1)]) is None


def test_false_timestamp_names_no_other_job() -> None:
    windows = [window(FIRST, 10, 20), window(SECOND, 30, 40)]
    assert writer_of(changed(15, changed_at=35), windows) is None
    assert writer_of(changed(25), windows) is None
