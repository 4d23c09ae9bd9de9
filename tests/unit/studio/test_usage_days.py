"""The period that the usage page covers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from studio.pages.usage.page import first_moment


@pytest.mark.parametrize(
    ("now", "first"),
    [
        (datetime(2026, 11, 26, 4, 5, tzinfo=UTC), datetime(2026, 10, 28, tzinfo=UTC)),
        (datetime(2026, 12, 31, 23, 59, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)),
    ],
)
def test_the_period_covers_the_whole_month_on_its_last_day(now: datetime, first: datetime) -> None:
    assert first_moment(now) == first
