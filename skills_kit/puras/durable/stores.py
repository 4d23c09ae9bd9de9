"""Choose where the outcomes of steps are stored: with the worker, or nowhere in a process that runs no job."""

from __future__ import annotations

import os
import threading

from puras.durable.channel import Channel
from puras.durable.errors import StepError
from puras.durable.local import LocalStore
from puras.durable.runtime import Store, is_in_job
from puras.durable.worker_store import WorkerStore

_NOT_HERE = (
    "Durable steps work in functions only, not in the Python tools of agents or in the kernels of notebooks: the "
    "journal of an agent stores the result of each call of a tool. Call the code without a step."
)
_opening = threading.Lock()
_opened: dict[int, Store] = {}
"""The store of this process, by its process ID: a child process must not use that of its parent."""


def store() -> Store:
    """Return the store of this process.

    Raises:
        StepError: Steps are not possible in this process.
    """
    with _opening:
        found = _opened.get(os.getpid())
        if found is None:
            found = _opened[os.getpid()] = _open()
        return found


def _open() -> Store:
    if _opened:
        raise StepError(
            "A process that the function has started cannot use durable steps. Call them in the function itself."
        )
    if is_in_job():
        return WorkerStore(Channel(int(os.environ["PURAS_STEPS_FD"])))
    if os.environ.get("PURAS_SERVICE_TOKEN"):
        raise StepError(_NOT_HERE)
    return LocalStore()
