"""Looks at one PDF: how many pages it has, and what is written in them. Confined, since such files attack readers.

Run as `python -I -S -c "…; from inside import pdf; pdf.main(…)"`, the file on standard input. Answers with one JSON
object.
"""

from __future__ import annotations

import io
import json
import logging
import os
import sys
from typing import Any, Final, NoReturn

from .reader import become_reader

_MAX_BYTES: Final = 16 << 20


def main(*, wants_text: bool, most_pages: int, most_characters: int) -> NoReturn:
    """Confine this process, look at the file, answer."""
    import pypdf

    logging.disable(logging.CRITICAL)  # it would tell of every fault of the file
    become_reader()
    content = sys.stdin.buffer.read(_MAX_BYTES)
    try:
        answer = _look(pypdf, content, wants_text, most_pages, most_characters)
    except Exception as error:  # noqa: BLE001 - a broken file makes the reader fail in any way
        answer = {"error": f"{type(error).__name__}: {error}"[:300]}
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    os._exit(0)


def _look(
    pypdf: Any, content: bytes, wants_text: bool, most_pages: int, most_characters: int
) -> dict[str, Any]:
    reader = pypdf.PdfReader(io.BytesIO(content))
    if reader.is_encrypted and not reader.decrypt(""):
        return {"error": "it is locked with a password"}
    pages = len(reader.pages)
    parts: list[str] = []
    left = most_characters
    for page in reader.pages[:most_pages] if wants_text else ():
        text = page.extract_text()[:left]
        left -= len(text)
        parts.append(text)
        if left <= 0:
            break
    return {"pages": pages, "text": "\n\n".join(parts)}
