"""The IDs under which a worker process joins the instance."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from uuid import UUID, uuid5


def worker_ids(launch_id: UUID) -> Iterator[UUID]:
    """Return the IDs that a process takes one after the other, each when the instance has given up the one before.

    Whatever starts the process chooses the launch ID, and so knows the IDs: containers of equal names have processes of
    equal numbers, so host and process ID identify nothing.
    """
    yield launch_id
    for number in count(1):
        yield uuid5(launch_id, str(number))
