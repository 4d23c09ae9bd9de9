"""What a page of the web says: its text, whether it is a page, a text or a PDF."""

from __future__ import annotations

from typing import Final, NamedTuple

from backend.integrations.web import sandboxed_reader
from backend.integrations.web.errors import NotFetched
from backend.integrations.web.fetching import Fetched, Wanted, shown
from backend.storage.mime import HEAD_BYTES, sniff

MAX_BYTES: Final = 5 << 20
FETCH_S: Final = 30.0
WANTED: Final = Wanted(
    MAX_BYTES, FETCH_S, "text/html,application/xhtml+xml,application/json,text/plain;q=0.9,*/*;q=0.5"
)
MAX_PDF_PAGES: Final = 100
_PAGES: Final = frozenset({"text/html", "application/xhtml+xml"})
_TEXTS: Final = ("application/json", "application/xml", "application/javascript", "application/yaml")


class Text(NamedTuple):
    """What was on a page."""

    title: str
    text: str
    length: int
    """Of the whole."""


async def read(fetched: Fetched, most_characters: int) -> Text:
    """The text of what was fetched; of a longer one its beginning.

    Raises:
        NotFetched: it is no text, or cannot be read.
    """
    kind = _kind(fetched)
    if kind in _PAGES:
        asked = {"url": fetched.url, "charset": fetched.charset, "max_characters": most_characters}
        answer = await sandboxed_reader.ask("page", asked, fetched.content)
        if answer is None or "error" in answer:
            raise NotFetched(
                f"{shown(fetched.url)} cannot be read: reading it takes too long, or it is broken."
            )
        return Text(str(answer["title"]), str(answer["text"]), int(answer["length"]))
    if kind == "application/pdf":
        text = await _pdf(fetched, most_characters)
        return Text("", text, len(text))
    plain = _decoded(fetched)
    if plain is None:
        raise NotFetched(f"{shown(fetched.url)} is {kind}, no text: get it with download_url, if that helps.")
    return Text("", plain[:most_characters], len(plain))


async def _pdf(fetched: Fetched, most_characters: int) -> str:
    library = sandboxed_reader.pdf_library()
    if library is None:
        raise NotFetched("PDFs cannot be read here: the package pypdf is missing.")
    asked = {"wants_text": True, "max_pages": MAX_PDF_PAGES, "max_characters": most_characters}
    answer = await sandboxed_reader.ask("pdf", asked, fetched.content, library=library)
    if answer is None:
        raise NotFetched(
            f"{shown(fetched.url)} cannot be read: reading it takes too long or too much memory."
        )
    if "error" in answer:
        raise NotFetched(f"{shown(fetched.url)} cannot be read as a PDF: {answer['error']}.")
    return str(answer["text"])


def _kind(fetched: Fetched) -> str:
    """What it is: as its first bytes say where those are sure, else as the server says."""
    seen = sniff(fetched.content[:HEAD_BYTES], "")
    if seen == "application/pdf":
        return seen
    if fetched.media_type in ("", "text/plain") and fetched.content.lstrip()[:15].lower().startswith(
        (b"<!doctype html", b"<html")
    ):
        return "text/html"
    return fetched.media_type or seen


def _decoded(fetched: Fetched) -> str | None:
    """The text; none if it is none."""
    kind = fetched.media_type
    if kind and not (kind.startswith("text/") or kind in _TEXTS or kind.endswith(("+json", "+xml"))):
        return None
    try:
        text = fetched.content.decode(fetched.charset or "utf-8-sig", "replace")
    except (LookupError, ValueError):
        text = fetched.content.decode("utf-8", "replace")
    return None if "\0" in text else text
