"""Implement the tool `file_read` for texts, images and PDFs of the work folder, the drive and the skill."""

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
"""Maximum of the texts of one call."""
MAX_SHOWN_BYTES: Final = 10 << 20
"""Maximum of the images and PDFs of one call: providers do not accept larger requests."""
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


class _Allowance:
    """The remaining characters and bytes of one call."""

    def __init__(self, scrubber: Scrubber) -> None:
        self._scrubber = scrubber
        self._characters = MAX_CHARACTERS
        self._bytes = MAX_SHOWN_BYTES

    def cut(self, text: str) -> str:
        """Return the text up to the limit; secrets are redacted before it is cut."""
        text = self._scrubber.scrub(text)
        visible = text[: self._characters]
        self._characters -= len(visible)
        if len(visible) == len(text):
            return text
        remaining = len(text) - len(visible)
        return (
            f"{visible}\n[cut here: {remaining:,} more characters, which a command like `tail -c` can show]"
        )

    def take(self, location: file_paths.FileLocation, content: bytes) -> None:
        """Count a file that is shown unchanged.

        Raises:
            ToolError: the limit is exceeded.
        """
        if len(content) > self._bytes:
            raise ToolError(
                f"{location.display_name!r} exceeds the limit of {MAX_SHOWN_BYTES >> 20} MB together with "
                "the files before it. Read it in a separate call."
            )
        self._bytes -= len(content)


class FileRead:
    """Reads files, in the form that the model accepts."""

    is_read_only = True
    is_idempotent = True
    runs_alone = False
    confirm = False

    def __init__(self, *, vision: bool, pdf: bool) -> None:
        """Create the tool for a model with or without vision and PDF input."""
        self._has_vision = vision
        self._takes_pdf = pdf
        self.spec = spec_of(
            "file_read",
            f"Read files: texts, images (PNG, JPEG, GIF, WebP) and PDFs, each up to {disk.MAX_BYTES >> 20} "
            f"MB. Texts are cut after {MAX_CHARACTERS:,} characters in total.",
            _SCHEMA,
        )

    def coerced(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments that are used."""
        return _ARGUMENTS.coerced(arguments)

    async def run(self, call: ToolCall, workspace: Workspace) -> ToolResult:
        """Read the files; those that cannot be read are reported.

        Raises:
            ToolError: the arguments are wrong, or nothing could be read.
        """
        blocks: list[Block] = []
        read: list[str] = []
        problems: list[str] = []
        allowance = _Allowance(Scrubber(workspace.assignment.secrets.values()))
        for path in dict.fromkeys(_ARGUMENTS.of(call)["paths"]):
            try:
                location = file_paths.to_read(path, workspace)
                blocks += await self._blocks(location, allowance)
                read.append(location.display_name)
            except ToolError as error:
                problems.append(str(error))
                blocks.append(_text(f"ERROR: {error}"))
        if not read:
            raise ToolError("\n".join(problems))
        return ToolResult(blocks, details={"paths": read, "count": len(read)})

    async def _blocks(self, location: file_paths.FileLocation, allowance: _Allowance) -> list[Block]:
        content = await asyncio.to_thread(disk.read, location)
        kind = sniff(content[:HEAD_BYTES], location.parts[-1])
        if kind == PDF:
            return await self._pdf(location, content, allowance)
        if kind in images.KINDS:
            return self._image(location, content, kind, allowance)
        return [_text(f"{location.display_name}:\n{allowance.cut(_decoded(location, content, kind))}")]

    def _image(
        self, location: file_paths.FileLocation, content: bytes, kind: str, allowance: _Allowance
    ) -> list[Block]:
        size = images.size_of(content, kind)
        if size is None:
            raise ToolError(f"{location.display_name!r} is a damaged image ({kind}).")
        if max(size) > images.MAX_PIXELS:
            raise ToolError(
                f"{location.display_name!r} has {size.width} × {size.height} pixels; the limit is "
                f"{images.MAX_PIXELS} per side. Reduce its size first."
            )
        if not self._has_vision:
            raise ToolError(
                f"{location.display_name!r} is an image ({kind}, {size.width} × {size.height}), and this "
                "model cannot read images."
            )
        allowance.take(location, content)
        heading = _text(f"{location.display_name} ({kind}, {size.width} × {size.height}):")
        return [heading, {"type": "image", "source": _source(content, kind)}]

    async def _pdf(
        self, location: file_paths.FileLocation, content: bytes, allowance: _Allowance
    ) -> list[Block]:
        pdf = await pdfs.inspect_pdf(
            content,
            display_name=location.display_name,
            wants_text=not self._takes_pdf,
            max_characters=MAX_CHARACTERS + 1,
        )
        heading = f"{location.display_name} (PDF, {pdf.pages} pages"
        if self._takes_pdf:
            allowance.take(location, content)
            document = {"type": "document", "source": _source(content, PDF), "title": location.parts[-1]}
            return [_text(f"{heading}):"), document]
        if not pdf.text.strip():
            raise ToolError(f"{location.display_name!r} contains no text: its pages are images.")
        first = f"the text of the first {pdfs.MAX_PAGES}" if pdf.pages > pdfs.MAX_PAGES else "its text"
        return [_text(f"{heading}, {first}):\n{allowance.cut(pdf.text)}")]


def _decoded(location: file_paths.FileLocation, content: bytes, kind: str) -> str:
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ToolError(
            f"{location.display_name!r} is not text, an image or a PDF, but {kind}. Inspect it with a "
            "command or a tool."
        )
    return text


def _source(content: bytes, kind: str) -> dict[str, str]:
    return {"type": "base64", "media_type": kind, "data": base64.b64encode(content).decode("ascii")}


def _text(text: str) -> Block:
    return {"type": "text", "text": text}
