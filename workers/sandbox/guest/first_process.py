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
    from typing import Final, NoReturn

_SIGCONT: Final = 18  # `signal` loads the enumerations
_SIGSTOP: Final = 19


def leave() -> None:
    """Continue in a child: process 1 of the namespaces runs only our own code, and waits for it.

    Process 1 keeps the user with which the sandbox was started. So the kernel ends it with the worker: a process that
    has changed its user would not be reached by that signal. With process 1 the whole sandbox ends.

    Called first of all, in a process that has started no thread. Returns in the child, which leads a group of its own
    and has to call `hide_mounts` before it runs code of a tenant.
    """
    privileges.end_first()
    privileges.die_with_parent()
    privileges.drop_bounding_set()
    gc.freeze()  # a collection in one of the processes would copy all objects that they share
    child = os.fork()
    if child == 0:
        os.setsid()
        return
    _wait(child)


def hide_mounts() -> None:
    """Hide in both processes where the folders of the sandbox are on the host, once all of them are mounted.

    Returns when process 1 has dropped all its privileges, so that code of a tenant never runs before that.
    """
    os.kill(os.getpid(), _SIGSTOP)  # process 1 waits for this, hides its own, and lets this one continue
    with suppress(OSError):  # the probe has reported it
        os.close(privileges.hide_mounts())


def _wait(child: int) -> NoReturn:
    """Exit when the child exits, with its status; until then reap orphaned processes.

    This process holds the namespace of the mounts, of which no process of a tenant has a descriptor.
    """
    privileges.set_dumpable(False)
    _, status = os.waitpid(child, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        _exit_like(status)
    namespace = None
    with suppress(OSError):  # the probe has reported it
        namespace = privileges.hide_mounts()
    privileges.drop_capabilities()
    privileges.no_new_privileges()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        if int(name) != namespace:
            with suppress(OSError):  # the one that listed them is already closed
                os.close(int(name))
    os.kill(child, _SIGCONT)
    while True:
        ended, status = os.wait()
        if ended == child:
            _exit_like(status)


def _exit_like(status: int) -> NoReturn:
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)
