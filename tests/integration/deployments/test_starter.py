"""The skills of the starter, run as a job runs them: in a separate process, with the kit and a drive."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image

from backend.skills.archives.pack import pack
from backend.skills.bundles.read import read_bundle
from backend.skills.manifest.types import Skill

ROOT = Path(__file__).parents[3]
STARTER = ROOT / "skills_kit" / "templates" / "starter"
CALL = """
import json, sys
sys.path[:0] = sys.argv[1:3]
from importlib import import_module
print(json.dumps(getattr(import_module("main"), sys.argv[3])(**json.load(sys.stdin))))
"""


def starter(name: str) -> Skill:
    """Return the skill of the starter with that name."""
    found = read_bundle(pack(STARTER)).manifest.find(name)
    assert found is not None
    return found


def run(skill: Skill, inputs: dict[str, Any], folder: Path) -> Any:
    """Return the result of the skill, with validated inputs and outputs, in a working folder with a drive."""
    checked = skill.inputs.check(inputs)
    assert checked.problems == []
    command = [
        sys.executable,
        "-W",
        "error",
        "-c",
        CALL,
        str(STARTER / skill.path),
        str(ROOT / "skills_kit"),
        skill.function,
    ]
    environment = {"PURAS_JOB_ID": "0badcafe-0000-4000-8000-0000deadbeef"}
    done = subprocess.run(
        command,
        input=json.dumps(checked.value),
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    output = skill.output.check(json.loads(done.stdout))
    assert output.problems == []
    return output.value


def photo(width: int = 1200, height: int = 800, orientation: int = 6) -> bytes:
    """Return a photo as a camera writes it when it is held upright."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Leitz\0\0"
    exif[ExifTags.Base.Model] = "M3"
    exif[ExifTags.Base.Orientation] = orientation
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2026:03:01 12:30:00"
    buffer = BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a working folder whose drive has a photo."""
    uploads = tmp_path / "drive" / "uploads"
    uploads.mkdir(parents=True)
    (uploads / "photo.jpg").write_bytes(photo())
    return tmp_path


def test_greet_returns_the_outputs_of_its_examples(tmp_path: Path) -> None:
    skill = starter("greet")
    for example in skill.examples:
        assert run(skill, example.inputs, tmp_path) == example.outputs


def test_thumbnail_is_upright_small_and_in_the_drive(folder: Path) -> None:
    value = run(starter("thumbnail"), {"image": "uploads/photo.jpg"}, folder)
    assert value == {
        "thumbnail": "thumbnails/0000deadbeef.jpg",
        "width": 800,
        "height": 1200,
        "format": "JPEG",
        "exif": {"camera": "Leitz M3", "orientation": 6, "taken_at": "2026-03-01T12:30:00"},
    }
    with Image.open(folder / "drive" / value["thumbnail"]) as small:
        assert (small.format, small.size) == ("JPEG", (341, 512))


@pytest.mark.parametrize("shape", ["base64", "data", "string"])
def test_photo_may_have_other_input_forms(folder: Path, shape: str) -> None:
    text = base64.b64encode(photo(64, 32, orientation=1)).decode()
    image: Any = {
        "base64": {"base64": text, "media_type": "image/jpeg"},
        "data": {"data": f"data:image/jpeg;base64,{text}"},
        "string": f"data:image/jpeg;base64,{text}",
    }[shape]
    value = run(starter("thumbnail"), {"image": image, "size": 16}, folder)
    assert (value["width"], value["height"]) == (64, 32)


def test_image_without_exif_has_no_metadata(folder: Path) -> None:
    Image.new("RGBA", (40, 20), (255, 0, 0, 128)).save(folder / "drive" / "uploads" / "plain.png")
    value = run(starter("thumbnail"), {"image": {"drive_path": "uploads/plain.png"}}, folder)
    assert value["format"] == "PNG"
    assert value["exif"] == {"camera": None, "orientation": None, "taken_at": None}
