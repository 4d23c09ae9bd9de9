"""The blocks of code of the documentation, as they stand on its pages."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[3]
DOCS: Final = ROOT / "docs"
TEMPLATES: Final = ROOT / "skills_kit" / "templates"
_BLOCK: Final = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
SIGNATURE: Final = re.compile(r"\w+\(.*:.*\)(?: -> .*)?\n|\w+\(\)\n")
"""A block of a reference, which shows how something is called."""
RUN: Final = ("sh", "bash", "python", "ts", "ipython")
"""The languages in which a block does something."""


class Block(NamedTuple):
    """A block of code, and where it stands."""

    page: str
    line: int
    language: str
    code: str

    @property
    def place(self) -> str:
        return f"{self.page}.md:{self.line}"

    @property
    def is_run(self) -> bool:
        """Whether somebody who reads it would run it."""
        return self.language in RUN and not SIGNATURE.fullmatch(self.code)


def pages() -> list[str]:
    """Every page that people read: those of the documentation, of the templates, and at the top."""
    below = [str(path.relative_to(DOCS).with_suffix("")) for path in DOCS.rglob("*.md")]
    beside = [str(path.relative_to(ROOT).with_suffix("")) for path in TEMPLATES.glob("*/README.md")]
    return sorted([*below, *beside, *(path.stem for path in ROOT.glob("*.md"))])


def of_page(page: str) -> list[Block]:
    """The blocks of a page that name their language, in their order."""
    below = DOCS / f"{page}.md"
    text = (below if below.is_file() else ROOT / f"{page}.md").read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, found.start()) + 1, found[2], textwrap.dedent(found[3]))
        for found in _BLOCK.finditer(text)
    ]


def in_language(*languages: str) -> list[Block]:
    """The blocks of all pages in one of these languages."""
    return [block for page in pages() for block in of_page(page) if block.language in languages]
