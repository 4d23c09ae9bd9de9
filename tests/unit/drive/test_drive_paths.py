"""Drive paths: what is understood, what is refused, and that nothing refused gets through."""

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
def test_a_path_is_understood_as_people_write_it(text: str, parts: tuple[str, ...]) -> None:
    assert parse_drive_path(text) == DrivePath(parts)


@pytest.mark.parametrize("text", ["", ".", "./", "drive", "drive/", "./drive", "./drive/"])
def test_the_root_is_a_folder_and_no_file(text: str) -> None:
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
def test_a_path_that_leaves_the_drive_or_cannot_be_one_is_refused(text: str) -> None:
    with pytest.raises(BadDrivePath) as caught:
        parse_drive_path(text)
    assert caught.value.status == 422
    caught.value.detail.encode()
    assert len(caught.value.detail) < 400


def test_names_on_the_disk_that_no_path_can_have_are_recognised() -> None:
    assert is_component("a b.txt")
    for name in ("..", ".", "", "a/b", "a\nb", "a\\b", "\udcff", "x" * 256):
        assert not is_component(name)
