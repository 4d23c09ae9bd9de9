"""Read one PDF: its number of pages and their text. The process is confined, since PDFs can be malicious.

Run as `python -I -S -c "…; from inside import pdf; pdf.main(…)"`, the file on standard input. Prints one JSON
object.
"""

from __future__ import annotations

import io
import json
import logging
import os
import sys
from typing import Any, Final, NoReturn

from .enclosure import become_reader

_MAX_BYTES: Final = 16 << 20


def main(*, wants_text: bool, max_pages: int, max_characters: int) -> NoReturn:
    """Confine this process, read the file and print the response."""
    import pypdf

    logging.disable(logging.CRITICAL)  # it would log every error in the file
    become_reader()
    content = sys.stdin.buffer.read(_MAX_BYTES)
    try:
        response = _read(pypdf, content, wants_text, max_pages, max_characters)
    except Exception as error:  # noqa: BLE001 - a broken file makes the reader fail in any way
        response = {"error": f"{type(error).__name__}: {error}"[:300]}
    sys.stdout.write(json.dumps(response))
    sys.stdout.flush()
    os._exit(0)


def _read(
    pypdf: Any, content: bytes, wants_text: bool, max_pages: int, max_characters: int
) -> dict[str, Any]:
    reader = pypdf.PdfReader(io.BytesIO(content))
    if reader.is_encrypted and not reader.decrypt(""):
        return {"error": "it is protected with a password"}
    pages = len(reader.pages)
    parts: list[str] = []
    remaining = max_characters
    for page in reader.pages[:max_pages] if wants_text else ():
        text = page.extract_text()[:remaining]
        remaining -= len(text)
        parts.append(text)
        if remaining <= 0:
            break
    return {"pages": pages, "text": "\n\n".join(parts)}
