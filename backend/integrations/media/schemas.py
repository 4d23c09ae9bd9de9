"""What goes in and out of the route of media."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from backend.integrations.media.model_families import Kind, Verb
from backend.storage.paths import MAX_PATH_BYTES

DrivePathText = Annotated[str, Field(min_length=1, max_length=MAX_PATH_BYTES)]


class MediaCreate(BaseModel):
    """One call of a model for media."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    workspace_id: UUID | None = None
    """Has to be the job's own project; may be left out."""
    job_id: UUID | None = None
    """Has to be the job that the token is of; may be left out."""
    verb: Verb | None = None
    """What to make; none: what the model makes."""
    model: str | None = Field(default=None, min_length=1, max_length=200)
    """A family (`google/nano-banana`), its last part alone, or `auto`, as without it: the skill's own choice, else the
    instance's."""
    inputs: dict[str, Any] | None = None
    """By verb. `image`: prompt, refs, aspect_ratio, resolution, n. `video`: prompt, image, last_frame, refs,
    lipsync_audio, duration, aspect_ratio, resolution, audio. `audio`: text, voice, language, stability,
    similarity_boost, style, speed. `transcribe`: audio, keyterms, language."""
    output_path: DrivePathText | None = None
    """Where the file goes in the drive; a folder with a slash at its end."""
    output_dir: DrivePathText | None = None
    """A folder of the drive, where `output_path` names none."""
    output_url_path: str | None = Field(default=None, max_length=200)
    """Taken from older clients and not needed: what was made is found without it."""
    kind: str | None = Field(default=None, max_length=32)
    """The same as `verb`, from older clients; `auto` and what is no verb says nothing."""
    persist: bool | None = None
    """Taken from older clients: what is made is always kept in the drive."""


class MediaMeta(BaseModel):
    """What else there is to say."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    warnings: list[str] = []


class MediaRead(BaseModel):
    """What was made."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    model: str
    kind: Kind
    label: str = ""
    """`local`: made on this machine, by no model."""
    drive_path: str | None = None
    """None: a transcript has no file."""
    drive_paths: list[str] = []
    """Of several images, all."""
    output_url: str | None = None
    """Opens the first file for an hour."""
    request_id: str = ""
    """Of the provider."""
    billed_micros: int
    billed_usd: float
    meta: MediaMeta = MediaMeta()
    text: str | None = None
    """Of a transcript."""
    words: list[dict[str, Any]] | None = None
    language_code: str | None = None
