"""Every invalid request returns a 4xx error that names the location and the fix, and stores nothing."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from sqlalchemy import text

from backend.context import AppContext
from backend.core.db.engine import Database
from backend.skills.archives.pack import pack_files

GOOD = {
    "skills/double/skill.yaml": b"""\
entrypoint: main.py:run
input_schema: {type: object, properties: {n: {type: integer}, note: {type: string}}, required: [n]}
output_schema: {type: object, properties: {n: {type: integer}}}
""",
    "skills/double/main.py": b"def run(n):\n    return {'n': 2 * n}\n",
}
YAML = "skills/double/skill.yaml"
STORED = (
    "deployments",
    "jobs",
    "job_queue",
    "idempotency_keys",
    "secrets",
    "api_keys",
    "skillpacks",
    "ledger_entries",
)


class Refusal(NamedTuple):
    """The expected response."""

    status: int
    code: str
    says: str
    """Text that the message or one of its problems contains."""


async def test_valid_bundle_is_accepted(project: Any) -> None:
    await project.pushed(GOOD)


# Bundles

BUNDLES: dict[str, tuple[bytes, Refusal]] = {
    "empty": (b"", Refusal(400, "bundle_unreadable", "ZIP")),
    "no zip": (b"\x1f\x8b\x08 a tar, perhaps", Refusal(400, "bundle_unreadable", "ZIP")),
    "truncated": (pack_files(GOOD)[:-30], Refusal(400, "bundle_unreadable", "ZIP")),
    "no skill": (pack_files({"README.md": b"hello"}), Refusal(422, "bundle_invalid", "skill.yaml")),
    "invalid yaml": (
        pack_files({**GOOD, YAML: b"entrypoint: [main.py\n  x: {\n"}),
        Refusal(422, "bundle_invalid", YAML),
    ),
    "yaml with a Python object": (
        pack_files({**GOOD, YAML: b"entrypoint: !!python/object/apply:os.system ['touch /tmp/owned']\n"}),
        Refusal(422, "bundle_invalid", YAML),
    ),
    "yaml that is a list": (
        pack_files({**GOOD, YAML: b"- entrypoint\n"}),
        Refusal(422, "bundle_invalid", YAML),
    ),
    "unknown key": (
        pack_files({**GOOD, YAML: GOOD[YAML] + b"time_out_s: 5\n"}),
        Refusal(422, "bundle_invalid", "timeout_s"),
    ),
    "bad schema": (
        pack_files({**GOOD, YAML: GOOD[YAML].replace(b"type: integer}, note", b"type: intger}, note")}),
        Refusal(422, "bundle_invalid", "integer"),
    ),
    "no such function": (
        pack_files({**GOOD, "skills/double/main.py": b"def walk(n):\n    return n\n"}),
        Refusal(422, "bundle_invalid", "run"),
    ),
    "invalid python": (
        pack_files({**GOOD, "skills/double/main.py": b"def run(n)\n    return n\n"}),
        Refusal(422, "bundle_invalid", "main.py"),
    ),
    "no entrypoint file": (pack_files({YAML: GOOD[YAML]}), Refusal(422, "bundle_invalid", "main.py")),
    "requirements with a url": (
        pack_files({**GOOD, "requirements.txt": b"six @ file:///etc/passwd\n"}),
        Refusal(422, "bundle_invalid", "requirements.txt"),
    ),
}


@pytest.mark.parametrize("name", BUNDLES)
async def test_invalid_bundle_is_rejected(project: Any, instance: AppContext, name: str) -> None:
    bundle, refusal = BUNDLES[name]
    before = await state(instance)
    check(await project.push_bytes(bundle), refusal)
    assert await state(instance) == before


@pytest.mark.parametrize(
    "entry", ["../out.py", "/etc/cron.d/x", "skills\\..\\..\\x", "skills/double/\x00.py"]
)
async def test_bundle_with_paths_outside_is_rejected(project: Any, instance: AppContext, entry: str) -> None:
    packed, placeholder = io.BytesIO(), "p" * len(entry)
    with zipfile.ZipFile(packed, "w") as archive:
        for path, data in {**GOOD, placeholder: b"x"}.items():
            archive.writestr(path, data)
    raw = packed.getvalue().replace(placeholder.encode(), entry.encode())
    before = await state(instance)
    response = await project.push_bytes(raw)
    assert response.status_code in (400, 422), response.text
    assert await state(instance) == before


# Jobs

JOBS: dict[str, tuple[Any, Refusal]] = {
    "no json": (b"{'skill': 'double'}", Refusal(400, "malformed", "not JSON")),
    "no object": (b"[]", Refusal(422, "invalid", "body")),
    "not utf-8": (b'{"skill": "\xff\xfe"}', Refusal(400, "malformed", "")),
    "deeply nested": (
        b'{"skill": "double", "inputs": {"n": ' + b"[" * 100_000,
        Refusal(400, "malformed", ""),
    ),
    "not a number": (b'{"skill": "double", "inputs": {"n": NaN}}', Refusal(422, "invalid", "n")),
    "no skill": ({"inputs": {}}, Refusal(422, "invalid", "skill")),
    "unknown skill": ({"skill": "dubble"}, Refusal(404, "skill_not_found", "double")),
    "unknown field": ({"skill": "double", "input": {"n": 1}}, Refusal(422, "invalid", "input")),
    "missing input": ({"skill": "double", "inputs": {}}, Refusal(422, "invalid", "n")),
    "wrong type": ({"skill": "double", "inputs": {"n": "1"}}, Refusal(422, "invalid", "n")),
    "undeclared input": (
        {"skill": "double", "inputs": {"n": 1, "nota": "x"}},
        Refusal(422, "invalid", "note"),
    ),
    "nul character": (
        {"skill": "double", "inputs": {"n": 1, "note": "a\0b"}},
        Refusal(422, "invalid", "note"),
    ),
    "lone surrogate": (
        b'{"skill": "double", "inputs": {"n": 1, "note": "\\ud800"}}',
        Refusal(422, "invalid", "note"),
    ),
    "nul in the metadata": (
        {"skill": "double", "inputs": {"n": 1}, "metadata": {"a": "\0"}},
        Refusal(422, "invalid", "metadata"),
    ),
    "deeply nested metadata": (
        b'{"skill": "double", "inputs": {"n": 1}, "metadata": {"a": ' + b"[" * 90 + b"]" * 90 + b"}}",
        Refusal(422, "invalid", "metadata"),
    ),
    "nul in the name": ({"skill": "dou\0ble"}, Refusal(422, "invalid", "skill")),
    "limit below zero": (
        {"skill": "double", "inputs": {"n": 1}, "limits": {"timeout_s": -1}},
        Refusal(422, "invalid", "limits.timeout_s"),
    ),
    "invalid time": (
        {"skill": "double", "inputs": {"n": 1}, "run_at": "tomorrow"},
        Refusal(422, "invalid", "run_at"),
    ),
    "too large": (b'{"skill": "' + b"x" * (9 << 20) + b'"}', Refusal(413, "too_large", "")),
}


@pytest.mark.parametrize("name", JOBS)
async def test_invalid_job_is_rejected(project: Any, instance: AppContext, name: str) -> None:
    body, refusal = JOBS[name]
    await project.pushed(GOOD)
    before = await state(instance)
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": "one"}
    check(await project.http.post("/v1/jobs", content=data, headers=headers), refusal)
    assert await state(instance) == before


# Queries, headers, paths, keys

REQUESTS: dict[str, tuple[dict[str, Any], Refusal]] = {
    "invalid status": ({"url": "/v1/jobs?status=done"}, Refusal(422, "invalid", "query.status")),
    "limit of zero": ({"url": "/v1/jobs?limit=0"}, Refusal(422, "invalid", "query.limit")),
    "limit too large": ({"url": "/v1/jobs?limit=1e9"}, Refusal(422, "invalid", "query.limit")),
    "unknown cursor": ({"url": "/v1/jobs?cursor=bm9uc2Vuc2U"}, Refusal(422, "invalid", "cursor")),
    "nul in a search": ({"url": "/v1/jobs?q=a%00b"}, Refusal(400, "malformed", "NUL")),
    "invalid timestamp": ({"url": "/v1/jobs?since=yesterday"}, Refusal(422, "invalid", "query.since")),
    "timestamp out of range": (
        {"url": "/v1/jobs?since=-99999999999999999999"},
        Refusal(422, "invalid", "query.since"),
    ),
    "number out of range": (
        {"url": "/v1/jobs?version=" + "9" * 40},
        Refusal(422, "invalid", "query.version"),
    ),
    "invalid id": ({"url": "/v1/jobs/1"}, Refusal(422, "invalid", "job_id")),
    "unknown route": ({"url": "/v1/job"}, Refusal(404, "not_found", "/openapi.json")),
    "unknown method": (
        {"method": "PATCH", "url": "/v1/jobs"},
        Refusal(405, "method_not_allowed", "PATCH"),
    ),
    "idempotency key too long": (
        {
            "method": "POST",
            "url": "/v1/jobs",
            "json": {"skill": "x"},
            "headers": {"Idempotency-Key": "k" * 256},
        },
        Refusal(400, "malformed", "Idempotency-Key"),
    ),
    "invalid stream position": (
        {
            "url": "/v1/jobs/00000000-0000-0000-0000-000000000000/stream",
            "headers": {"Last-Event-ID": "first"},
        },
        Refusal(422, "invalid", "last-event-id"),
    ),
    "body without a content type": (
        {"method": "POST", "url": "/v1/jobs", "content": b'{"skill": "double"}'},
        Refusal(415, "unsupported", "application/json"),
    ),
    "path out of the drive": (
        {"method": "POST", "url": "/v1/drive/sign", "json": {"path": "../../etc/passwd"}},
        Refusal(422, "bad_drive_path", ".."),
    ),
    "absolute path out of the drive": (
        {"url": "/v1/drive/files/%2Fetc%2Fpasswd"},
        Refusal(422, "bad_drive_path", "etc/passwd"),
    ),
    "secret with a bad name": (
        {"method": "PUT", "url": "/v1/secrets", "json": {"name": "a-b\n", "value": "x"}},
        Refusal(422, "bad_secret", "name"),
    ),
    "variable that controls the interpreter": (
        {"method": "PUT", "url": "/v1/secrets", "json": {"name": "LD_PRELOAD", "value": "x"}},
        Refusal(422, "bad_secret", "LD_PRELOAD"),
    ),
}


@pytest.mark.parametrize("name", REQUESTS)
async def test_invalid_request_is_rejected(project: Any, instance: AppContext, name: str) -> None:
    request, refusal = REQUESTS[name]
    before = await state(instance)
    check(await project.http.request(**{"method": "GET", **request}), refusal)
    assert await state(instance) == before


KEYS = {
    "nothing": "",
    "no scheme": "puras_live_aaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "another scheme": "Basic cm9vdDpyb290",
    "nobody's": "Bearer puras_live_aaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "half of one": "Bearer puras_live_",
    "no text": "Bearer \xff\xfe",
    "without end": "Bearer " + "x" * 60_000,
    "a statement": "Bearer puras_live_' or 1=1 --.x",
}


@pytest.mark.parametrize("name", KEYS)
async def test_invalid_key_is_rejected(project: Any, instance: AppContext, name: str) -> None:
    before = await state(instance)
    headers = {"Authorization": KEYS[name].encode("latin-1")}
    for method, url in (("GET", "/v1/jobs"), ("POST", "/v1/jobs"), ("PUT", "/v1/secrets"), ("GET", "/v1/me")):
        response = await project.http.request(method, url, headers=headers)
        check(response, Refusal(401, response.json()["code"], "key"))
        assert response.headers["www-authenticate"] == "Bearer"
        assert len(response.text) < 1_000
    assert await state(instance) == before


@pytest.mark.parametrize(
    "path", ["../up.txt", "/etc/up.txt", "a/../../up.txt", "a\0b.txt", "a" * 5_000, "..", "a//b\\..\\c"]
)
async def test_upload_to_an_invalid_path_is_rejected(project: Any, instance: AppContext, path: str) -> None:
    before = await state(instance)
    response = await project.http.post(
        "/v1/drive/upload", files={"file": ("up.txt", b"up", "text/plain")}, data={"path": path}
    )
    assert 400 <= response.status_code < 500, response.text
    assert response.json()["code"] in ("bad_drive_path", "bad_upload")
    assert await state(instance) == before


def check(response: httpx.Response, refusal: Refusal) -> None:
    """Check that the response is this error, readable for a user, without internal details."""
    assert (response.status_code, response.json().get("code")) == (refusal.status, refusal.code), (
        response.text[:2000]
    )
    body = response.json()
    messages = [body["detail"], *(f"{one['path']}: {one['message']}" for one in body.get("errors", []))]
    assert any(refusal.says.lower() in message.lower() for message in messages), messages
    assert body["detail"].rstrip()[-1] in ".?!)", body["detail"]
    assert not any(
        word in response.text for word in ("Traceback", "sqlalchemy", "psycopg", "/site-packages/")
    )
    assert len(response.text) < 20_000


async def state(instance: AppContext) -> dict[str, Any]:
    """Return the number of rows of each table, and the files of the instance."""
    return {**await rows(instance.database), "files": files(instance.settings.home)}


async def rows(database: Database) -> dict[str, Any]:
    async with database.transaction() as session:
        return {
            table: (await session.execute(text(f"select count(*) from {table}"))).scalar_one()
            for table in STORED
        }


def files(home: Path) -> list[str]:
    return sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())
