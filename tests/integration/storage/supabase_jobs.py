"""Helpers for the tests of jobs whose files are in Supabase."""

from __future__ import annotations

import time
from typing import Any, LiteralString

import psycopg

from backend.config import Settings
from backend.embedded import attach
from benchmarks.client import Client
from benchmarks.instance import Running
from tests.factories.supabase_server import SupabaseServer
from tests.integration.storage.conftest import BUCKETS


def run(client: Client, code: str, **inputs: Any) -> Any:
    """Run code in a job and wait for its end."""
    return client.run("files", {"code": code, **inputs})


def upload(client: Client, path: str, content: bytes) -> None:
    """Store a file in the drive."""
    form = (
        b'--mark\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n' + content
        + b'\r\n--mark\r\nContent-Disposition: form-data; name="path"\r\n\r\n' + path.encode()
        + b"\r\n--mark--\r\n"
    )  # fmt: skip
    client.call("POST", "/v1/drive/upload", form, **{"Content-Type": "multipart/form-data; boundary=mark"})


def stored(supabase: SupabaseServer) -> dict[str, bytes]:
    """Return the files of all drives by path, without the ID of the project."""
    return {key.partition("/")[2]: data for key, data in supabase.objects(BUCKETS.drive).items()}


def pid_of_worker(running: Running, job_id: str) -> int:
    """Return the ID of the worker process that runs the job."""
    query = "select w.pid from jobs j join workers w on w.id = j.worker_id where j.id = %s"
    [(pid,)] = rows(running, query, job_id)
    return int(pid)


def wait_until_rejoined(running: Running, pid: int) -> None:
    """Wait until the process knows that its lease expired, has discarded its jobs and has joined again."""
    deadline = time.monotonic() + 20
    while not rows(running, "select 1 from workers where pid = %s and beat_at > now() - interval '4 s'", pid):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def rows(running: Running, query: LiteralString, value: object) -> list[tuple[Any, ...]]:
    """Query the database of the instance."""
    with psycopg.connect(attach(Settings(home=running.home)).database_url) as connection:
        return connection.execute(query, (value,)).fetchall()


def wait_for(client: Client, job_id: str, status: str, within_s: float = 20.0) -> Any:
    """Wait until the job has the status, and return the job."""
    deadline = time.monotonic() + within_s
    while (job := client.call("GET", f"/v1/jobs/{job_id}"))["status"] != status:
        assert time.monotonic() < deadline, job
        time.sleep(0.05)
    return job
