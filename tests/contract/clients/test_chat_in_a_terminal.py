"""The command `puras chat` in a terminal: Ctrl-C cancels the reply, and leaves when it is pressed again."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from puras import Client
from puras.client.forms import bundle

from backend.skills.archives.pack import pack_files
from tests.contract.clients.conftest import Place, environment

INTERRUPT: Final = b"\x03"
WITHIN_S: Final = 60.0
SKILLS: Final = {
    "skills/slow/skill.yaml": b"""entrypoint: prompt.md
model: puras/rehearsal
input_schema: {type: object, properties: {question: {type: text}}, required: [question]}
output_schema: {type: object, properties: {answer: {type: text}}}
tools:
  - {name: nap, description: Sleeps., entrypoint: "tools.py:nap", input_schema: {type: object}, output_schema: {}}
""",
    "skills/slow/prompt.md": b"Sleep.",
    "skills/slow/tools.py": b"import time\n\n\ndef nap():\n    time.sleep(60)\n",
}


class Shell:
    """A command in a terminal of its own."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self.process = process
        self._terminal = terminal
        self._unread = ""

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._terminal, keys)

    def until(self, expected: str) -> str:
        """Return the output up to a text."""
        deadline = time.monotonic() + WITHIN_S
        while expected not in self._unread:
            assert time.monotonic() < deadline, self._unread
            if select.select([self._terminal], [], [], 0.2)[0]:
                self._unread += os.read(self._terminal, 65_536).decode()
        shown, _, self._unread = self._unread.partition(expected)
        return shown + expected


def _prepare() -> None:
    os.close(os.open(os.ttyname(0), os.O_RDWR))  # makes it the controlling terminal
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell that runs the tests in the background ignores it


@contextmanager
def shell(variables: dict[str, str], *words: str) -> Iterator[Shell]:
    """Run a command in a terminal."""
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "puras.cli", *words],
        env=variables,
        stdin=child,
        stdout=child,
        stderr=child,
        start_new_session=True,
        preexec_fn=_prepare,
    )
    os.close(child)
    try:
        yield Shell(process, parent)
    finally:
        process.kill()
        process.wait()
        os.close(parent)


@pytest.mark.timeout(200)
def test_interrupt_cancels_the_reply_and_a_second_one_leaves(place: Place, tmp_path: Path) -> None:
    key = place.new_key("Terminal")
    client = Client(key, api_base=place.address)
    client.request("POST", "/v1/deployments", body=bundle(pack_files(SKILLS), activate="true"))
    variables = {**environment(tmp_path), "PURAS_API_KEY": key, "PURAS_API_BASE": place.address}
    with shell(variables, "chat", "slow") as chat:
        chat.until("> ")
        chat.type(b"Hello\n")
        chat.until("· nap")
        chat.type(INTERRUPT)
        chat.until("Canceling the reply")
        shown = chat.until("> ")
        assert "This turn cancelled" in shown
        assert "· nap" not in shown, "the reply was printed again"
        chat.type(b"Hello again\n")
        chat.until("· nap")
        [session] = client.sessions.list()
        with shell(variables, "chat", "--session", session["id"]) as joined:
            joined.until("· nap")  # the turn that runs
            joined.type(INTERRUPT)
            joined.until("puras chat --session ")
        assert client.sessions.get(session["id"])["running_job_id"] is not None
        chat.type(INTERRUPT)
        chat.until("Canceling the reply")
        chat.type(INTERRUPT)
        chat.until("puras chat --session ")
        assert chat.process.wait(30) in (1, 130)
    assert [one["role"] for one in client.sessions.messages(session["id"])][:3] == [
        "user",
        "assistant",
        "user",
    ]
    assert client.sessions.messages(session["id"])[1]["status"] == "cancelled"
