"""Images, video, speech and transcripts: `media.generate_image("an owl at night")["drive_path"]`.

What is made lies in `./drive` when the call returns, and its cost is on the job's receipt. A file may be given as an
address, a path of the drive, a `pathlib.Path`, bytes, or in any shape that `puras.inputs` reads.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, TypedDict, cast

from puras import _http, drive, inputs

__all__ = [
    "MediaError",
    "MediaResult",
    "generate_audio",
    "generate_image",
    "generate_video",
    "run",
    "transcribe",
]

_WITHIN_S = 620.0
"""A little longer than the instance takes to give up."""
_AUTO = "auto"
_STT = "elevenlabs/scribe-v2"
_sent: dict[str, int] = {}
_sending = Lock()


class MediaError(RuntimeError):
    """The instance refused it, or nothing came of it; nothing was charged."""


class _Always(TypedDict):
    model: str
    kind: str
    billed_micros: int
    billed_usd: float
    request_id: str
    meta: dict[str, Any]


class MediaResult(_Always, total=False):
    """What was made."""

    label: str
    """`local`: by no model, on the instance's own machine."""
    drive_path: str
    drive_paths: list[str]
    output_url: str
    """Opens the file for an hour; only `run` tells it."""
    text: str
    words: list[dict[str, Any]]
    language_code: str


def generate_image(
    prompt: str,
    *,
    model: str = _AUTO,
    refs: Sequence[object] | None = None,
    aspect_ratio: str | None = None,
    resolution: str | None = None,
    n: int | None = None,
    output_path: str | None = None,
) -> MediaResult:
    """Draw an image, or work from reference images.

    Raises:
        MediaError: the model, the inputs or the money do not allow it, or nothing came of it.
    """
    wanted = {
        "prompt": prompt,
        "refs": [_file(one) for one in refs] if refs else None,
        "aspect_ratio": aspect_ratio,
        "resolution": resolution,
        "n": n,
    }
    return _made("image", model, wanted, output_path)


def generate_video(  # noqa: PLR0913 - what a video may be made of, each by its name
    prompt: str = "",
    *,
    model: str = _AUTO,
    image: object = None,
    last_frame: object = None,
    refs: Sequence[object] | None = None,
    lipsync_audio: object = None,
    duration: float | None = None,
    aspect_ratio: str | None = None,
    resolution: str | None = None,
    audio: bool = False,
    output_path: str | None = None,
) -> MediaResult:
    """Film words, an image, references, or a face that speaks.

    Raises:
        MediaError: the model, the inputs or the money do not allow it, or nothing came of it.
    """
    wanted = {
        "prompt": prompt or None,
        "image": _file(image),
        "last_frame": _file(last_frame),
        "refs": [_file(one) for one in refs] if refs else None,
        "lipsync_audio": _file(lipsync_audio),
        "duration": duration,
        "aspect_ratio": aspect_ratio,
        "resolution": resolution,
        "audio": audio or None,
    }
    return _made("video", model, wanted, output_path)


def generate_audio(
    text: str,
    *,
    model: str = _AUTO,
    voice: str | None = None,
    language: str | None = None,
    stability: float | None = None,
    similarity_boost: float | None = None,
    style: float | None = None,
    speed: float | None = None,
    output_path: str | None = None,
) -> MediaResult:
    """Speak a text.

    Raises:
        MediaError: the model, the inputs or the money do not allow it, or nothing came of it.
    """
    wanted = {
        "text": text,
        "voice": voice,
        "language": language,
        "stability": stability,
        "similarity_boost": similarity_boost,
        "style": style,
        "speed": speed,
    }
    return _made("audio", model, wanted, output_path)


def transcribe(
    audio: object,
    *,
    keyterms: Sequence[str] | None = None,
    language_code: str | None = None,
    model: str = _STT,
) -> MediaResult:
    """Write down what is said: `text`, and `words` with their times.

    Raises:
        MediaError: the model, the file or the money do not allow it, or nothing came of it.
    """
    wanted = {
        "audio_url": _file(audio),
        "keyterms": list(keyterms or ()) or None,
        "language_code": language_code,
    }
    return _without_url(_call(None, model, wanted, {}))


def run(
    model: str,
    inputs: Mapping[str, object] | None = None,
    *,
    output_path: str | None = None,
    output_url_path: str | None = None,
    kind: str = _AUTO,
    **more: object,
) -> MediaResult:
    """Call a model by its name with its inputs, as older skills do.

    Raises:
        MediaError: the model, the inputs or the money do not allow it, or nothing came of it.
    """
    wanted = {**(inputs or {}), **more}
    where = {"output_path": output_path, "output_url_path": output_url_path, "kind": kind}
    result = _call(None, model, wanted, where)
    _bring(result)
    return result


def _made(verb: str, model: str, wanted: dict[str, Any], output_path: str | None) -> MediaResult:
    result = _call(verb, model, wanted, {"output_path": output_path})
    _bring(result)
    return _without_url(result)


def _without_url(result: MediaResult) -> MediaResult:
    """The drive has the file; an address that ends after an hour would only be kept by mistake."""
    result.pop("output_url", None)
    return result


def _call(verb: str | None, model: str, wanted: Mapping[str, Any], where: Mapping[str, Any]) -> MediaResult:
    body: dict[str, Any] = {
        "workspace_id": os.environ.get("PURAS_WORKSPACE_ID"),
        "job_id": os.environ.get("PURAS_JOB_ID"),
        "verb": verb,
        "model": model,
        "inputs": {name: value for name, value in wanted.items() if value is not None},
        **{name: value for name, value in where.items() if value is not None},
    }
    try:
        text = json.dumps(body, sort_keys=True)
    except (TypeError, ValueError):
        raise MediaError("An input is not JSON: give text, numbers, lists and files.") from None
    headers = {"X-Puras-Service-Token": _environment("PURAS_SERVICE_TOKEN"), "Idempotency-Key": _key(text)}
    base = _environment("PURAS_API_BASE").rstrip("/")
    try:
        answer = _http.post_json(f"{base}/v1/media/generate", body, headers, within_s=_WITHIN_S)
    except _http.HttpError as error:
        raise MediaError(str(error)) from error
    return cast("MediaResult", {name: value for name, value in answer.items() if value is not None})


def _key(text: str) -> str:
    """The same for the same call of the same job: one that is tried again gets what was made, and does not pay anew."""
    mark = hashlib.sha256(f"{os.environ.get('PURAS_IDEMPOTENCY_KEY', '')}\n{text}".encode()).hexdigest()
    with _sending:
        number = _sent[mark] = _sent.get(mark, 0) + 1
    return f"{mark[:40]}-{number}"


def _bring(result: MediaResult) -> None:
    """See to it that the files are in `./drive`, also where drives are kept elsewhere."""
    for name in result.get("drive_paths", []):
        target = drive.path(f"drive/{name}")
        if target.exists() or not os.environ.get("PURAS_DRIVE_IS_ELSEWHERE"):
            continue
        from shutil import move  # takes longer to load than all else, and is hardly ever needed

        copy = drive.fetch(f"drive/{name}")
        target.parent.mkdir(parents=True, exist_ok=True)
        move(copy, target)


def _file(value: object) -> object:
    """The file as the instance can read it: what only this job has is sent along."""
    if value is None or (isinstance(value, str) and _is_read_there(value)):
        return value
    if isinstance(value, Mapping) and not any(value.get(name) for name in ("path", "bytes")):
        named = value.get("drive_path")
        if not isinstance(named, str):
            return dict(value)
        return {"drive_path": named} if _is_read_there(named) else _sent_along(named)
    return _sent_along(value)


def _is_read_there(text: str) -> bool:
    if text[:5].lower() == "data:" or text[:8].lower().startswith(("http://", "https://")):
        return True
    try:
        target = drive.path(text)
    except drive.DriveError:
        return False
    if os.environ.get("PURAS_DRIVE_IS_ELSEWHERE"):
        return not target.exists()  # what this job wrote is not there yet
    return target.is_file()


def _sent_along(value: object) -> dict[str, str]:
    try:
        data = inputs.load_bytes(Path(value) if isinstance(value, os.PathLike) else value)
    except inputs.InputError as error:
        raise MediaError(str(error)) from error
    return {"base64": base64.b64encode(data).decode()}


def _environment(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise MediaError(f"{name} is not set, so there is no instance to ask. Run the skill as a job.")
    return value
