"""Runs the operator's commands in processes that are forked from one that has imported what all of them need.

A command imports for two seconds of CPU and works for a few milliseconds, and tests run hundreds of commands. What
starts for itself, such as `up`, starts as its operator starts it.
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
    """Run `puras-studio` with these arguments, in a process of its own.

    Args:
        arguments: What follows the name of the program.
        env: All variables of its environment.
        given: Its standard input.
        timeout_s: After how long it is killed, and the call fails.

    Returns:
        Its exit code, standard output and standard error.

    Raises:
        subprocess.TimeoutExpired: it took longer.
    """
    global _server
    with _STARTING:
        if _server is None or _server.process.poll() is not None:
            _server = _Server()
            atexit.register(_server.close)
    return _server.run(arguments, env, given, timeout_s)


class _Server:
    """The process that is forked; one command at a time."""

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
            killer = threading.Timer(timeout_s, self.end)
            killer.start()
            try:
                stdin.write(requested + "\n")
                stdin.flush()
                answer = stdout.readline()
            finally:
                killer.cancel()
        if not answer:
            raise subprocess.TimeoutExpired(["puras-studio", *arguments], timeout_s)
        said: dict[str, Any] = json.loads(answer)
        return subprocess.CompletedProcess(
            ["puras-studio", *arguments], said["code"], said["out"], said["err"]
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
    from backend.operations import commands

    bootstrap.load("backend.tables")
    for part in commands.COMMANDS_BY_MODULE:
        if part not in commands.MODULES_WITHOUT_TABLES:
            bootstrap.load(f"backend.operations.{part}")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    for line in sys.stdin:
        requested = json.loads(line)
        with tempfile.TemporaryFile("w+") as given, _captured() as out, _captured() as err:
            given.write(requested["given"])
            given.seek(0)
            pid = os.fork()
            if pid == 0:
                for number, file in enumerate((given, out, err)):
                    os.dup2(file.fileno(), number)
                sys.stdin = os.fdopen(os.dup(0), encoding="utf-8")  # the other one has read ahead
                os.environ.clear()
                os.environ.update(requested["env"])
                sys.modules["__main__"].__package__ = None  # else help names this module as the program
                sys.argv = ["puras-studio", *requested["arguments"]]
                sys.exit(bootstrap.run_main("backend.operations.commands"))
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            said = {"code": code, "out": _read(out), "err": _read(err)}
        answers.write(json.dumps(said) + "\n")
        answers.flush()


def _captured() -> IO[str]:
    return tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")


def _read(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


if __name__ == "__main__":
    _serve()
