"""Lists that fit into a context: fewer entries where they are long, and where to go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from puras_mcp.api import Api
from puras_mcp.cutting import MAX_CHARS
from puras_mcp.shapes import Shape

Entry = TypeVar("Entry", bound=Shape)


class Page(NamedTuple, Generic[Entry]):
    """Entries that fit, and the cursor of those behind them."""

    entries: list[Entry]
    next_cursor: str | None


class Stretch(NamedTuple, Generic[Entry]):
    """Entries that fit, and where the next ones begin."""

    entries: list[Entry]
    next_offset: int | None


async def by_cursor(api: Api, path: str, shape: type[Entry], *, limit: int, **query: Any) -> Page[Entry]:
    """A page of a list of the instance; a shorter one when its entries are long."""
    while True:
        found = await api.listed(path, limit=limit, **query)
        entries = [shape(**one) for one in found.items]
        if limit == 1 or sum(map(_size, entries)) <= MAX_CHARS:
            return Page(entries, found.next_cursor)
        limit //= 2


def by_offset(entries: Sequence[Entry], offset: int, *, limit: int) -> Stretch[Entry]:
    """Those from a place on that fit; one at least, where there is one."""
    kept: list[Entry] = []
    size = 0
    for one in entries[offset : offset + limit]:
        size += _size(one)
        if kept and size > MAX_CHARS:
            break
        kept.append(one)
    end = offset + len(kept)
    return Stretch(kept, end if kept and end < len(entries) else None)


def _size(entry: Shape) -> int:
    return len(entry.model_dump_json())
