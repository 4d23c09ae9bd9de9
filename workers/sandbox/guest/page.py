"""Extract the text of one web page. The process is confined, since pages are untrusted.

Run as `python -I -S -c "…; from inside import page; page.main(…)"`, the page on standard input. Prints one
JSON object.
"""

from __future__ import annotations

import json
import os
import re
import sys
from html.parser import HTMLParser
from typing import Final, NoReturn
from urllib.parse import urljoin

from .enclosure import become_reader

_MAX_BYTES: Final = 16 << 20
_MAX_TITLE: Final = 300
_LEFT_OUT: Final = frozenset(
    {"script", "style", "noscript", "template", "svg", "iframe", "object", "canvas", "math", "dialog"}
)
_VOID: Final = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
_PARAGRAPHS: Final = frozenset(
    {
        "p",
        "div",
        "section",
        "article",
        "header",
        "footer",
        "main",
        "nav",
        "aside",
        "table",
        "ul",
        "ol",
        "dl",
        "form",
    }
    | {"blockquote", "figure", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "hr"}
)
_LINES: Final = frozenset({"br", "li", "tr", "dt", "dd", "option", "figcaption"})
_HIDDEN: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_KEPT_BLANK: Final = "\0"
_CHARSET: Final = re.compile(rb"charset\s*=\s*[\"']?([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)


def main(*, url: str, charset: str, max_characters: int) -> NoReturn:
    """Confine this process, read the page, and print the response."""
    for name in ("utf-8", "utf-16", "latin-1", "cp1252", charset or "ascii"):
        _decoded(b"", name)  # loads the decoders while their files can be read
    become_reader()
    content = sys.stdin.buffer.read(_MAX_BYTES)
    try:
        page = _Page(url)
        page.feed(_text_of(content, charset))
        page.close()
        text = page.text()
        response = {"title": page.title(), "text": text[:max_characters], "length": len(text)}
    except Exception as error:  # noqa: BLE001 - a broken page makes the reader fail in any way
        response = {"error": f"{type(error).__name__}: {error}"[:300]}
    sys.stdout.write(json.dumps(response))
    sys.stdout.flush()
    os._exit(0)


class _Page(HTMLParser):
    """Extracts the visible text of a page, with headings, lists and links in Markdown."""

    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self._url = url
        self._parts: list[str] = []
        self._title: list[str] = []
        self._links: list[tuple[str, int]] = []
        self._is_title = False
        self._hidden_by = ""
        self._depth = 0
        self._preformatted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Process the start of an element."""
        given = dict(attrs)
        if self._hidden_by:
            self._depth += tag == self._hidden_by
        elif tag not in _VOID and (tag in _LEFT_OUT or _is_hidden(given)):
            self._hidden_by, self._depth = tag, 1
        elif tag == "title":
            self._is_title = True
        else:
            self._begin(tag, given)

    def handle_endtag(self, tag: str) -> None:
        """Process the end of an element."""
        if self._hidden_by:
            self._depth -= tag == self._hidden_by
            if not self._depth:
                self._hidden_by = ""
        elif tag == "title":
            self._is_title = False
        elif tag == "a" and self._links:
            self._end_link()
        elif tag in _PARAGRAPHS:
            self._preformatted -= tag == "pre" and self._preformatted > 0
            self._parts.append("\n\n")

    def handle_data(self, data: str) -> None:
        """Add text."""
        if self._is_title:
            self._title.append(data)
        elif not self._hidden_by:
            data = data.replace(_KEPT_BLANK, "")
            data = data.replace(" ", _KEPT_BLANK) if self._preformatted else re.sub(r"\s+", " ", data)
            self._parts.append(data)

    def title(self) -> str:
        """Return the title of the page."""
        return " ".join("".join(self._title).split())[:_MAX_TITLE]

    def text(self) -> str:
        """Return the text without redundant white space."""
        text = re.sub(r"[ \t]*\n[ \t]*", "\n", "".join(self._parts))
        return re.sub(r"\n{3,}", "\n\n", text).replace(_KEPT_BLANK, " ").strip()

    def _begin(self, tag: str, given: dict[str, str | None]) -> None:
        if tag in _PARAGRAPHS:
            self._parts.append("\n\n" + "#" * int(tag[1]) + " " if tag[1:].isdigit() else "\n\n")
            self._preformatted += tag == "pre"
        elif tag in _LINES:
            self._parts.append("\n- " if tag == "li" else "\n")
        elif tag in ("td", "th"):
            self._parts.append(" | ")
        elif tag == "img" and given.get("alt"):
            self._parts.append(f"[image: {' '.join((given['alt'] or '').split())[:200]}]")
        elif tag == "a":
            self._links.append((given.get("href") or "", len(self._parts)))

    def _end_link(self) -> None:
        href, place = self._links.pop()
        words = "".join(self._parts[place:])
        try:
            address = urljoin(self._url, href.strip())
        except ValueError:
            return
        if not words.strip() or "\n" in words or not address.startswith(("http://", "https://")):
            return
        if address.partition("#")[0] != self._url.partition("#")[0]:
            self._parts[place:] = [f"[{words.strip()}]({address[:500]})"]


def _is_hidden(given: dict[str, str | None]) -> bool:
    return (
        "hidden" in given
        or given.get("aria-hidden") == "true"
        or bool(_HIDDEN.search(given.get("style") or ""))
    )


def _text_of(content: bytes, charset: str) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        charset = "utf-16"
    said = _CHARSET.search(content[:2048])
    for name in (charset, said[1].decode("ascii") if said else "", "utf-8-sig"):
        text = _decoded(content, name) if name else None
        if text is not None:
            return text
    return content.decode("utf-8", "replace")


def _decoded(content: bytes, charset: str) -> str | None:
    try:
        return content.decode(charset, "replace")
    except (LookupError, ValueError):
        return None
