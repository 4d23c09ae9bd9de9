"""Untrusted ZIP archives: rejected entries, and the error messages."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from io import BytesIO
from pathlib import Path

import pytest

from backend.skills.archives import archive as archives
from backend.skills.archives.archive import Archive, unpack
from backend.skills.archives.errors import BundleTooLarge, BundleUnreadable
from backend.skills.archives.pack import pack, pack_files


def zipped(*names: str | zipfile.ZipInfo, content: bytes = b"x") -> bytes:
    """Return a ZIP archive with these entries."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return buffer.getvalue()


def with_mode(name: str, mode: int) -> zipfile.ZipInfo:
    """Return an entry with an unusual file mode."""
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("/etc/passwd", "absolute"),
        ("C:/x", "absolute"),
        ("../x", "'..'"),
        ("a/../../x", "'..'"),
        ("a/./x", "'.'"),
        ("a//x", "empty name"),
        ("a\\x", "backslash"),
        ("a\x01b", "control character"),
        ("a/" + "b" * 256, "too long"),
        ("/".join("abcdefgh" * 16 for _ in range(10)), "too long"),
    ],
)
def test_names_outside_of_the_archive_are_rejected(name: str, said: str) -> None:
    with pytest.raises(BundleUnreadable, match=said):
        Archive(zipped(name))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("a/x", "a/x", "twice"),
        ("a/x", "a/X", "differ only in case"),
        ("a/x", "A/y", "differ only in case"),
        ("a/é", "a/e\u0301", "differ only in case or Unicode form"),
        ("a/straße", "a/STRASSE", "differ only in case"),
        ("a", "a/x", "file and a folder"),
        ("a/x", "a", "twice"),
    ],
)
def test_names_that_a_file_system_does_not_distinguish_are_rejected(
    first: str, second: str, said: str
) -> None:
    with pytest.raises(BundleUnreadable, match=said):
        Archive(zipped(first, second))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (stat.S_IFLNK | 0o777, "is a link"),
        (stat.S_IFIFO | 0o644, "neither a file nor a folder"),
        (stat.S_IFCHR | 0o644, "neither a file nor a folder"),
        (stat.S_IFSOCK | 0o644, "neither a file nor a folder"),
    ],
)
def test_links_and_devices_are_rejected(kind: int, said: str) -> None:
    with pytest.raises(BundleUnreadable, match=said):
        Archive(zipped(with_mode("a/x", kind)))


def test_bomb_is_rejected_by_its_declared_size() -> None:
    with pytest.raises(BundleTooLarge, match="ZIP bomb"):
        Archive(zipped("a/x", content=b"\0" * (20 << 20)))


def test_bomb_with_a_false_size_is_rejected_while_unpacking() -> None:
    data = bytearray(zipped("a/x", content=b"\0" * (20 << 20)))
    for signature, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        at = data.index(signature)
        struct.pack_into("<L", data, at + offset, 10)
    archive = Archive(bytes(data))
    with pytest.raises(BundleUnreadable, match="damaged"):
        archive.verify()


def test_small_files_of_spaces_are_no_bomb() -> None:
    archive = Archive(zipped("a/x", content=b" " * 500_000))
    archive.verify()
    assert len(archive.read("a/x")) == 500_000


def test_total_size_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_UNZIPPED_BYTES", 1_000)
    with pytest.raises(BundleTooLarge, match="unpacks to more than"):
        Archive(zipped("a", "b", content=b"x" * 600))


def test_too_many_files_are_rejected_before_they_are_read() -> None:
    with pytest.raises(BundleTooLarge, match="5,000"):
        Archive(zipped(*(f"f{number}" for number in range(5_001))))


def test_overlapping_files_are_rejected() -> None:
    data = zipped("a", "b", "c", content=bytes(range(256)) * 40)
    data = bytearray(data)
    at = -1
    while (at := data.find(b"PK\x01\x02", at + 1)) >= 0:
        struct.pack_into("<L", data, at + 20, len(data) // 2)
    with pytest.raises(BundleUnreadable):
        Archive(bytes(data)).verify()


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"nonsense" * 100, b"PK\x05\x06" + b"\0" * 10, b"PK\x05\x06" + b"\xff" * 18]
)
def test_invalid_zip_is_rejected(data: bytes) -> None:
    with pytest.raises((BundleUnreadable, BundleTooLarge)):
        Archive(data)


def test_damaged_file_is_named() -> None:
    data = bytearray(zipped("a/x", content=zlib.compress(bytes(range(256)) * 100)))
    data[60] ^= 0xFF
    with pytest.raises(BundleUnreadable, match=r"'a/x' in the ZIP is damaged"):
        Archive(bytes(data)).verify()


def test_encrypted_file_is_rejected() -> None:
    data = bytearray(zipped("a/x"))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(BundleUnreadable, match="password"):
        Archive(bytes(data))


def test_names_must_be_utf8_with_or_without_the_flag() -> None:
    data = zipped("a/é")
    assert list(Archive(data)) == ["a/é"]
    undeclared = bytearray(data)
    for signature, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        struct.pack_into("<H", undeclared, undeclared.index(signature) + offset, 0)
    assert list(Archive(bytes(undeclared))) == ["a/é"]
    with pytest.raises(BundleUnreadable, match="UTF-8"):
        Archive(data.replace("é".encode(), b"\xff\xfe"))


def test_packing_excludes_other_files_and_is_reproducible(tmp_path: Path) -> None:
    for name in (
        "a/main.py",
        "a/x.pyc",
        ".env",
        "node_modules/x.js",
        ".git/config",
        "a/__pycache__/m.py",
        "a/run.log",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    first = pack(tmp_path)
    (tmp_path / "a" / "main.py").touch()
    assert list(Archive(first)) == ["a/main.py"]
    assert pack(tmp_path) == first


def test_packing_rejects_links_to_the_outside(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "secret").write_text("x")
    (tmp_path / "project" / "x").symlink_to(tmp_path / "secret")
    with pytest.raises(BundleUnreadable, match="outside of the folder"):
        pack(tmp_path / "project")


def test_unpacking_never_overwrites_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("mine")
    with pytest.raises(FileExistsError):
        unpack(Archive(pack_files({"a": b"x"})), tmp_path)
    assert (tmp_path / "a").read_text() == "mine"
