"""The table of transitions is a valid state machine."""

from backend.execution.jobs.status import TERMINAL, TRANSITIONS
from backend.execution.jobs.tables import STATUSES


def test_the_table_contains_every_status_of_a_job() -> None:
    assert {one.target for one in TRANSITIONS} == set(STATUSES)
    assert {one.source for one in TRANSITIONS} == {None, *STATUSES} - TERMINAL


def test_no_transition_is_listed_twice() -> None:
    assert len({(one.source, one.target) for one in TRANSITIONS}) == len(TRANSITIONS)


def test_every_status_can_reach_an_end() -> None:
    for status in STATUSES:
        reached, new = {status}, {status}
        while new:
            new = {one.target for one in TRANSITIONS if one.source in new} - reached
            reached |= new
        assert reached & TERMINAL, status
