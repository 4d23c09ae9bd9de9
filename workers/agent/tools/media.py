"""Implement the media tools `generate_image`, `generate_video`, `generate_audio` and `transcribe`."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from backend.context import AppContext
from backend.integrations.media import service
from backend.integrations.media.generation import MediaOrder
from backend.integrations.media.model_families import Verb
from backend.integrations.media.schemas import MediaRead
from backend.storage.paths import parse_drive_path
from workers.agent.tools.arguments import Arguments, spec_of
from workers.agent.types import ToolCall, ToolError, ToolResult, Workspace
from workers.agent.workspace import disk, file_paths

MAX_COPIED_BYTES: Final = 50 << 20
MAX_WORDS: Final = 400
"""Maximum words of a transcript with their times; its text is always complete."""
_FILE: Final = "A file of the work folder or the drive ('drive/photo.jpg'), or a URL."


class Form(NamedTuple):
    """The definition of one tool."""

    name: str
    verb: Verb
    description: str
    properties: Mapping[str, Any]
    required: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    """Arguments that are files."""


def _text(description: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "description": description, **more}


def _part(description: str) -> dict[str, Any]:
    return {"type": "number", "minimum": 0, "maximum": 1, "description": description}


_PROMPT: Final = {
    "prompt": _text("Description of the content, at most 2,500 characters."),
    "prompt_path": _text("Instead of 'prompt': a file that contains it."),
}
_REFS: Final = {
    "type": "array",
    "items": _text(_FILE),
    "maxItems": 14,
    "description": "Reference images.",
}
_RATIO: Final = _text("Aspect ratio, like '16:9'.")
_OUTPUT: Final = _text("Path of the file in the drive: 'out/owl.png', or a folder, 'out/'.")
FORMS: Final = (
    Form(
        "generate_image",
        "image",
        "Generate an image from a text or from reference images, and store it in the drive. This costs "
        "money.",
        {
            **_PROMPT,
            "refs": _REFS,
            "aspect_ratio": _RATIO,
            "resolution": {"enum": ["1K", "2K", "4K"], "description": "Resolution."},
            "n": {"type": "integer", "minimum": 1, "maximum": 4, "description": "Number of images."},
            "output_path": _OUTPUT,
        },
        files=("refs",),
    ),
    Form(
        "generate_video",
        "video",
        "Generate a video from a text, an image, reference images, or a face with speech, and store it in "
        "the drive. This takes minutes, and costs much more than an image.",
        {
            **_PROMPT,
            "image": _text(f"The first frame. {_FILE}"),
            "last_frame": _text(f"The last frame. {_FILE}"),
            "refs": _REFS,
            "lipsync_audio": _text(f"Speech for the face in 'image'. {_FILE}"),
            "duration": {"type": "number", "exclusiveMinimum": 0, "maximum": 60, "description": "Seconds."},
            "aspect_ratio": _RATIO,
            "resolution": {"enum": ["480p", "720p", "1080p", "4k"], "description": "Resolution."},
            "audio": {"type": "boolean", "description": "Whether to generate sound."},
            "output_path": _OUTPUT,
        },
        files=("image", "last_frame", "refs", "lipsync_audio"),
    ),
    Form(
        "generate_audio",
        "audio",
        "Generate speech from a text, and store the recording in the drive. This costs money.",
        {
            "text": _text("The text to speak, at most 5,000 characters."),
            "voice": _text("Name of the voice."),
            "language": _text("Language code, like 'de'."),
            "stability": _part("Stability of the voice."),
            "similarity_boost": _part("Similarity to the original voice."),
            "style": _part("Exaggeration of the style."),
            "speed": {"type": "number", "minimum": 0.5, "maximum": 2, "description": "Speed; 1 is normal."},
            "output_path": _OUTPUT,
        },
        required=("text",),
    ),
    Form(
        "transcribe",
        "transcribe",
        "Transcribe the speech of a recording. This costs money.",
        {
            "audio": _text(_FILE),
            "keyterms": {
                "type": "array",
                "items": _text("A word."),
                "maxItems": 100,
                "description": "Rare words that the recording may contain.",
            },
            "language": _text("Language code, if it is known."),
        },
        required=("audio",),
        files=("audio",),
    ),
)


class MediaTool:
    """Calls the media service of the instance for a run; a repeated call is paid once."""

    is_read_only = False
    is_idempotent = True
    runs_alone = False
    confirm = False

    def __init__(self, form: Form, context: AppContext) -> None:
        """Create the tool of a form."""
        schema = {
            "type": "object",
            "properties": dict(form.properties),
            "required": list(form.required),
            "additionalProperties": False,
        }
        self.spec = spec_of(form.name, form.description, schema)
        self._form = form
        self._context = context
        self._arguments = Arguments(schema)

    def coerced(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments that are used."""
        return self._arguments.coerced(arguments)

    async def run(self, call: ToolCall, workspace: Workspace) -> ToolResult:
        """Generate the media.

        Raises:
            ToolError: the arguments are wrong, or a file is missing.
            PurasError: it cannot be generated or paid.
        """
        arguments = self._arguments.of(call)
        output_path = arguments.pop("output_path", None)
        assignment = workspace.assignment
        request = MediaOrder(
            verb=self._form.verb,
            model="auto",
            inputs=await self._inputs(arguments, workspace),
            key=call.idempotency_key,
            output_path=None if output_path is None else str(output_path),
            skill=workspace.skill,
        )
        principal = service.job_principal(
            job_id=assignment.job_id, project_id=assignment.project_id, attempt=assignment.attempt
        )
        media = (await service.generate(self._context, principal, request)).media
        missing = await self._copy_to_run(media, workspace) if assignment.has_staged_drive else ()
        return ToolResult(_for_model(media, missing), details=_details(media))

    async def _inputs(self, arguments: dict[str, Any], workspace: Workspace) -> dict[str, Any]:
        inputs = dict(arguments)
        path = inputs.pop("prompt_path", None)
        if (
            "prompt_path" in self._form.properties
            and self._form.verb == "image"
            and ("prompt" in inputs) == bool(path)
        ):
            raise ToolError("Set exactly one of 'prompt' and 'prompt_path'.")
        if path is not None:
            content = await asyncio.to_thread(disk.read, file_paths.to_read(path, workspace))
            inputs["prompt"] = content.decode("utf-8", "replace")
        for name in self._form.files:
            value = inputs.get(name)
            if isinstance(value, list):
                inputs[name] = [await _file(one, workspace) for one in value]
            elif value is not None:
                inputs[name] = await _file(value, workspace)
        return inputs

    async def _copy_to_run(self, media: MediaRead, workspace: Workspace) -> tuple[str, ...]:
        """Copy generated files into the run's staged drive; return the paths of files that are too large."""
        missing = []
        for path in media.drive_paths:
            file = await self._context.storage.open_read(
                workspace.assignment.project_id, parse_drive_path(path)
            )
            try:
                if file.entry.size_bytes > MAX_COPIED_BYTES:
                    missing.append(path)
                    continue
                content = b"".join([chunk async for chunk in file.chunks(0, MAX_COPIED_BYTES)])
            finally:
                await file.close()
            location = file_paths.to_write(f"drive/{path}", workspace)
            await asyncio.to_thread(disk.write, location, content, owner_uid=workspace.assignment.sandbox_uid)
        return tuple(missing)


def media_tools(context: AppContext) -> list[MediaTool]:
    """Return the media tools that this instance supports."""
    can_transcribe = context.settings.fal_key is not None
    return [MediaTool(form, context) for form in FORMS if form.verb != "transcribe" or can_transcribe]


async def _file(text: str, workspace: Workspace) -> Any:
    """Return a file for the service: by its path in a live drive, else by its content."""
    if text.lower().startswith(("http://", "https://", "data:")):
        return text
    location = file_paths.to_read(text, workspace)
    if location.is_drive and not workspace.assignment.has_staged_drive:
        return {"drive_path": "/".join(location.parts)}
    content = await asyncio.to_thread(disk.read, location)
    return {"base64": base64.b64encode(content).decode()}


def _for_model(media: MediaRead, missing: tuple[str, ...]) -> str:
    """Return the text for the model."""
    shown: dict[str, Any] = {"model": media.model, "billed_usd": media.billed_usd}
    if media.text is not None:
        shown |= {
            "text": media.text,
            "language": media.language_code,
            "words": (media.text or [])[:MAX_WORDS],
        }
    else:
        shown |= {"files": [f"drive/{path}" for path in media.drive_paths], "kind": media.kind}
    if media.meta.warnings:
        shown["warnings"] = media.meta.warnings
    if missing:
        shown["only_in_the_drive"] = list(missing)
    return json.dumps(shown, ensure_ascii=False)


def _details(media: MediaRead) -> dict[str, Any]:
    """Return the details of the event `tool_result`; it contains the price, which the service has recorded."""
    details: dict[str, Any] = {"model": media.model, "billed_micros": media.billed_micros}
    if media.label:
        details["label"] = media.label
    if media.drive_path is not None:
        details["drive_path"] = media.drive_path
        details["media"] = [{"drive_path": path, "kind": media.kind} for path in media.drive_paths]
    return details
