"""Detection of file types."""

from __future__ import annotations

import pytest

from backend.storage.mime import HEAD_BYTES, by_name, sniff

OFFICE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("head", "name", "expected"),
    [
        (b"\x89PNG\r\n\x1a\n\x00", "a.jpg", "image/png"),
        (b"\xff\xd8\xff\xe0", "a", "image/jpeg"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "a.bin", "image/webp"),
        (b"\x00\x00\x00\x18ftypavif", "a", "image/avif"),
        (b"\x00\x00\x00\x18ftypisom", "a", "video/mp4"),
        (b"\x00\x00\x00\x18ftypisom", "a.m4a", "audio/mp4"),
        (b"PK\x03\x04\x14", "a.docx", OFFICE),
        (b"PK\x03\x04\x14", "a.png", "application/zip"),
        (b"%PDF-1.7", "a.txt", "application/pdf"),
        (b"<html>", "a.html", "text/html"),
        (b"<html>", "a.png", "text/plain"),
        (b"<html>", "a", "text/plain"),
        (b"a,b\n1,2", "a.csv", "text/csv"),
        (b"{}", "a.json", "application/json"),
        (b"<svg/>", "a.svg", "image/svg+xml"),
        (b"\x00\x01\x02", "a.txt", "application/octet-stream"),
        (b"\x00\x01\x02", "a.png", "application/octet-stream"),
        (b"\x00\x01\x02", "a.xlsx", OFFICE.replace("wordprocessingml.document", "spreadsheetml.sheet")),
        (b"", "a.md", "text/markdown"),
        (b"", "a", "text/plain"),
        ("é".encode() * HEAD_BYTES, "a", "text/plain"),
        (b"x" + ("é".encode() * HEAD_BYTES)[: HEAD_BYTES - 1], "a", "text/plain"),
        (b"caf\xe9", "a.txt", "application/octet-stream"),
    ],
)
def test_content_determines_the_type_before_the_name(head: bytes, name: str, expected: str) -> None:
    assert sniff(head[:HEAD_BYTES], name) == expected


def test_extension_determines_the_type_of_a_name() -> None:
    assert by_name("out.d/a.PNG") == "image/png"
    for nothing in ("", "png", "a.", "a.unknown", "out.png/a"):
        assert by_name(nothing) == "application/octet-stream"
