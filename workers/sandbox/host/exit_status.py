"""How the process of a job can end, and what is believed of what it said."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Final

from workers.sandbox.guest import values

_MAX_STATUS: Final = 0xFFFF
CLOSED: Final = (
    "exited",
    "The function closed the descriptors over which the runner hears from its process, so its value could not be "
    "read: close only what it has opened itself, not a range like `os.closerange(0, 4096)`.",
)
"""Code and sentence of a process that lived on without a word; the machine and its memory have no part in it."""


class NotStarted(Exception):
    """The process ended before it had its job: another one can take it."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended, as its parent reported it."""

    status: int

    @property
    def signal(self) -> int | None:
        """The signal that ended it, if one did."""
        return os.WTERMSIG(self.status) if os.WIFSIGNALED(self.status) else None

    @property
    def code(self) -> int:
        """Its exit code, if it ended by itself."""
        return os.waitstatus_to_exitcode(self.status)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the process said at its end; from tenant code, so nothing of it is believed but the value itself."""

    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Silent:
    """The process ended, or was ended, without an answer."""

    exit: Exit | None


@dataclass(frozen=True, slots=True)
class Stopped:
    """We ended it."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Line:
    """What the process said at its end, not read yet."""

    raw: bytes


Ending = Answer | Silent | Stopped


def is_status(status: object) -> bool:
    """Whether the kernel reports the end of a process so."""
    if not isinstance(status, int) or isinstance(status, bool) or not 0 <= status <= _MAX_STATUS:
        return False
    return os.WIFEXITED(status) or os.WIFSIGNALED(status)


def answer_of(line: bytes) -> Ending:
    """The ending that a process told in this line."""
    try:
        body = values.decode(line)
    except values.NotJson as error:
        return Stopped("bad_result", f"The process answered with what is not JSON data: {error}.")
    return Answer(body) if isinstance(body, dict) else Silent(None)
