"""What goes over the line: a request that is the same each time it is sent, and its answer."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import urlencode

from puras.client.errors import NoAnswer

_REPEATABLE: Final = frozenset({"GET", "HEAD", "PUT", "DELETE"})


class Readable(Protocol):
    """What a request reads its body from."""

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, or all; none at the end."""
        ...

    def close(self) -> None:
        """Nobody reads on."""
        ...


class Body(NamedTuple):
    """What a request carries; opened anew for each try."""

    media_type: str
    size_bytes: int
    open: Callable[[], Readable]

    @classmethod
    def of(cls, content: bytes, media_type: str) -> Body:
        """Bytes that are in memory."""
        return cls(media_type, len(content), lambda: BytesIO(content))

    @classmethod
    def json(cls, value: object) -> Body:
        """A value as JSON, of which every try sends the same bytes.

        Raises:
            TypeError: it is not JSON.
            ValueError: it has a number or a cycle that JSON does not have.
        """
        return cls.of(json.dumps(value, allow_nan=False).encode(), "application/json")


class Request(NamedTuple):
    """What is asked."""

    method: str
    path: str
    """From the root on, escaped."""
    query: Mapping[str, Any] = {}
    """None is left out."""
    body: Body | None = None
    headers: Mapping[str, str] = {}
    is_repeatable: bool = False
    """Whether doing it twice is doing it once, although it is a POST."""
    timeout_s: float | None = None
    """Of silence; default: the transport's."""

    @property
    def target(self) -> str:
        """Path and query."""
        given = {name: _word(value) for name, value in self.query.items() if value is not None}
        return f"{self.path}?{urlencode(given)}" if given else self.path

    @property
    def may_be_repeated(self) -> bool:
        """Whether it does no harm to send it again."""
        return self.is_repeatable or self.method in _REPEATABLE or "Idempotency-Key" in self.headers


class Answer(NamedTuple):
    """What came back, whole."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes

    def json(self) -> Any:
        """The value; None for an empty answer.

        Raises:
            NoAnswer: it is not JSON: something else than an instance is there.
        """
        if not self.body:
            return None
        try:
            return json.loads(self.body)
        except ValueError:
            raise NoAnswer(
                "What answers there is not a Puras instance: it does not speak JSON. Check the address."
            ) from None


def new_key() -> str:
    """An idempotency key that nobody else has."""
    return f"puras-{uuid.uuid4()}"


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
