"""A backup of an instance whose files are in one Supabase project comes back whole in another one."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks.instance import NOOP_SKILL, environment, free_port, instance
from tests.factories.supabase_objects import Bucket
from tests.factories.supabase_server import SERVICE_KEY, SupabaseServer
from tests.integration.storage.conftest import BUCKETS
from tests.integration.storage.jobs_on_supabase import upload


def project() -> SupabaseServer:
    server = SupabaseServer()
    server.buckets.update({name: Bucket() for name in BUCKETS})
    return server


def operate(env: Mapping[str, str], *command: str) -> None:
    program = [sys.executable, "-m", "backend.operations.cli", *command]
    ran = subprocess.run(program, env=dict(env), capture_output=True, text=True, timeout=100)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_files_and_bundles_move_from_one_project_to_another() -> None:
    old, new = project(), project()
    with (
        old.running(),
        new.running(),
        tempfile.TemporaryDirectory(prefix="puras-move-", dir="/tmp") as folder,
    ):
        Path(folder).chmod(0o755)
        backup = f"{folder}/backup.tar.gz"
        there = {"SUPABASE_URL": old.url, "SUPABASE_SERVICE_KEY": SERVICE_KEY}
        with instance(**there) as running, running.client() as client:
            client.push(NOOP_SKILL)
            for path in ("in/é.txt", "in/deep/b.bin", "empty"):
                upload(client, path, b"" if path == "empty" else path.encode())
            operate(environment(running.home, running.port, **there), "backup", backup, "--with-keys")
        here = {"SUPABASE_URL": new.url, "SUPABASE_SERVICE_KEY": SERVICE_KEY}
        operate(environment(Path(folder) / "home", free_port(), **here), "restore", backup)
        for bucket in BUCKETS:
            assert old.objects(bucket)
            assert new.objects(bucket) == old.objects(bucket)
