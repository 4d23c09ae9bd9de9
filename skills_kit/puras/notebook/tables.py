"""Display small tables as text and as escaped HTML."""

from __future__ import annotations

import html
from collections.abc import Sequence

from puras.notebook.show import display_both

__all__ = ["show_lines", "show_table"]


def show_table(title: str, heads: Sequence[str], rows: Sequence[Sequence[object]], note: str = "") -> None:
    """Display a table with a title and a note."""
    cells = [[_shown(one) for one in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    lines = [
        "  ".join(one.ljust(width) for one, width in zip(row, widths, strict=True)).rstrip()
        for row in (heads, *cells)
    ]
    text = "\n".join([title, *(lines if cells else []), *([note] if note else [])])
    head = "".join(f"<th>{html.escape(one)}</th>" for one in heads)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(one)}</td>' for one in row)}</tr>" for row in cells)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if cells else ""
    below = f"<div>{html.escape(note)}</div>" if note else ""
    display_both(text, f"<strong>{html.escape(title)}</strong>{table}{below}")


def show_lines(title: str, lines: Sequence[str]) -> None:
    """Display lines for copying."""
    text = "\n\n".join([title, *lines])
    blocks = "".join(f"<pre>{html.escape(line)}</pre>" for line in lines)
    display_both(text, f"<strong>{html.escape(title)}</strong>{blocks}")


def _shown(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= 160 else f"{text[:160]}…"
