"""A process that cannot start prints the reason before it serves requests; and how the API stops."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from uuid import uuid4

import psycopg
import pytest

from backend import config
from backend.embedded import Servers
from backend.operations.locks import port_lock
from tests.integration.operations.instances import Up, eventually

SECRET = "topsecret"
BAD_URLS = (
    ({"DATABASE_URL": f"mysql://ada:{SECRET}@127.0.0.1/shop"}, "DATABASE_URL", "URL of a PostgreSQL"),
    ({"DATABASE_URL": f"postgresql://ada:{SECRET}@h1:5432,h2:5432/shop"}, "DATABASE_URL", "one server"),
    ({"DATABASE_URL": "nonsense"}, "DATABASE_URL", "URL of a PostgreSQL"),
    ({"REDIS_URL": f"redis+cluster://:{SECRET}@127.0.0.1:7000"}, "REDIS_URL", "not supported"),
    ({"REDIS_URL": f"redis://:{SECRET}@h1:7000,h2:7000"}, "REDIS_URL", "one server"),
)


@pytest.mark.parametrize(("environment", "name", "remedy"), BAD_URLS)
def test_invalid_urls_print_one_message(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], name: str, remedy: str
) -> None:
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    config.settings.cache_clear()
    with pytest.raises(config.BadSettings) as caught:
        config.settings()
    assert name in caught.value.detail
    assert remedy in caught.value.detail
    assert SECRET not in str(caught.value.as_body())


@pytest.fixture
def empty_database(servers: Servers) -> Iterator[str]:
    """Create a database without tables."""
    name = f"puras_empty_{uuid4().hex[:8]}"
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(f'create database "{name}"')  # type: ignore[call-overload]
        yield servers.database_url.replace("/puras?", f"/{name}?")
        connection.execute(f'drop database if exists "{name}" with (force)')  # type: ignore[call-overload]


@pytest.mark.parametrize("command", ["api", "worker"])
def test_missing_migrations_and_unwritable_home_stop_the_start(
    up: Up, servers: Servers, database_url: str, empty_database: str, command: str
) -> None:
    up.home.mkdir()
    up.settings = {"DATABASE_URL": empty_database, "REDIS_URL": servers.redis_url}
    assert_start_fails(up, command, "Run `puras-studio migrate`")
    if command == "worker":
        return
    up.settings = {"DATABASE_URL": "mysql://ada@127.0.0.1/shop"}
    assert_start_fails(up, command, "URL of a PostgreSQL")
    up.settings = {
        "DATABASE_URL": database_url,
        "REDIS_URL": servers.redis_url,
        "PURAS_HOME": "/dev/null/home",
    }
    assert_start_fails(up, command, "PURAS_HOME /dev/null/home cannot be")


def test_used_port_is_reported_before_the_api_serves(up: Up, servers: Servers, database_url: str) -> None:
    up.settings = {"DATABASE_URL": database_url, "REDIS_URL": servers.redis_url}
    with socket.create_server(("127.0.0.1", up.port)):
        assert_start_fails(up, "api", f"Port {up.port} of 127.0.0.1 cannot be used")
    with port_lock("127.0.0.1", up.port):
        assert_start_fails(up, "up", "another `puras-studio up` runs or starts on it")


def test_used_health_check_port_is_reported_before_a_worker_starts(
    up: Up, servers: Servers, database_url: str
) -> None:
    up.home.mkdir()
    up.settings = {
        "DATABASE_URL": database_url,
        "REDIS_URL": servers.redis_url,
        "PURAS_WORKER_HEALTH_PORT": str(up.port),
    }
    with socket.create_server(("127.0.0.1", up.port)):
        assert_start_fails(
            up, "worker", f"Port {up.port} of 127.0.0.1 cannot be used for the health checks of workers"
        )
        assert "PURAS_WORKER_HEALTH_PORT" in up.run("worker").stderr


def assert_start_fails(up: Up, command: str, why: str) -> None:
    result = up.run(command)
    printed = result.stdout + result.stderr
    assert result.returncode != 0
    assert why in printed
    assert "Traceback" not in printed
    assert "serving" not in printed


def test_stopping_api_is_not_ready_but_still_serves(up: Up, servers: Servers, database_url: str) -> None:
    up.settings = {"DATABASE_URL": database_url, "REDIS_URL": servers.redis_url, "PURAS_UNREADY_S": "2"}
    with api_process(up) as process:
        eventually(lambda: status(up, "/ready") == 200, 60, "the API is ready without a worker")
        assert status(up, "/ready/workers") == 503
        checks = json.loads(up.run("doctor", "--json").stdout)["checks"]
        (port,) = [check for check in checks if check["name"] == f"port {up.port}"]
        assert (port["verdict"], "puras-studio api" in port["found"]) == ("ok", True)
        process.send_signal(signal.SIGTERM)
        eventually(lambda: status(up, "/ready") == 503, 1.5, "the API is unready")
        assert status(up, "/health") == 200
        assert process.poll() is None
        process.wait(20)


@contextmanager
def api_process(up: Up) -> Iterator[subprocess.Popen[bytes]]:
    up.home.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "backend.operations.cli", "api"]
    with (up.folder / "log").open("ab") as log:
        process = subprocess.Popen(command, env=up.environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def status(up: Up, path: str) -> int:
    try:
        with closing(http.client.HTTPConnection("127.0.0.1", up.port, timeout=5)) as connection:
            connection.request("GET", path)
            return connection.getresponse().status
    except OSError:
        return 0
