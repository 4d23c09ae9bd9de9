"""Folders over REST, moves and copies, and the valid names of new entries."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.integration.auth.conftest import World
from tests.integration.drive.conftest import Drive


async def post(drive: Drive, route: str, **fields: Any) -> httpx.Response:
    return await drive.client.post(f"/v1/drive/{route}", json=fields, headers=drive.headers)


async def files(drive: Drive) -> dict[str, Any]:
    rows = (await drive.list(recursive=True)).json()
    return {row["path"]: row for row in rows if not row["is_folder"]}


async def test_empty_folder_is_created_and_listed(drive: Drive) -> None:
    response = await post(drive, "folders", path="out/deep/")
    assert (response.status_code, response.json()["path"], response.json()["is_folder"]) == (
        200,
        "out/deep",
        True,
    )
    assert [row["path"] for row in (await drive.list(recursive=True)).json()] == ["out", "out/deep"]


async def test_delimiter_groups_files_into_folders(drive: Drive) -> None:
    await drive.upload(b"x", path="out/a.txt")
    assert [row["path"] for row in (await drive.list(delimiter="/")).json()] == ["out"]
    assert (await drive.list(delimiter="/", recursive=True)).status_code == 422
    assert (await drive.list(delimiter=":")).status_code == 422


async def test_full_folder_is_deleted_with_its_metadata_and_usage(drive: Drive) -> None:
    for name in ("a.txt", "deep/b.txt"):
        await drive.upload(b"12345", path=f"out/{name}")
    await drive.upload(b"1", path="outer.txt")
    response = await drive.client.delete("/v1/drive/folders/out", headers=drive.headers)
    assert response.json() == {"deleted": 4, "is_done": True}
    assert [row["path"] for row in (await drive.list()).json()] == ["outer.txt"]
    used = (await drive.client.get("/v1/drive/usage", headers=drive.headers)).json()
    assert used["used_bytes"] == 1
    for path in ("out", "outer.txt", "%2e%2e", ""):
        again = await drive.client.delete(f"/v1/drive/folders/{path}", headers=drive.headers)
        assert again.status_code in (404, 422), path


async def test_file_is_moved_with_its_metadata(drive: Drive) -> None:
    await drive.upload(b"x", path="a.txt")
    [before] = (await drive.list()).json()
    response = await post(drive, "move", source="a.txt", target="out/b.txt")
    after = response.json()
    assert response.status_code == 200
    assert (after["path"], after["sha256"], after["written_by"]) == (
        "out/b.txt",
        before["sha256"],
        before["written_by"],
    )
    assert (await drive.get("a.txt")).status_code == 404
    assert (await drive.get("out/b.txt")).content == b"x"


async def test_folder_is_moved_with_the_metadata_of_its_files(drive: Drive) -> None:
    """Otherwise a job that runs meanwhile is recorded as their writer, and its key could read them."""
    for name in ("a.txt", "deep/b.txt"):
        await drive.upload(b"x", path=f"out/{name}")
    await drive.upload(b"x", path="outer/c.txt")
    before = await files(drive)
    assert (await post(drive, "move", source="out", target="moved/in")).status_code == 200
    after = await files(drive)
    assert set(after) == {"moved/in/a.txt", "moved/in/deep/b.txt", "outer/c.txt"}
    for path, row in after.items():
        known = before[path.replace("moved/in/", "out/")]
        assert row["written_by"] is not None
        for name in ("sha256", "written_by", "written_at"):
            assert row[name] == known[name], (path, name)


async def test_copy_is_a_separate_file(drive: Drive) -> None:
    await drive.upload(b"x", path="a.txt")
    assert (await post(drive, "copy", source="a.txt", target="b.txt")).status_code == 200
    (drive.folder / "b.txt").write_bytes(b"changed")
    assert (await drive.get("a.txt")).content == b"x"
    assert (await post(drive, "copy", source="out", target="c.txt")).status_code == 404


@pytest.mark.parametrize("route", ["move", "copy"])
async def test_files_are_overwritten_only_on_request(drive: Drive, route: str) -> None:
    await drive.upload(b"a", path="a.txt")
    await drive.upload(b"b", path="b.txt")
    rejected = await post(drive, route, source="a.txt", target="b.txt")
    assert (rejected.status_code, rejected.json()["code"]) == (409, "drive_path_taken")
    assert (await drive.get("b.txt")).content == b"b"
    done = await post(drive, route, source="a.txt", target="b.txt", overwrite=True)
    assert done.status_code == 200
    assert (await drive.get("b.txt")).content == b"a"


@pytest.mark.parametrize(
    "name",
    [" ", "a ", " a", "a.", "nul", "CON.txt", "com1", "a\u202eb", "a\u200bb", "x" * 300, "../a", "a\nb"],
)
async def test_unportable_name_is_rejected_by_every_route(drive: Drive, name: str) -> None:
    await drive.upload(b"x", path="a.txt")
    responses = [
        await drive.upload(b"x", path=f"out/{name}"),
        await post(drive, "folders", path=f"out/{name}"),
        await post(drive, "move", source="a.txt", target=f"out/{name}"),
        await post(drive, "copy", source="a.txt", target=f"out/{name}"),
    ]
    for response in responses:
        assert (response.status_code, response.json()["code"]) == (422, "bad_drive_path")
    assert [row["path"] for row in (await drive.list(recursive=True)).json()] == ["a.txt"]


async def test_new_name_is_stored_with_composed_letters(drive: Drive) -> None:
    response = await drive.upload(b"x", path="e\u0301te\u0301.txt")
    assert response.json()["drive_path"] == "\u00e9t\u00e9.txt"


async def test_name_created_by_a_job_is_read_and_deleted_unchanged(drive: Drive) -> None:
    (drive.folder / "a ").write_bytes(b"x")
    assert (await drive.get("a%20")).content == b"x"
    gone = await drive.client.delete("/v1/drive/files/a%20", headers=drive.headers)
    assert gone.status_code == 204


async def test_project_cannot_change_files_of_another_project(drive: Drive, world: World) -> None:
    await drive.upload(b"x", path="out/a.txt")
    theirs = await world.key(await world.project("Other"))
    for method, url, body in (
        ("POST", "/v1/drive/move", {"source": "out/a.txt", "target": "b.txt"}),
        ("POST", "/v1/drive/copy", {"source": "out/a.txt", "target": "b.txt"}),
        ("DELETE", "/v1/drive/folders/out", None),
        ("GET", "/v1/drive/facts?path=out/a.txt", None),
    ):
        response = await drive.client.request(method, url, json=body, headers=theirs)
        assert response.status_code == 404, url
    assert (drive.folder / "out" / "a.txt").read_bytes() == b"x"


async def test_file_records_the_key_that_wrote_it(drive: Drive) -> None:
    await drive.upload(b"x", path="a.txt")
    [row] = (await drive.list()).json()
    assert row["written_by"]["kind"] == "key"
    assert row["written_by"]["label"].startswith("key:")
    assert row["written_at"] is not None
