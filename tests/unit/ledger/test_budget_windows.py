"""The end of the window of a budget."""

from datetime import UTC, date, datetime

import pytest

from backend.money.budgets.usage import resets_at


@pytest.mark.parametrize(
    ("period", "since", "end"),
    [
        ("day", date(2026, 12, 31), datetime(2027, 1, 1, tzinfo=UTC)),
        ("month", date(2026, 1, 1), datetime(2026, 2, 1, tzinfo=UTC)),
        ("month", date(2026, 12, 1), datetime(2027, 1, 1, tzinfo=UTC)),
        ("rolling30", date(2026, 2, 1), datetime(2026, 3, 3, tzinfo=UTC)),
        ("total", date(2026, 1, 1), None),
    ],
)
def test_window_ends_at_midnight_after_its_last_day(period: str, since: date, end: datetime | None) -> None:
    assert resets_at(period, since) == end
