"""A backup of an instance whose files are in one Supabase project is restored completely in another project."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks.instance import NOOP_SKILL, environment, free_port, instance
from tests.integration.storage.storage_servers import serving_storage
from tests.integration.storage.supabase_jobs import upload


def operate(env: Mapping[str, str], *command: str) -> None:
    program = [sys.executable, "-m", "backend.operations.cli", *command]
    ran = subprocess.run(program, env=dict(env), capture_output=True, text=True, timeout=100)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.timeout(180)
def test_files_and_bundles_are_restored_in_another_project() -> None:
    with (
        serving_storage() as old,
        serving_storage() as new,
        tempfile.TemporaryDirectory(prefix="puras-move-", dir="/tmp") as folder,
    ):
        Path(folder).chmod(0o755)
        backup = f"{folder}/backup.tar.gz"
        with instance(**old.settings) as running, running.client() as client:
            client.push(NOOP_SKILL)
            for path in ("in/é.txt", "in/deep/b.bin", "empty"):
                upload(client, path, b"" if path == "empty" else path.encode())
            client.call("POST", "/v1/drive/folders", {"path": "void/deep"})
            operate(environment(running.home, running.port, **old.settings), "backup", backup, "--with-keys")
        operate(environment(Path(folder) / "home", free_port(), **new.settings), "restore", backup)
        for before, after in zip(old.buckets, new.buckets, strict=True):
            assert old.objects(before)
            assert new.objects(after) == old.objects(before), "empty folders too"
