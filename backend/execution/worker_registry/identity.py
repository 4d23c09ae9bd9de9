"""The IDs under which a worker process joins the instance."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from uuid import UUID, uuid5


def worker_ids(launch_id: UUID) -> Iterator[UUID]:
    """Iterate over the IDs that a process uses, each after the lease of the previous one has expired.

    The launcher of the process chooses the launch ID, so it knows the IDs. Host name and process ID are not unique:
    containers can have equal ones.
    """
    yield launch_id
    for number in count(1):
        yield uuid5(launch_id, str(number))
