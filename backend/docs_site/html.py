"""Pages as HTML: what Markdown says, and never HTML that stands in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

from backend.docs_site import pages

ADDRESS: Final = "/docs"
"""Where the studio shows them."""
PICTURES: Final = f"{ADDRESS}/images"
"""Where it shows their pictures."""
_PICTURE: Final = re.compile(r"images/([a-z0-9-]+)-light\.png")
_OTHER_PAGE: Final = re.compile(r"([a-z0-9-]+)\.md(#.*)?")
_NOT_OF_AN_ID: Final = re.compile(r"[^a-z0-9_ -]")


class Heading(NamedTuple):
    """A heading within a page."""

    id: str
    text: str


class Rendered(NamedTuple):
    """A page for browsers."""

    html: str
    headings: tuple[Heading, ...]
    """Those of the second level: what the page is about."""


@lru_cache(maxsize=128)
def render(name: str) -> Rendered:
    """Return a page by its name.

    Raises:
        DocumentNotFound: There is none.
    """
    return of(pages.get(name).text)


def of(text: str) -> Rendered:
    """Markdown as HTML, its links leading to the pages of the studio."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = [token for token in reader.parse(text) if not _is_remark(token)]
    headings: list[Heading] = []
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open" and following is not None:
            title = _plain(following)
            token.attrSet("id", anchor(title))
            if token.tag == "h2":
                headings.append(Heading(anchor(title), title))
        if token.type in ("table_open", "fence", "code_block"):
            token.attrSet("tabindex", "0")  # it scrolls by itself where it is wider than the page
        for inner in token.children or ():
            if inner.type == "link_open":
                inner.attrSet("href", _leading(str(inner.attrGet("href") or "")))
        token.children = token.children and [shown for inner in token.children for shown in _shown(inner)]
    return Rendered(reader.renderer.render(tokens, reader.options, {}), tuple(headings))


def anchor(title: str) -> str:
    """How links name a heading, as it is known from elsewhere."""
    return _NOT_OF_AN_ID.sub("", title.lower()).replace(" ", "-")


def _plain(inline: Token) -> str:
    parts: Sequence[Token] = inline.children or ()
    return "".join(part.content for part in parts if part.type in ("text", "code_inline"))


def _leading(target: str) -> str:
    """Where a link of a page leads in the studio; files that are no pages are where the source is, so nowhere."""
    found = _OTHER_PAGE.fullmatch(target)
    if found:
        return f"{ADDRESS}/{found[1]}{found[2] or ''}"
    return target if target.startswith(("#", "https://", "http://")) else ADDRESS


def _shown(inner: Token) -> list[Token]:
    """Return a picture of ours in both themes, of which the page shows one, and no other; the rest as it is."""
    if inner.type != "image":
        return [inner]
    found = _PICTURE.fullmatch(str(inner.attrGet("src") or ""))
    themes = ("light", "dark") if found else ()
    return [_picture(inner, f"{PICTURES}/{found[1]}-{theme}.png", theme) for theme in themes if found]


def _picture(image: Token, source: str, theme: str) -> Token:
    attributes = {**image.attrs, "src": source, "class": f"of-{theme}", "loading": "lazy"}
    return Token(
        image.type, image.tag, image.nesting, attributes, children=image.children, content=image.content
    )


def _is_remark(token: Token) -> bool:
    """Marks for the programs that write pages; as text they would be shown."""
    content = token.content.strip()
    return token.type == "inline" and content.startswith("<!--") and content.endswith("-->")
