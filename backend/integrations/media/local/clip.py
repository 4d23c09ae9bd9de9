"""Render short videos of the scene of a prompt, encoded with the bundled ffmpeg."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import IO, Final

import imageio_ffmpeg  # type: ignore[import-untyped]  # it has no types
from PIL import Image

from backend.integrations.media.local.drawing import Scene

FRAMES_PER_S: Final = 12
_COMMON_OPTIONS: Final = ("-hide_banner", "-loglevel", "error", "-nostdin", "-y")


def render_video(prompt: str, *, width: int, height: int, seconds: float, has_sound: bool, to: Path) -> None:
    """Render the scene into an MP4 file.

    Raises:
        OSError: ffmpeg failed.
    """
    scene, frames = Scene(prompt), max(1, round(seconds * FRAMES_PER_S))
    background = scene.background(width, height)
    size = f"{width}x{height}"
    frame_input = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", str(FRAMES_PER_S), "-i", "pipe:0")
    audio_input: tuple[str, ...] = ()
    if has_sound:
        audio_input = (
            "-f",
            "lavfi",
            "-i",
            f"sine=frequency=220:duration={seconds}",
            "-c:a",
            "aac",
            "-shortest",
        )
    video = ("-c:v", "libx264", "-preset", "ultrafast", "-threads", "1", "-pix_fmt", "yuv420p")
    command = [
        ffmpeg(),
        *_COMMON_OPTIONS,
        *frame_input,
        *audio_input,
        *video,
        "-movflags",
        "+faststart",
        str(to),
    ]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    assert process.stdin is not None  # noqa: S101 - for the type checker
    _write_frames(process.stdin, scene, background, frames)
    if process.wait() != 0:
        raise OSError(f"ffmpeg exited with status {process.returncode}")


def as_mp3(wav: Path, to: Path) -> None:
    """Encode speech as MP3.

    Raises:
        OSError: ffmpeg failed.
    """
    command = [ffmpeg(), *_COMMON_OPTIONS, "-i", str(wav), "-c:a", "libmp3lame", "-b:a", "64k", str(to)]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, check=False)
    if result.returncode != 0:
        raise OSError(f"ffmpeg exited with status {result.returncode}")


def ffmpeg() -> str:
    """Return the path of the bundled ffmpeg."""
    return str(imageio_ffmpeg.get_ffmpeg_exe())


def _write_frames(sink: IO[bytes], scene: Scene, background: Image.Image, frames: int) -> None:
    with sink:
        for number in range(frames):
            frame = background.copy()
            scene.paint(frame, number / frames)
            sink.write(frame.tobytes())
