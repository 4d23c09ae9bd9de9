"""Page lists: parse the cursor of the requested page, and create the cursor of the next one."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from backend.core.errors import Invalid, Problem
from backend.core.schemas import unstorable

DEFAULT_LIMIT = 25
MAX_PAGE_SIZE = 200
MAX_CURSOR_CHARACTERS = 4000
"""Cursors contain the last path or title of a page, which can have a thousand characters."""

Row = TypeVar("Row")
Position = TypeVar("Position")


class TimePosition(NamedTuple):
    """Position in a list that is ordered by time."""

    at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Slice(Generic[Row]):
    """One page of a list, and the cursor of the next one, if there is one."""

    items: Sequence[Row]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """The page that the caller requests."""

    limit: int = DEFAULT_LIMIT
    cursor: str | None = None

    def number(self) -> int | None:
        """Return the ID after which the page starts, for lists ordered by a number; `None` for the first page."""
        return self._parse(lambda at: _bounded(int(at)))

    def time_position(self) -> TimePosition | None:
        """Return the position after which the page starts, for lists ordered by time; `None` for the first page."""
        return self._parse(lambda at, row_id: TimePosition(_aware(datetime.fromisoformat(at)), _id(row_id)))

    def text(self) -> str | None:
        """Return the text after which the page starts, for lists ordered by a name; `None` for the first page."""
        return self._parse(_text)

    def texts(self, count: int) -> tuple[str, ...] | None:
        """Return the texts after which the page starts, for lists ordered by several names; `None` for the first."""
        return self._parse(lambda *at: _as_many(at, count))

    def position(self, read: Callable[[str, str, str], Position]) -> Position | None:
        """Return the position after which the page starts, for lists in several orders; `None` for the first page.

        Args:
            read: Return the position of the three texts of a cursor; it raises `ValueError` for another list.
        """
        return self._parse(lambda *at: read(*_as_many(at, 3)))

    def slice(self, rows: Sequence[Row], position_of: Callable[[Row], tuple[Any, ...]]) -> Slice[Row]:
        """Return the page made of `rows`, of which the query has fetched one more than `limit`."""
        if len(rows) <= self.limit:
            return Slice(rows, None)
        rows_of_page = rows[: self.limit]
        return Slice(rows_of_page, cursor_of(*position_of(rows_of_page[-1])))

    def _parse(self, read: Callable[..., Position]) -> Position | None:
        if self.cursor is None:
            return None
        try:
            padded = self.cursor + "=" * (-len(self.cursor) % 4)
            return read(*json.loads(base64.urlsafe_b64decode(padded)))
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise Invalid(
                "The cursor is not one of this list. Use the one in the Link header of the previous page.",
                [Problem("query.cursor", "Omit it for the first page.")],
            ) from error


def cursor_of(*position: Any) -> str:
    """Return the cursor of the page that starts after `position`."""
    texts = [at.isoformat() if isinstance(at, datetime) else str(at) for at in position]
    written = json.dumps(texts, ensure_ascii=False)
    return base64.urlsafe_b64encode(written.encode()).decode().rstrip("=")


def _aware(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("a time without a time zone")
    return at


def _id(row_id: object) -> UUID:
    if not isinstance(row_id, str):  # `UUID` raises other errors
        raise TypeError("an ID that is not text")
    return UUID(row_id)


def _text(at: object) -> str:
    if not isinstance(at, str):
        raise TypeError("a position that is not text")
    if unstorable(at) is not None:
        raise ValueError("a text that cannot be stored")
    return at


def _as_many(texts: tuple[object, ...], count: int) -> tuple[str, ...]:
    if len(texts) != count:
        raise ValueError("a position in another list")
    return tuple(_text(text) for text in texts)


def _bounded(number: int) -> int:
    if abs(number) >= 2**63:
        raise ValueError("a number that no ID has")
    return number
