"""What of a file the model is shown: pictures and PDFs as they are, attached texts as text, by what it can take."""

from __future__ import annotations

import base64
from typing import Final, NamedTuple

from backend.data.drive.file_refs import NamedFile
from workers.agent.attachments import images, pdfs
from workers.agent.attachments.errors import AttachmentRefused
from workers.agent.types import ToolError
from workers.agent.untrusted import marked
from workers.agent.workspace import disk
from workers.llm.types import Block

PDF: Final = "application/pdf"
MAX_SEEN_BYTES: Final = 10 << 20
"""Of all files of one run: providers take no larger requests."""
MAX_CHARACTERS: Final = 100_000
"""Of all attached texts."""
_TEXTS: Final = ("application/json", "application/xml", "application/yaml", "application/javascript")


class _Sight(NamedTuple):
    """What is shown, and said of it."""

    facts: str
    block: Block


class Gaze:
    """Shows files to one model, which sees pictures and takes PDFs, or does not."""

    def __init__(self, *, model: str, vision: bool, pdf: bool) -> None:
        self._model = model
        self._vision = vision
        self._pdf = pdf
        self._left_bytes = MAX_SEEN_BYTES
        self._left_characters = MAX_CHARACTERS

    async def shown(self, found: NamedFile, content: bytes | None, kind: str) -> list[Block]:
        """The blocks for a file; `content` is none if it is too large for any.

        Raises:
            AttachmentRefused: it is an attachment, and the model cannot be shown it.
        """
        try:
            if kind in images.KINDS:
                return self._told(found, self._picture(_of_a_size(content), kind))
            if kind == PDF:
                return self._told(found, await self._document(found, _of_a_size(content)))
        except ToolError as error:
            if found.is_attachment:
                raise AttachmentRefused(found.name, str(error)) from None
            return [_text(f"{found.name}: you are not shown this file, since {error}")]
        if found.is_attachment and (kind.startswith("text/") or kind in _TEXTS) and content is not None:
            return [self._words(found, content)]
        return []

    def _told(self, found: NamedFile, sight: _Sight) -> list[Block]:
        return [_text(f"{found.name} ({sight.facts}):"), sight.block]

    def _picture(self, content: bytes, kind: str) -> _Sight:
        size = images.size_of(content, kind)
        if size is None:
            raise ToolError(f"it is a broken picture ({kind}). Send a whole one.")
        if max(size) > images.MAX_PIXELS:
            raise ToolError(
                f"the picture has {size.width} × {size.height} pixels, more than {images.MAX_PIXELS} on a side. "
                "Send a smaller one."
            )
        if not self._vision:
            raise ToolError(f"the model {self._model} sees no pictures. Choose one that does.")
        self._take(content)
        return _Sight(
            f"{kind}, {size.width} × {size.height}", {"type": "image", "source": _source(content, kind)}
        )

    async def _document(self, found: NamedFile, content: bytes) -> _Sight:
        if not self._pdf:
            raise ToolError(f"the model {self._model} takes no PDFs. Choose one that does, or send the text.")
        pdf = await pdfs.look_at(content, shown=found.name, wants_text=False, most_characters=0)
        self._take(content)
        return _Sight(f"PDF, {pdf.pages} pages", {"type": "document", "source": _source(content, PDF)})

    def _take(self, content: bytes) -> None:
        if len(content) > self._left_bytes:
            raise ToolError(
                f"the files before it have used up the {MAX_SEEN_BYTES >> 20} MB that a model is shown at once. Send "
                "fewer or smaller ones."
            )
        self._left_bytes -= len(content)

    def _words(self, found: NamedFile, content: bytes) -> Block:
        text = content.decode("utf-8-sig", "replace").replace("\0", "")
        shown = text[: self._left_characters]
        self._left_characters -= len(shown)
        if len(shown) < len(text):
            shown += f"\n[cut here: {len(text) - len(shown):,} more characters, which file_read can show]"
        return _text(marked("attachment", shown, name=found.name))


def _of_a_size(content: bytes | None) -> bytes:
    if content is None or len(content) > disk.MAX_BYTES:
        raise ToolError(
            f"it has more than the {disk.MAX_BYTES >> 20} MB that a model can be shown. Send a smaller one."
        )
    return content


def _source(content: bytes, kind: str) -> dict[str, str]:
    return {"type": "base64", "media_type": kind, "data": base64.b64encode(content).decode("ascii")}


def _text(text: str) -> Block:
    return {"type": "text", "text": text}
