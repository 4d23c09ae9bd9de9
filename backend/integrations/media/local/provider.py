"""Generate media on this host, each in its own process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final
from weakref import WeakKeyDictionary

from backend.core import logs
from backend.integrations.media.errors import MediaFailed, MediaProviderUnavailable
from backend.integrations.media.inputs import AudioInputs, ImageInputs, VideoInputs
from backend.integrations.media.provider import GeneratedMedia, Order

log = logs.get(__name__)

LABEL: Final = "local"
MAX_PROCESSES: Final = 2
"""Limits the load of local media on the host."""
_TIMEOUT_S: Final = 120.0
_MAX_WAIT_S: Final = 300.0
_ENVIRONMENT: Final = ("PATH", "PYTHONPATH", "VIRTUAL_ENV", "LANG", "TMPDIR")
_LONG_EDGES: Final = {"1K": 1024, "2K": 2048, "4K": 4096}
_SHORT_EDGES: Final = {"480p": 480, "720p": 720, "1080p": 1080, "4k": 1080}
_IMAGES: Final = {".png": ".png", ".jpg": ".jpg", ".jpeg": ".jpg", ".webp": ".webp"}

_semaphores: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


class LocalProvider:
    """Needs no API key, no network and no money."""

    async def make(self, order: Order) -> GeneratedMedia:
        """Carry out an order, see `Provider.make`."""
        request = _request_of(order)
        semaphore = _semaphores.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(MAX_PROCESSES))
        try:
            async with asyncio.timeout(_MAX_WAIT_S), semaphore:
                result = await _run({**request, "folder": str(order.folder)}, order)
        except TimeoutError:
            raise MediaProviderUnavailable("on this host is overloaded") from None
        names: list[str] = result["names"]
        return GeneratedMedia([order.folder / name for name in names], warnings=_warnings(request, result))

    async def cancel(self, ordered: Mapping[str, str]) -> None:
        """Do nothing, since nothing continues after its call."""


def _request_of(order: Order) -> dict[str, Any]:
    inputs = order.plan.inputs
    if isinstance(inputs, ImageInputs):
        width, height = _size(inputs.aspect_ratio, _LONG_EDGES[inputs.resolution])
        suffix = _IMAGES.get(order.suffix, ".png")
        return {
            "kind": "image",
            "prompt": inputs.prompt,
            "count": inputs.n,
            "seed": len(inputs.refs),
            "width": width,
            "height": height,
            "suffix": suffix,
        }
    if isinstance(inputs, VideoInputs):
        short = _SHORT_EDGES[inputs.resolution or "480p"]
        ratio = "16:9" if inputs.aspect_ratio == "auto" else inputs.aspect_ratio
        width, height = _size(ratio, short * 16 // 9)
        return {
            "kind": "video",
            "prompt": inputs.prompt or "…",
            "seconds": order.plan.seconds,
            "width": width,
            "height": height,
            "has_sound": inputs.audio,
        }
    assert isinstance(inputs, AudioInputs)  # noqa: S101 - transcripts are not made here
    voice = inputs.language or inputs.voice or "en"
    return {
        "kind": "audio",
        "text": inputs.text,
        "voice": voice.lower(),
        "speed": inputs.speed,
        "suffix": ".wav" if order.suffix == ".wav" else ".mp3",
    }


def _size(ratio: str, long_edge: int) -> tuple[int, int]:
    """Return width and height of this ratio, as multiples that encoders support."""
    across, down = (1, 1) if ratio == "auto" else (int(part) for part in ratio.split(":"))
    longer = max(across, down)
    return _encodable(long_edge * across / longer), _encodable(long_edge * down / longer)


def _encodable(pixels: float) -> int:
    return max(64, 16 * round(pixels / 16))


def _warnings(request: dict[str, Any], result: dict[str, Any]) -> tuple[str, ...]:
    voice = result.get("voice")
    if voice is None or voice == request["voice"]:
        return ()
    return (
        f"eSpeak NG has no voice {request['voice']!r}: {voice!r} was used. Name a language, such as 'de'.",
    )


async def _run(request: dict[str, Any], order: Order) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "backend.integrations.media.local.maker"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            output, stderr = await process.communicate(json.dumps(request).encode() + b"\n")
    except TimeoutError:
        raise MediaFailed(order.plan.family.slug, f"it took longer than {_TIMEOUT_S:.0f} s.") from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # including its child processes
        await process.wait()
    if process.returncode != 0:
        log.error(
            "local media failed", exit_code=process.returncode, stderr=stderr.decode(errors="replace")[-2000:]
        )
        raise MediaFailed(
            order.plan.family.slug, "its process failed; the log of this instance contains the reason."
        )
    result: dict[str, Any] = json.loads(output)
    return result
