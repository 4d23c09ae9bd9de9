"""Pictures drawn from the words of a prompt: the same words always give the same picture."""

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
    """A round patch of colour; all lengths are parts of the picture's."""

    x: float
    y: float
    radius: float
    colour: tuple[int, int, int]
    drift: float
    """How far it moves around in a video."""


class Scene:
    """What a prompt looks like."""

    def __init__(self, prompt: str, variant: int = 0) -> None:
        seed = hashlib.sha256(f"{variant}\0{prompt}".encode("utf-8", "replace")).digest()
        chance = random.Random(seed)  # noqa: S311 - a picture, not a secret
        hue = chance.random()
        self._prompt = prompt
        self._dark, self._light = _colour(hue, 0.55, 0.28), _colour(hue + 0.12, 0.45, 0.85)
        self._angle = chance.uniform(0, 360)
        self._blobs = [
            Blob(
                chance.uniform(0.05, 0.95),
                chance.uniform(0.05, 0.75),
                chance.uniform(0.05, 0.22),
                _colour(hue + chance.uniform(0.2, 0.6), 0.6, chance.uniform(0.5, 0.95)),
                chance.uniform(0.02, 0.12),
            )
            for _ in range(9)
        ]

    def ground(self, width: int, height: int) -> Image.Image:
        """What lies behind everything: colours that flow into each other."""
        slope = Image.linear_gradient("L").rotate(self._angle, Image.Resampling.BILINEAR)
        slope = ImageOps.fit(slope.crop((38, 38, 218, 218)), (width, height), Image.Resampling.BICUBIC)
        return ImageOps.colorize(slope, self._dark, self._light)

    def paint(self, picture: Image.Image, moment: float = 0.0) -> None:
        """Draw what is in the scene; `moment` goes from 0 to 1 in a video."""
        pen = ImageDraw.Draw(picture, "RGBA")
        width, height = picture.size
        for place, blob in enumerate(self._blobs):
            turn = 2 * math.pi * (moment + place / len(self._blobs))
            x = width * (blob.x + blob.drift * math.sin(turn))
            y = height * (blob.y + blob.drift * math.cos(turn))
            radius = blob.radius * min(width, height)
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(*blob.colour, 170))
        self._write(picture, pen)

    def _write(self, picture: Image.Image, pen: ImageDraw.ImageDraw) -> None:
        """The prompt itself, on a band at the bottom: nobody shall take this for what a model has made."""
        width, height = picture.size
        size = max(12, min(width, height) // 22)
        font = ImageFont.load_default(size)
        lines = _wrapped(self._prompt, font, width * 0.92)
        step = round(size * 1.35)
        top = height - step * len(lines) - size
        pen.rectangle((0, top, width, height), fill=(0, 0, 0, 150))
        for number, line in enumerate(lines):
            place = (width * 0.04, top + size // 2 + number * step)
            pen.text(place, line, font=font, fill=(255, 255, 255, 255))


def draw(prompt: str, *, width: int, height: int, variant: int, to: Path) -> None:
    """Draw the picture into a file of the kind that its name says."""
    scene = Scene(prompt, variant)
    picture = scene.ground(width, height)
    scene.paint(picture)
    kind = _FORMATS[to.suffix]
    options = {"quality": 90} if kind != "PNG" else {"compress_level": 4}
    picture.save(to, kind, **options)


def _colour(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
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
