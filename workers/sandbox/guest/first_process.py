"""Be process 1 of a sandbox: our own code alone, which waits for the process that runs code of a tenant.

Run before any other module of this package is imported, so that process 1 stays small.
"""

from __future__ import annotations

import gc
import os

from . import privileges
from .lean import suppress

TYPE_CHECKING = False  # type checkers know this name
if TYPE_CHECKING:
    from typing import NoReturn


def leave() -> None:
    """Continue in a child: process 1 of the namespaces runs only our own code, and waits for it.

    Process 1 keeps the user with which the sandbox was started. So the kernel ends it with the worker: a process that
    has changed its user would not be reached by that signal. With process 1 the whole sandbox ends. It also holds the
    namespace of the mounts, of which no process of a tenant has a descriptor.

    Called first of all, in a process that has started no thread. Returns in the child, which leads a group of its own.
    """
    privileges.end_first()
    namespace = None
    with suppress(OSError):  # the probe has reported it
        namespace = privileges.hide_mounts()
    privileges.drop_bounding_set()
    gc.freeze()  # a collection in one of the processes would copy all objects that they share
    child = os.fork()
    if child == 0:
        if namespace is not None:
            os.close(namespace)
        os.setsid()
        return
    _wait(child, namespace)


def _wait(child: int, namespace: int | None) -> NoReturn:
    """Exit when the child exits, with its status; until then reap orphaned processes."""
    privileges.drop_capabilities()
    privileges.no_new_privileges()
    privileges.die_with_parent()
    privileges.set_dumpable(False)
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        if int(name) != namespace:
            with suppress(OSError):  # the one that listed them is already closed
                os.close(int(name))
    while True:
        ended, status = os.wait()
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)
