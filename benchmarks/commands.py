"""Run operator commands in processes that are forked from a process that has imported their modules.

The imports of a command take two seconds of CPU time, its work a few milliseconds, and tests run hundreds of commands.
Long-running commands such as `up` are started directly, as an operator does.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Final

ROOT: Final = Path(__file__).parent.parent
TIMEOUT_S: Final = 120
_STARTING = threading.Lock()
_server: _Server | None = None


def run(
    arguments: tuple[str, ...],
    env: Mapping[str, str],
    *,
    given: str = "",
    timeout_s: float = TIMEOUT_S,
) -> subprocess.CompletedProcess[str]:
    """Run `puras-studio` with these arguments, in a separate process.

    Args:
        arguments: The arguments after the name of the program.
        env: All variables of its environment.
        given: Its standard input.
        timeout_s: The time after which the command is killed and the call fails.

    Returns:
        Its exit code, standard output and standard error.

    Raises:
        subprocess.TimeoutExpired: the command exceeds the timeout.
    """
    global _server
    with _STARTING:
        if _server is None or _server.process.poll() is not None:
            _server = _Server()
            atexit.register(_server.close)
    return _server.run(arguments, env, given, timeout_s)


class _Server:
    """The process that is forked for each command; it runs one command at a time."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.commands"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(
        self, arguments: tuple[str, ...], env: Mapping[str, str], given: str, timeout_s: float
    ) -> subprocess.CompletedProcess[str]:
        requested = json.dumps({"arguments": arguments, "env": dict(env), "given": given})
        with self._turn:
            stdin, stdout = self.process.stdin, self.process.stdout
            assert stdin is not None
            assert stdout is not None
            timer = threading.Timer(timeout_s, self.end)
            timer.start()
            try:
                stdin.write(requested + "\n")
                stdin.flush()
                response = stdout.readline()
            finally:
                timer.cancel()
        if not response:
            raise subprocess.TimeoutExpired(["puras-studio", *arguments], timeout_s)
        result: dict[str, Any] = json.loads(response)
        return subprocess.CompletedProcess(
            ["puras-studio", *arguments], result["code"], result["out"], result["err"]
        )

    def close(self) -> None:
        """End the server, and close its pipes."""
        self.end()
        with self.process:
            pass

    def end(self) -> None:
        """Kill the server and the command that runs."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def _serve() -> None:
    """Answer each line of standard input, one command after the other."""
    from backend.core import bootstrap
    from backend.operations import command_table

    bootstrap.load("backend.tables")
    for part in command_table.COMMANDS_BY_MODULE:
        if part not in command_table.MODULES_WITHOUT_TABLES:
            bootstrap.load(f"backend.operations.{part}")
    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    for line in sys.stdin:
        requested = json.loads(line)
        with tempfile.TemporaryFile("w+") as given, _captured() as out, _captured() as err:
            given.write(requested["given"])
            given.seek(0)
            pid = os.fork()
            if pid == 0:
                for number, file in enumerate((given, out, err)):
                    os.dup2(file.fileno(), number)
                # The stdin of the parent has a read buffer.
                sys.stdin = os.fdopen(os.dup(0), encoding="utf-8")
                os.environ.clear()
                os.environ.update(requested["env"])
                # Otherwise the help shows this module as the program.
                sys.modules["__main__"].__package__ = None
                sys.argv = ["puras-studio", *requested["arguments"]]
                sys.exit(bootstrap.run_main("backend.operations.commands"))
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            result = {"code": code, "out": _read(out), "err": _read(err)}
        results.write(json.dumps(result) + "\n")
        results.flush()


def _captured() -> IO[str]:
    return tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")


def _read(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


if __name__ == "__main__":
    _serve()
