"""Checksums: served with a file, checked when it comes, and never told of a file that has changed."""

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


async def test_a_file_comes_with_its_hash_as_its_tag(drive: Drive) -> None:
    await drive.upload(CONTENT, path="a.txt")
    for answer in (await drive.get("a.txt"), await drive.get("a.txt", Range="bytes=0-2")):
        assert answer.headers["etag"] == f'"{SHA256}"'
        assert answer.headers["repr-digest"] == digest(CONTENT)
    assert (await drive.get("a.txt", **{"If-None-Match": f'"{SHA256}"'})).status_code == 304
    assert (await drive.list()).json()[0]["sha256"] == SHA256


async def test_a_hash_is_of_the_file_that_is_there_now(drive: Drive) -> None:
    await drive.upload(CONTENT, path="a.txt")
    (drive.folder / "a.txt").write_bytes(b"other words")  # as long
    assert (await drive.list()).json()[0]["sha256"] is None
    answer = await drive.get("a.txt")
    assert answer.headers["etag"] != f'"{SHA256}"'
    assert answer.headers.get("repr-digest") in (None, digest(b"other words"))


async def test_a_file_that_a_job_wrote_is_hashed_once_it_has_settled(drive: Drive) -> None:
    (drive.folder / "a.txt").write_bytes(CONTENT)
    os.utime(drive.folder / "a.txt", (1_000_000, 1_000_000))  # says nothing of when that was
    assert (await drive.get("a.txt")).headers["etag"] != f'"{SHA256}"'
    assert (await drive.list()).json()[0]["sha256"] is None
    assert await drive.hash_once_settled("a.txt") == SHA256
    assert (await drive.list()).json()[0]["sha256"] == SHA256
    told = await drive.client.get("/v1/drive/facts?path=a.txt", headers=drive.headers)
    assert told.json()["sha256"] == SHA256


@pytest.mark.parametrize("header", ["Content-Digest", "Repr-Digest"])
async def test_an_upload_that_is_not_what_its_digest_says_is_refused_and_stores_nothing(
    drive: Drive, header: str, tmp_path: Path
) -> None:
    wrong = {header: digest(b"something else")}
    answers = [
        await drive.upload(CONTENT, path="a.txt", **wrong),
        await drive.client.put("/v1/drive/files/a.txt", content=CONTENT, headers={**drive.headers, **wrong}),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (422, "digest_mismatch")
    assert list(drive.folder.iterdir()) == list((tmp_path / "storage" / "incoming").iterdir()) == []


async def test_an_upload_with_the_right_digest_is_stored(drive: Drive) -> None:
    right = {"Repr-Digest": f"sha-512=:AAAA:, {digest(CONTENT)}"}
    assert (await drive.upload(CONTENT, path="a.txt", **right)).status_code == 201
    sent = await drive.client.put(
        "/v1/drive/files/b.txt", content=CONTENT, headers={**drive.headers, "Content-Digest": digest(CONTENT)}
    )
    assert (sent.status_code, sent.json()["sha256"]) == (201, SHA256)


async def test_the_digest_of_a_form_may_be_that_of_the_whole_body(drive: Drive) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nc\r\n--x--\r\n'
    headers = {
        **drive.headers,
        "Content-Type": "multipart/form-data; boundary=x",
        "Content-Digest": digest(body),
    }
    assert (await drive.client.post("/v1/drive/upload", content=body, headers=headers)).status_code == 201


@pytest.mark.parametrize("value", ["junk", "sha-256=:AAAA:", "sha-256=:!:", "sha-256=abc", ""])
async def test_a_digest_that_cannot_be_read_is_refused(drive: Drive, value: str) -> None:
    answer = await drive.upload(CONTENT, path="a.txt", **{"Content-Digest": value})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_a_part_behind_the_end_is_refused_with_a_sentence(drive: Drive) -> None:
    await drive.upload(CONTENT, path="a.txt")
    answer = await drive.get("a.txt", Range="bytes=100-")
    assert (answer.status_code, answer.json()["code"], answer.json()["size_bytes"]) == (
        416,
        "range_not_satisfiable",
        len(CONTENT),
    )
