"""Execute a command that is terminated when the process that started it ends for any reason.

Run this file with the parent's process ID and the command. It imports nothing of this project, so that it costs no
more than the start of an interpreter.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> None:
    """Let this process receive SIGTERM when its parent ends, and exit if that has ended already (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit("The process that started this one has ended already.")


def main() -> None:
    """Tie this process to its parent and become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    end_with(parent)
    os.execvp(command[0], command)  # noqa: S606 - a command of this project, without a shell


if __name__ == "__main__":
    main()
