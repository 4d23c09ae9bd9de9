"""How `up` starts, how it refuses to, and that nothing is left of it."""

from __future__ import annotations

import os
import re
import signal
import socket

from backend.embedded import postgres, valkey
from backend.migrations import run as migrations
from tests.integration.operations.instances import Up, eventually

GONE_S = 30.0


def test_sigterm_to_its_group_leaves_nothing_running(up: Up) -> None:
    up.start()
    up.wait_ready()
    os.killpg(up.process.pid, signal.SIGTERM)
    assert up.process.wait(GONE_S) == 0, up.log
    assert up.processes() == set()
    assert "stopped" in up.log


def test_sigint_during_its_start_leaves_nothing_running(up: Up) -> None:
    up.start()
    eventually(lambda: (up.home / "postgres").exists(), 30, "the database is being made")
    os.killpg(up.process.pid, signal.SIGINT)
    up.process.wait(GONE_S)
    assert up.processes() == set()


def test_after_a_killed_up_the_next_one_finds_the_databases(up: Up) -> None:
    up.start()
    up.wait_ready()
    servers = (postgres.running_pid(up.home), valkey.running_pid(up.home))
    up.process.kill()
    up.process.wait()
    eventually(lambda: up.processes() <= set(servers) | backends(up), GONE_S, "all but the databases end")
    assert (postgres.running_pid(up.home), valkey.running_pid(up.home)) == servers
    up.start()
    up.wait_ready()
    assert (postgres.running_pid(up.home), valkey.running_pid(up.home)) == servers
    up.process.terminate()
    assert up.process.wait(GONE_S) == 0, up.log
    assert up.processes() == set()


def test_outside_servers_are_used_and_left_running(up: Up) -> None:
    elsewhere = up.folder / "elsewhere"
    try:
        up.settings = {"DATABASE_URL": postgres.start(elsewhere), "REDIS_URL": valkey.start(elsewhere)}
        up.start()
        up.wait_ready()
        assert not (up.home / "postgres").exists()
        assert running_revision(up)
        up.process.terminate()
        assert up.process.wait(GONE_S) == 0, up.log
        assert postgres.attach(elsewhere) is not None
        assert valkey.attach(elsewhere) is not None
    finally:
        postgres.stop(elsewhere)
        valkey.stop(elsewhere)


def test_taken_port_is_said_before_anything_starts(up: Up) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", up.port))
        other.listen()
        refused = up.run("up")
    assert refused.returncode == 1
    assert f"Port {up.port} of 127.0.0.1 cannot be used" in refused.stderr
    assert "PURAS_PORT" in refused.stderr
    assert postgres.attach(up.home) is None


def test_commands_say_when_nothing_runs(up: Up) -> None:
    for command in (("migrate",), ("audit",), ("project", "create", "Shop"), ("setup-link",)):
        refused = up.run(*command)
        assert refused.returncode == 1
        assert "Start it with `puras-studio up`" in refused.stderr


def test_doctor_before_the_first_start_says_how_to_start(up: Up) -> None:
    told = up.run("doctor")
    assert "`puras-studio up` creates it" in told.stdout
    assert "warn  PostgreSQL: embedded, not running" in told.stdout


def test_unreachable_outside_database_is_named_without_its_password(up: Up) -> None:
    up.settings = {
        "DATABASE_URL": f"postgresql://ada:topsecret@127.0.0.1:{up.port}/shop",
        "REDIS_URL": f"redis://:topsecret@127.0.0.1:{up.port}",
    }
    for command in ("up", "migrate", "doctor", "up --quiet"):
        told = up.run(*command.split())
        said = told.stdout + told.stderr
        assert told.returncode == 1
        assert f"127.0.0.1:{up.port}/shop" in said
        assert "topsecret" not in said
    assert re.search(r"^Migrations \.\.\. failed \(\d+\.\d s\)$", told.stdout, re.MULTILINE)
    log = up.home / "up.log"
    assert log.read_text(encoding="utf-8") + f"The logs of this start are in {log}.\n" in told.stderr


def running_revision(up: Up) -> str | None:
    return migrations.current_revision(up.settings["DATABASE_URL"])


def backends(up: Up) -> set[int]:
    """PostgreSQL's own children, which have its environment."""
    return up.processes("postgres: ")
