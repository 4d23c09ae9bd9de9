"""The code blocks of the documentation pages."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[3]
DOCS: Final = ROOT / "docs"
TEMPLATES: Final = ROOT / "skills_kit" / "templates"
_BLOCK: Final = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
SIGNATURE: Final = re.compile(r"[\w.]+\(.*:.*\)(?: -> .*)?\n|[\w.]+\(\)\n")
"""A block of a reference that shows a signature."""
RUN: Final = ("sh", "bash", "python", "ts", "ipython")
"""The languages of blocks that a reader runs."""


class Block(NamedTuple):
    """A code block and its position."""

    page: str
    line: int
    language: str
    code: str

    @property
    def position(self) -> str:
        return f"{self.page}.md:{self.line}"

    @property
    def is_run(self) -> bool:
        """Whether a reader is expected to run the block."""
        return self.language in RUN and not SIGNATURE.fullmatch(self.code)


def pages() -> list[str]:
    """Return all pages for readers: the documentation, the READMEs of templates, and the pages in the root folder."""
    in_docs = [str(path.relative_to(DOCS).with_suffix("")) for path in DOCS.rglob("*.md")]
    in_templates = [str(path.relative_to(ROOT).with_suffix("")) for path in TEMPLATES.glob("*/README.md")]
    return sorted([*in_docs, *in_templates, *(path.stem for path in ROOT.glob("*.md"))])


def of_page(page: str) -> list[Block]:
    """Return the blocks of a page that name their language, in order."""
    in_docs = DOCS / f"{page}.md"
    text = (in_docs if in_docs.is_file() else ROOT / f"{page}.md").read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, found.start()) + 1, found[2], textwrap.dedent(found[3]))
        for found in _BLOCK.finditer(text)
    ]


def in_language(*languages: str) -> list[Block]:
    """Return the blocks of all pages in one of these languages."""
    return [block for page in pages() for block in of_page(page) if block.language in languages]
