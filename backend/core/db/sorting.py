"""Sort lists by a column with cursors: by one key, and rows with the same key by their ID."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import Select, tuple_

from backend.core.db.paging import Page

_MAX_NUMBER: Final = 2**63


class SortKey(NamedTuple):
    """A column, or an expression without nulls, by which a list can be sorted."""

    expression: Any
    parse: Callable[[str], Any] = str
    """Return the value of a text in a cursor; it raises `ValueError` for other texts."""


class SortPosition(NamedTuple):
    """The place of a row in a sorted list."""

    key: Any
    id: UUID


def sorted_query(
    query: Select[Any], keys: Mapping[str, SortKey], sort: str, row_id: Any, page: Page
) -> Select[Any]:
    """Return the query of a page, one row longer than the page, with the value of the key as the column `sort_key`.

    Args:
        query: The query of the whole list.
        keys: The sort keys by name.
        sort: The name of a key; `-` and a name for descending.
        row_id: The column of the ID.
        page: The requested page.

    Raises:
        Invalid: The cursor is not one of a list in this order.
    """
    key, is_descending = keys[sort.removeprefix("-")], sort.startswith("-")
    query = query.add_columns(key.expression.label("sort_key"))
    after = position_after(page, sort, key.parse)
    if after is not None:
        place = tuple_(key.expression, row_id)
        query = query.where(place < tuple(after) if is_descending else place > tuple(after))
    columns = (key.expression, row_id)
    ordered = query.order_by(*(one.desc() if is_descending else one.asc() for one in columns))
    return ordered.limit(page.limit + 1)


def position_after(page: Page, sort: str, parse: Callable[[str], Any]) -> SortPosition | None:
    """Return the position after which a page starts; None for the first page.

    Raises:
        Invalid: The cursor is not one of a list in this order.
    """

    def read(order: str, key: str, row_id: str) -> SortPosition:
        if order != sort:
            raise ValueError("a position in a list with another order")
        return SortPosition(parse(key), UUID(row_id))

    return page.position(read)


def time_key(text: str) -> datetime:
    """Return the time of a cursor."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a time without a time zone")
    return at


def number_key(text: str) -> int:
    """Return the number of a cursor."""
    number = int(text)
    if abs(number) >= _MAX_NUMBER:
        raise ValueError("a number that no row has")
    return number
