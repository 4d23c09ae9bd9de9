"""The tool `file_read`: texts, pictures and PDFs of the work folder, the drive and the skill, as a model takes them."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import Any, Final

from backend.data.secrets.scrub import Scrubber
from backend.storage.mime import HEAD_BYTES, sniff
from workers.agent.attachments import images, pdfs
from workers.agent.tools.arguments import Arguments, spec_of
from workers.agent.types import ToolCall, ToolError, ToolResult, Workspace
from workers.agent.workspace import disk, file_paths
from workers.llm.types import Block

MAX_PATHS: Final = 10
MAX_CHARACTERS: Final = 100_000
"""Of the texts of one call."""
MAX_SEEN_BYTES: Final = 10 << 20
"""Of the pictures and PDFs of one call: providers take no larger requests."""
PDF: Final = "application/pdf"
_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "paths": {
            "type": "array",
            "items": {"type": "string", "minLength": 1},
            "minItems": 1,
            "maxItems": MAX_PATHS,
            "description": f"1 to {MAX_PATHS} files: 'notes.md', 'drive/photo.png', 'references/style.md'.",
        }
    },
    "required": ["paths"],
    "additionalProperties": False,
}
_ARGUMENTS: Final = Arguments(_SCHEMA)


class _Room:
    """What one call may still show."""

    def __init__(self, scrubber: Scrubber) -> None:
        self._scrubber = scrubber
        self._characters = MAX_CHARACTERS
        self._bytes = MAX_SEEN_BYTES

    def cut(self, text: str) -> str:
        """The text as far as there is room; secrets are taken out before the cut, which could go through one."""
        text = self._scrubber.scrub(text)
        shown = text[: self._characters]
        self._characters -= len(shown)
        if len(shown) == len(text):
            return text
        left = len(text) - len(shown)
        return f"{shown}\n[cut here: {left:,} more characters, which a command like `tail -c` can show]"

    def take(self, place: file_paths.Place, content: bytes) -> None:
        """Make room for a file that is shown as it is.

        Raises:
            ToolError: there is none.
        """
        if len(content) > self._bytes:
            raise ToolError(
                f"{place.shown!r} is too much beside the files before it, which have up to {MAX_SEEN_BYTES >> 20} MB "
                "together: read it by itself."
            )
        self._bytes -= len(content)


class FileRead:
    """Reads files; how depends on what the model can take."""

    is_read_only = True
    is_idempotent = True
    runs_alone = False
    confirm = False

    def __init__(self, *, vision: bool, pdf: bool) -> None:
        """Say whether the model sees pictures, and whether it takes PDFs as they are."""
        self._sees_pictures = vision
        self._takes_pdf = pdf
        self.spec = spec_of(
            "file_read",
            "Read files: texts, pictures (PNG, JPEG, GIF, WebP) and PDFs, each up to "
            f"{disk.MAX_BYTES >> 20} MB. Texts are cut after {MAX_CHARACTERS:,} characters in all.",
            _SCHEMA,
        )

    def coerced(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments as the call passes them on."""
        return _ARGUMENTS.coerced(given)

    async def run(self, call: ToolCall, workroom: Workspace) -> ToolResult:
        """Read the files; what cannot be read is said in its place.

        Raises:
            ToolError: the arguments are wrong, or nothing could be read.
        """
        blocks: list[Block] = []
        read: list[str] = []
        problems: list[str] = []
        room = _Room(Scrubber(workroom.assignment.secrets.values()))
        for path in dict.fromkeys(_ARGUMENTS.of(call)["paths"]):
            try:
                place = file_paths.to_read(path, workroom)
                blocks += await self._blocks(place, room)
                read.append(place.shown)
            except ToolError as error:
                problems.append(str(error))
                blocks.append(_text(f"ERROR: {error}"))
        if not read:
            raise ToolError("\n".join(problems))
        return ToolResult(blocks, facts={"paths": read, "count": len(read)})

    async def _blocks(self, place: file_paths.Place, room: _Room) -> list[Block]:
        content = await asyncio.to_thread(disk.read, place)
        kind = sniff(content[:HEAD_BYTES], place.parts[-1])
        if kind == PDF:
            return await self._pdf(place, content, room)
        if kind in images.KINDS:
            return self._picture(place, content, kind, room)
        return [_text(f"{place.shown}:\n{room.cut(_decoded(place, content, kind))}")]

    def _picture(self, place: file_paths.Place, content: bytes, kind: str, room: _Room) -> list[Block]:
        size = images.size_of(content, kind)
        if size is None:
            raise ToolError(f"{place.shown!r} is a broken picture ({kind}).")
        if max(size) > images.MAX_PIXELS:
            raise ToolError(
                f"{place.shown!r} has {size.width} × {size.height} pixels, more than {images.MAX_PIXELS} on a side: "
                "make it smaller first."
            )
        if not self._sees_pictures:
            raise ToolError(
                f"{place.shown!r} is a picture ({kind}, {size.width} × {size.height}), and this model sees none."
            )
        room.take(place, content)
        heading = _text(f"{place.shown} ({kind}, {size.width} × {size.height}):")
        return [heading, {"type": "image", "source": _source(content, kind)}]

    async def _pdf(self, place: file_paths.Place, content: bytes, room: _Room) -> list[Block]:
        pdf = await pdfs.look_at(
            content,
            shown=place.shown,
            wants_text=not self._takes_pdf,
            most_characters=MAX_CHARACTERS + 1,
        )
        heading = f"{place.shown} (PDF, {pdf.pages} pages"
        if self._takes_pdf:
            room.take(place, content)
            document = {"type": "document", "source": _source(content, PDF), "title": place.parts[-1]}
            return [_text(f"{heading}):"), document]
        if not pdf.text.strip():
            raise ToolError(f"{place.shown!r} has no text in it: its pages are pictures.")
        first = f"the text of the first {pdfs.MAX_PAGES}" if pdf.pages > pdfs.MAX_PAGES else "its text"
        return [_text(f"{heading}, {first}):\n{room.cut(pdf.text)}")]


def _decoded(place: file_paths.Place, content: bytes, kind: str) -> str:
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ToolError(
            f"{place.shown!r} is no text, no picture and no PDF that can be read, but {kind}: look at it with a "
            "command or a tool."
        )
    return text


def _source(content: bytes, kind: str) -> dict[str, str]:
    return {"type": "base64", "media_type": kind, "data": base64.b64encode(content).decode("ascii")}


def _text(text: str) -> Block:
    return {"type": "text", "text": text}
