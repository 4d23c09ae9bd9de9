"""Define the request and the response of the route of media."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import ClosedSchema
from backend.integrations.media.model_families import Kind, Verb
from backend.storage.paths import MAX_PATH_BYTES

DrivePathText = Annotated[str, Field(min_length=1, max_length=MAX_PATH_BYTES)]


class MediaCreate(ClosedSchema):
    """One call of a media model."""

    workspace_id: UUID | None = None
    """Must be the project of the job; may be omitted."""
    job_id: UUID | None = None
    """Must be the job of the token; may be omitted."""
    verb: Verb | None = None
    """The kind of media to generate. Null: determined by the model."""
    model: str | None = Field(default=None, min_length=1, max_length=200)
    """A model (`google/nano-banana`), the last part of its name, or `auto`, which is the default: the model of the
    skill, otherwise that of the instance."""
    inputs: dict[str, Any] | None = None
    """The inputs of the verb. `image`: prompt, refs, aspect_ratio, resolution, n. `video`: prompt, image, last_frame,
    refs, lipsync_audio, duration, aspect_ratio, resolution, audio. `audio`: text, voice, language, stability,
    similarity_boost, style, speed. `transcribe`: audio, keyterms, language."""
    output_path: DrivePathText | None = None
    """The path of the file in the drive; a folder ends with a slash."""
    output_dir: DrivePathText | None = None
    """A folder of the drive, used without `output_path`."""
    output_url_path: str | None = Field(default=None, max_length=200)
    """Accepted from older clients and ignored: the response contains the result."""
    kind: str | None = Field(default=None, max_length=32)
    """The same as `verb`, from older clients; `auto` and other values that are not a verb are ignored."""
    persist: bool | None = None
    """Accepted from older clients and ignored: generated media are always stored in the drive."""


class MediaMeta(Schema):
    """Further information about the result."""

    warnings: list[str] = Field(default=[])


class MediaRead(Schema):
    """The generated media."""

    model: str
    kind: Kind
    label: str = ""
    """`local`: generated on this host, not by a model."""
    drive_path: str | None = None
    """Null for a transcript, which has no file."""
    drive_paths: list[str] = Field(default=[])
    """The paths of all images, if there are several."""
    output_url: str | None = None
    """A URL of the first file, valid for an hour."""
    request_id: str = ""
    """The request ID of the provider."""
    billed_micros: int
    billed_usd: float
    meta: MediaMeta = MediaMeta()
    text: str | None = None
    """The text of a transcript."""
    words: list[dict[str, Any]] | None = None
    language_code: str | None = None
