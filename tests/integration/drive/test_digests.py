"""Checksums: returned with a file, verified on upload, and never returned for a file that has changed."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

import pytest

from tests.integration.drive.conftest import Drive

CONTENT = b"the content"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def digest(content: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


async def test_etag_of_a_file_is_its_hash(drive: Drive) -> None:
    await drive.upload(CONTENT, path="a.txt")
    for response in (await drive.get("a.txt"), await drive.get("a.txt", Range="bytes=0-2")):
        assert response.headers["etag"] == f'"{SHA256}"'
        assert response.headers["repr-digest"] == digest(CONTENT)
    assert (await drive.get("a.txt", **{"If-None-Match": f'"{SHA256}"'})).status_code == 304
    assert (await drive.list()).json()[0]["sha256"] == SHA256


async def test_hash_belongs_to_the_current_file(drive: Drive) -> None:
    await drive.upload(CONTENT, path="a.txt")
    (drive.folder / "a.txt").write_bytes(b"other words")  # the same length
    assert (await drive.list()).json()[0]["sha256"] is None
    response = await drive.get("a.txt")
    assert response.headers["etag"] != f'"{SHA256}"'
    assert response.headers.get("repr-digest") in (None, digest(b"other words"))


async def test_file_written_by_a_job_is_hashed_when_it_no_longer_changes(drive: Drive) -> None:
    (drive.folder / "a.txt").write_bytes(CONTENT)
    os.utime(
        drive.folder / "a.txt", (1_000_000, 1_000_000)
    )  # the timestamps do not show when the file was written
    assert (await drive.get("a.txt")).headers["etag"] != f'"{SHA256}"'
    assert (await drive.list()).json()[0]["sha256"] is None
    assert await drive.wait_for_hash("a.txt") == SHA256
    assert (await drive.list()).json()[0]["sha256"] == SHA256
    facts = await drive.client.get("/v1/drive/facts?path=a.txt", headers=drive.headers)
    assert facts.json()["sha256"] == SHA256


@pytest.mark.parametrize("header", ["Content-Digest", "Repr-Digest"])
async def test_upload_with_a_wrong_digest_is_rejected_and_not_stored(
    drive: Drive, header: str, tmp_path: Path
) -> None:
    wrong = {header: digest(b"something else")}
    responses = [
        await drive.upload(CONTENT, path="a.txt", **wrong),
        await drive.client.put("/v1/drive/files/a.txt", content=CONTENT, headers={**drive.headers, **wrong}),
    ]
    for response in responses:
        assert (response.status_code, response.json()["code"]) == (422, "digest_mismatch")
    assert list(drive.folder.iterdir()) == list((tmp_path / "storage" / "incoming").iterdir()) == []


async def test_upload_with_the_right_digest_is_stored(drive: Drive) -> None:
    right = {"Repr-Digest": f"sha-512=:AAAA:, {digest(CONTENT)}"}
    assert (await drive.upload(CONTENT, path="a.txt", **right)).status_code == 201
    sent = await drive.client.put(
        "/v1/drive/files/b.txt", content=CONTENT, headers={**drive.headers, "Content-Digest": digest(CONTENT)}
    )
    assert (sent.status_code, sent.json()["sha256"]) == (201, SHA256)


async def test_digest_of_a_form_may_cover_the_whole_body(drive: Drive) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nc\r\n--x--\r\n'
    headers = {
        **drive.headers,
        "Content-Type": "multipart/form-data; boundary=x",
        "Content-Digest": digest(body),
    }
    assert (await drive.client.post("/v1/drive/upload", content=body, headers=headers)).status_code == 201


@pytest.mark.parametrize("value", ["junk", "sha-256=:AAAA:", "sha-256=:!:", "sha-256=abc", ""])
async def test_invalid_digest_is_rejected(drive: Drive, value: str) -> None:
    response = await drive.upload(CONTENT, path="a.txt", **{"Content-Digest": value})
    assert (response.status_code, response.json()["code"]) == (422, "invalid")


async def test_range_after_the_end_is_rejected_with_a_message(drive: Drive) -> None:
    await drive.upload(CONTENT, path="a.txt")
    response = await drive.get("a.txt", Range="bytes=100-")
    assert (response.status_code, response.json()["code"], response.json()["size_bytes"]) == (
        416,
        "range_not_satisfiable",
        len(CONTENT),
    )
