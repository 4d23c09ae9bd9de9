"""Drive paths: accepted forms, and rejected paths, none of which lead out of the drive."""

from __future__ import annotations

import pytest

from backend.storage.file_errors import BadDrivePath
from backend.storage.paths import (
    MAX_DEPTH,
    ROOT,
    DrivePath,
    is_component,
    parse_drive_path,
    parse_folder_path,
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("report.pdf", ("report.pdf",)),
        ("drive/out/report.pdf", ("out", "report.pdf")),
        ("./drive/out/report.pdf", ("out", "report.pdf")),
        ("./report.pdf", ("report.pdf",)),
        ("out//./report.pdf", ("out", "report.pdf")),
        ("drive/drive/x", ("drive", "x")),
        ("drives/x", ("drives", "x")),
        ("..hidden/...x", ("..hidden", "...x")),
        ("été/日本 語.txt", ("été", "日本 語.txt")),
    ],
)
def test_path_is_accepted_in_common_forms(text: str, parts: tuple[str, ...]) -> None:
    assert parse_drive_path(text) == DrivePath(parts)


@pytest.mark.parametrize("text", ["", ".", "./", "drive", "drive/", "./drive", "./drive/"])
def test_root_is_a_folder_and_not_a_file(text: str) -> None:
    assert parse_folder_path(text) == ROOT
    with pytest.raises(BadDrivePath):
        parse_drive_path(text)


@pytest.mark.parametrize(
    "text",
    [
        "..",
        "../x",
        "a/../b",
        "drive/../x",
        "a/..",
        "/etc/passwd",
        "drive//etc/passwd",
        ".//etc/passwd",
        "a\x00b",
        "a\nb",
        "a\x7fb",
        "a\x85b",
        "a\u2028b",
        "\ud800",
        "a\\b",
        "..\\x",
        "x" * 256,
        "é" * 128,
        "/".join(["abcdefghi"] * 110),
        "/".join(["a"] * (MAX_DEPTH + 1)),
        "out/",
    ],
)
def test_path_outside_of_the_drive_or_invalid_path_is_rejected(text: str) -> None:
    with pytest.raises(BadDrivePath) as caught:
        parse_drive_path(text)
    assert caught.value.status == 422
    caught.value.detail.encode()
    assert len(caught.value.detail) < 400


def test_invalid_names_on_the_disk_are_recognized() -> None:
    assert is_component("a b.txt")
    for name in ("..", ".", "", "a/b", "a\nb", "a\\b", "\udcff", "x" * 256):
        assert not is_component(name)
