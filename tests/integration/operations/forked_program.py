"""A program that reports the state in which it starts: `python -m tests.integration.operations.forked_program`."""

from __future__ import annotations

import gc
import json
import os
import random
import signal
import ssl
import sys
import time
import uuid
from pathlib import Path
from typing import Final

from backend.config import settings
from backend.core.bootstrap import Program

PROGRAM: Final = Program("tests.integration.operations.forked_program")
IMPORTED_BY: Final = os.getpid()
DRAWN_AT_IMPORT: Final = (random.random(), ssl.RAND_bytes(8))
"""The generators have a state that a fork copies."""
DEFAULT_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)


def main() -> int:
    """Print the state as JSON, then do what the first line of standard input requests."""
    report = {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "session": os.getsid(0),
        "imported_by": IMPORTED_BY,
        "environment": dict(os.environ),
        "home": str(settings().home),
        "arguments": sys.argv,
        "command": Path("/proc/self/cmdline").read_bytes().rstrip(b"\0").decode().split("\0"),
        "safe_path": sys.flags.safe_path,
        "descriptors": sorted(int(link.name) for link in Path("/proc/self/fd").iterdir() if link.exists()),
        "default_signals": all(signal.getsignal(number) == signal.SIG_DFL for number in DEFAULT_SIGNALS),
        "interrupt": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
        "blocked": len(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "collects": gc.isenabled(),
        "random": [random.random(), uuid.uuid4().hex, ssl.RAND_bytes(8).hex()],
    }
    print(json.dumps(report), flush=True)
    match sys.stdin.readline().strip():
        case "raise":
            raise RuntimeError("it is broken")
        case "sleep":
            time.sleep(600)
        case code:
            return int(code)
    return 0


if __name__ == "__main__":
    sys.exit(PROGRAM.run())
