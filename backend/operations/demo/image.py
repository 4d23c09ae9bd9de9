"""Render the photograph of the demo: `python -m backend.operations.demo.image FILE`.

It has six megapixels, and is stored like the photograph of a phone in portrait mode: rotated, with the orientation in
EXIF. It is a separate program, so that `up` does not keep its memory.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from random import Random

from PIL import ExifTags, Image, ImageChops, ImageDraw, ImageFilter

WIDTH, HEIGHT = 2000, 3000
HORIZON = 1750
SUN = (1330, 1180, 150)  # center and radius
QUALITY = 90
EDGE = 76
"""Level of a radial gradient at the edges of its square."""
TURN_CLOCKWISE_TO_VIEW = 6  # EXIF orientation
TAKEN_AT = "2026:09:21 18:42:07"


def main(arguments: list[str] | None = None) -> int:
    """Write the photograph to the file in the arguments."""
    target = Path((arguments if arguments is not None else sys.argv[1:])[0])
    scene = _film(_scene())
    stored = scene.transpose(Image.Transpose.ROTATE_90)
    stored.save(target, "JPEG", quality=QUALITY, exif=_exif())
    return 0


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Puras"
    exif[ExifTags.Base.Model] = "Studio One"
    exif[ExifTags.Base.Orientation] = TURN_CLOCKWISE_TO_VIEW
    exif[ExifTags.Base.DateTime] = TAKEN_AT
    details = exif.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.DateTimeOriginal] = TAKEN_AT
    details[ExifTags.Base.FNumber] = 2.8
    details[ExifTags.Base.ISOSpeedRatings] = 200
    return exif


def _scene() -> Image.Image:
    """Return the scene: sky, sun, four ranges of hills, and water with the reflection of the sun."""
    scene = Image.new("RGB", (WIDTH, HEIGHT))
    scene.paste(_fade((28, 42, 94), (255, 176, 112), HORIZON), (0, 0))
    scene.paste(_fade((214, 130, 96), (18, 30, 62), HEIGHT - HORIZON), (0, HORIZON))
    scene = ImageChops.screen(scene, _glow())
    brush = ImageDraw.Draw(scene)
    x, y, radius = SUN
    brush.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(255, 240, 205))
    for distance in range(4):
        brush.polygon(_ridge(distance), fill=tuple(part - 24 * distance for part in (112, 88, 120)))
    _glitter(brush)
    return scene


def _fade(top: tuple[int, int, int], bottom: tuple[int, int, int], height: int) -> Image.Image:
    share = Image.linear_gradient("L").resize((WIDTH, height), Image.Resampling.BICUBIC)
    return Image.composite(Image.new("RGB", share.size, bottom), Image.new("RGB", share.size, top), share)


def _glow() -> Image.Image:
    x, y, radius = SUN
    spread = radius * 6
    light = ImageChops.invert(Image.radial_gradient("L")).resize((2 * spread, 2 * spread))
    light = light.point([max(0, level - EDGE) ** 2 // 200 for level in range(256)])
    colours = [light.point([level * share // 100 for level in range(256)]) for share in (100, 75, 33)]
    glow = Image.new("RGB", (WIDTH, HEIGHT))
    glow.paste(Image.merge("RGB", colours), (x - spread, y - spread))
    return glow


def _ridge(distance: int) -> list[tuple[float, float]]:
    """Return the outline of a range of hills; near ones are lower and rougher."""
    chance = Random(distance)  # noqa: S311 - an image, the same each time
    waves = [
        (chance.uniform(0.6, 1.4) * 2**octave, chance.uniform(0, math.tau), 0.55**octave)
        for octave in range(8)
    ]
    top, height = HORIZON - 330 + 95 * distance, 95 - 15 * distance

    def crest(x: float) -> float:
        angle = x / WIDTH * math.tau
        return top - height * sum(share * math.sin(pace * angle + shift) for pace, shift, share in waves)

    outline = [(float(x), min(crest(x), HORIZON)) for x in range(0, WIDTH + 1, 4)]
    return [*outline, (WIDTH, HORIZON), (0, HORIZON)]


def _glitter(brush: ImageDraw.ImageDraw) -> None:
    chance = Random(7)  # noqa: S311 - an image, the same each time
    for _ in range(5200):
        depth = chance.random() ** 1.5
        y = HORIZON + 6 + depth * (HEIGHT - HORIZON - 12)
        x = SUN[0] + chance.gauss(0, 60 + 420 * depth)
        length, light = 8 + 70 * depth, chance.uniform(0.55, 1.0)
        colour = (int(255 * light), int(205 * light), int(150 * light))
        brush.line((x - length, y, x + length, y), fill=colour, width=1 + int(5 * depth))


def _film(scene: Image.Image) -> Image.Image:
    """Soften the edges and add grain, since real photographs have no flat areas."""
    grain = Image.effect_noise((WIDTH, HEIGHT), 22).convert("RGB")
    grey = Image.new("RGB", scene.size, (128, 128, 128))
    return ImageChops.overlay(scene.filter(ImageFilter.GaussianBlur(1.2)), Image.blend(grey, grain, 0.5))


if __name__ == "__main__":
    sys.exit(main())
