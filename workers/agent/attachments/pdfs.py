"""What is in a PDF, asked of a confined process: the file may be made to attack whoever reads it."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from backend.integrations.web import sandboxed_reader
from workers.agent.types import ToolError

MAX_PAGES: Final = 100
"""That models look at in one request."""


class Pdf(NamedTuple):
    """What a PDF holds."""

    pages: int
    text: str
    """Empty if it was not asked for, or has none: pages may be pictures."""


async def look_at(content: bytes, *, shown: str, wants_text: bool, most_characters: int) -> Pdf:
    """The number of pages, and their text if asked for.

    Raises:
        ToolError: it is broken, locked, too long, or takes too long to read.
    """
    answer = await _asked(content, wants_text=wants_text, most_characters=most_characters)
    if answer is None:
        raise ToolError(
            f"{shown!r} cannot be looked at: reading it takes too long or too much memory. Make it simpler."
        )
    if "error" in answer:
        raise ToolError(f"{shown!r} cannot be read as a PDF: {answer['error']}.")
    pdf = Pdf(int(answer["pages"]), str(answer["text"]))
    if pdf.pages > MAX_PAGES and not wants_text:
        raise ToolError(
            f"{shown!r} has {pdf.pages:,} pages, more than the {MAX_PAGES} that can be looked at: make a PDF of the "
            "pages that matter, or take out their text, with a command or a tool."
        )
    return pdf


async def _asked(content: bytes, *, wants_text: bool, most_characters: int) -> dict[str, Any] | None:
    """The answer of the process; none if it was ended or failed."""
    library = sandboxed_reader.pdf_library()
    if library is None:
        raise ToolError("This worker cannot read PDFs: the package pypdf is missing.")
    asked = {"wants_text": wants_text, "most_pages": MAX_PAGES, "most_characters": most_characters}
    return await sandboxed_reader.ask("pdf", asked, content, library=library)
