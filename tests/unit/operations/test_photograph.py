"""The demo's photograph is one that a phone could have taken."""

from __future__ import annotations

from pathlib import Path

from PIL import ExifTags, Image, ImageOps

from backend.operations.demo import image


def test_it_is_a_jpeg_of_six_megapixels_that_lies_on_its_side_and_says_so(tmp_path: Path) -> None:
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
    assert min(upright.getpixel((x, y))) > 150  # the sun is where it was painted, so up is up
    assert sum(upright.getpixel((x, 40))) < sum(upright.getpixel((x, y)))
