"""Jobs that write to the drive of an instance: the recorded writer of each file, and jobs that exceed the quota."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.client import Client
from benchmarks.instance import Running, instance

WRITE = {
    "skills/write/skill.yaml": b"""\
entrypoint: main.py:run
description: Writes a file.
input_schema:
  type: object
  properties: {path: {type: string}, size: {type: integer}, seconds: {type: number}}
output_schema: {type: object, required: [], properties: {report: {type: file}}}
""",
    "skills/write/main.py": b"""\
import os
import time


def run(path, size=1, seconds=0):
    time.sleep(seconds)
    if size == 0:
        os.unlink("drive/" + path)
        return {}
    os.makedirs(os.path.dirname("drive/" + path) or "drive", exist_ok=True)
    with open("drive/" + path, "wb") as file:
        file.write(bytes(size))
    time.sleep(seconds)
    return {"report": path} if path.startswith("named") else {}
""",
}
WITHIN_S = 30.0


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with instance(PURAS_WORKER_PROCESSES="1", PURAS_MAX_DRIVE_MB="4") as running:
        with running.client() as client:
            client.push(WRITE)
        yield running


@pytest.fixture
def client(running: Running) -> Iterator[Client]:
    key = running.add_project()
    with running.client(key) as client:
        client.push(WRITE)
        yield client


def submit(client: Client, **inputs: Any) -> str:
    return str(client.call("POST", "/v1/jobs", {"skill": "write", "inputs": inputs})["id"])


def assert_succeeds(client: Client, job_id: str) -> None:
    job = wait_for_end(client, job_id)
    assert job["status"] == "succeeded", job["error"]


def wait_for_end(client: Client, job_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + WITHIN_S
    while (job := client.call("GET", f"/v1/jobs/{job_id}"))["status"] not in ("succeeded", "failed"):
        assert time.monotonic() < deadline, job
        time.sleep(0.05)
    return dict(job)


def written_by(client: Client, path: str) -> dict[str, Any]:
    """Return the writer of the file, once the drive has been scanned."""
    deadline = time.monotonic() + WITHIN_S
    while not (found := client.call("GET", f"/v1/drive/facts?path={path}"))["written_by"]:
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return dict(found["written_by"])


def test_file_records_the_job_that_wrote_it(client: Client) -> None:
    job_id = submit(client, path="out/a.bin")
    assert_succeeds(client, job_id)
    writer = written_by(client, "out/a.bin")
    assert (writer["kind"], writer["id"]) == ("job", job_id)


def test_concurrent_jobs_are_recorded_for_named_and_other_files(client: Client) -> None:
    paths = ["named-1.bin", "named-2.bin", "other.bin"]
    job_ids = [submit(client, path=path, seconds=2) for path in paths]
    for job_id in job_ids:
        assert_succeeds(client, job_id)
    assert [written_by(client, path).get("id") for path in paths[:2]] == job_ids[:2]
    other = written_by(client, "other.bin")
    assert other["kind"] == "jobs"
    assert job_ids[2] in other["ids"]


def test_jobs_can_only_free_space_in_a_drive_over_its_quota(client: Client) -> None:
    assert_succeeds(client, submit(client, path="large.bin", size=5 << 20))
    wait_until_counted(client, more_than=4 << 20)
    job = wait_for_rejected_job(client)
    assert (job["status"], job["error_code"]) == ("failed", "drive_over_quota")
    assert "the drive grew by 1 " in job["error"]
    assert_succeeds(client, submit(client, path="large.bin", size=0))
    assert_succeeds(client, submit(client, path="another.bin"))


def wait_until_counted(client: Client, *, more_than: int) -> None:
    deadline = time.monotonic() + WITHIN_S
    while client.call("GET", "/v1/drive/usage")["used_bytes"] <= more_than:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def wait_for_rejected_job(client: Client) -> dict[str, Any]:
    """Return the first job that fails: a worker may use drive usage that is some seconds old."""
    deadline = time.monotonic() + WITHIN_S
    number = 0
    while (job := wait_for_end(client, submit(client, path=f"{number}.bin")))["status"] == "succeeded":
        assert time.monotonic() < deadline
        number += 1
        time.sleep(1)
    return job
