"""Return lists that fit into the context of a model: fewer entries if they are long, and the next cursor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from puras_mcp.api import Api
from puras_mcp.cutting import MAX_CHARS
from puras_mcp.shapes import Shape

Entry = TypeVar("Entry", bound=Shape)


class Page(NamedTuple, Generic[Entry]):
    """Entries that fit, and the cursor of the next ones."""

    entries: list[Entry]
    next_cursor: str | None


class Slice(NamedTuple, Generic[Entry]):
    """Entries that fit, and the offset of the next ones."""

    entries: list[Entry]
    next_offset: int | None


async def by_cursor(api: Api, path: str, shape: type[Entry], *, limit: int, **query: Any) -> Page[Entry]:
    """Return a page of a list of the instance; a shorter one if its entries are long."""
    while True:
        found = await api.listed(path, limit=limit, **query)
        entries = [shape(**entry) for entry in found.items]
        if limit == 1 or sum(map(_size, entries)) <= MAX_CHARS:
            return Page(entries, found.next_cursor)
        limit //= 2


def by_offset(entries: Sequence[Entry], offset: int, *, limit: int) -> Slice[Entry]:
    """Return the entries from an offset that fit, at least one if there is one."""
    selected: list[Entry] = []
    size = 0
    for entry in entries[offset : offset + limit]:
        size += _size(entry)
        if selected and size > MAX_CHARS:
            break
        selected.append(entry)
    end = offset + len(selected)
    return Slice(selected, end if selected and end < len(entries) else None)


def _size(entry: Shape) -> int:
    return len(entry.model_dump_json())
