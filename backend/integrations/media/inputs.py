"""Define the inputs for media models, by verb."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from backend.core.errors import Problem
from backend.core.names import suggestion
from backend.integrations.media.errors import BadMediaInputs
from backend.integrations.media.model_families import ModeName, Verb

MAX_PROMPT_CHARACTERS: Final = 2_500
MAX_TEXT_CHARACTERS: Final = 5_000
MAX_REFS: Final = 14
MAX_INLINE_CHARACTERS: Final = 8 << 20

FileValue = Annotated[str, StringConstraints(min_length=1, max_length=MAX_INLINE_CHARACTERS)] | dict[str, Any]
"""A URL, a path in the drive, a `data:` URL, or `{drive_path}`, `{url}`, `{data}`, `{base64, media_type}`."""
Prompt = Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_PROMPT_CHARACTERS)]
Ratio = Annotated[str, StringConstraints(pattern=r"^([1-9][0-9]?:[1-9][0-9]?|auto)$")]
Fraction = Annotated[float, Field(ge=0, le=1)]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class _Inputs(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ImageInputs(_Inputs):
    """Inputs for an image."""

    prompt: Annotated[Prompt, Field(min_length=1)]
    refs: list[FileValue] = Field(default=[], max_length=MAX_REFS)
    aspect_ratio: Ratio = "auto"
    resolution: Literal["1K", "2K", "4K"] = "1K"
    n: int = Field(default=1, ge=1, le=4)

    @property
    def mode(self) -> ModeName:
        """Return the mode that the inputs imply."""
        return "edit" if self.refs else "t2i"


class VideoInputs(_Inputs):
    """Inputs for a video."""

    prompt: Prompt = ""
    image: FileValue | None = None
    last_frame: FileValue | None = None
    refs: list[FileValue] = Field(default=[], max_length=MAX_REFS)
    lipsync_audio: FileValue | None = None
    duration: float | None = Field(default=None, gt=0, le=60)
    aspect_ratio: Ratio = "auto"
    resolution: Literal["480p", "720p", "1080p", "4k"] | None = None
    audio: bool = False

    @property
    def mode(self) -> ModeName:
        """Return the mode that the inputs imply.

        Lip sync comes before references, references before an image, an image before text.
        """
        if self.lipsync_audio is not None:
            return "lipsync"
        if self.refs:
            return "r2v"
        return "i2v" if self.image is not None else "t2v"

    @model_validator(mode="after")
    def _require_content(self) -> VideoInputs:
        if not (self.prompt or self.image or self.refs):
            raise ValueError("Describe the video in 'prompt', or add an 'image'.")
        return self


class AudioInputs(_Inputs):
    """Inputs for speech."""

    text: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT_CHARACTERS)
    ]
    voice: ShortText | None = None
    language: ShortText | None = None
    stability: Fraction | None = None
    similarity_boost: Fraction | None = None
    style: Fraction | None = None
    speed: float = Field(default=1.0, ge=0.5, le=2.0)

    @property
    def mode(self) -> ModeName:
        """Return the mode for speech from text."""
        return "tts"


class TranscribeInputs(_Inputs):
    """Inputs for a transcript."""

    audio: FileValue
    keyterms: list[ShortText] = Field(default=[], max_length=100)
    language: ShortText | None = None

    @property
    def mode(self) -> ModeName:
        """Return the mode for text from speech."""
        return "stt"

    @model_validator(mode="before")
    @classmethod
    def _rename_older_inputs(cls, values: Any) -> Any:
        """Accept the names of earlier versions of the kit."""
        if not isinstance(values, dict):
            return values
        names = {"audio_url": "audio", "language_code": "language"}
        return {names.get(name, name): value for name, value in values.items()}


MediaInputs = ImageInputs | VideoInputs | AudioInputs | TranscribeInputs
FORMS: Final[dict[Verb, type[MediaInputs]]] = {
    "image": ImageInputs,
    "video": VideoInputs,
    "audio": AudioInputs,
    "transcribe": TranscribeInputs,
}


def parse(verb: Verb, values: dict[str, Any]) -> MediaInputs:
    """Return the validated inputs; null counts as omitted.

    Raises:
        BadMediaInputs: They are invalid.
    """
    form = FORMS[verb]
    try:
        return form.model_validate({name: value for name, value in values.items() if value is not None})
    except ValidationError as error:
        raise BadMediaInputs([_problem(one, form) for one in error.errors()[:20]]) from None


def canonical(inputs: MediaInputs) -> str:
    """Return the same text for equal inputs."""
    return json.dumps(inputs.model_dump(), sort_keys=True)


def _problem(error: Any, form: type[MediaInputs]) -> Problem:
    location = [str(part) for part in error["loc"]]
    path = ".".join(["inputs", *location])
    if error["type"] == "extra_forbidden":
        hint = suggestion(location[-1], form.model_fields) or f" Known: {', '.join(form.model_fields)}."
        return Problem(path, f"There is no input with this name.{hint}")
    return Problem(path, str(error["msg"]).removeprefix("Value error, "))
