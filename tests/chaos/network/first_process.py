"""The first process of a host: starts the commands that it reads and reaps ended processes, until its input ends.

Each line of its input is a JSON object with `command`, `env` and `log`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path


def main() -> None:
    """Run until the input ends; the kernel then kills every other process of the host."""
    signal.signal(signal.SIGCHLD, _reap)
    for line in sys.stdin:
        request = json.loads(line)
        with Path(request["log"]).open("ab") as log:
            subprocess.Popen(
                request["command"],
                env=request["env"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


def _reap(*_: object) -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


if __name__ == "__main__":
    main()
