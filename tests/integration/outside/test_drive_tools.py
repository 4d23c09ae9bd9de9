"""The tools `drive_url` and `drive_pull`, for files in the drive and files in object storage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backend.core.vault.vault import Vault
from backend.data.drive import signing
from backend.storage.file_errors import DriveFileMissing
from tests.integration.outside.conftest import PlainWorkspace
from workers.agent.tools.drive import Drive, DrivePull, DriveUrl

REMOTE_FILES = {"far/away.csv": b"a,b"}


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    (tmp_path / "keys").mkdir()
    return Vault.open(tmp_path / "keys", None)


@pytest.fixture
def drive(workspace: PlainWorkspace, vault: Vault) -> Drive:
    """Return the drive of the workspace's project, with more files in object storage."""

    def sign(path: str, ttl_s: int) -> str:
        return signing.signed_url(
            vault,
            "http://puras.example.org",
            project_id=workspace.assignment.project_id,
            path=path,
            ttl_s=ttl_s,
        )

    async def read(path: str, max_bytes: int) -> bytes | None:
        if path not in REMOTE_FILES:
            raise DriveFileMissing(path)
        content = REMOTE_FILES[path]
        return content if len(content) <= max_bytes else None

    return Drive(sign, read)


async def test_signed_url_opens_one_file_for_the_given_time(
    workspace: PlainWorkspace, drive: Drive, vault: Vault
) -> None:
    (workspace.drive_dir / "report.pdf").write_bytes(b"%PDF-")
    for written in ("drive/report.pdf", "report.pdf"):
        result = await workspace.call(DriveUrl(drive), path=written, ttl=60)
        url, text = str(result.content).split("\n")
        token, name = url.removeprefix("http://puras.example.org/v1/drive/signed/").split("/")
        signed = signing.verify(vault, token, name)
        assert (signed.project_id, str(signed.path)) == (workspace.assignment.project_id, "report.pdf")
        assert text == "opens drive/report.pdf for 60 s."
        assert result.details == {"drive_path": "report.pdf", "expires_in": 60}


async def test_no_url_is_returned_for_other_paths_than_drive_files(
    workspace: PlainWorkspace, drive: Drive
) -> None:
    (workspace.drive_dir / "link").symlink_to("/etc/passwd")
    tool = DriveUrl(drive)
    assert "'drive/gone.pdf' does not exist" in await workspace.call_error(tool, path="gone.pdf")
    assert "is a link" in await workspace.call_error(tool, path="drive/link")
    assert "'..'" in await workspace.call_error(tool, path="drive/../../etc/passwd")
    assert "ttl" in await workspace.call_error(tool, path="drive/link", ttl=86_401)


async def test_file_of_live_drive_is_already_available(workspace: PlainWorkspace, drive: Drive) -> None:
    (workspace.drive_dir / "a.csv").write_bytes(b"a,b")
    assert (
        await workspace.call(DrivePull(drive), path="a.csv")
    ).content == "It is already available: drive/a.csv, 3 bytes."
    assert "does not exist" in await workspace.call_error(DrivePull(drive), path="far/away.csv")


async def test_file_of_remote_drive_is_a_copy_that_is_not_written_back(
    workspace: PlainWorkspace, drive: Drive
) -> None:
    workspace.assignment = replace(workspace.assignment, has_staged_drive=True)
    result = await workspace.call(DrivePull(drive), path="drive/far/away.csv")
    assert result.details == {"path": "pulled/far/away.csv"}
    assert (workspace.folder / "pulled/far/away.csv").read_bytes() == b"a,b"
    assert not list(workspace.drive_dir.iterdir())
    with pytest.raises(DriveFileMissing):
        await workspace.call(DrivePull(drive), path="drive/gone.csv")
