"""Read the content of PDFs in a confined process, since PDFs can be malicious."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from backend.integrations.web import sandboxed_reader
from workers.agent.types import ToolError

MAX_PAGES: Final = 100
"""Maximum that models accept in one request."""


class Pdf(NamedTuple):
    """The content of a PDF."""

    pages: int
    text: str
    """Empty if it was not requested, or if the pages are images."""


async def inspect_pdf(content: bytes, *, display_name: str, wants_text: bool, max_characters: int) -> Pdf:
    """Return the number of pages, and their text if requested.

    Raises:
        ToolError: it is broken, locked, too long, or takes too long to read.
    """
    response = await _read_in_sandbox(content, wants_text=wants_text, max_characters=max_characters)
    if response is None:
        raise ToolError(
            f"{display_name!r} cannot be read: this takes too long or too much memory. Simplify the PDF."
        )
    if "error" in response:
        raise ToolError(f"{display_name!r} cannot be read as a PDF: {response['error']}.")
    pdf = Pdf(int(response["pages"]), str(response["text"]))
    if pdf.pages > MAX_PAGES and not wants_text:
        raise ToolError(
            f"{display_name!r} has {pdf.pages:,} pages; the limit is {MAX_PAGES}. Create a PDF of the "
            "relevant pages, or extract their text, with a command or a tool."
        )
    return pdf


async def _read_in_sandbox(content: bytes, *, wants_text: bool, max_characters: int) -> dict[str, Any] | None:
    """Return the response of the process; none if it was ended or failed."""
    library = sandboxed_reader.pdf_library()
    if library is None:
        raise ToolError("This worker cannot read PDFs: the package pypdf is missing.")
    arguments = {"wants_text": wants_text, "max_pages": MAX_PAGES, "max_characters": max_characters}
    return await sandboxed_reader.ask("pdf", arguments, content, library=library)
