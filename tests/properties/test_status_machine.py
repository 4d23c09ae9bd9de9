"""The states of a job: the table itself, before any database."""

from hypothesis import given
from hypothesis import strategies as st

from backend.execution.jobs.status import TERMINAL, TRANSITIONS, sources
from backend.execution.jobs.tables import STATUSES


def test_the_machine_knows_every_status_of_the_table() -> None:
    assert set(TRANSITIONS) == set(STATUSES)


def test_terminal_states_have_no_exits() -> None:
    assert all(not TRANSITIONS[status] for status in TERMINAL)


def test_every_state_can_reach_an_end() -> None:
    for status in STATUSES:
        reached, new = {status}, {status}
        while new:
            new = set().union(*(TRANSITIONS[one] for one in new)) - reached
            reached |= new
        assert reached & TERMINAL, status


@given(st.sampled_from(STATUSES), st.sampled_from(STATUSES))
def test_sources_are_the_moves_read_backwards(source: str, target: str) -> None:
    assert (source in sources(target)) == (target in TRANSITIONS[source])
