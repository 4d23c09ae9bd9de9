"""Files with any timestamp that a job can set are listed with a valid one."""

from __future__ import annotations

import os
import stat

import pytest

from backend.storage.drive_files import entry_of
from backend.storage.paths import parse_drive_path


@pytest.mark.parametrize(
    ("seconds", "year"), [(2**60, 9999), (-(2**60), 1), (10**12, 9999), (-(10**11), 1), (0, 1970)]
)
def test_time_out_of_range_is_listed_as_the_nearest_valid_time(seconds: int, year: int) -> None:
    plain = (stat.S_IFREG | 0o644, 1, 1, 1, 0, 0, 5, seconds, seconds, seconds)
    found = os.stat_result(plain, {"st_mtime_ns": seconds * 10**9, "st_ctime_ns": seconds * 10**9})
    entry = entry_of(parse_drive_path("a.txt"), found)
    assert entry.modified_at.year == year
    assert entry.modified_at.isoformat()
