"""Generate local media as a program: read a request as JSON, and write files into its folder.

It is a process with kernel limits, so that drawing, speech and encoding can neither block nor exhaust the caller.
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
    """Carry out the request on the first line, and print the result as JSON."""
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, _FILE_BYTES))
    request = json.loads(sys.stdin.readline())
    sys.stdout.write(json.dumps(_MAKERS[request["kind"]](request, Path(request["folder"]))))


def _images(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    from backend.integrations.media.local.drawing import draw

    names = [f"{number}{request['suffix']}" for number in range(request["count"])]
    for number, name in enumerate(names):
        draw(
            request["prompt"],
            width=request["width"],
            height=request["height"],
            variant=request["seed"] + number,
            to=folder / name,
        )
    return {"names": names}


def _video(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    from backend.integrations.media.local.clip import render_video

    render_video(
        request["prompt"],
        width=request["width"],
        height=request["height"],
        seconds=request["seconds"],
        has_sound=request["has_sound"],
        to=folder / "0.mp4",
    )
    return {"names": ["0.mp4"]}


def _speech(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    from backend.integrations.media.local.clip import as_mp3
    from backend.integrations.media.local.speech import speak

    wav = folder / "0.wav"
    voice = speak(request["text"], voice=request["voice"], speed=request["speed"], to=wav)
    if request["suffix"] == ".wav":
        return {"names": ["0.wav"], "voice": voice}
    as_mp3(wav, folder / "0.mp3")
    return {"names": ["0.mp3"], "voice": voice}


_MAKERS: Final = {"image": _images, "video": _video, "audio": _speech}

if __name__ == "__main__":
    main()
