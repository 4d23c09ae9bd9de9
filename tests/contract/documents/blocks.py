"""The blocks of code of the documentation, as they stand on its pages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

DOCS: Final = Path(__file__).parents[3] / "docs"
_BLOCK: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SIGNATURE: Final = re.compile(r"\w+\(.*:.*\)(?: -> .*)?\n|\w+\(\)\n")
"""A block of a reference, which shows how something is called."""


class Block(NamedTuple):
    """A block of code, and where it stands."""

    page: str
    line: int
    language: str
    code: str

    @property
    def place(self) -> str:
        return f"{self.page}.md:{self.line}"


def of_page(page: str) -> list[Block]:
    """The blocks of a page that name their language, in their order."""
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, found.start()) + 1, found[1], found[2])
        for found in _BLOCK.finditer(text)
    ]


def in_language(*languages: str) -> list[Block]:
    """The blocks of all pages in one of these languages."""
    return [
        block
        for page in sorted(DOCS.glob("*.md"))
        for block in of_page(page.stem)
        if block.language in languages
    ]
