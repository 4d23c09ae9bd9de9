"""Know which branch of the function runs, count its steps, and choose where their outcomes are stored."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

from puras.durable.errors import StepError, StepMismatch

_MAX_NAME_CHARACTERS = 200
_OTHER_THREAD = (
    "A durable step was called in a thread that the function has started itself, so that the order of the steps is not "
    "known. Start concurrent steps with `puras.parallel`."
)


@dataclass(frozen=True)
class Place:
    """The place of one step in the function: the same whenever the function runs."""

    branch: str
    position: int
    name: str
    occurrence: int
    kind: str

    def fields(self) -> dict[str, Any]:
        """Return the fields of requests to the worker."""
        return {
            "branch": self.branch,
            "position": self.position,
            "name": self.name,
            "occurrence": self.occurrence,
            "kind": self.kind,
        }

    @property
    def idempotency_key(self) -> str:
        """The key for requests of the step to other services, the same in every attempt of the job."""
        job = os.environ.get("PURAS_JOB_ID", "") or _LOCAL
        text = f"{job}\n{self.branch}\n{self.name}\n{self.occurrence}"
        return hashlib.sha256(text.encode()).hexdigest()[:40]


_LOCAL = f"local-{os.urandom(16).hex()}"


@dataclass(frozen=True)
class Outcome:
    """The outcome of a finished or failed step."""

    result: Any = None
    error: dict[str, Any] | None = None


class Store(Protocol):
    """Stores the outcomes of steps."""

    def status(self, place: Place) -> str | None:
        """Return `started`, `finished` or `failed`, if a step is stored at this place.

        Raises:
            StepMismatch: The stored step is another one.
        """

    def outcome(self, place: Place) -> Outcome:
        """Return the stored outcome."""

    def begin(self, place: Place, *, once: bool) -> None:
        """Record that a step starts; with `once`, the mark is stored first."""

    def finish(self, place: Place, *, result: str | None, error: dict[str, Any] | None, tries: int) -> None:
        """Store the outcome of a step: its result as JSON, or its error."""

    def emit(self, place: Place, event_id: str | None, data: str) -> None:
        """Send an event, as a step."""

    def wait(self, place: Place, fields: dict[str, Any]) -> Any:
        """Wait until the end of a sleep, or for an event, and return the event."""

    def start_branches(self, count: int) -> None:
        """Count the threads of `parallel`, which the calling thread then waits for."""

    def end_branch(self, *, is_last: bool) -> None:
        """Count a thread of `parallel` that has ended."""


@dataclass
class Branch:
    """The function itself, or one callable of `parallel`."""

    name: str
    position: int = 0
    parallels: int = 0
    running: str | None = None
    """The name of the step that runs."""
    occurrences: Counter[tuple[str, str]] = field(default_factory=Counter)

    def next_place(self, name: str, kind: str) -> Place:
        """Return the place of the next step."""
        self.position += 1
        self.occurrences[kind, name] += 1
        return Place(self.name, self.position, name, self.occurrences[kind, name], kind)


current_branch: ContextVar[Branch | None] = ContextVar("puras_branch", default=None)
current_step: ContextVar[Place | None] = ContextVar("puras_step", default=None)
_main = Branch("")


def branch() -> Branch:
    """Return the branch that runs in this thread.

    Raises:
        StepError: The thread belongs to no branch.
    """
    found = current_branch.get()
    if found is not None:
        return found
    if threading.current_thread() is not threading.main_thread():
        if not is_in_job():  # notebooks and tests call functions in any thread
            return _main
        raise StepError(_OTHER_THREAD)
    current_branch.set(_main)
    return _main


def next_place(name: str, kind: str) -> Place:
    """Return the place of a step that starts now.

    Raises:
        StepError: The name is not valid, or another step of the same branch is running.
    """
    if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME_CHARACTERS:
        raise StepError(
            f"The name of a step is a text of 1 to {_MAX_NAME_CHARACTERS} characters, not {name!r}."
        )
    own = branch()
    if own.running is not None:
        raise StepError(
            f"Step {name!r} was called while step {own.running!r} runs. Start concurrent steps with `puras.parallel`."
        )
    return own.next_place(name, kind)


def is_in_job() -> bool:
    """Return whether this process runs a job whose worker stores steps."""
    return os.environ.get("PURAS_STEPS_FD", "").isdecimal()


def check_same(place: Place, stored_name: str, stored_kind: str) -> None:
    """Check that a stored step is the one that the function calls.

    Raises:
        StepMismatch: It is another one.
    """
    if (stored_name, stored_kind) == (place.name, place.kind):
        return
    where = f"in branch {place.branch!r} of `parallel`" if place.branch else "of the function"
    raise StepMismatch(
        f"Step {place.position} {where} was {stored_name!r} ({stored_kind}) when the job ran before, and now the "
        f"function calls {place.name!r} ({place.kind}). The calls of steps must not depend on the time, on random "
        "numbers or on files: put what decides into a step of its own, so that its result is stored."
    )
