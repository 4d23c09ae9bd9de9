"""Places for installations go to projects in turn, one at a time."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from workers.sandbox.packages.errors import EnvironmentFailed
from workers.sandbox.packages.slots import MAX_WAITING, Slot, SlotQueue

A, B, C = uuid4(), uuid4(), uuid4()


def joined(turns: SlotQueue, *projects: UUID) -> Slot:
    turn = Slot()
    for project in projects:
        turns.join(project, turn)
    return turn


async def test_project_has_one_slot_and_then_joins_the_end() -> None:
    turns = SlotQueue(2)
    first, second, third = (joined(turns, A) for _ in range(3))
    other = joined(turns, B)
    late = joined(turns, C)
    assert [turn.granted.done() for turn in (first, second, third, other, late)] == [1, 0, 0, 1, 0]
    turns.leave(first)
    assert late.granted.done()
    assert not second.granted.done()
    turns.leave(other)
    assert second.granted.result() == A
    turns.leave(late)
    assert not third.granted.done()
    turns.leave(second)
    assert third.granted.done()


async def test_shared_installation_gets_the_first_slot_of_any_project() -> None:
    turns = SlotQueue(1)
    held = joined(turns, A)
    slow, shared = joined(turns, A), joined(turns, A, B)
    turns.leave(held)
    assert shared.granted.result() == B
    turns.leave(shared)
    assert slow.granted.result() == A
    turns.leave(slow)
    assert joined(turns, C).granted.done()


async def test_abandoned_installation_takes_no_slot() -> None:
    turns = SlotQueue(1)
    held, given_up, last = joined(turns, A), joined(turns, B, C), joined(turns, C)
    turns.leave(given_up)
    turns.leave(held)
    assert last.granted.done()


async def test_number_of_waiting_installations_is_limited() -> None:
    turns = SlotQueue(1)
    for _ in range(MAX_WAITING + 1):
        joined(turns, A)
    with pytest.raises(EnvironmentFailed, match=f"{MAX_WAITING} other pending installations"):
        joined(turns, A)
    joined(turns, B)
