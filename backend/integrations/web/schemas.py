"""Define the requests and responses of the routes of the web."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, Field

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import ClosedSchema, Text

DEFAULT_CHARACTERS: Final = 20_000
MAX_CHARACTERS: Final = 200_000
_Query = Annotated[Text, Field(min_length=1, max_length=500)]
_Results = Annotated[int, Field(ge=1, le=20)]


class WebSearch(ClosedSchema):
    """A search."""

    query: _Query
    max_results: _Results = 5


class WebSearchResult(Schema):
    """A page in the results."""

    title: str
    url: str
    text: str
    """The excerpt of the search engine."""


class WebSearchRead(BaseModel):
    """The results of a search."""

    results: list[WebSearchResult]
    billed_micros: int
    billed_usd: float


class WebPageFetch(ClosedSchema):
    """A page to read."""

    url: Text = Field(min_length=1, max_length=8_000)
    """The whole URL, with `https://`."""
    max_chars: int = Field(default=DEFAULT_CHARACTERS, ge=500, le=MAX_CHARACTERS)
    """Maximum length of the text."""
    render_js: bool = False
    """Scripts are not supported: `true` returns 501."""


class WebPageRead(Schema):
    """The text of a page."""

    url: str
    """The URL after redirects."""
    title: str
    content: str
    length: int
    """Characters of the whole text."""
