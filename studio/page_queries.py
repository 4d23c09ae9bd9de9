"""The queries of pages with lists: their text in the URL, and the next order when a column is clicked."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageQuery:
    """The part of the URL of a page after `?`; each field has its default if the URL does not name it."""

    def encode(self) -> str:
        """Return the query as text for a URL, without what is the default."""
        values: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(self)}
        defaults = {one.name: one.default for one in fields(self)}
        return urlencode({name: value for name, value in values.items() if value != defaults[name]})


def one_of(text: str, known: Collection[Any], default: T) -> T:
    """Return the text if it is known, otherwise the default."""
    return cast(T, text) if text in known else default


def next_sort(sort: str, column: str, *, default: str, is_ascending_first: bool = False) -> str:
    """Return the order after a click on a column: one direction, then the other one, then the default.

    Args:
        sort: The present order.
        column: The clicked column.
        default: The order of the list without a choice.
        is_ascending_first: Whether the first direction is ascending, as for names.
    """
    up, down = column, f"-{column}"
    first, second = (up, down) if is_ascending_first else (down, up)
    return {first: second, second: default}.get(sort, first)
