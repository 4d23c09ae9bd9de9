"""A canary secret that jobs print by mistake in many ways: no output of the instance may contain it."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import resource
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from benchmarks.client import Client
from tests.integration.observability.conftest import TOKEN
from tests.integration.observability.receiver import Receiver, receiving
from tests.integration.operations.instances import Up, eventually, new_up

pytestmark = pytest.mark.chaos

CANARY = "c4nary/S3cret-value+9271"
FORMS = {CANARY, base64.b64encode(CANARY.encode()).decode(), quote(CANARY, safe=""), CANARY.encode().hex()}
PASSWORD = "a long enough password of the owner"
WAYS = [
    {"how": "print"},
    {"how": "pieces"},
    {"how": "forms"},
    {"how": "kit"},
    {"how": "raise"},
    {"how": "exit"},
    {"how": "crash"},
    {"how": "no json"},
    {"how": "bytes"},
    # A line without a line break is stored in parts: here the canary spans each position where it may be split.
    *({"how": "line", "before": before} for before in (31_980, 31_990, 63_990, 65_520)),
]
SKILL = {
    "skills/expose/skill.yaml": b"""\
entrypoint: main.py:run
input_schema: {type: object, properties: {how: {type: string}, before: {type: integer, default: 0}}}
output_schema: {}
network: none
""",
    "skills/expose/main.py": b'''\
import base64
import ctypes
import os
import sys
import time

from urllib.parse import quote

import puras

CANARY = os.environ["CANARY"]
print("imported with", CANARY)


def run(how, before):
    """Print the canary in the given way."""
    if how == "print":
        print(CANARY)
        print(CANARY, file=sys.stderr)
    if how == "pieces":
        for start in range(0, len(CANARY), 5):
            print(CANARY[start : start + 5], end="", flush=True)
            time.sleep(0.12)
    if how == "forms":
        print(base64.b64encode(CANARY.encode()).decode(), quote(CANARY, safe=""), CANARY.encode().hex())
    if how == "kit":
        puras.log.info("the value is " + CANARY, value=CANARY)
        puras.progress(0.5, CANARY)
    if how == "raise":
        raise ValueError("not " + CANARY)
    if how == "exit":
        sys.exit("not " + CANARY)
    if how == "crash":
        ctypes.string_at(0)
    if how == "no json":
        return {CANARY: object()}
    if how == "bytes":
        sys.stdout.buffer.write(b"\\xff" + CANARY.encode() + b"\\xff")
    if how == "line":
        print("x" * before + CANARY)
    return "done"
''',
}


@dataclass(frozen=True, slots=True)
class Exposure:
    """An instance on which jobs have printed the canary in every way, and its outputs."""

    up: Up
    receiver: Receiver
    api_key: str
    owner: httpx.Client
    jobs: dict[str, str]
    """For each way, all data of the API about its job."""


@pytest.fixture(scope="module")
def exposure() -> Iterator[Exposure]:
    """Run an instance with a job for each way, and return its outputs."""
    with receiving() as receiver, new_up() as up:
        up.settings = {
            "PURAS_LOG_LEVEL": "DEBUG",
            "PURAS_METRICS_TOKEN": TOKEN,
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }
        with _allow_core_files():
            up.start()
        up.wait_ready()
        made = up.json("project", "create", "Mine", "--credit-usd", "1")
        with _browser(up) as owner, Client(up.port, made["api_key"]) as client:
            _set_up(up, owner)
            client.push(SKILL)
            client.call("PUT", "/v1/secrets", {"name": "CANARY", "value": CANARY})
            jobs = {json.dumps(way): _all_of_job(client, way) for way in WAYS}
            yield Exposure(up, receiver, made["api_key"], owner, jobs)


def test_jobs_received_and_printed_the_canary(exposure: Exposure) -> None:
    # A crash prints nothing.
    assert sum("[secret]" in text for text in exposure.jobs.values()) >= len(WAYS) - 1


def test_api_responses_do_not_contain_the_canary(exposure: Exposure) -> None:
    assert {way for way, text in exposure.jobs.items() if _is_in(text.encode())} == set()


def test_logs_metrics_and_traces_do_not_contain_the_canary(exposure: Exposure) -> None:
    eventually(lambda: len(exposure.receiver.spans()) > len(WAYS), 30, "spans of the jobs have arrived")
    metrics = httpx.get(
        f"http://127.0.0.1:{exposure.up.port}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    assert "puras_jobs_finished_total" in metrics.text
    assert "job " in exposure.up.log
    for content in (exposure.up.log.encode(), metrics.content, *exposure.receiver.bodies):
        assert not _is_in(content)
        assert exposure.api_key.encode() not in content


def test_export_backup_and_home_do_not_contain_the_canary(exposure: Exposure) -> None:
    export = exposure.owner.get("/v1/projects/mine/export")
    assert export.status_code == 200, export.text
    files = dict(_files(export.content))
    assert any(b"expose" in content for content in files.values())
    path = exposure.up.folder / "backup"
    made = exposure.up.run("backup", str(path))
    assert made.returncode == 0, made.stderr
    files |= dict(_files(path.read_bytes()))
    assert any("secrets" in name for name in files)
    home = {str(file): file.read_bytes() for file in _plain_files(exposure.up.home)}
    assert any("postgres" in name for name in home)
    assert [name for name, content in (files | home).items() if _is_in(content)] == []


def test_processes_cannot_write_core_files(exposure: Exposure) -> None:
    assert exposure.up.processes("studio.serve")
    assert exposure.up.processes("workers")
    for pid in exposure.up.processes():
        limits = Path(f"/proc/{pid}/limits").read_text(encoding="utf-8")
        assert re.search(r"^Max core file size +0 ", limits, re.MULTILINE), (pid, limits)


@contextmanager
def _allow_core_files() -> Iterator[None]:
    """Allow core files, as far as the host permits, for the processes that start in the block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


def _browser(up: Up) -> httpx.Client:
    return httpx.Client(base_url=f"http://127.0.0.1:{up.port}", timeout=60, trust_env=False)


def _set_up(up: Up, browser: httpx.Client) -> None:
    """Create the owner account with the set-up link."""
    eventually(lambda: "/setup?token=" in up.log, 30, "the set-up link is printed")
    token = up.log.split("/setup?token=")[1].split()[0]
    csrf = re.search(r'name="csrf" value="([^"]+)"', browser.get(f"/setup?token={token}").text)
    assert csrf is not None
    form = {"csrf": csrf[1], "token": token, "email": "ada@example.org", "password": PASSWORD}
    response = browser.post("/setup", data=form)
    assert response.status_code == 303, response.text


def _all_of_job(client: Client, way: dict[str, object]) -> str:
    body = {"skill": "expose", "inputs": way}
    job = client.call("POST", "/v1/jobs?wait=true&timeout=55", body)
    assert job["status"] in ("succeeded", "failed"), job
    more = [client.call("GET", f"/v1/jobs/{job['id']}/{part}") for part in ("events", "spans", "receipt")]
    return json.dumps([job, *more], ensure_ascii=False)


def _is_in(content: bytes) -> bool:
    return any(form.encode() in content for form in FORMS)


def _files(archive: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield every file of a TAR or ZIP archive, decompressed if it is a GZIP file."""
    if zipfile.is_zipfile(io.BytesIO(archive)):
        with zipfile.ZipFile(io.BytesIO(archive)) as packed:
            yield from ((name, _decompressed(packed.read(name))) for name in packed.namelist())
        return
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            file = tar.extractfile(member)
            if file is not None:
                yield member.name, _decompressed(file.read())


def _decompressed(content: bytes) -> bytes:
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content


def _plain_files(folder: Path) -> Iterator[Path]:
    yield from (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
