"""Extract the text of a web page, a text file or a PDF."""

from __future__ import annotations

from typing import Final, NamedTuple

from backend.integrations.web import sandboxed_reader
from backend.integrations.web.errors import NotFetched
from backend.integrations.web.fetching import Fetched, FetchLimits, display_url
from backend.storage.mime import HEAD_BYTES, sniff

MAX_BYTES: Final = 5 << 20
FETCH_S: Final = 30.0
PAGE_LIMITS: Final = FetchLimits(
    MAX_BYTES, FETCH_S, "text/html,application/xhtml+xml,application/json,text/plain;q=0.9,*/*;q=0.5"
)
MAX_PDF_PAGES: Final = 100
_PAGES: Final = frozenset({"text/html", "application/xhtml+xml"})
_TEXTS: Final = ("application/json", "application/xml", "application/javascript", "application/yaml")


class Text(NamedTuple):
    """The text of a page."""

    title: str
    text: str
    length: int
    """Of the whole text."""


async def read(fetched: Fetched, max_characters: int) -> Text:
    """Return the text of a response, cut to `max_characters`.

    Raises:
        NotFetched: It contains no text, or cannot be read.
    """
    kind = _kind(fetched)
    if kind in _PAGES:
        arguments = {"url": fetched.url, "charset": fetched.charset, "max_characters": max_characters}
        result = await sandboxed_reader.ask("page", arguments, fetched.content)
        if result is None or "error" in result:
            raise NotFetched(
                f"{display_url(fetched.url)} cannot be read: it takes too long, or the page is malformed."
            )
        return Text(str(result["title"]), str(result["text"]), int(result["length"]))
    if kind == "application/pdf":
        text = await _pdf(fetched, max_characters)
        return Text("", text, len(text))
    plain = _decoded(fetched)
    if plain is None:
        raise NotFetched(
            f"{display_url(fetched.url)} is {kind}, not text. Download it with download_url instead."
        )
    return Text("", plain[:max_characters], len(plain))


async def _pdf(fetched: Fetched, max_characters: int) -> str:
    library = sandboxed_reader.pdf_library()
    if library is None:
        raise NotFetched("PDFs cannot be read: the package pypdf is not installed.")
    arguments = {"wants_text": True, "max_pages": MAX_PDF_PAGES, "max_characters": max_characters}
    result = await sandboxed_reader.ask("pdf", arguments, fetched.content, library=library)
    if result is None:
        raise NotFetched(f"{display_url(fetched.url)} cannot be read: it takes too long or too much memory.")
    if "error" in result:
        raise NotFetched(f"{display_url(fetched.url)} cannot be read as a PDF: {result['error']}.")
    return str(result["text"])


def _kind(fetched: Fetched) -> str:
    """Return the media type: from the first bytes if these are decisive, otherwise from the server."""
    sniffed = sniff(fetched.content[:HEAD_BYTES], "")
    if sniffed == "application/pdf":
        return sniffed
    if fetched.media_type in ("", "text/plain") and fetched.content.lstrip()[:15].lower().startswith(
        (b"<!doctype html", b"<html")
    ):
        return "text/html"
    return fetched.media_type or sniffed


def _decoded(fetched: Fetched) -> str | None:
    """Return the text; None if it is binary."""
    kind = fetched.media_type
    if kind and not (kind.startswith("text/") or kind in _TEXTS or kind.endswith(("+json", "+xml"))):
        return None
    try:
        text = fetched.content.decode(fetched.charset or "utf-8-sig", "replace")
    except (LookupError, ValueError):
        text = fetched.content.decode("utf-8", "replace")
    return None if "\0" in text else text
