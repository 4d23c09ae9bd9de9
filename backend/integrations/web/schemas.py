"""What goes in and out of the routes of the web."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from backend.core.schemas import Text

DEFAULT_CHARACTERS: Final = 20_000
MAX_CHARACTERS: Final = 200_000
_Query = Annotated[Text, Field(min_length=1, max_length=500)]
_Results = Annotated[int, Field(ge=1, le=20)]


class WebSearch(BaseModel):
    """Words to search for."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    query: _Query
    max_results: _Results = 5


class FoundPage(BaseModel):
    """A page that was found."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    title: str
    url: str
    text: str
    """What the engine shows of it."""


class WebSearchRead(BaseModel):
    """What a search found."""

    results: list[FoundPage]
    billed_micros: int
    billed_usd: float


class WebPageFetch(BaseModel):
    """An address whose text is wanted."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    url: Text = Field(min_length=1, max_length=8_000)
    """The whole address, with `https://`."""
    max_chars: int = Field(default=DEFAULT_CHARACTERS, ge=500, le=MAX_CHARACTERS)
    """Characters of the text."""
    render_js: bool = False
    """Scripts of pages are not run here: `true` is answered with 501."""


class WebPageRead(BaseModel):
    """What a page says."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    url: str
    """Where it was found in the end."""
    title: str
    content: str
    length: int
    """Characters of the whole text."""
