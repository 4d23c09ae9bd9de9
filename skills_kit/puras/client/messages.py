"""Requests, which are the same each time they are sent, and their responses."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import urlencode

from puras.client.errors import NoResponse

_REPEATABLE: Final = frozenset({"GET", "HEAD", "PUT", "DELETE"})


class Readable(Protocol):
    """A file from which the body of a request is read."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes, or all with -1; no bytes at the end."""
        ...

    def close(self) -> None:
        """Release the file."""
        ...


class Body(NamedTuple):
    """The body of a request, which is opened again for each attempt."""

    media_type: str
    size_bytes: int
    open: Callable[[], Readable]

    @classmethod
    def of(cls, content: bytes, media_type: str) -> Body:
        """Return the body for bytes in memory."""
        return cls(media_type, len(content), lambda: BytesIO(content))

    @classmethod
    def json(cls, value: object) -> Body:
        """Return the body for a value as JSON. Every attempt sends the same bytes.

        Raises:
            TypeError: JSON has no such type.
            ValueError: The value contains NaN, infinity or a cycle.
        """
        return cls.of(json.dumps(value, allow_nan=False).encode(), "application/json")


class Request(NamedTuple):
    """A request to the instance."""

    method: str
    path: str
    """The absolute path, URL-encoded."""
    query: Mapping[str, Any] = {}
    """Parameters with the value None are left out."""
    body: Body | None = None
    headers: Mapping[str, str] = {}
    is_repeatable: bool = False
    """Whether a POST has no second effect when it is repeated."""
    timeout_s: float | None = None
    """Maximum time without data; default: that of the transport."""

    @property
    def target(self) -> str:
        """Return the path with the query."""
        given = {name: _word(value) for name, value in self.query.items() if value is not None}
        return f"{self.path}?{urlencode(given)}" if given else self.path

    @property
    def may_be_repeated(self) -> bool:
        """Return whether the request can be repeated without a second effect."""
        return self.is_repeatable or self.method in _REPEATABLE or "Idempotency-Key" in self.headers


class Answer(NamedTuple):
    """A complete response."""

    status: int
    headers: Mapping[str, str]
    """The names are in lower case."""
    body: bytes

    def json(self) -> Any:
        """Return the value; None for an empty response.

        Raises:
            NoResponse: The body is not JSON, so the server is not a Puras instance.
        """
        if not self.body:
            return None
        try:
            return json.loads(self.body)
        except ValueError:
            raise NoResponse(
                "The server at this URL is not a Puras instance: its response is not JSON. Check the URL of the "
                "instance (PURAS_API_BASE)."
            ) from None


def new_key() -> str:
    """Return a new, unique idempotency key."""
    return f"puras-{uuid.uuid4()}"


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
