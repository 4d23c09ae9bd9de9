"""Read and search the pages of the documentation: Markdown files of the release, which never change while it runs."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from backend.core.errors import Missing
from backend.core.release_files import DOCS
from backend.docs_site.contents import FORMER_NAMES, SECTIONS

FOLDER: Final = DOCS
MAX_RESULTS: Final = 20
_CONTEXT_CHARACTERS: Final = 100
"""Characters shown on each side of the first match."""
_UNLISTED: Final = "More"
_NOT_PAGES: Final = frozenset({"decisions"})
"""Folders of `docs/` whose files are for developers of this project."""
_TITLE: Final = re.compile(r"^# (.+)$", re.MULTILINE)
_MARKUP: Final = re.compile(r"[`*#|>]|\]\([^)]*\)|\[")


class DocumentNotFound(Missing):
    """The documentation has no such page."""

    code = "document_not_found"
    message = "The page {page!r} does not exist. `GET /v1/docs` lists all pages."
    page: str


class Document(NamedTuple):
    """A page of the documentation."""

    name: str
    """Path below `docs/` without `.md`."""
    section: str
    title: str
    text: str
    """Markdown."""


class SearchResult(NamedTuple):
    """A page that contains all words of a query, with the text around the first match."""

    document: Document
    excerpt: str


@lru_cache(maxsize=1)
def all_() -> tuple[Document, ...]:
    """Return all pages in the order of the table of contents."""
    files = {_name(file): file.read_text(encoding="utf-8") for file in sorted(FOLDER.rglob("*.md"))}
    files = {name: text for name, text in files.items() if name.partition("/")[0] not in _NOT_PAGES}
    listed = [(section.title, name) for section in SECTIONS for name in section.pages if name in files]
    known = {name for _, name in listed}
    listed += [(_UNLISTED, name) for name in files if name not in known]
    return tuple(Document(name, section, title(files[name], name), files[name]) for section, name in listed)


def get(name: str) -> Document:
    """Return a page by its current or former name.

    Raises:
        DocumentNotFound: No page has this name.
    """
    current = FORMER_NAMES.get(name, name)
    for document in all_():
        if document.name == current:
            return document
    raise DocumentNotFound(name)


def search(query: str) -> list[SearchResult]:
    """Return the pages that contain all words of the query, best match first."""
    words = query.casefold().split()
    found = [document for document in all_() if _contains(document, words)]
    found.sort(key=lambda document: -_score(document, words))
    return [SearchResult(document, _excerpt(document.text, words)) for document in found[:MAX_RESULTS]]


def title(text: str, name: str) -> str:
    """Return the first heading of a page, or its name if it has none."""
    found = _TITLE.search(text)
    return found[1].replace("`", "") if found else name


def _name(file: Path) -> str:
    return file.relative_to(FOLDER).with_suffix("").as_posix()


def _contains(document: Document, words: list[str]) -> bool:
    text = document.text.casefold()
    return bool(words) and all(word in text for word in words)


def _score(document: Document, words: list[str]) -> int:
    title, text = document.title.casefold(), document.text.casefold()
    headings = " ".join(line for line in text.splitlines() if line.startswith("#"))
    return sum(100 * (word in title) + 10 * headings.count(word) + min(9, text.count(word)) for word in words)


def _excerpt(text: str, words: list[str]) -> str:
    body = text.partition("\n")[2]
    match = body.casefold().find(words[0])
    start = max(0, match - _CONTEXT_CHARACTERS)
    excerpt = " ".join(_MARKUP.sub("", body[start : max(match, 0) + _CONTEXT_CHARACTERS]).split())
    return f"…{excerpt}…" if start else f"{excerpt}…"
