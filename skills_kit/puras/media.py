"""Generate images, videos, speech and transcripts: `media.generate_image("an owl at night")["drive_path"]`.

The generated files are in `./drive` when the call returns, and their cost is on the receipt of the job. An input file
can be a URL, a drive path, a `pathlib.Path`, bytes, or any format that `puras.inputs` reads.
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

from puras import _http, _step_key, drive, inputs

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
"""Longer than the time limit of the instance."""
_AUTO = "auto"
_STT = "elevenlabs/scribe-v2"
_sent: dict[str, int] = {}
_sending = Lock()


class MediaError(RuntimeError):
    """The instance rejected the request, or the generation failed. Nothing was charged."""


class _Always(TypedDict):
    model: str
    kind: str
    billed_micros: int
    billed_usd: float
    request_id: str
    meta: dict[str, Any]


class MediaResult(_Always, total=False):
    """The result of a generation."""

    label: str
    """`local`: created on the host of the instance, without a model."""
    drive_path: str
    drive_paths: list[str]
    output_url: str
    """URL of the file that is valid for an hour; only returned by `run`."""
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
    """Generate an image from a prompt and reference images.

    Raises:
        MediaError: The model does not support the inputs, the job cannot pay for it, or the generation failed.
    """
    wanted = {
        "prompt": prompt,
        "refs": [_file(one) for one in refs] if refs else None,
        "aspect_ratio": aspect_ratio,
        "resolution": resolution,
        "n": n,
    }
    return _made("image", model, wanted, output_path)


def generate_video(  # noqa: PLR0913 - one argument for each input of a video model
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
    """Generate a video from a prompt, an image, reference images, or a face and its speech.

    Raises:
        MediaError: The model does not support the inputs, the job cannot pay for it, or the generation failed.
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
    """Generate speech from a text.

    Raises:
        MediaError: The model does not support the inputs, the job cannot pay for it, or the generation failed.
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
    """Transcribe speech. The result has the `text`, and its `words` with their times.

    Raises:
        MediaError: The model does not support the file, the job cannot pay for it, or the transcription failed.
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
    """Call a model with the inputs that it declares. Older skills use this function.

    Raises:
        MediaError: The model does not support the inputs, the job cannot pay for it, or the generation failed.
    """
    wanted = {**(inputs or {}), **more}
    where = {"output_path": output_path, "output_url_path": output_url_path, "kind": kind}
    result = _call(None, model, wanted, where)
    _download_outputs(result)
    return result


def _made(verb: str, model: str, wanted: dict[str, Any], output_path: str | None) -> MediaResult:
    result = _call(verb, model, wanted, {"output_path": output_path})
    _download_outputs(result)
    return _without_url(result)


def _without_url(result: MediaResult) -> MediaResult:
    """Remove the URL, which expires after an hour. The drive path is permanent."""
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
        raise MediaError("An input is not JSON. Use only strings, numbers, lists and files.") from None
    headers = {
        "X-Puras-Service-Token": _environment("PURAS_SERVICE_TOKEN"),
        "Idempotency-Key": _key(text),
        **_step_key.headers(),
    }
    base = _environment("PURAS_API_BASE").rstrip("/")
    try:
        response = _http.post_json(f"{base}/v1/media/generate", body, headers, within_s=_WITHIN_S)
    except _http.HttpError as error:
        raise MediaError(str(error)) from error
    return cast("MediaResult", {name: value for name, value in response.items() if value is not None})


def _key(text: str) -> str:
    """Return an idempotency key, which is the same in a later attempt of the job, so that no call is charged twice."""
    mark = hashlib.sha256(f"{os.environ.get('PURAS_IDEMPOTENCY_KEY', '')}\n{text}".encode()).hexdigest()
    with _sending:
        number = _sent[mark] = _sent.get(mark, 0) + 1
    return f"{mark[:40]}-{number}"


def _download_outputs(result: MediaResult) -> None:
    """Download generated files that are not in the staged drive."""
    for name in result.get("drive_paths", []):
        target = drive.path(f"drive/{name}")
        if target.exists() or not os.environ.get("PURAS_DRIVE_IS_ELSEWHERE"):
            continue
        from shutil import move  # the import is slow, and is rarely needed

        copy = drive.fetch(f"drive/{name}")
        target.parent.mkdir(parents=True, exist_ok=True)
        move(copy, target)


def _file(value: object) -> object:
    """Return a reference that the instance can read; the content of a file that only this job has."""
    if value is None or (isinstance(value, str) and _is_readable_by_instance(value)):
        return value
    if isinstance(value, Mapping) and not any(value.get(name) for name in ("path", "bytes")):
        named = value.get("drive_path")
        if not isinstance(named, str):
            return dict(value)
        return {"drive_path": named} if _is_readable_by_instance(named) else _with_content(named)
    return _with_content(value)


def _is_readable_by_instance(text: str) -> bool:
    if text[:5].lower() == "data:" or text[:8].lower().startswith(("http://", "https://")):
        return True
    try:
        target = drive.path(text)
    except drive.DriveError:
        return False
    if os.environ.get("PURAS_DRIVE_IS_ELSEWHERE"):
        return not target.exists()  # files that this job wrote are stored when it succeeds
    return target.is_file()


def _with_content(value: object) -> dict[str, str]:
    try:
        data = inputs.load_bytes(Path(value) if isinstance(value, os.PathLike) else value)
    except inputs.InputError as error:
        raise MediaError(str(error)) from error
    return {"base64": base64.b64encode(data).decode()}


def _environment(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise MediaError(
            f"{name} is not set, since this skill does not run as a job. Run it as a job: puras run SKILL --local"
        )
    return value
