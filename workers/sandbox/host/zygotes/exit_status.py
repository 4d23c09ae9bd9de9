"""Describe the ways in which the process of a job can end."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Final

from workers.sandbox.guest import values

_MAX_STATUS: Final = 0xFFFF
CLOSED: Final = (
    "exited",
    "The function closed the descriptors of the connection to the runner, so its value could not be read. "
    "Close only descriptors that it has opened, not a range like `os.closerange(0, 4096)`.",
)
"""Code and message for a process that closed its socket and continued to run."""


class NotStarted(Exception):
    """The process ended before it received the job: another one can run it."""


@dataclass(frozen=True, slots=True)
class Exit:
    """The end of a process, as its parent reported it."""

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
class Response:
    """The response of the process; it comes from tenant code and is not trusted."""

    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NoResponse:
    """The process ended, or was ended, without a response."""

    exit: Exit | None


@dataclass(frozen=True, slots=True)
class Stopped:
    """The worker ended it."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Suspended:
    """The worker ended it, since the job waits without a process."""


@dataclass(frozen=True, slots=True)
class UnreadLine:
    """The response of the process, not decoded yet."""

    raw: bytes


ProcessEnd = Response | NoResponse | Stopped | Suspended


def is_status(status: object) -> bool:
    """Return whether this is a valid exit status of a process."""
    if not isinstance(status, int) or isinstance(status, bool) or not 0 <= status <= _MAX_STATUS:
        return False
    return os.WIFEXITED(status) or os.WIFSIGNALED(status)


def response_of(line: bytes) -> ProcessEnd:
    """Return the end of a process as this line of it reports it."""
    try:
        body = values.decode(line)
    except values.NotJson as error:
        return Stopped("bad_result", f"The response of the process is not JSON data: {error}.")
    return Response(body) if isinstance(body, dict) else NoResponse(None)
