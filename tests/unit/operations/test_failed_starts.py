"""A process that fails at each start is not started again; one that is killed, or that waits for a server, is."""

from __future__ import annotations

import signal

import pytest

from backend.core.bootstrap import TRY_AGAIN
from backend.core.failed_starts import MAX_FAILED_STARTS, STABLE_AFTER_S, FailedStarts


def final_after(
    code: int, *, uptime_s: float = 0.5, starts: int = 50, min_failing_s: float = 0.0
) -> int | None:
    """Return the number of starts after which a process that always ends like this has failed for the last time."""
    failed = FailedStarts(min_failing_s=min_failing_s)
    numbers = (number for number in range(1, starts) if failed.is_final(code, uptime_s=uptime_s))
    return next(numbers, None)


@pytest.mark.parametrize("code", [1, 2, 127, -signal.SIGSEGV, -signal.SIGABRT])
def test_failures_at_the_start_are_final(code: int) -> None:
    assert final_after(code) == MAX_FAILED_STARTS


@pytest.mark.parametrize("code", [0, TRY_AGAIN, -signal.SIGKILL, -signal.SIGTERM])
def test_other_ends_are_not(code: int) -> None:
    assert final_after(code) is None


def test_failures_of_a_stable_process_are_not_final() -> None:
    assert final_after(1, uptime_s=STABLE_AFTER_S + 1) is None


def test_failures_may_be_caused_by_a_server_that_is_starting() -> None:
    assert final_after(1, min_failing_s=3600) is None


def test_stable_run_starts_a_new_count() -> None:
    failed = FailedStarts(min_failing_s=0.0)
    for _ in range(MAX_FAILED_STARTS - 1):
        assert not failed.is_final(1, uptime_s=0.1)
    failed.is_final(1, uptime_s=STABLE_AFTER_S + 1)
    assert not failed.is_final(1, uptime_s=0.1)
    assert failed.count == 1
