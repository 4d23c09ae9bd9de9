"""Draw images from the text of a prompt. The same text always results in the same image."""

from __future__ import annotations

import hashlib
import math
import random
from pathlib import Path
from typing import Final, NamedTuple

from PIL import Image, ImageDraw, ImageFont, ImageOps

_MAX_LINES: Final = 6
_FORMATS: Final = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}


class Blob(NamedTuple):
    """A round patch of color. Lengths are fractions of the image size."""

    x: float
    y: float
    radius: float
    color: tuple[int, int, int]
    drift: float
    """How far it moves in a video."""


class Scene:
    """The scene of a prompt."""

    def __init__(self, prompt: str, variant: int = 0) -> None:
        seed = hashlib.sha256(f"{variant}\0{prompt}".encode("utf-8", "replace")).digest()
        rng = random.Random(seed)  # noqa: S311 - an image, not a secret
        hue = rng.random()
        self._prompt = prompt
        self._dark, self._light = _color(hue, 0.55, 0.28), _color(hue + 0.12, 0.45, 0.85)
        self._angle = rng.uniform(0, 360)
        self._blobs = [
            Blob(
                rng.uniform(0.05, 0.95),
                rng.uniform(0.05, 0.75),
                rng.uniform(0.05, 0.22),
                _color(hue + rng.uniform(0.2, 0.6), 0.6, rng.uniform(0.5, 0.95)),
                rng.uniform(0.02, 0.12),
            )
            for _ in range(9)
        ]

    def background(self, width: int, height: int) -> Image.Image:
        """Return the background: a gradient of two colors."""
        slope = Image.linear_gradient("L").rotate(self._angle, Image.Resampling.BILINEAR)
        slope = ImageOps.fit(slope.crop((38, 38, 218, 218)), (width, height), Image.Resampling.BICUBIC)
        return ImageOps.colorize(slope, self._dark, self._light)

    def paint(self, image: Image.Image, progress: float = 0.0) -> None:
        """Draw the scene; `progress` goes from 0 to 1 in a video."""
        pen = ImageDraw.Draw(image, "RGBA")
        width, height = image.size
        for index, blob in enumerate(self._blobs):
            turn = 2 * math.pi * (progress + index / len(self._blobs))
            x = width * (blob.x + blob.drift * math.sin(turn))
            y = height * (blob.y + blob.drift * math.cos(turn))
            radius = blob.radius * min(width, height)
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(*blob.color, 170))
        self._write(image, pen)

    def _write(self, image: Image.Image, pen: ImageDraw.ImageDraw) -> None:
        """Write the prompt on a band at the bottom, so that the image cannot be mistaken for the result of a model."""
        width, height = image.size
        size = max(12, min(width, height) // 22)
        font = ImageFont.load_default(size)
        lines = _wrapped(self._prompt, font, width * 0.92)
        step = round(size * 1.35)
        top = height - step * len(lines) - size
        pen.rectangle((0, top, width, height), fill=(0, 0, 0, 150))
        for number, line in enumerate(lines):
            position = (width * 0.04, top + size // 2 + number * step)
            pen.text(position, line, font=font, fill=(255, 255, 255, 255))


def draw(prompt: str, *, width: int, height: int, variant: int, to: Path) -> None:
    """Draw the image into a file in the format of its suffix."""
    scene = Scene(prompt, variant)
    image = scene.background(width, height)
    scene.paint(image)
    kind = _FORMATS[to.suffix]
    options = {"quality": 90} if kind != "PNG" else {"compress_level": 4}
    image.save(to, kind, **options)


def _color(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    sector, rest = divmod((hue % 1.0) * 6, 1)
    low, falling, rising = (
        value * (1 - saturation),
        value * (1 - saturation * rest),
        value * (1 - saturation * (1 - rest)),
    )
    parts = (
        (value, rising, low),
        (falling, value, low),
        (low, value, rising),
        (low, falling, value),
        (rising, low, value),
        (value, low, falling),
    )[int(sector)]
    red, green, blue = (round(255 * part) for part in parts)
    return red, green, blue


def _wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> list[str]:
    lines, line = [], ""
    for word in text.split()[:200]:
        longer = f"{line} {word}".strip()
        if line and font.getlength(longer) > width:
            lines.append(line)
            line = word
        else:
            line = longer
    lines = [*lines, line]
    if len(lines) <= _MAX_LINES:
        return lines
    return [*lines[: _MAX_LINES - 1], f"{lines[_MAX_LINES - 1]} …"]
