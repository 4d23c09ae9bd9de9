"""Reading and searching the pages. They are files of the release: nobody changes them while an instance runs."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from backend.core.errors import Missing
from backend.docs_site.contents import SECTIONS

FOLDER: Final = Path(__file__).parents[2] / "docs"
MAX_FOUND: Final = 20
_AROUND: Final = 100
"""Characters that are shown on each side of what was found."""
_MORE: Final = "More"
_TITLE: Final = re.compile(r"^# (.+)$", re.MULTILINE)
_MARKS: Final = re.compile(r"[`*#|>]|\]\([^)]*\)|\[")


class DocumentNotFound(Missing):
    """There is no such page of the documentation."""

    code = "document_not_found"
    message = "There is no page {page!r}. `GET /v1/docs` lists them."
    page: str


class Document(NamedTuple):
    """A page."""

    name: str
    section: str
    title: str
    text: str
    """Markdown."""


class Found(NamedTuple):
    """A page, and the words around the place that was looked for."""

    document: Document
    excerpt: str


@lru_cache(maxsize=1)
def all_() -> tuple[Document, ...]:
    """Return all pages in their order."""
    files = {file.stem: file.read_text(encoding="utf-8") for file in sorted(FOLDER.glob("*.md"))}
    placed = [(section.title, name) for section in SECTIONS for name in section.pages if name in files]
    known = {name for _, name in placed}
    placed += [(_MORE, name) for name in files if name not in known]
    return tuple(Document(name, section, _title(files[name], name), files[name]) for section, name in placed)


def get(name: str) -> Document:
    """Return a page by its name.

    Raises:
        DocumentNotFound: There is none.
    """
    for document in all_():
        if document.name == name:
            return document
    raise DocumentNotFound(name)


def search(words: str) -> list[Found]:
    """Pages that hold all the words, those with them in the title first."""
    wanted = words.casefold().split()
    found = [document for document in all_() if _holds(document, wanted)]
    found.sort(key=lambda document: -_weight(document, wanted))
    return [Found(document, _excerpt(document.text, wanted)) for document in found[:MAX_FOUND]]


def _holds(document: Document, wanted: list[str]) -> bool:
    text = document.text.casefold()
    return bool(wanted) and all(word in text for word in wanted)


def _weight(document: Document, wanted: list[str]) -> int:
    title, text = document.title.casefold(), document.text.casefold()
    headings = " ".join(line for line in text.splitlines() if line.startswith("#"))
    return sum(
        100 * (word in title) + 10 * headings.count(word) + min(9, text.count(word)) for word in wanted
    )


def _excerpt(text: str, wanted: list[str]) -> str:
    body = text.partition("\n")[2]
    at = body.casefold().find(wanted[0])
    begin = max(0, at - _AROUND)
    words = " ".join(_MARKS.sub("", body[begin : max(at, 0) + _AROUND]).split())
    return f"…{words}…" if begin else f"{words}…"


def _title(text: str, name: str) -> str:
    found = _TITLE.search(text)
    return found[1].replace("`", "") if found else name
