"""The command `puras chat`: a conversation with an agent in the terminal."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterator
from typing import Any, Final

from puras.cli import exits, inputs, printing
from puras.cli.exits import UsageProblem
from puras.cli.live_text import LiveText
from puras.cli.session import Session, command, of_a_skillpack, of_an_environment
from puras.client import ChatMessage, Client
from puras.client.messages import new_key

_PROMPT: Final = "> "
_QUIT: Final = frozenset({"/exit", "/quit"})
_HELP: Final = (
    "Write a message. /exit or Ctrl-D leaves. Ctrl-C cancels the reply, and leaves when pressed again."
)


def add(commands: Any) -> None:
    """Add the command."""
    chat = command(
        commands,
        "chat",
        _chat,
        "Talk to an agent. Without a terminal, each line of stdin is a message.",
        "puras chat support",
    )
    chat.add_argument("skill", nargs="?", help="name of the agent; with --session it can be omitted")
    chat.add_argument("--session", metavar="ID", help="ID of the session to continue")
    chat.add_argument(
        "-m", "--message", action="append", default=[], help="send this message and leave; can be repeated"
    )
    chat.add_argument(
        "-i",
        "--input",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="one input of the first message",
    )
    chat.add_argument("--version", type=int, help="number of the version; default: the active version")
    chat.add_argument(
        "--draft",
        action="store_true",
        help="talk to the agent of the draft, as it is now; nothing is published",
    )
    of_a_skillpack(chat)
    of_an_environment(chat, "the environment of a new session; default: that of the key")


def _chat(arguments: Namespace, session: Session) -> int:
    if not arguments.session and not arguments.skill:
        raise UsageProblem("Name an agent, or a session to continue with --session ID.")
    client = session.client
    found = client.sessions.get(arguments.session) if arguments.session else _created(arguments, session)
    talk = _Talk(client, found["id"], as_json=session.as_json, inputs=inputs.pairs(arguments.input))
    if not session.as_json:
        printing.say(printing.colored(f"session {found['id']} with {printing.plain(found['skill'])}", "dim"))
    code = exits.OK
    try:
        talk.join(None if arguments.message else found["running_job_id"])
        for message in arguments.message or _lines():
            code = talk.turn(message)
    except KeyboardInterrupt:
        if not session.as_json:
            printing.say(printing.colored(f"\nContinue with: puras chat --session {found['id']}", "dim"))
        return exits.INTERRUPTED
    if not session.as_json:
        read = client.sessions.get(found["id"])
        printing.say(
            printing.colored(
                f"{read['message_count']} messages, ${read['cost_micros'] / 1e6:.6f} in total. Continue with: puras "
                f"chat --session {found['id']}",
                "dim",
            )
        )
    return code


def _created(arguments: Namespace, session: Session) -> Any:
    """Create a session with an agent of a version, or of the draft."""
    skill: str = arguments.skill
    if not arguments.draft:
        is_full = "/" in skill or not arguments.skillpack
        return session.client.sessions.create(
            skill if is_full else f"{arguments.skillpack}/{skill}",
            version=arguments.version,
            environment=arguments.environment,
        )
    if arguments.version is not None:
        raise UsageProblem("--draft and --version exclude each other.")
    path, name = session.of_draft(skill, "/sessions")
    body = {"skill": name, "environment": arguments.environment}
    return session.client.request("POST", path, body=body, idempotency_key=new_key())


class _Talk:
    """Sends messages of one session, and prints what the agent does."""

    def __init__(self, client: Client, session_id: str, *, as_json: bool, inputs: dict[str, Any]) -> None:
        self._client = client
        self._id = session_id
        self._as_json = as_json
        self._inputs = inputs
        self._is_in_line = False
        self._position = ""
        """The ID of the last frame."""
        self._live = LiveText()

    def join(self, job_id: str | None) -> None:
        """Print the reply of the turn that runs, if one does: the text so far, and the rest as it is written.

        Raises:
            KeyboardInterrupt: The user pressed Ctrl-C. The turn continues.
        """
        if job_id is None or self._as_json:
            return
        asked = [one for one in self._client.sessions.messages(self._id) if one["job_id"] == job_id]
        if asked:
            self._position = f"{asked[0]['turn'] - 1}.end"
            self._print_end(self._reply(job_id))

    def turn(self, message: str) -> int:
        """Send a message, print the reply, and return the exit code of the turn.

        Raises:
            KeyboardInterrupt: The user pressed Ctrl-C again, after the reply was canceled.
        """
        sent = self._client.sessions.send(self._id, message, inputs=self._inputs)
        self._inputs, self._position = {}, f"{sent['turn'] - 1}.end"
        self._live.clear()
        try:
            reply = self._reply(sent["job_id"])
        except KeyboardInterrupt:
            self._end_line()
            printing.say("Canceling the reply. Press Ctrl-C again to leave.")
            self._client.sessions.cancel(self._id)
            reply = self._reply(sent["job_id"])
        if self._as_json:
            printing.answer_line(reply)
        else:
            self._print_end(reply)
        return exits.OK if reply["status"] == "succeeded" else exits.FAILED

    def _reply(self, job_id: str) -> ChatMessage:
        with self._client.sessions.stream(self._id, after=self._position) as events:
            for event in events:
                payload: Any = event["payload"]
                self._position = event.get("id") or self._position
                if event["type"] == "message" and payload["id"] == job_id:
                    reply: ChatMessage = payload
                    if not self._as_json:
                        self._write(_missing(reply, self._live.text))
                    return reply
                if self._as_json:
                    continue
                if event["type"] == "delta":
                    self._write_piece(payload)
                elif event["type"] == "model_response":
                    self._write_rest(payload)
                elif line := _line(event["type"], payload):
                    self._end_line()
                    printing.answer(printing.colored(line, "dim"))
        raise AssertionError("a stream that follows the session has no end")

    def _write_piece(self, payload: Any) -> None:
        """Write a piece of the text that the model is writing."""
        text, is_new_line = self._live.rest(payload)
        if is_new_line:
            self._end_line()
        self._write(text)

    def _write_rest(self, payload: Any) -> None:
        """Write what no piece has contained of a text that is complete."""
        blocks = payload.get("blocks") or []
        text = "".join(block.get("text", "") for block in blocks if block.get("type") == "text")
        if text.startswith(self._live.text):
            self._write(text[len(self._live.text) :])
        self._live.clear()

    def _write(self, text: str) -> None:
        if not text:
            return
        sys.stdout.write("\n".join(printing.plain(line) for line in text.split("\n")))
        sys.stdout.flush()
        self._is_in_line = not text.endswith("\n")

    def _end_line(self) -> None:
        if self._is_in_line:
            sys.stdout.write("\n")
            self._is_in_line = False

    def _print_end(self, reply: ChatMessage) -> None:
        self._end_line()
        if reply["status"] != "succeeded":
            printing.say(f"This turn {reply['status']}: {printing.plain(reply['error'])}")
        printing.say(printing.colored(f"${reply['cost_micros'] / 1e6:.6f} · job {reply['job_id']}", "dim"))


def _missing(reply: ChatMessage, written: str) -> str:
    """Return the result of a turn that ended with `set_output`, which no text of the model contains."""
    result = reply["result"]
    is_text = isinstance(result, str) or (isinstance(result, dict) and len(result) == 1)
    if written or result is None or is_text:
        return ""
    return json.dumps(result, indent=2, ensure_ascii=False)


def _line(event: str, payload: Any) -> str | None:
    """Return the line about an event; None for an event that a conversation does not show."""
    if event == "tool_use" and payload["name"] != "set_output":
        shown = payload.get("label") or json.dumps(payload.get("input", {}), ensure_ascii=False)
        return printing.shortened(f"· {payload['name']} {shown}", 120)
    if event == "approval_required":
        call = printing.plain(payload.get("tool") or payload.get("name") or "a call")
        return f"· waits for an approval of {call}: puras approvals"
    return None


def _lines() -> Iterator[str]:
    """Iterate over the messages that the user writes."""
    is_terminal = sys.stdin.isatty()
    if is_terminal:
        printing.say(printing.colored(_HELP, "dim"))
    while True:
        if is_terminal:
            sys.stderr.write(_PROMPT)
            sys.stderr.flush()
        try:
            line = sys.stdin.readline()
        except KeyboardInterrupt:
            printing.say("")
            return
        if not line or line.strip() in _QUIT:
            return
        if line.strip():
            yield line.strip()
