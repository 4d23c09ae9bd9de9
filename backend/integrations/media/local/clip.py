"""Short videos: the scene of a prompt, moving, encoded by the ffmpeg that comes with the product."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import IO, Final

import imageio_ffmpeg  # type: ignore[import-untyped]  # it has no types
from PIL import Image

from backend.integrations.media.local.drawing import Scene

FRAMES_PER_S: Final = 12
_FIRST: Final = ("-hide_banner", "-loglevel", "error", "-nostdin", "-y")


def film(prompt: str, *, width: int, height: int, seconds: float, has_sound: bool, to: Path) -> None:
    """Film the scene into an MP4 file.

    Raises:
        OSError: ffmpeg did not take the pictures.
    """
    scene, frames = Scene(prompt), max(1, round(seconds * FRAMES_PER_S))
    ground = scene.ground(width, height)
    size = f"{width}x{height}"
    pictures = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", str(FRAMES_PER_S), "-i", "pipe:0")
    sound: tuple[str, ...] = ()
    if has_sound:
        sound = ("-f", "lavfi", "-i", f"sine=frequency=220:duration={seconds}", "-c:a", "aac", "-shortest")
    video = ("-c:v", "libx264", "-preset", "ultrafast", "-threads", "1", "-pix_fmt", "yuv420p")
    command = [ffmpeg(), *_FIRST, *pictures, *sound, *video, "-movflags", "+faststart", str(to)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    assert process.stdin is not None  # noqa: S101 - for the type checker
    _feed(process.stdin, scene, ground, frames)
    if process.wait() != 0:
        raise OSError(f"ffmpeg ended with {process.returncode}")


def as_mp3(wav: Path, to: Path) -> None:
    """Encode speech.

    Raises:
        OSError: ffmpeg did not take it.
    """
    command = [ffmpeg(), *_FIRST, "-i", str(wav), "-c:a", "libmp3lame", "-b:a", "64k", str(to)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise OSError(f"ffmpeg ended with {done.returncode}")


def ffmpeg() -> str:
    """The program that comes with the product."""
    return str(imageio_ffmpeg.get_ffmpeg_exe())


def _feed(sink: IO[bytes], scene: Scene, ground: Image.Image, frames: int) -> None:
    with sink:
        for number in range(frames):
            picture = ground.copy()
            scene.paint(picture, number / frames)
            sink.write(picture.tobytes())
