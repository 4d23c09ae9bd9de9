"""The drive over REST: upload, list, read ranges, delete, and the rejected requests of each."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from backend.data.drive.uploads import receive
from backend.identity.api_keys.keys import Limits
from tests.integration.auth.conftest import World
from tests.integration.drive.conftest import Drive

JPEG = b"\xff\xd8\xff\xe0" + os.urandom(100)


async def test_upload_returns_path_size_hash_and_content_type(drive: Drive) -> None:
    response = await drive.upload(JPEG, "my photo.JPG")
    assert response.status_code == 201
    body = response.json()
    folder, name = body["drive_path"].split("/")
    assert (folder, name[36:]) == ("uploads", ".jpg")
    UUID(name[:36])
    assert body == {
        "drive_path": body["drive_path"],
        "size_bytes": len(JPEG),
        "sha256": hashlib.sha256(JPEG).hexdigest(),
        "mime": "image/jpeg",
    }
    assert (drive.folder / body["drive_path"]).read_bytes() == JPEG


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [
        ("out/new.jpg", "photo.jpg", "out/new.jpg"),
        ("drive/out/new.jpg", "photo.jpg", "out/new.jpg"),
        ("out/", "photo.jpg", "out/photo.jpg"),
        ("drive/", "photo.jpg", "photo.jpg"),
        ("out/", "C:\\Users\\ada\\photo.jpg", "out/photo.jpg"),
        ("out/", "../../photo.jpg", "out/photo.jpg"),
        ("été/", "日本.jpg", "été/日本.jpg"),
    ],
)
async def test_form_determines_the_path_of_a_file(drive: Drive, path: str, name: str, expected: str) -> None:
    response = await drive.upload(JPEG, name, path)
    assert response.json().get("drive_path") == expected, response.text
    assert (drive.folder / expected).read_bytes() == JPEG


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("../out.jpg", "x"),
        ("/etc/passwd", "x"),
        ("a/../../b", "x"),
        ("a\nb", "x"),
        ("out/", ".."),
        ("x" * 300, "x"),
        ("drive//etc/x", "x"),
        ("a\\b", "x"),
    ],
)
async def test_upload_to_an_invalid_path_is_rejected_and_not_stored(
    drive: Drive, path: str, name: str
) -> None:
    response = await drive.upload(JPEG, name, path)
    assert (response.status_code, response.json()["code"]) == (422, "bad_drive_path")
    assert list(drive.folder.iterdir()) == []


async def test_upload_replaces_a_file_but_not_a_folder(drive: Drive) -> None:
    await drive.upload(b"first", path="out/a.txt")
    assert (await drive.upload(b"second", path="out/a.txt")).status_code == 201
    assert (await drive.get("out/a.txt")).content == b"second"
    for path in ("out", "out/a.txt/b"):
        response = await drive.upload(b"x", path=path)
        assert (response.status_code, response.json()["code"]) == (409, "drive_path_taken")


async def test_file_over_the_json_body_limit_is_streamed_to_disk(drive: Drive) -> None:
    content = os.urandom(1024) * (12 * 1024)
    response = await drive.upload(content, path="large.bin")
    assert response.json()["sha256"] == hashlib.sha256(content).hexdigest()
    assert (await drive.get("large.bin")).content == content


async def test_file_over_the_limit_is_rejected_before_and_during_upload(
    drive: Drive, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    declared = await drive.client.post(
        "/v1/drive/upload",
        content=b"x",
        headers={
            **drive.headers,
            "Content-Type": "multipart/form-data; boundary=x",
            "Content-Length": str(2**31),
        },
    )
    monkeypatch.setattr(receive, "MAX_FILE_BYTES", 3_000_000)

    async def endless() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(10):
            yield b"\0" * 1_000_000

    streamed = await drive.client.post(
        "/v1/drive/upload",
        content=endless(),
        headers={**drive.headers, "Content-Type": "multipart/form-data; boundary=x"},
    )
    for response in (declared, streamed):
        assert (response.status_code, response.json()["code"]) == (413, "file_too_large")
    assert list((tmp_path / "storage" / "incoming").iterdir()) == []


PART = b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
FILE = PART % (b"file", b'; filename="a"', b"content")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not a form",
        b"--x--\r\n",
        FILE,
        FILE + FILE + b"--x--\r\n",
        PART % (b"other", b"", b"x") + b"--x--\r\n",
        FILE + PART % (b"path", b"", b"\xff") + b"--x--\r\n",
        FILE + PART % (b"path", b"", b"x" * 100_000) + b"--x--\r\n",
        b"".join(PART % (b"f%d" % number, b"", b"") for number in range(20)) + FILE + b"--x--\r\n",
        b"--x\r\n" + b"A: b\r\n" * 500 + b"\r\n",
        b"--x\r\nContent-Disposition: " + b"x" * 100_000 + b"\r\n\r\n",
        b"--x\r\nContent-Type: text/plain\r\n\r\nno name\r\n--x--\r\n",
    ],
)
async def test_malformed_form_is_rejected_and_not_stored(drive: Drive, body: bytes, tmp_path: Path) -> None:
    response = await drive.client.post(
        "/v1/drive/upload",
        content=body,
        headers={**drive.headers, "Content-Type": "multipart/form-data; boundary=x"},
    )
    assert (response.status_code, response.json()["code"]) == (400, "bad_upload")
    assert list(drive.folder.iterdir()) == list((tmp_path / "storage" / "incoming").iterdir()) == []


@pytest.mark.parametrize(
    "kind", ["", "application/json", "multipart/form-data", "multipart/form-data; boundary="]
)
async def test_body_that_is_not_a_form_is_rejected(drive: Drive, kind: str) -> None:
    response = await drive.client.post(
        "/v1/drive/upload", content=b"x", headers={**drive.headers, "Content-Type": kind}
    )
    assert (response.status_code, response.json()["code"]) == (415, "unsupported")


async def test_upload_repeated_with_one_idempotency_key_is_stored_once(drive: Drive) -> None:
    first, second = [await drive.upload(JPEG, **{"Idempotency-Key": "once"}) for _ in range(2)]
    assert first.json() == second.json()
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(list((drive.folder / "uploads").iterdir())) == 1
    other = await drive.upload(b"another file", **{"Idempotency-Key": "once"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_file_is_served_as_a_download_and_never_as_a_page(drive: Drive) -> None:
    await drive.upload(b"<script>alert(1)</script>", path='é "quoted".html')
    response = await drive.get("é%20%22quoted%22.html")
    assert response.status_code == 200
    assert (
        response.headers["content-disposition"] == "attachment; filename*=UTF-8''%C3%A9%20%22quoted%22.html"
    )
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in response.headers["content-security-policy"]
    assert response.headers["cross-origin-resource-policy"] == "same-origin"
    assert response.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("name", "content", "served_as"),
    [
        ("a.js", b"run()", "text/plain"),
        ("a.css", b"a { b: c }", "text/plain"),
        ("a.html", b"<script>run()</script>", "text/plain"),
        ("a.htm", b"<script>run()</script>", "text/plain"),
        ("a.xml", b"<?xml version='1.0'?><?xml-stylesheet href='b.xsl'?><a/>", "text/plain"),
        ("a.wasm", b"\0asm\1\0\0\0", "application/octet-stream"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
        ("a.json", b"{}", "application/json"),
        ("a.png", b"\x89PNG\r\n\x1a\n", "image/png"),
    ],
)
async def test_active_content_is_served_as_text(
    drive: Drive, name: str, content: bytes, served_as: str
) -> None:
    """The listing still reports the real content type; only the response has another one."""
    await drive.upload(content, path=name)
    project = await drive.get(name)
    signed = await drive.client.get((await drive.sign(name)).json()["signed_url"])
    for response in (project, signed):
        assert (response.status_code, response.headers["content-type"]) == (200, served_as)
        assert response.headers["x-content-type-options"] == "nosniff"
        assert (
            response.headers["content-security-policy"]
            == "default-src 'none'; sandbox; frame-ancestors 'none'"
        )
    assert "Sec-Fetch-Dest" in project.headers["vary"]


@pytest.mark.parametrize("destination", ["", "empty", "document", "image", "audio", "video", "track"])
async def test_file_can_be_fetched_for_each_destination(drive: Drive, destination: str) -> None:
    await drive.upload(b"content", path="a.txt")
    headers = {"Sec-Fetch-Dest": destination} if destination else {}
    url = (await drive.sign("a.txt")).json()["signed_url"]
    assert (await drive.get("a.txt", **headers)).content == b"content"
    assert (await drive.client.get(url, headers=headers)).content == b"content"


@pytest.mark.parametrize(
    ("requested_range", "status", "content", "content_range"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=4-", 206, b"456789", "bytes 4-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=8-100", 206, b"89", "bytes 8-9/10"),
        ("bytes=-100", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=9-9", 206, b"9", "bytes 9-9/10"),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=-0", 416, None, "bytes */10"),
        ("bytes=5-2", 200, b"0123456789", None),
        ("bytes=0-1,4-5", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        ("lines=0-3", 200, b"0123456789", None),
        ("bytes=" + "9" * 400 + "-", 200, b"0123456789", None),
    ],
)
async def test_range_of_a_file_is_returned(
    drive: Drive, requested_range: str, status: int, content: bytes | None, content_range: str | None
) -> None:
    await drive.upload(b"0123456789", path="digits.txt")
    response = await drive.get("digits.txt", Range=requested_range)
    assert response.status_code == status
    assert response.headers.get("content-range") == content_range
    if content is not None:
        assert response.content == content
        assert response.headers["content-length"] == str(len(content))


async def test_range_of_a_changed_file_returns_the_whole_file(drive: Drive) -> None:
    await drive.upload(b"0123456789", path="digits.txt")
    etag = (await drive.get("digits.txt")).headers["etag"]
    kept = await drive.get("digits.txt", **{"Range": "bytes=5-", "If-Range": etag})
    assert (kept.status_code, kept.content) == (206, b"56789")
    await drive.upload(b"abcdefghij", path="digits.txt")
    changed = await drive.get("digits.txt", **{"Range": "bytes=5-", "If-Range": etag})
    assert (changed.status_code, changed.content) == (200, b"abcdefghij")


async def test_unchanged_file_returns_304(drive: Drive) -> None:
    await drive.upload(b"first", path="a.txt")
    etag = (await drive.get("a.txt")).headers["etag"]
    for known in (etag, f'"other", W/{etag}', "*"):
        again = await drive.get("a.txt", **{"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
    await drive.upload(b"second", path="a.txt")
    assert (await drive.get("a.txt", **{"If-None-Match": etag})).content == b"second"


async def test_head_returns_headers_without_content(drive: Drive) -> None:
    await drive.upload(JPEG, path="a.jpg")
    response = await drive.client.head("/v1/drive/files/a.jpg", headers=drive.headers)
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == str(len(JPEG))
    assert response.headers["content-type"] == "image/jpeg"


async def test_empty_file_is_stored_and_read(drive: Drive) -> None:
    assert (await drive.upload(b"", path="empty")).status_code == 201
    response = await drive.get("empty")
    assert (response.status_code, response.content) == (200, b"")
    assert (await drive.get("empty", Range="bytes=0-")).status_code == 416


async def test_no_descriptor_stays_open_after_any_response(drive: Drive) -> None:
    await drive.upload(b"0123456789", path="digits.txt")
    etag = (await drive.get("digits.txt")).headers["etag"]
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        await drive.get("digits.txt")
        await drive.get("digits.txt", Range="bytes=0-1")
        await drive.get("digits.txt", Range="bytes=100-")
        await drive.get("digits.txt", **{"If-None-Match": etag})
        await drive.client.head("/v1/drive/files/digits.txt", headers=drive.headers)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1


@pytest.mark.parametrize(
    "path",
    [
        "none.txt",
        "link",
        "pipe",
        "folder",
        "folder/none",
        "link/passwd",
        "%2e%2e/secret",
        "..%2fsecret",
        "%2fetc",
    ],
)
async def test_path_that_is_not_a_file_of_the_drive_is_not_served(drive: Drive, path: str) -> None:
    (drive.folder / "link").symlink_to("/etc")
    (drive.folder / "folder").mkdir()
    os.mkfifo(drive.folder / "pipe")
    response = await drive.get(path)
    assert response.status_code in (404, 422)
    assert response.json()["code"] in ("drive_file_not_found", "bad_drive_path")


async def test_file_and_empty_folder_can_be_deleted_but_a_full_one_cannot(drive: Drive) -> None:
    await drive.upload(b"x", path="out/a.txt")

    async def delete(path: str) -> httpx.Response:
        return await drive.client.delete(f"/v1/drive/files/{path}", headers=drive.headers)

    assert (await delete("out")).json()["code"] == "drive_folder_not_empty"
    assert (await delete("out/a.txt")).status_code == 204
    assert (await delete("out/")).status_code == 204
    assert (await delete("out")).status_code == 404
    assert (await delete("")).status_code in (404, 405, 422)
    assert drive.folder.is_dir()


async def test_listing_returns_folders_and_files_in_pages(drive: Drive) -> None:
    for path in ("a.txt", "out/1.txt", "out/2.txt", "out/deep/3.txt", "outer.txt"):
        await drive.upload(b"12345", path=path)
    [first, *_] = (await drive.list()).json()
    assert first == {
        "path": "a.txt",
        "size_bytes": 5,
        "mime": "text/plain",
        "modified_at": first["modified_at"],
        "is_folder": False,
        "sha256": hashlib.sha256(b"12345").hexdigest(),
        "written_by": first["written_by"],
        "written_at": first["written_at"],
    }

    async def paths(**query: object) -> list[str]:
        found: list[str] = []
        while True:
            response = await drive.list(**query)
            assert response.status_code == 200, response.text
            found += [row["path"] for row in response.json()]
            if "next" not in response.links:
                return found
            query["cursor"] = httpx.URL(response.links["next"]["url"]).params["cursor"]

    everything = ["a.txt", "out", "out/1.txt", "out/2.txt", "out/deep", "out/deep/3.txt", "outer.txt"]
    for limit in (1, 2, 200):
        assert await paths(limit=limit) == ["a.txt", "out", "outer.txt"]
        assert await paths(limit=limit, recursive=True) == everything
        assert await paths(limit=limit, prefix="out", recursive=True) == everything[2:6]
    assert await paths(prefix="drive/out/") == ["out/1.txt", "out/2.txt", "out/deep"]
    assert await paths(prefix="ou") == ["out", "outer.txt"]
    assert await paths(prefix="out/1") == ["out/1.txt"]
    assert await paths(prefix="none/") == []


@pytest.mark.parametrize(
    "query", [{"prefix": "../"}, {"cursor": "junk"}, {"cursor": "WyIuLi8iXQ"}, {"limit": "0"}]
)
async def test_invalid_listing_parameters_are_rejected(drive: Drive, query: dict[str, str]) -> None:
    assert (await drive.list(**query)).status_code == 422


async def test_project_cannot_read_files_of_another_project(drive: Drive, world: World) -> None:
    await drive.upload(b"mine", path="a.txt")
    foreign = await world.key(await world.project("Other"))
    assert (await drive.client.get("/v1/drive/files/a.txt", headers=foreign)).status_code == 404
    assert (await drive.client.get("/v1/drive", headers=foreign)).json() == []
    assert (await drive.client.delete("/v1/drive/files/a.txt", headers=foreign)).status_code == 404
    signed = await drive.client.post("/v1/drive/sign", json={"path": "a.txt"}, headers=foreign)
    assert signed.status_code == 404
    traversal = f"%2e%2e/{drive.project.id}/a.txt"
    assert (await drive.client.get(f"/v1/drive/files/{traversal}", headers=foreign)).status_code == 422


async def test_scopes_and_kinds_of_keys_are_enforced(drive: Drive, world: World) -> None:
    await drive.upload(b"x", path="a.txt")
    publishable = await world.key(drive.project, "publishable")
    reader = await world.key(drive.project, limits=Limits(scopes=["drive:read"]))
    writer = await world.key(drive.project, limits=Limits(scopes=["drive:write"]))
    reads = [("GET", "/v1/drive"), ("GET", "/v1/drive/files/a.txt")]
    writes = [("POST", "/v1/drive/upload"), ("DELETE", "/v1/drive/files/none")]
    for headers, can_read, can_write in (
        (publishable, False, False),
        (reader, True, False),
        (writer, False, True),
    ):
        for routes, may in ((reads, can_read), (writes, can_write)):
            for method, path in routes:
                status = (await drive.client.request(method, path, headers=headers)).status_code
                assert (status != 403) == may, (method, path, status)
    for method, path in reads + writes:
        assert (await drive.client.request(method, path)).status_code == 401


@pytest.mark.parametrize("recursive", [False, True])
async def test_folder_named_drive_is_listed_once_over_many_pages(drive: Drive, *, recursive: bool) -> None:
    for path in ("drive/drive/a.txt", "drive/drive/drive/b.txt", "a.txt", "drive/e.txt"):
        await drive.upload(b"x", path=path)
    whole = [row["path"] for row in (await drive.list(recursive=recursive)).json()]
    url, found = f"/v1/drive?limit=1&recursive={recursive}", []
    while url:
        response = await drive.client.get(url, headers=drive.headers)
        assert response.status_code == 200, response.text
        found += [row["path"] for row in response.json()]
        url = response.links.get("next", {}).get("url", "")
    assert found == whole
    assert "drive/drive/b.txt" in found or not recursive
