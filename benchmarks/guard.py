"""End the processes that use a folder when the process that started this one has ended without stopping them.

Standard input contains a line of JSON, `{"uses": [paths], "folder": path}`, and the line `done` after an orderly end.
This file imports only the standard library, since it runs without site packages.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ORDERLY_S = 40.0
KILLED_S = 5.0


def main() -> None:
    """Wait for the end of standard input."""
    first, _, rest = sys.stdin.read().partition("\n")
    if not first or rest.strip() == "done":
        return
    request = json.loads(first)
    paths = [path.encode() for path in request["uses"]]
    # An instance stops its own children, so only processes without such a parent receive the first signal.
    _send(signal.SIGTERM, _without_parent(_users(paths)))
    if not _wait_until_none(paths, ORDERLY_S):
        _send(signal.SIGKILL, _users(paths))
        _wait_until_none(paths, KILLED_S)
    shutil.rmtree(request["folder"], ignore_errors=True)


def _users(paths: Sequence[bytes]) -> dict[int, int]:
    """Return the processes that name one of the paths, with their parents."""
    found = {}
    for folder in Path("/proc").glob("*"):  # nothing on systems without it
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            text = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            if any(path in text for path in paths):
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                found[int(folder.name)] = int(parent)
        except OSError:
            continue  # it has ended, or belongs to another user
    return found


def _without_parent(users: dict[int, int]) -> list[int]:
    return [pid for pid, parent in users.items() if parent not in users]


def _send(number: signal.Signals, pids: Sequence[int] | dict[int, int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _wait_until_none(paths: Sequence[bytes], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while _users(paths):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


if __name__ == "__main__":
    main()
