"""Open spans around operations that take time. Without a receiver, this does nothing and imports nothing.

A span is the child of the span that is open around it in the same task. Its attributes describe the work of the
platform. They never contain inputs or outputs of a job, a path or a query, which may contain credentials.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Final, Literal, Protocol

Kind = Literal["internal", "server", "producer", "consumer", "client"]
Attribute = str | int | float | bool


class Span(Protocol):
    """An operation in progress."""

    @property
    def traceparent(self) -> str:
        """Return the identification with which another process names this span as the parent of its own."""

    def rename(self, name: str) -> None:
        """Change the name."""

    def note(self, **attributes: Attribute) -> None:
        """Add attributes; in their names, two underscores stand for a dot."""

    def fail(self, kind: str) -> None:
        """Mark the operation as failed; `kind` is one of few values."""

    def end(self, at_ns: int | None = None) -> None:
        """End the span, now or at the given time."""


class Tracing(Protocol):
    """Creates and exports spans."""

    def start(
        self, name: str, *, kind: Kind, parent: str, at_ns: int | None, attributes: dict[str, Attribute]
    ) -> Span:
        """Start a span, now or at the given time; `parent` is a valid `traceparent` or empty."""


class _NoSpan:
    """A span that is not recorded."""

    traceparent: Final = ""

    def rename(self, name: str) -> None:
        """Do nothing."""

    def note(self, **attributes: Attribute) -> None:
        """Do nothing."""

    def fail(self, kind: str) -> None:
        """Do nothing."""

    def end(self, at_ns: int | None = None) -> None:
        """Do nothing."""

    def __enter__(self) -> Span:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing."""


_NO_SPAN: Final = _NoSpan()
_current: ContextVar[str] = ContextVar("traceparent", default="")
_tracing: Tracing | None = None


def use(tracing: Tracing | None) -> None:
    """Set the tracing of this process."""
    global _tracing
    _tracing = tracing


def is_on() -> bool:
    """Return whether spans of this process are exported."""
    return _tracing is not None


def traceparent() -> str:
    """Return the open span, for work that continues in another process; an empty string if there is none."""
    return _current.get()


def span(
    name: str,
    kind: Kind = "internal",
    *,
    parent: str | None = None,
    at_ns: int | None = None,
    **attributes: Attribute,
) -> AbstractContextManager[Span]:
    """Return a span that lasts as long as the block, and fails with an error that leaves the block."""
    if _tracing is None:
        return _NO_SPAN
    return _SpanContext(_tracing, name, kind, parent=parent, at_ns=at_ns, attributes=attributes)


def record(name: str, *, parent: str, started_ns: int, ended_ns: int, **attributes: Attribute) -> Span:
    """Record a span that has already ended, and return it."""
    if _tracing is None:
        return _NO_SPAN
    started_ns = min(started_ns, ended_ns)  # the clocks of two hosts may differ
    made = _tracing.start(
        name, kind="internal", parent=parent, at_ns=started_ns, attributes=_dotted(attributes)
    )
    made.end(ended_ns)
    return made


class _SpanContext:
    def __init__(
        self,
        tracing: Tracing,
        name: str,
        kind: Kind,
        *,
        parent: str | None,
        at_ns: int | None,
        attributes: dict[str, Attribute],
    ) -> None:
        self._tracing = tracing
        self._name = name
        self._kind: Kind = kind
        self._parent = parent
        self._at_ns = at_ns
        self._attributes = attributes

    def __enter__(self) -> Span:
        parent = _current.get() if self._parent is None else self._parent
        self._span = self._tracing.start(
            self._name,
            kind=self._kind,
            parent=parent,
            at_ns=self._at_ns,
            attributes=_dotted(self._attributes),
        )
        self._token: Token[str] = _current.set(self._span.traceparent)
        return self._span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._span.fail(kind.__name__)
        self._span.end()
        _current.reset(self._token)


def _dotted(attributes: dict[str, Attribute]) -> dict[str, Attribute]:
    return {name.replace("__", "."): value for name, value in attributes.items()}
