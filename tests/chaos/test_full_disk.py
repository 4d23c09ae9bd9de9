"""The disk of an instance, databases included, is full while jobs run."""

from __future__ import annotations

import hashlib
import http.client
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from benchmarks.client import Client
from benchmarks.instance import instance
from tests.chaos.checks import (
    Job,
    assert_ended_once,
    assert_ledger_balances,
    assert_paid_once,
    submit_patiently,
    until,
    until_ended,
)
from tests.chaos.homes import query_runner, running_jobs
from tests.chaos.rounds import ROUNDS
from tests.chaos.settings import two_workers
from tests.chaos.skills import SKILLS
from tests.doubles.messages import MessagesServer

TIMES = min(3, ROUNDS)
pytestmark = [
    pytest.mark.chaos,
    pytest.mark.timeout(600 * TIMES),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk"),
]

DISK_MB = 640
MIN_FREE_MB = 48
FULL_S = 12
"""Longer than the lease of a worker and than many delays between two attempts."""
JOBS = 60
LARGE_JOBS = 200
WRITER = {
    "skills/writer/skill.yaml": b"""\
entrypoint: main.py:run
description: Writes a growing file into the drive, and returns the hash of its content.
input_schema: {type: object, properties: {name: {type: string}, times: {type: integer}}}
output_schema: {type: object, properties: {sha256: {type: string}}}
""",
    "skills/writer/main.py": b"""\
import hashlib
import http.client
import os
import time


def run(name, times):
    written = hashlib.sha256()
    with open("drive/" + name, "wb") as file:
        for _ in range(times):
            content = os.urandom(50_000)
            file.write(content)
            file.flush()
            written.update(content)
            time.sleep(0.1)
    return {"sha256": written.hexdigest()}
""",
}
CORRUPT = ("invalid page", "could not read block", "checksum", "corrupt", "unexpected zero page")


@pytest.fixture
def small_home(folder: Path) -> Iterator[Path]:
    """Mount a small disk as the home."""
    home = folder / "home"
    home.mkdir(mode=0o755)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=0755", "tmpfs", home], check=True)
    yield home
    subprocess.run(["umount", "--lazy", home], check=True)


def test_jobs_succeed_after_a_full_disk_has_space_again(
    small_home: Path, upstream: MessagesServer, record: Callable[[str], None]
) -> None:
    settings = {**two_workers(upstream), "PURAS_WORKER_MIN_DISK_MB": str(MIN_FREE_MB)}
    with instance(small_home, **settings) as running, running.client() as client:
        client.push({**SKILLS, **WRITER})
        run_query = query_runner(running)
        jobs: list[Job] = []
        for number in range(TIMES):
            names = [f"{number}-{n}.bin" for n in range(JOBS)]
            job_ids = [client.submit("writer", name=name, times=15) for name in names]
            until(lambda: running_jobs(run_query) == 16, 180, "the first jobs do not run")
            with full_disk(small_home):
                accepted, rejected = submit_large(client)
                time.sleep(FULL_S)
            job_ids += accepted
            job_ids.append(submit_patiently(client, {"skill": "noop", "inputs": {"n": 1}}))
            ended = until_ended(client, job_ids, 300)
            assert {(job["status"], job["error"]) for job in ended} == {("succeeded", None)}
            for job, name in zip(ended, names, strict=False):
                (file,) = small_home.glob(f"storage/drive/*/{name}")
                assert hashlib.sha256(file.read_bytes()).hexdigest() == job["result"]["sha256"]
            jobs += ended
        for job in jobs:
            assert_ended_once(client, job)
        assert_paid_once(run_query, jobs)
        assert_ledger_balances(running)
        assert run_query("select sum(a.admitted), sum(a.parked) from admissions a") == [(0, 0)]
        log = (small_home / "postgres" / "log").read_text("utf-8", errors="replace").lower()
        assert not [word for word in CORRUPT if word in log]
    again = sum(job["attempt"] > 1 for job in jobs)
    assert again, "no job was hit"
    record(
        f"{len(jobs)} jobs, the disk full for more than {FULL_S} s {TIMES} times: {again} ran again, none failed; "
        f"{rejected} submissions failed"
    )


def submit_large(client: Client) -> tuple[list[str], int]:
    """Submit jobs that need more disk space than the database has reserved; return their IDs and the failure count."""
    accepted: list[str] = []
    rejected = 0
    for number in range(LARGE_JOBS):
        body = {"skill": "nap", "inputs": {"seconds": 0.1}, "metadata": {"note": f"{number:04}" * 2_000}}
        try:
            response = client.request("POST", "/v1/jobs", body)
        except (OSError, http.client.HTTPException):
            rejected += 1
            continue
        assert response.status in (201, 503, 507), response
        if response.status == 201:
            accepted.append(response.body["id"])
        else:
            assert "retry-after" in response.headers, response
            rejected += 1
    return accepted, rejected


@contextmanager
def full_disk(disk: Path) -> Iterator[None]:
    """Fill the disk completely for the duration of the block."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        with suppress(OSError):
            while file.write(b"x" * 65_536):
                pass
        try:
            yield
        finally:
            filler.unlink()
