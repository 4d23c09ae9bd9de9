"""The photo of the demo resembles one from a phone."""

from __future__ import annotations

from pathlib import Path

from PIL import ExifTags, Image, ImageOps

from backend.operations.demo import image


def test_photo_is_a_rotated_jpeg_of_six_megapixels_with_its_orientation(tmp_path: Path) -> None:
    file = tmp_path / "lake.jpg"
    assert image.main([str(file)]) == 0
    with Image.open(file) as stored:
        assert (stored.format, stored.size) == ("JPEG", (3000, 2000))
        exif = stored.getexif()
        assert exif[ExifTags.Base.Make] == "Puras"
        assert exif[ExifTags.Base.Model] == "Studio One"
        assert exif[ExifTags.Base.Orientation] == image.TURN_CLOCKWISE_TO_VIEW
        assert exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] == image.TAKEN_AT
        upright = ImageOps.exif_transpose(stored)
    x, y, _ = image.SUN
    assert upright.size == (2000, 3000)
    assert min(upright.getpixel((x, y))) > 150  # the sun is at the top after the rotation
    assert sum(upright.getpixel((x, 40))) < sum(upright.getpixel((x, y)))
