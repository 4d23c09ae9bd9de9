"""Check files of inputs in all formats, and that they cannot name other files of the host."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.contract.kit.conftest import RunKit

CONTENT = b"\xff\xd8\xff\xe0 a small JPEG \x00\xfe"
BASE64 = base64.b64encode(CONTENT).decode()

SHAPES = [
    "photo.jpg",
    "drive/photo.jpg",
    "./drive/photo.jpg",
    BASE64,
    {"base64": BASE64.rstrip("=")},
    base64.urlsafe_b64encode(CONTENT).decode(),
    f"{BASE64[:10]}\n{BASE64[10:]}",
    f"data:image/jpeg;base64,{BASE64}",
    f"DATA:image/jpeg;name=x;base64,{BASE64}",
    f"data:image/jpeg,{quote(CONTENT)}",
    {"drive_path": "photo.jpg"},
    {"drive_path": "photo.jpg", "url": "https://example.invalid/"},
    {"url": f"data:;base64,{BASE64}"},
    {"data": BASE64},
    {"data": f"data:image/jpeg;base64,{BASE64}"},
    {"base64": BASE64, "media_type": "image/jpeg"},
    {"path": "photo.jpg"},
    {"path": "drive/photo.jpg"},
    {"path": "_own.jpg"},
    {"bytes": BASE64},
    {"bytes": CONTENT},
    CONTENT,
    bytearray(CONTENT),
]


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    (tmp_path / "drive").mkdir(exist_ok=True)
    (tmp_path / "drive" / "photo.jpg").write_bytes(CONTENT)
    (tmp_path / "_own.jpg").write_bytes(CONTENT)


def test_all_formats_are_loaded_as_bytes_and_as_a_path(run_kit: RunKit, tmp_path: Path) -> None:
    ran = run_kit(
        "from puras import load_bytes, load_path\n"
        f"for value in {SHAPES!r}:\n"
        f"    assert load_bytes(value) == {CONTENT!r}, value\n"
        f"    assert load_path(value).read_bytes() == {CONTENT!r}, value\n"
        "from pathlib import Path\n"
        f"assert load_bytes(Path('_own.jpg')) == {CONTENT!r}",
        environment={"TMPDIR": str(tmp_path)},
    )
    assert ran.stderr == ""


def test_a_path_is_the_drive_file_or_has_the_suffix_of_the_type(run_kit: RunKit, tmp_path: Path) -> None:
    ran = run_kit(
        "from puras import load_path\n"
        "print(load_path('photo.jpg').resolve().relative_to(__import__('os').path.realpath('.')))\n"
        f"print(load_path('data:image/png;base64,{BASE64}').suffix)\n"
        f"print(load_path({{'base64': {BASE64!r}, 'media_type': 'text/plain; charset=utf-8'}}).suffix)\n"
        f"print(load_path({BASE64!r}, suffix='.bin').suffix)\n"
        f"print(repr(load_path({BASE64!r}).suffix))",
        environment={"TMPDIR": str(tmp_path)},
    )
    assert ran.stdout.splitlines() == ["drive/photo.jpg", ".png", ".txt", ".bin", "''"]


NO_FILES = [
    *(
        "../_own.jpg",
        "drive/../_own.jpg",
        "/etc/passwd",
        "none.jpg",
        "",
        "link",
        "pipe",
        "folder",
        "no base64!",
    ),
    *("data:no comma", "data:;base64,!!", "file:///etc/passwd", "a\0b", "\ud800", "x" * 9, "!" * 100_000),
    *({}, {"nothing": 1}, {"drive_path": "../_own.jpg"}, {"drive_path": "/etc/passwd"}, {"drive_path": 5}),
    *(
        {"drive_path": "link"},
        {"path": "/etc/passwd"},
        {"path": "/proc/self/environ"},
        {"path": "out/etc/passwd"},
    ),
    *(
        {"path": "../../etc/passwd"},
        {"path": ""},
        {"path": "a\0b"},
        {"url": "file:///etc/passwd"},
        {"base64": ""},
    ),
    *({"url": "ftp://example.invalid/x"}, {"url": "photo.jpg"}, {"bytes": [1, 2]}, None, 5, ["photo.jpg"]),
    *({"path": "\ud800"}, {"drive_path": "\ud800"}, {"drive_path": "a\0b"}, {"drive_path": "x" * 5000}),
]


def test_other_values_are_rejected_with_a_message(run_kit: RunKit, tmp_path: Path) -> None:
    (tmp_path / "drive" / "link").symlink_to("/etc/passwd")
    (tmp_path / "drive" / "folder").mkdir()
    os.mkfifo(tmp_path / "drive" / "pipe")
    (tmp_path / "out").symlink_to("/")
    ran = run_kit(
        "from puras import InputError, load_bytes, load_path\n"
        "long = './' * 2_100 + 'drive/photo.jpg'\n"
        f"for value in [*{NO_FILES!r}, long, {{'drive_path': long[:4200] + 'photo.jpg'}}, {{'path': long}}]:\n"
        "    for load in (load_bytes, load_path):\n"
        "        try: print('let through', repr(value)[:80], load(value))\n"
        "        except InputError as error: assert 15 < len(str(error)) < 400, error"
    )
    assert ran.stdout == ""


def test_large_base64_and_base64_like_a_path_is_decoded(run_kit: RunKit) -> None:
    ran = run_kit(
        "import base64, time\nfrom puras import load_bytes\n"
        "for data in (b'\\xff\\xd8\\xff' * 6, b'\\xff' * 3_000_000):\n"
        "    text = base64.b64encode(data).decode()\n"
        "    assert '/' in text and load_bytes(text) == data"
    )
    assert ran.stderr == ""


INSIDE = [
    "http://127.0.0.1:9/",
    "http://localhost:9/",
    "http://[::1]:9/",
    "http://[::ffff:127.0.0.1]:9/",
    "http://[64:ff9b::7f00:1]:9/",
    "http://[2002:7f00:1::]:9/",
    "http://169.254.169.254/latest/meta-data",
    "http://10.0.0.1/",
    "http://100.64.0.1/",
    "http://0.0.0.0:9/",
    "http://0/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://[fe80::1%25lo]/",
    "http://[fc00::1]/",
    "HTTPS://127.0.0.1/",
]
BROKEN = [
    "http://",
    "http://[",
    "http://user:pass@host:port/",
    "http://é\x01/",
    "http://a:99999/",
    "https:///x",
]


def test_private_and_invalid_urls_are_not_downloaded(run_kit: RunKit) -> None:
    ran = run_kit(
        "from puras import load_bytes, InputError\n"
        f"for url in {INSIDE + BROKEN!r}:\n"
        "    try: load_bytes(url)\n"
        "    except InputError as error: print(error)"
    )
    messages = ran.stdout.splitlines()
    assert len(messages) == len(INSIDE + BROKEN)
    for url, message in zip(INSIDE, messages, strict=False):
        assert "not a public address" in message, url
    assert all(" failed: " in message for message in messages)
