"""Opening spans, wherever something takes time. While no receiver is named, this does nothing and imports nothing.

A span is the child of the one that is open around it in the same task. Attributes are facts about the platform's own
work: never what a job was given or answered, never a path or a query, which may hold credentials.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Final, Literal, Protocol

Kind = Literal["internal", "server", "producer", "consumer", "client"]
Attribute = str | int | float | bool


class Span(Protocol):
    """A stretch of time that is under way."""

    @property
    def traceparent(self) -> str:
        """How another process names it as the parent of its own."""

    def rename(self, name: str) -> None:
        """Call it otherwise."""

    def note(self, **attributes: Attribute) -> None:
        """Say more about it; in names, two underscores stand for a dot."""

    def fail(self, kind: str) -> None:
        """It did not go well; `kind` is a word of few values."""

    def end(self, at_ns: int | None = None) -> None:
        """It is over, now or since the given time."""


class Tracing(Protocol):
    """What makes spans and sends them away."""

    def start(
        self, name: str, *, kind: Kind, parent: str, at_ns: int | None, attributes: dict[str, Attribute]
    ) -> Span:
        """Return a span that begins, now or at the given time; `parent` is a checked line or nothing."""


class _Nothing:
    """A span that nobody records."""

    traceparent: Final = ""

    def rename(self, name: str) -> None:
        """Nothing."""

    def note(self, **attributes: Attribute) -> None:
        """Nothing."""

    def fail(self, kind: str) -> None:
        """Nothing."""

    def end(self, at_ns: int | None = None) -> None:
        """Nothing."""

    def __enter__(self) -> Span:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing."""


_NOTHING: Final = _Nothing()
_current: ContextVar[str] = ContextVar("traceparent", default="")
_tracing: Tracing | None = None


def use(tracing: Tracing | None) -> None:
    """Set what makes the spans of this process."""
    global _tracing
    _tracing = tracing


def is_on() -> bool:
    """Return whether spans of this process go anywhere."""
    return _tracing is not None


def traceparent() -> str:
    """Return the span that is open here, for what goes on elsewhere; nothing when there is none."""
    return _current.get()


def span(
    name: str,
    kind: Kind = "internal",
    *,
    parent: str | None = None,
    at_ns: int | None = None,
    **attributes: Attribute,
) -> AbstractContextManager[Span]:
    """Return a span that lasts as long as the block; an error that leaves the block is its failure."""
    if _tracing is None:
        return _NOTHING
    return _Open(_tracing, name, kind, parent=parent, at_ns=at_ns, attributes=attributes)


def record(name: str, *, parent: str, began_ns: int, ended_ns: int, **attributes: Attribute) -> Span:
    """Return a span that is over already."""
    if _tracing is None:
        return _NOTHING
    began_ns = min(began_ns, ended_ns)  # the clocks of two machines may disagree
    made = _tracing.start(
        name, kind="internal", parent=parent, at_ns=began_ns, attributes=_dotted(attributes)
    )
    made.end(ended_ns)
    return made


class _Open:
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
