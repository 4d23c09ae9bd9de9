"""The program that makes media on this machine: reads what to make, as JSON, and writes files into its own folder.

A process of its own, bounded by the kernel: what draws, speaks and encodes can neither stop nor outgrow who asked.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any, Final

_CPU_S: Final = 240
_MEMORY_BYTES: Final = 3 << 30
_FILE_BYTES: Final = 512 << 20


def main() -> None:
    """Make what the first line asks for; tell on the last line what was made."""
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, _FILE_BYTES))
    asked = json.loads(sys.stdin.readline())
    sys.stdout.write(json.dumps(_MAKERS[asked["kind"]](asked, Path(asked["folder"]))))


def _images(asked: dict[str, Any], folder: Path) -> dict[str, Any]:
    from backend.integrations.media.local.drawing import draw

    names = [f"{number}{asked['suffix']}" for number in range(asked["count"])]
    for number, name in enumerate(names):
        draw(
            asked["prompt"],
            width=asked["width"],
            height=asked["height"],
            variant=asked["seed"] + number,
            to=folder / name,
        )
    return {"names": names}


def _video(asked: dict[str, Any], folder: Path) -> dict[str, Any]:
    from backend.integrations.media.local.clip import film

    film(
        asked["prompt"],
        width=asked["width"],
        height=asked["height"],
        seconds=asked["seconds"],
        has_sound=asked["has_sound"],
        to=folder / "0.mp4",
    )
    return {"names": ["0.mp4"]}


def _speech(asked: dict[str, Any], folder: Path) -> dict[str, Any]:
    from backend.integrations.media.local.clip import as_mp3
    from backend.integrations.media.local.speech import speak

    wav = folder / "0.wav"
    voice = speak(asked["text"], voice=asked["voice"], speed=asked["speed"], to=wav)
    if asked["suffix"] == ".wav":
        return {"names": ["0.wav"], "voice": voice}
    as_mp3(wav, folder / "0.mp3")
    return {"names": ["0.mp3"], "voice": voice}


_MAKERS: Final = {"image": _images, "video": _video, "audio": _speech}

if __name__ == "__main__":
    main()
