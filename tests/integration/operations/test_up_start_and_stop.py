"""How `up` starts, when it fails to start, and that it leaves no processes."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import zipfile
from pathlib import Path

from backend.embedded import postgres, valkey
from backend.migrations import run as migrations
from tests.integration.operations.instances import Up, eventually

SHUTDOWN_S = 30.0


def test_sigterm_to_its_group_leaves_no_process(up: Up) -> None:
    up.start()
    up.wait_ready()
    os.killpg(up.process.pid, signal.SIGTERM)
    assert up.process.wait(SHUTDOWN_S) == 0, up.log
    assert up.processes() == set()
    assert "stopped" in up.log


def test_sigint_during_the_start_leaves_no_process(up: Up) -> None:
    up.start()
    eventually(lambda: (up.home / "postgres").exists(), 30, "the database is being created")
    os.killpg(up.process.pid, signal.SIGINT)
    up.process.wait(SHUTDOWN_S)
    assert up.processes() == set()


def test_up_uses_the_databases_of_a_killed_up(up: Up) -> None:
    up.start()
    up.wait_ready()
    servers = (postgres.running_pid(up.home), valkey.running_pid(up.home))
    up.process.kill()
    up.process.wait()
    eventually(lambda: up.processes() <= set(servers) | backends(up), SHUTDOWN_S, "all but the databases end")
    assert (postgres.running_pid(up.home), valkey.running_pid(up.home)) == servers
    up.start()
    up.wait_ready()
    assert (postgres.running_pid(up.home), valkey.running_pid(up.home)) == servers
    up.process.terminate()
    assert up.process.wait(SHUTDOWN_S) == 0, up.log
    assert up.processes() == set()


def test_external_servers_are_used_and_left_running(up: Up) -> None:
    external = up.folder / "elsewhere"
    try:
        up.settings = {"DATABASE_URL": postgres.start(external), "REDIS_URL": valkey.start(external)}
        up.start()
        up.wait_ready()
        assert not (up.home / "postgres").exists()
        assert running_revision(up)
        up.process.terminate()
        assert up.process.wait(SHUTDOWN_S) == 0, up.log
        assert postgres.attach(external) is not None
        assert valkey.attach(external) is not None
    finally:
        postgres.stop(external)
        valkey.stop(external)


def test_used_port_is_reported_before_anything_starts(up: Up) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", up.port))
        other.listen()
        rejected = up.run("up")
    assert rejected.returncode == 1
    assert f"Port {up.port} of 127.0.0.1 cannot be used" in rejected.stderr
    assert "PURAS_PORT" in rejected.stderr
    assert postgres.attach(up.home) is None


def test_commands_report_that_no_instance_runs(up: Up) -> None:
    for command in (("migrate",), ("audit",), ("project", "create", "Shop"), ("setup-link",)):
        rejected = up.run(*command)
        assert rejected.returncode == 1
        assert "Start it with `puras-studio up`" in rejected.stderr


def test_doctor_before_the_first_start_names_the_start_command(up: Up) -> None:
    result = up.run("doctor")
    assert "`puras-studio up` creates it" in result.stdout
    assert "warn  PostgreSQL: embedded, not running" in result.stdout


def test_unreachable_external_database_is_named_without_its_password(up: Up, tmp_path: Path) -> None:
    up.settings = {
        "DATABASE_URL": f"postgresql://ada:topsecret@127.0.0.1:{up.port}/shop",
        "REDIS_URL": f"redis://:topsecret@127.0.0.1:{up.port}",
    }
    for command in ("up", "migrate", "doctor", "up --quiet"):
        result = up.run(*command.split())
        output = result.stdout + result.stderr
        assert result.returncode == 1
        assert f"127.0.0.1:{up.port}/shop" in output
        assert "topsecret" not in output
    written = up.run("support-bundle", "--out", str(tmp_path / "support.zip"))
    assert written.returncode == 0, written.stderr
    with zipfile.ZipFile(tmp_path / "support.zip") as archive:
        content = "".join(archive.read(name).decode() for name in archive.namelist())
        error = json.loads(archive.read("database.json"))["error"]
    assert f"127.0.0.1:{up.port}/shop" in error
    assert "topsecret" not in content
    assert re.search(r"^Migrations \.\.\. failed \(\d+\.\d s\)$", result.stdout, re.MULTILINE)
    log = up.home / "up.log"
    assert log.read_text(encoding="utf-8") + f"The logs of this start are in {log}.\n" in result.stderr


def running_revision(up: Up) -> str | None:
    return migrations.current_revision(up.settings["DATABASE_URL"])


def backends(up: Up) -> set[int]:
    """PostgreSQL's own children, which have its environment."""
    return up.processes("postgres: ")
