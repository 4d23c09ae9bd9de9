"""The tools `drive_url` and `drive_pull`: what lies in the drive, and what a drive elsewhere holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backend.core.vault.vault import Vault
from backend.data.drive import signing
from backend.storage.file_errors import DriveFileMissing
from tests.integration.outside.conftest import PlainWorkspace
from workers.agent.tools.drive import Drive, DrivePull, DriveUrl

ELSEWHERE = {"far/away.csv": b"a,b"}


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    (tmp_path / "keys").mkdir()
    return Vault.open(tmp_path / "keys", None)


@pytest.fixture
def drive(workspace: PlainWorkspace, vault: Vault) -> Drive:
    """The drive of the room's project, with more of it kept elsewhere."""

    def sign(path: str, ttl_s: int) -> str:
        return signing.signed_url(
            vault,
            "http://puras.example.org",
            project_id=workspace.assignment.project_id,
            path=path,
            ttl_s=ttl_s,
        )

    async def read(path: str, most_bytes: int) -> bytes | None:
        if path not in ELSEWHERE:
            raise DriveFileMissing(path)
        content = ELSEWHERE[path]
        return content if len(content) <= most_bytes else None

    return Drive(sign, read)


async def test_an_address_opens_one_file_of_the_drive_for_as_long_as_was_said(
    workspace: PlainWorkspace, drive: Drive, vault: Vault
) -> None:
    (workspace.drive_dir / "report.pdf").write_bytes(b"%PDF-")
    for written in ("drive/report.pdf", "report.pdf"):
        result = await workspace.use(DriveUrl(drive), path=written, ttl=60)
        url, said = str(result.content).split("\n")
        token, name = url.removeprefix("http://puras.example.org/v1/drive/signed/").split("/")
        signed = signing.verify(vault, token, name)
        assert (signed.project_id, str(signed.path)) == (workspace.assignment.project_id, "report.pdf")
        assert said == "opens drive/report.pdf for 60 s."
        assert result.details == {"drive_path": "report.pdf", "expires_in": 60}


async def test_no_address_is_given_for_what_is_not_a_file_of_the_drive(
    workspace: PlainWorkspace, drive: Drive
) -> None:
    (workspace.drive_dir / "link").symlink_to("/etc/passwd")
    tool = DriveUrl(drive)
    assert "'drive/gone.pdf' does not exist" in await workspace.refused(tool, path="gone.pdf")
    assert "is a link" in await workspace.refused(tool, path="drive/link")
    assert "'..'" in await workspace.refused(tool, path="drive/../../etc/passwd")
    assert "ttl" in await workspace.refused(tool, path="drive/link", ttl=86_401)


async def test_a_file_of_a_live_drive_is_there_already(workspace: PlainWorkspace, drive: Drive) -> None:
    (workspace.drive_dir / "a.csv").write_bytes(b"a,b")
    assert (
        await workspace.use(DrivePull(drive), path="a.csv")
    ).content == "It is already available: drive/a.csv, 3 bytes."
    assert "does not exist" in await workspace.refused(DrivePull(drive), path="far/away.csv")


async def test_a_file_of_a_drive_elsewhere_comes_as_a_copy_that_is_not_put_back(
    workspace: PlainWorkspace, drive: Drive
) -> None:
    workspace.assignment = replace(workspace.assignment, has_staged_drive=True)
    result = await workspace.use(DrivePull(drive), path="drive/far/away.csv")
    assert result.details == {"path": "pulled/far/away.csv"}
    assert (workspace.folder / "pulled/far/away.csv").read_bytes() == b"a,b"
    assert not list(workspace.drive_dir.iterdir())
    with pytest.raises(DriveFileMissing):
        await workspace.use(DrivePull(drive), path="drive/gone.csv")
