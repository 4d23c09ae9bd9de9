"""Create a thumbnail of a photo, and read its EXIF data."""

import os
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, ImageOps
from puras import inputs

MAX_PIXELS = 200_000_000


def thumbnail(image: Any, size: int) -> dict[str, Any]:
    """Write an upright JPEG of at most `size` pixels to the drive, and return it with the EXIF data of the photo."""
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    with Image.open(inputs.load_path(image)) as photo:
        exif_data = _exif(photo)
        kind = photo.format
        upright = ImageOps.exif_transpose(photo)
    small = upright.convert("RGB")
    small.thumbnail((size, size), Image.Resampling.LANCZOS)
    return {
        "thumbnail": _save(small),
        "width": upright.width,
        "height": upright.height,
        "format": kind,
        "exif": exif_data,
    }


def _save(small: Image.Image) -> str:
    """Write the thumbnail to `./drive` and return its drive path."""
    name = os.environ.get("PURAS_JOB_ID", "local").rpartition("-")[2]
    path = Path("drive", "thumbnails", f"{name}.jpg")
    path.parent.mkdir(parents=True, exist_ok=True)
    small.save(path, "JPEG", quality=85, optimize=True)
    return path.relative_to("drive").as_posix()


def _exif(photo: Image.Image) -> dict[str, Any]:
    """Return the camera, the orientation and the time of the photo; None for unknown values."""
    exif = photo.getexif()
    details = exif.get_ifd(ExifTags.IFD.Exif)
    names = (_text(exif.get(ExifTags.Base.Make)), _text(exif.get(ExifTags.Base.Model)))
    taken_at = details.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)
    orientation = exif.get(ExifTags.Base.Orientation)
    return {
        "camera": " ".join(name for name in names if name) or None,
        "orientation": orientation if isinstance(orientation, int) else None,
        "taken_at": _iso_time(_text(taken_at)),
    }


def _text(value: Any) -> str:
    """Return a text without padding, since some cameras add NUL characters."""
    return value.replace("\0", " ").strip() if isinstance(value, str) else ""


def _iso_time(text: str) -> str | None:
    """Convert a time such as `2026:03:01 12:30:00` to ISO 8601."""
    day, _, time = text.partition(" ")
    return f"{day.replace(':', '-')}T{time}" if day and time else None
