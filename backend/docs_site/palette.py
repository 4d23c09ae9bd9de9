"""Write the index with which the command palette of the studio finds pages, headings, error codes and settings."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

NAME: Final = "palette.json"
_SKIPPED: Final = ("decisions/", "project/", "404")
_CODES: Final = {
    "reference/errors": "Errors",
    "reference/job-errors": "Errors",
    "reference/settings": "Settings of the instance",
}
"""Pages whose tables start with a name in each row, and the group of these names."""
_WITHOUT_SUBHEADINGS: Final = ("reference/",)
_PART: Final = re.compile(
    r'<h(?P<level>[1-3]) id="(?P<id>[^"]+)"[^>]*>(?P<title>.*?)</h[1-3]>'
    r"|<tr>\s*<td><code>(?P<code>[A-Za-z_]{3,80})</code></td>\s*(?P<cells>.*?)</tr>",
    re.DOTALL,
)
_CELL: Final = re.compile(r"<td>(.*?)</td>", re.DOTALL)
_TAG: Final = re.compile(r"<[^>]+>")
_HEADER_LINK: Final = re.compile(r'<a class="headerlink".*?</a>', re.DOTALL)
_MAX_HINT: Final = 120


class Entry(NamedTuple):
    """One result of a search."""

    label: str
    group: str
    path: str
    """Below the URL of the documentation, with the anchor."""
    hint: str


def entries(site: Path) -> Iterator[Entry]:
    """Yield the entries of all pages of a built site."""
    for file in sorted(site.rglob("index.html")):
        name = file.parent.relative_to(site).as_posix()
        if not name.startswith(_SKIPPED):
            yield from _of_page("" if name == "." else name, file.read_text(encoding="utf-8"))


def write(site: Path) -> None:
    """Write the index into a built site."""
    rows = [list(one) for one in entries(site)]
    (site / NAME).write_text(json.dumps(rows, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")


def _of_page(name: str, page: str) -> Iterator[Entry]:
    base, title, anchor = f"{name}/" if name else "", "", ""
    for part in _PART.finditer(page):
        if part["code"]:
            if name in _CODES:
                cells = _CELL.findall(part["cells"])
                hint = _text(cells[-1])[:_MAX_HINT] if cells else title
                yield Entry(part["code"], _CODES[name], f"{base}#{anchor}", hint)
            continue
        text, anchor = _text(part["title"]), part["id"]
        if part["level"] == "1":
            title = text
            yield Entry(text, "Documentation", base, "")
        elif part["level"] == "2" or not name.startswith(_WITHOUT_SUBHEADINGS):
            yield Entry(text, "Documentation", f"{base}#{anchor}", title)


def _text(markup: str) -> str:
    return " ".join(html.unescape(_TAG.sub("", _HEADER_LINK.sub("", markup))).split())
