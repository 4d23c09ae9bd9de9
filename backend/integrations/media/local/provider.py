"""Makes media on this machine, each in a process of its own."""

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
from backend.integrations.media.provider import Made, Order

log = logs.get(__name__)

LABEL: Final = "local"
AT_ONCE: Final = 2
"""Processes: what is made here must leave room for everything else."""
_MAX_S: Final = 120.0
_WAIT_S: Final = 300.0
_ENVIRONMENT: Final = ("PATH", "PYTHONPATH", "VIRTUAL_ENV", "LANG", "TMPDIR")
_LONG_EDGES: Final = {"1K": 1024, "2K": 2048, "4K": 4096}
_SHORT_EDGES: Final = {"480p": 480, "720p": 720, "1080p": 1080, "4k": 1080}
_IMAGES: Final = {".png": ".png", ".jpg": ".jpg", ".jpeg": ".jpg", ".webp": ".webp"}

_gates: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


class LocalProvider:
    """Needs no key, no network and no money."""

    async def make(self, order: Order) -> Made:
        """See `Provider.make`."""
        asked = _asked(order)
        gate = _gates.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE))
        try:
            async with asyncio.timeout(_WAIT_S), gate:
                told = await _run({**asked, "folder": str(order.folder)}, order)
        except TimeoutError:
            raise MediaProviderUnavailable("on this machine has too much to do") from None
        names: list[str] = told["names"]
        return Made([order.folder / name for name in names], warnings=_warnings(asked, told))

    async def cancel(self, ordered: Mapping[str, str]) -> None:
        """See `Provider.cancel`: nothing goes on here after its call."""


def _asked(order: Order) -> dict[str, Any]:
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
    """Width and height of that form, even as encoders want them."""
    across, down = (1, 1) if ratio == "auto" else (int(part) for part in ratio.split(":"))
    longer = max(across, down)
    return tuple(max(64, 16 * round(long_edge * part / longer / 16)) for part in (across, down))  # type: ignore[return-value] # of two parts come two


def _warnings(asked: dict[str, Any], told: dict[str, Any]) -> tuple[str, ...]:
    voice = told.get("voice")
    if voice is None or voice == asked["voice"]:
        return ()
    return (f"eSpeak NG has no voice {asked['voice']!r}: {voice!r} spoke. Name a language, like 'de'.",)


async def _run(asked: dict[str, Any], order: Order) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "backend.integrations.media.local.maker"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(_MAX_S):
            told, said = await process.communicate(json.dumps(asked).encode() + b"\n")
    except TimeoutError:
        raise MediaFailed(order.plan.family.slug, f"it took longer than {_MAX_S:.0f} s.") from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # and what it has started
        await process.wait()
    if process.returncode != 0:
        log.error(
            "local media failed", exit_code=process.returncode, said=said.decode(errors="replace")[-2000:]
        )
        raise MediaFailed(order.plan.family.slug, "its process broke off; the log of this instance says why.")
    result: dict[str, Any] = json.loads(told)
    return result
