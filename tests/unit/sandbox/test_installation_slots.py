"""Installation slots are assigned to projects in turn, one per project."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from workers.sandbox.packages.errors import EnvironmentFailed
from workers.sandbox.packages.slots import MAX_WAITING, Slot, SlotQueue

A, B, C = uuid4(), uuid4(), uuid4()


def join(queue: SlotQueue, *projects: UUID) -> Slot:
    slot = Slot()
    for project in projects:
        queue.join(project, slot)
    return slot


async def test_project_has_one_slot_and_then_joins_the_end() -> None:
    queue = SlotQueue(2)
    first, second, third = (join(queue, A) for _ in range(3))
    other = join(queue, B)
    late = join(queue, C)
    assert [slot.granted.done() for slot in (first, second, third, other, late)] == [1, 0, 0, 1, 0]
    queue.leave(first)
    assert late.granted.done()
    assert not second.granted.done()
    queue.leave(other)
    assert second.granted.result() == A
    queue.leave(late)
    assert not third.granted.done()
    queue.leave(second)
    assert third.granted.done()


async def test_shared_installation_gets_the_first_slot_of_any_project() -> None:
    queue = SlotQueue(1)
    held = join(queue, A)
    slow, shared = join(queue, A), join(queue, A, B)
    queue.leave(held)
    assert shared.granted.result() == B
    queue.leave(shared)
    assert slow.granted.result() == A
    queue.leave(slow)
    assert join(queue, C).granted.done()


async def test_abandoned_installation_takes_no_slot() -> None:
    queue = SlotQueue(1)
    held, abandoned, last = join(queue, A), join(queue, B, C), join(queue, C)
    queue.leave(abandoned)
    queue.leave(held)
    assert last.granted.done()


async def test_number_of_waiting_installations_is_limited() -> None:
    queue = SlotQueue(1)
    for _ in range(MAX_WAITING + 1):
        join(queue, A)
    with pytest.raises(EnvironmentFailed, match=f"{MAX_WAITING} other pending installations"):
        join(queue, A)
    join(queue, B)
