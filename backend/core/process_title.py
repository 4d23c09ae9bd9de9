"""Change the command with which the system shows a forked process, so that operators can distinguish processes."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from typing import Final

_ARG_START: Final = 48 - 3
"""Position of this field of proc_pid_stat(5) behind the name of the program; the next field is the end."""


def show_command(module: str, *arguments: str) -> None:
    """Let `ps` and `pgrep -f` show this process as `python -P -m module arguments`, as if it had been executed.

    The text replaces the arguments of the program in memory, of which Python has made a copy at its start. What does
    not fit is cut off; the name of the interpreter is short so that everything fits. On other systems than Linux,
    nothing changes.
    """
    if sys.platform != "linux":
        return
    fields = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    start, end = map(int, fields[_ARG_START : _ARG_START + 2])
    size = end - start
    if size <= 0:  # the kernel does not report where they are
        return
    text = "\0".join(("python", "-P", "-m", module, *arguments)).encode()[: size - 1]
    ctypes.memmove(start, text.ljust(size, b"\0"), size)
