"""Signed URLs: each gives access to one file for a limited time, and a changed one gives access to nothing."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from cryptography.fernet import Fernet
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.context import AppContext
from backend.core.clock import now
from backend.core.vault.vault import Vault
from backend.data.drive import signing
from backend.identity.auth import job_tokens
from backend.identity.tables import Project
from backend.storage.file_errors import BadSignature
from tests.integration.auth.conftest import World
from tests.integration.drive.conftest import Drive


async def signed(drive: Drive, path: str = "out/é a.txt", ttl: int = 3600) -> str:
    await drive.upload(b"content", path=path)
    response = await drive.sign(path, ttl)
    assert response.status_code == 200, response.text
    return str(response.json()["signed_url"])


async def test_signed_url_opens_the_file_without_a_key(drive: Drive) -> None:
    await drive.upload(b"0123456789", path="out/é a.txt")
    response = await drive.sign("drive/out/é a.txt", 60)
    body = response.json()
    assert (body["path"], body["expires_in"]) == ("out/é a.txt", 60)
    assert body["signed_url"].startswith("http://127.0.0.1:8123/v1/drive/signed/")
    assert body["signed_url"].endswith("/%C3%A9%20a.txt")
    opened = await drive.client.get(body["signed_url"] + "?utm_source=mail", headers={"Range": "bytes=2-4"})
    assert (opened.status_code, opened.content) == (206, b"234")
    assert opened.headers["content-disposition"].startswith("attachment")
    assert opened.headers["cross-origin-resource-policy"] == "cross-origin"


async def test_changed_url_is_rejected(drive: Drive, world: World) -> None:
    url = await signed(drive)
    token = url.rsplit("/", 2)[1]
    sealed = bytearray(base64.urlsafe_b64decode(token + "=="))
    for place in range(0, len(sealed), 5):
        forged = bytearray(sealed)
        forged[place] ^= 1
        changed = url.replace(token, base64.urlsafe_b64encode(forged).decode().rstrip("="))
        response = await drive.client.get(changed)
        assert (response.status_code, response.json()["code"]) == (404, "bad_signature")
    for changed in (url[:-5] + "b.txt", url.replace(token, token[:-8]), url.replace(token, "x"), url + "/x"):
        assert (await drive.client.get(changed)).status_code == 404
    for changed in (url.replace(token, token + "AAAA"), url.replace(token, "A" * 5000)):
        assert (await drive.client.get(changed)).status_code == 404


async def test_expired_url_is_rejected(drive: Drive, instance: AppContext) -> None:
    await drive.upload(b"x", path="a.txt")
    for ttl_s, status in ((30, 200), (0, 403), (-100, 403)):
        url = signing.signed_url(
            instance.vault, instance.settings.url, project_id=drive.project.id, path="a.txt", ttl_s=ttl_s
        )
        assert (await drive.client.get(url)).status_code == status


async def test_url_of_a_deleted_file_or_project_is_rejected(
    drive: Drive, instance: AppContext, world: World
) -> None:
    url = await signed(drive, "a.txt")
    await drive.client.delete("/v1/drive/files/a.txt", headers=drive.headers)
    gone = await drive.client.get(url)
    assert (gone.status_code, gone.json()["code"]) == (404, "drive_file_not_found")
    await signed(drive, "a.txt")
    async with instance.database.transaction() as session:
        project = await session.get_one(Project, drive.project.id)
        project.deleted_at = now()
    assert (await drive.client.get(url)).json()["code"] == "bad_signature"


async def test_url_of_another_instance_or_purpose_is_rejected(drive: Drive, instance: AppContext) -> None:
    await drive.upload(b"x", path="a.txt")
    foreign = Vault.open(Path("/none"), Fernet.generate_key().decode())
    url = signing.signed_url(
        foreign, instance.settings.url, project_id=drive.project.id, path="a.txt", ttl_s=60
    )
    assert (await drive.client.get(url)).status_code == 404
    token = job_tokens.mint(
        instance.vault, project_id=drive.project.id, job_id=uuid4(), attempt=1, expires_at=now()
    )
    assert (await drive.client.get(f"/v1/drive/signed/{token}/a.txt")).status_code == 404


@pytest.mark.parametrize("ttl", [0, 29, 30 * 24 * 3600 + 1, -1, "long"])
async def test_invalid_lifetime_is_rejected(drive: Drive, ttl: int) -> None:
    await drive.upload(b"x", path="a.txt")
    assert (await drive.sign("a.txt", ttl)).status_code == 422


@pytest.mark.parametrize(("path", "status"), [("none.txt", 404), ("folder", 404), ("../a", 422), ("", 422)])
async def test_only_an_existing_file_can_be_signed(drive: Drive, path: str, status: int) -> None:
    (drive.folder / "folder").mkdir()
    assert (await drive.sign(path)).status_code == status


async def test_caller_signs_only_for_its_project(drive: Drive) -> None:
    await drive.upload(b"x", path="a.txt")
    for workspace_id, status in ((drive.project.id, 200), (uuid4(), 403)):
        response = await drive.client.post(
            "/v1/drive/sign", json={"path": "a.txt", "workspace_id": str(workspace_id)}, headers=drive.headers
        )
        assert response.status_code == status


@settings(max_examples=300)
@given(
    st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: base64.urlsafe_b64encode(raw).decode())
)
def test_forged_token_is_invalid(tmp_path: Path, token: str) -> None:
    vault = Vault.open(tmp_path, None)
    with pytest.raises(BadSignature):
        signing.verify(vault, token, "a.txt")


def test_longest_path_fits_into_a_url(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path, None)
    path = "/".join(["é" * 127] * 4)
    project_id = uuid4()
    url = signing.signed_url(vault, "http://x", project_id=project_id, path=path, ttl_s=60)
    *_, token, name = urlsplit(url).path.split("/")
    opened = signing.verify(vault, token, httpx.URL(f"http://x/{name}").path[1:])
    assert (opened.project_id, str(opened.path)) == (project_id, path)
