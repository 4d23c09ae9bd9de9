"""Which job wrote a file: said when only one can have, and never guessed."""

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


def test_the_only_job_that_ran_wrote_it() -> None:
    writer = writer_of(changed(15), [window(FIRST, 10, 20), window(SECOND, 21, 30)])
    assert writer is not None
    assert (writer["kind"], writer["id"]) == ("job", str(FIRST))


def test_of_several_the_one_that_names_it_wrote_it() -> None:
    writer = writer_of(changed(15), [window(FIRST, 10, 20), window(SECOND, 10, 20, "a.txt")])
    assert writer is not None
    assert writer["id"] == str(SECOND)


@pytest.mark.parametrize("outputs", [(), ("a.txt",)])
def test_of_several_that_could_it_is_said_that_it_was_one_of_them(outputs: tuple[str, ...]) -> None:
    writer = writer_of(changed(15), [window(FIRST, 10, 20, *outputs), window(SECOND, 10, 20, *outputs)])
    assert writer == {"kind": "jobs", "ids": [str(FIRST), str(SECOND)]}


def test_of_many_nothing_is_said() -> None:
    assert writer_of(changed(15), [window(uuid4(), 10, 20) for _ in range(MAX_WRITERS + 1)]) is None


def test_a_time_that_a_job_has_feigned_names_nobody_else() -> None:
    windows = [window(FIRST, 10, 20), window(SECOND, 30, 40)]
    assert writer_of(changed(15, changed_at=35), windows) is None
    assert writer_of(changed(25), windows) is None
