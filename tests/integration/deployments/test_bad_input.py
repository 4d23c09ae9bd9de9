"""Whatever is wrong with a request, the answer is a 4xx that says where and what to do, and nothing is stored."""

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
    """What the answer has to be."""

    status: int
    code: str
    says: str
    """Found in its sentence or in one of its problems."""


async def test_a_good_bundle_is_taken_so_that_the_bad_ones_prove_something(project: Any) -> None:
    await project.pushed(GOOD)


# Bundles

BUNDLES: dict[str, tuple[bytes, Refusal]] = {
    "empty": (b"", Refusal(400, "bundle_unreadable", "ZIP")),
    "no zip": (b"\x1f\x8b\x08 a tar, perhaps", Refusal(400, "bundle_unreadable", "ZIP")),
    "cut off": (pack_files(GOOD)[:-30], Refusal(400, "bundle_unreadable", "ZIP")),
    "no skill": (pack_files({"README.md": b"hello"}), Refusal(422, "bundle_invalid", "skill.yaml")),
    "yaml that is none": (
        pack_files({**GOOD, YAML: b"entrypoint: [main.py\n  x: {\n"}),
        Refusal(422, "bundle_invalid", YAML),
    ),
    "yaml with an object of Python": (
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
    "python that is none": (
        pack_files({**GOOD, "skills/double/main.py": b"def run(n)\n    return n\n"}),
        Refusal(422, "bundle_invalid", "main.py"),
    ),
    "no entrypoint file": (pack_files({YAML: GOOD[YAML]}), Refusal(422, "bundle_invalid", "main.py")),
    "requirements with an address": (
        pack_files({**GOOD, "requirements.txt": b"six @ file:///etc/passwd\n"}),
        Refusal(422, "bundle_invalid", "requirements.txt"),
    ),
}


@pytest.mark.parametrize("name", BUNDLES)
async def test_a_bad_bundle(project: Any, instance: AppContext, name: str) -> None:
    bundle, refusal = BUNDLES[name]
    before = await everything(instance)
    check(await project.push_bytes(bundle), refusal)
    assert await everything(instance) == before


@pytest.mark.parametrize(
    "entry", ["../out.py", "/etc/cron.d/x", "skills\\..\\..\\x", "skills/double/\x00.py"]
)
async def test_a_bundle_that_writes_elsewhere(project: Any, instance: AppContext, entry: str) -> None:
    packed, placeholder = io.BytesIO(), "p" * len(entry)
    with zipfile.ZipFile(packed, "w") as archive:
        for path, data in {**GOOD, placeholder: b"x"}.items():
            archive.writestr(path, data)
    raw = packed.getvalue().replace(placeholder.encode(), entry.encode())
    before = await everything(instance)
    answer = await project.push_bytes(raw)
    assert answer.status_code in (400, 422), answer.text
    assert await everything(instance) == before


# Jobs

JOBS: dict[str, tuple[Any, Refusal]] = {
    "no json": (b"{'skill': 'double'}", Refusal(400, "malformed", "not JSON")),
    "no object": (b"[]", Refusal(422, "invalid", "body")),
    "not utf-8": (b'{"skill": "\xff\xfe"}', Refusal(400, "malformed", "")),
    "endless depth": (
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
    "half a character": (
        b'{"skill": "double", "inputs": {"n": 1, "note": "\\ud800"}}',
        Refusal(422, "invalid", "note"),
    ),
    "nul in the metadata": (
        {"skill": "double", "inputs": {"n": 1}, "metadata": {"a": "\0"}},
        Refusal(422, "invalid", "metadata"),
    ),
    "endless depth of the metadata": (
        b'{"skill": "double", "inputs": {"n": 1}, "metadata": {"a": ' + b"[" * 90 + b"]" * 90 + b"}}",
        Refusal(422, "invalid", "metadata"),
    ),
    "nul in the name": ({"skill": "dou\0ble"}, Refusal(422, "invalid", "skill")),
    "limit below nothing": (
        {"skill": "double", "inputs": {"n": 1}, "limits": {"timeout_s": -1}},
        Refusal(422, "invalid", "limits.timeout_s"),
    ),
    "no moment": (
        {"skill": "double", "inputs": {"n": 1}, "run_at": "tomorrow"},
        Refusal(422, "invalid", "run_at"),
    ),
    "too large": (b'{"skill": "' + b"x" * (9 << 20) + b'"}', Refusal(413, "too_large", "")),
}


@pytest.mark.parametrize("name", JOBS)
async def test_a_bad_job(project: Any, instance: AppContext, name: str) -> None:
    body, refusal = JOBS[name]
    await project.pushed(GOOD)
    before = await everything(instance)
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": "one"}
    check(await project.http.post("/v1/jobs", content=data, headers=headers), refusal)
    assert await everything(instance) == before


# Queries, headers, paths, keys

REQUESTS: dict[str, tuple[dict[str, Any], Refusal]] = {
    "status that is none": ({"url": "/v1/jobs?status=done"}, Refusal(422, "invalid", "query.status")),
    "limit of nothing": ({"url": "/v1/jobs?limit=0"}, Refusal(422, "invalid", "query.limit")),
    "limit without end": ({"url": "/v1/jobs?limit=1e9"}, Refusal(422, "invalid", "query.limit")),
    "cursor of nobody": ({"url": "/v1/jobs?cursor=bm9uc2Vuc2U"}, Refusal(422, "invalid", "cursor")),
    "nul in a search": ({"url": "/v1/jobs?q=a%00b"}, Refusal(400, "malformed", "NUL")),
    "moment that is none": ({"url": "/v1/jobs?since=yesterday"}, Refusal(422, "invalid", "query.since")),
    "moment before time": (
        {"url": "/v1/jobs?since=-99999999999999999999"},
        Refusal(422, "invalid", "query.since"),
    ),
    "number beyond numbers": (
        {"url": "/v1/jobs?version=" + "9" * 40},
        Refusal(422, "invalid", "query.version"),
    ),
    "id that is none": ({"url": "/v1/jobs/1"}, Refusal(422, "invalid", "job_id")),
    "route that is none": ({"url": "/v1/job"}, Refusal(404, "not_found", "/openapi.json")),
    "method that is none": (
        {"method": "PATCH", "url": "/v1/jobs"},
        Refusal(405, "method_not_allowed", "PATCH"),
    ),
    "key of idempotency without end": (
        {
            "method": "POST",
            "url": "/v1/jobs",
            "json": {"skill": "x"},
            "headers": {"Idempotency-Key": "k" * 256},
        },
        Refusal(400, "malformed", "Idempotency-Key"),
    ),
    "place in a stream that is none": (
        {
            "url": "/v1/jobs/00000000-0000-0000-0000-000000000000/stream",
            "headers": {"Last-Event-ID": "first"},
        },
        Refusal(422, "invalid", "last-event-id"),
    ),
    "body that does not say what it is": (
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
    "variable that rules the interpreter": (
        {"method": "PUT", "url": "/v1/secrets", "json": {"name": "LD_PRELOAD", "value": "x"}},
        Refusal(422, "bad_secret", "LD_PRELOAD"),
    ),
}


@pytest.mark.parametrize("name", REQUESTS)
async def test_a_bad_request(project: Any, instance: AppContext, name: str) -> None:
    request, refusal = REQUESTS[name]
    before = await everything(instance)
    check(await project.http.request(**{"method": "GET", **request}), refusal)
    assert await everything(instance) == before


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
async def test_a_bad_key(project: Any, instance: AppContext, name: str) -> None:
    before = await everything(instance)
    headers = {"Authorization": KEYS[name].encode("latin-1")}
    for method, url in (("GET", "/v1/jobs"), ("POST", "/v1/jobs"), ("PUT", "/v1/secrets"), ("GET", "/v1/me")):
        answer = await project.http.request(method, url, headers=headers)
        check(answer, Refusal(401, answer.json()["code"], "key"))
        assert answer.headers["www-authenticate"] == "Bearer"
        assert len(answer.text) < 1_000
    assert await everything(instance) == before


@pytest.mark.parametrize(
    "path", ["../up.txt", "/etc/up.txt", "a/../../up.txt", "a\0b.txt", "a" * 5_000, "..", "a//b\\..\\c"]
)
async def test_an_upload_to_a_bad_path(project: Any, instance: AppContext, path: str) -> None:
    before = await everything(instance)
    answer = await project.http.post(
        "/v1/drive/upload", files={"file": ("up.txt", b"up", "text/plain")}, data={"path": path}
    )
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["code"] in ("bad_drive_path", "bad_upload")
    assert await everything(instance) == before


def check(answer: httpx.Response, refusal: Refusal) -> None:
    """The answer is this refusal, in words for a person, and shows nothing of the inside."""
    assert (answer.status_code, answer.json().get("code")) == (refusal.status, refusal.code), answer.text[
        :2000
    ]
    body = answer.json()
    sentences = [body["detail"], *(f"{one['path']}: {one['message']}" for one in body.get("errors", []))]
    assert any(refusal.says.lower() in sentence.lower() for sentence in sentences), sentences
    assert body["detail"].rstrip()[-1] in ".?!)", body["detail"]
    assert not any(word in answer.text for word in ("Traceback", "sqlalchemy", "psycopg", "/site-packages/"))
    assert len(answer.text) < 20_000


async def everything(instance: AppContext) -> dict[str, Any]:
    """How many rows and which files there are."""
    return {**await rows(instance.database), "files": files(instance.settings.home)}


async def rows(database: Database) -> dict[str, Any]:
    async with database.transaction() as session:
        return {
            table: (await session.execute(text(f"select count(*) from {table}"))).scalar_one()
            for table in STORED
        }


def files(home: Path) -> list[str]:
    return sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())
