"""The path of an uploaded file."""

from __future__ import annotations

import re

import pytest

from backend.data.drive.uploads import ingest
from backend.storage.file_errors import BadDrivePath


@pytest.mark.parametrize(
    ("filename", "suffix"),
    [
        ("a.PDF", ".pdf"),
        ("a", ""),
        ("", ""),
        (".", ""),
        ("a.tar.gz", ".gz"),
        ("a.x y", ""),
        ("a.b/c", ""),
        ("a.é", ""),
    ],
)
def test_upload_without_a_path_gets_a_unique_name_with_a_safe_extension(filename: str, suffix: str) -> None:
    path = str(ingest.destination(None, filename))
    assert re.fullmatch(r"uploads/[0-9a-f-]{36}" + re.escape(suffix), path)


@pytest.mark.parametrize(
    "filename", ["", "..", ".", " ", "a ", "a.", "nul.txt", "a\n", "x" * 300, "a/", "a\\"]
)
def test_upload_to_a_folder_needs_a_valid_name(filename: str) -> None:
    with pytest.raises(BadDrivePath):
        ingest.destination("out/", filename)
