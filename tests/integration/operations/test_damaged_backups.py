"""A backup that was truncated, changed or forged is rejected with the reason."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zlib
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from backend.administration.archives.errors import ArchiveDamaged
from backend.config import Settings
from backend.operations.backup import restore
from backend.operations.backup.errors import BackupNewer, WrongKeys
from tests.integration.operations.backups import Source
from tests.integration.operations.instances import new_up


@pytest.fixture(scope="module")
def source() -> Iterator[Source]:
    with new_up() as up:
        yield Source(up)


def test_backup_of_a_newer_release_is_rejected(source: Source, tmp_path: Path) -> None:
    def newer(members: list[Member]) -> list[Member]:
        header = json.loads(members[0][1])
        return [replace_content(members[0], json.dumps(header | {"revision": "2199"}).encode()), *members[1:]]

    with pytest.raises(BackupNewer, match="'2199'"):
        restore.check(Settings(home=tmp_path), rewrite(source.with_keys, tmp_path, newer))


Member = tuple[tarfile.TarInfo, bytes]
Change = Callable[[list[Member]], list[Member]]


def without(prefix: str) -> Change:
    return lambda members: [member for member in members if not member[0].name.startswith(prefix)]


def with_content(prefix: str, content: bytes) -> Change:
    """Replace the content under a name together with its hash, so that only the hash of the whole backup differs."""
    return lambda members: [
        replace_content(member, content) if member[0].name.startswith(prefix) else member
        for member in members
    ]


def with_link(members: list[Member]) -> list[Member]:
    link = tarfile.TarInfo("drive/00000000-0000-0000-0000-000000000000/out")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return [members[0], (link, b""), *members[1:]]


def renamed(name: str) -> Change:
    return lambda members: [members[0], replace_content((tarfile.TarInfo(name), b""), b"x"), *members[1:]]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (without("manifest"), "its end is missing|not a part of a backup"),
        (without("signature"), "signature is missing"),
        (without("drive/"), "drive_files"),
        (without("bundles/"), "bundles"),
        (without("database/jobs"), "rows"),
        (without("header"), "not a backup of an instance"),
        (with_content("bundles/", b"evil"), "bundles_bytes"),
        (with_content("database/wallets", b""), "rows"),
        (with_content("database/wallets", b"evil\n"), "sha256"),
        (with_content("signature", b"{}"), "signature.json has an unknown format"),
        (lambda members: [*members, members[1]], "after its end"),
        (with_link, "a link or a device"),
        (renamed("../../etc/cron.d/x"), "not a part of a backup"),
        (renamed("/etc/passwd"), "not a part of a backup"),
        (renamed("drive/00000000-0000-0000-0000-000000000000/../../x"), "not a file of a drive"),
        (renamed("database/pg_authid/000001"), "not a part of a backup"),
    ],
)
def test_changed_backup_is_rejected_with_the_reason(
    source: Source, tmp_path: Path, change: Change, why: str
) -> None:
    with pytest.raises(ArchiveDamaged, match=why):
        restore.check(Settings(home=tmp_path), rewrite(source.with_keys, tmp_path, change))


def test_forged_backup_with_valid_hashes_is_rejected(source: Source, tmp_path: Path) -> None:
    """An attacker who can write to the backup folder can make every hash match, but not the signature."""
    manifest = "manifest.json"

    def forged(members: list[Member]) -> list[Member]:
        original = next(content for info, content in members if info.name == manifest)
        return with_content(manifest, original + b" ")(members)

    settings = Settings(home=source.up.home)
    assert restore.check(settings, source.plain).is_signed
    with pytest.raises(WrongKeys):
        restore.check(settings, rewrite(source.plain, tmp_path, forged))


def test_one_flipped_bit_is_detected_at_any_position(source: Source, tmp_path: Path) -> None:
    whole = source.with_keys.read_bytes()
    flipped = tmp_path / "flipped.tar.gz"
    found = 0
    for place in range(0, len(whole), len(whole) // 40):
        content = bytearray(whole)
        content[place] ^= 4
        flipped.write_bytes(content)
        if is_equivalent(content, whole):
            continue
        with pytest.raises(ArchiveDamaged):
            restore.check(Settings(home=tmp_path), flipped)
        found += 1
    assert found > 20


def is_equivalent(content: bytes, whole: bytes) -> bool:
    """Return whether both decompress to the same data, since some bits of the compressed form have no effect."""
    try:
        return gzip.decompress(content) == gzip.decompress(whole)
    except (OSError, EOFError, zlib.error):
        return False


def replace_content(member: Member, content: bytes) -> Member:
    """Return the member with another content and its hash."""
    info = member[0]
    info.size = len(content)
    info.pax_headers = {
        "SCHILY.xattr.user.puras.sha256": sha256(content).hexdigest(),
        "SCHILY.xattr.user.puras.modified_ns": "0",
    }
    return info, content


def rewrite(path: Path, folder: Path, change: Change) -> Path:
    """Return the backup with its members changed."""
    members: list[Member] = []
    with tarfile.open(path) as archive:
        for info in archive:
            content = archive.extractfile(info)
            members.append((info, content.read() if content else b""))
    target = folder / "changed.tar.gz"
    with tarfile.open(target, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for info, data in change(members):
            archive.addfile(info, io.BytesIO(data))
    return target
