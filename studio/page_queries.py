"""The queries of pages with lists: their text in the URL, and the next order when a column is clicked."""

from __future__ import annotations

from dataclasses import fields
from typing import Any
from urllib.parse import urlencode


def encoded(query: Any) -> str:
    """Return the fields of a query, a data class with defaults, as text for a URL without what is the default."""
    values = {one.name: getattr(query, one.name) for one in fields(query)}
    defaults = {one.name: one.default for one in fields(query)}
    return urlencode({name: value for name, value in values.items() if value != defaults[name]})


def one_of(text: str, known: tuple[str, ...]) -> str:
    """Return the text if it is known, otherwise the first known one, which is the default."""
    return text if text in known else known[0]


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
