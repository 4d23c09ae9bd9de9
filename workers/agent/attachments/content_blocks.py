"""Create content blocks that show files to a model.

The files are images, PDFs and attached texts, as far as the model accepts them.
"""

from __future__ import annotations

import base64
from typing import Final, NamedTuple

from backend.data.drive.file_refs import NamedFile
from workers.agent.attachments import images, pdfs
from workers.agent.attachments.decoding import AttachmentRefused
from workers.agent.types import ToolError
from workers.agent.untrusted import marked
from workers.agent.workspace import disk
from workers.llm.types import Block

PDF: Final = "application/pdf"
MAX_SHOWN_BYTES: Final = 10 << 20
"""Maximum of all files of one run: providers do not accept larger requests."""
MAX_CHARACTERS: Final = 100_000
"""Maximum of all attached texts."""
_TEXTS: Final = ("application/json", "application/xml", "application/yaml", "application/javascript")


class _Rendered(NamedTuple):
    """A block, and its description."""

    details: str
    block: Block


class ContentBlocks:
    """Creates the content blocks of files for one model."""

    def __init__(self, *, model: str, vision: bool, pdf: bool) -> None:
        self._model = model
        self._vision = vision
        self._pdf = pdf
        self._remaining_bytes = MAX_SHOWN_BYTES
        self._remaining_characters = MAX_CHARACTERS

    async def blocks_for(self, found: NamedFile, content: bytes | None, kind: str) -> list[Block]:
        """Return the blocks for a file; `content` is none if it is too large for any.

        Raises:
            AttachmentRefused: it is an attachment that the model does not accept.
        """
        try:
            if kind in images.KINDS:
                return self._with_heading(found, self._image(_of_a_size(content), kind))
            if kind == PDF:
                return self._with_heading(found, await self._document(found, _of_a_size(content)))
        except ToolError as error:
            if found.is_attachment:
                raise AttachmentRefused(found.name, str(error)) from None
            return [_text(f"{found.name}: you are not shown this file, since {error}")]
        if found.is_attachment and (kind.startswith("text/") or kind in _TEXTS) and content is not None:
            return [self._text_block(found, content)]
        return []

    def _with_heading(self, found: NamedFile, rendered: _Rendered) -> list[Block]:
        return [_text(f"{found.name} ({rendered.details}):"), rendered.block]

    def _image(self, content: bytes, kind: str) -> _Rendered:
        size = images.size_of(content, kind)
        if size is None:
            raise ToolError(f"the image ({kind}) is damaged. Send a complete one.")
        if max(size) > images.MAX_PIXELS:
            raise ToolError(
                f"the image has {size.width} × {size.height} pixels; the limit is {images.MAX_PIXELS} per "
                "side. Send a smaller one."
            )
        if not self._vision:
            raise ToolError(f"the model {self._model} cannot read images. Choose a model that can.")
        self._consume(content)
        return _Rendered(
            f"{kind}, {size.width} × {size.height}", {"type": "image", "source": _source(content, kind)}
        )

    async def _document(self, found: NamedFile, content: bytes) -> _Rendered:
        if not self._pdf:
            raise ToolError(
                f"the model {self._model} cannot read PDFs. Choose a model that can, or send the text."
            )
        pdf = await pdfs.inspect_pdf(content, display_name=found.name, wants_text=False, max_characters=0)
        self._consume(content)
        return _Rendered(f"PDF, {pdf.pages} pages", {"type": "document", "source": _source(content, PDF)})

    def _consume(self, content: bytes) -> None:
        if len(content) > self._remaining_bytes:
            raise ToolError(
                f"the files before it reach the limit of {MAX_SHOWN_BYTES >> 20} MB for all files of a run. "
                "Send fewer or smaller files."
            )
        self._remaining_bytes -= len(content)

    def _text_block(self, found: NamedFile, content: bytes) -> Block:
        text = content.decode("utf-8-sig", "replace").replace("\0", "")
        visible = text[: self._remaining_characters]
        self._remaining_characters -= len(visible)
        if len(visible) < len(text):
            visible += f"\n[cut here: {len(text) - len(visible):,} more characters, which file_read can show]"
        return _text(marked("attachment", visible, name=found.name))


def _of_a_size(content: bytes | None) -> bytes:
    if content is None or len(content) > disk.MAX_BYTES:
        raise ToolError(
            f"it exceeds the limit of {disk.MAX_BYTES >> 20} MB for one file. Send a smaller one."
        )
    return content


def _source(content: bytes, kind: str) -> dict[str, str]:
    return {"type": "base64", "media_type": kind, "data": base64.b64encode(content).decode("ascii")}


def _text(text: str) -> Block:
    return {"type": "text", "text": text}
