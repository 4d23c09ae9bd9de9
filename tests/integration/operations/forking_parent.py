"""A process that starts two forked programs, prints the process IDs, and waits: `python forking_parent.py HOME`."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys

from backend.operations.up.launcher import Launcher

ENTRY = "tests.integration.operations.forked_program"


async def main() -> None:
    """Print the IDs of the fork server and of two programs, which wait for a request."""
    launcher = Launcher([ENTRY], dict(os.environ))
    async with launcher.running():
        (server,) = launcher.pids
        ends = [socket.socketpair() for _ in range(2)]
        environment = os.environ | {"PURAS_HOME": sys.argv[1]}
        programs = [
            await launcher.start(ENTRY, environment, stdin=theirs.fileno(), stdout=theirs.fileno())
            for _, theirs in ends
        ]
        for ours, _ in ends:
            await asyncio.to_thread(ours.recv, 1)
        print(json.dumps([server, *(program.pid for program in programs)]), flush=True)
        await asyncio.sleep(600)


if __name__ == "__main__":
    asyncio.run(main())
