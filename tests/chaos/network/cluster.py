"""An instance on several hosts: databases, API and workers on separate hosts with a shared storage."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

import psycopg
from cryptography.fernet import Fernet
from pydantic import SecretStr

from backend.config import Settings
from backend.embedded import postgres
from backend.migrations import run as migrations
from backend.money.pricing import usd_to_micros
from backend.operations.user_commands import create_with_key
from benchmarks.client import Client
from benchmarks.instance import environment
from tests.chaos.checks import until
from tests.chaos.network import servers
from tests.chaos.network.hosts import Host, Network
from tests.chaos.processes import kill, send

PORT: Final = 8000
ASK_S: Final = 5.0
"""The time that a client waits for a response, which may be lost."""
START_S: Final = 60.0
_COMMAND: Final = [sys.executable, "-m", "backend.operations.cli"]


class Cluster:
    """The hosts of one instance, and the actions of an operator on them."""

    def __init__(self, network: Network, folder: Path, *, workers: int) -> None:
        """Start everything, and return when the instance can run jobs."""
        self.network = network
        self._folder = folder
        self._secrets_key = Fernet.generate_key().decode()
        (folder / "storage").mkdir()
        self.data = start_databases(network, folder / "data")
        self.database_url = postgres.address(folder / "data")
        """Through the UNIX socket, which network faults do not affect."""
        migrations.upgrade(self.database_url)
        self.api = self._add("api")
        self.workers = [self._add(f"worker{number}") for number in range(1, workers + 1)]
        for host in (self.api, *self.workers):
            self.start(host)
        self.wait_until_healthy()

    def start(self, host: Host) -> None:
        """Start the service of the host, as its service manager would."""
        host.start([*_COMMAND, self._command_of(host)], log=self.log_of(host), env=self._environment(host))

    def service_of(self, host: Host) -> list[int]:
        """Return the processes that a service manager would monitor: the command, or the program that it runs."""
        module = "studio.serve" if host is self.api else "workers.pool"
        return [*host.pids(module), *host.pids(f"{_COMMAND[-1]} {self._command_of(host)}")]

    def stop(self, host: Host) -> None:
        """Stop the service of the host with SIGTERM, as its service manager would."""
        if service := self.service_of(host):
            send(service, signal.SIGTERM)
        until(lambda: not host.pids(), START_S, f"{host.name} did not stop")

    def kill_all(self, host: Host) -> None:
        """Kill all processes of the host at the same time."""
        if pids := host.pids():
            kill(pids)
        until(lambda: not host.pids(), START_S, f"{host.name} was not killed")

    def client(self, api_key: str) -> Client:
        """Return a client for a thread that has entered the network."""
        return Client(PORT, api_key, self.api.address, ASK_S)

    def add_project(self, credit_usd: float) -> str:
        """Create a project with credit, and return its API key."""
        options = Settings(
            home=self._folder / self.api.name,
            database_url=SecretStr(self.database_url),
            redis_url=SecretStr(servers.redis_url(self.data.address)),
        )
        name, credit_micros = f"app-{uuid4().hex[:6]}", usd_to_micros(credit_usd)
        with self.network.inside():
            made = asyncio.run(create_with_key(options, name=name, slug=None, credit_micros=credit_micros))
        return made.api_key

    def run_query(self, query: str) -> list[tuple[object, ...]]:
        """Return the rows of a query."""
        with psycopg.connect(self.database_url, connect_timeout=10) as connection:
            return connection.execute(query).fetchall()

    def wait_until_healthy(self) -> None:
        """Return when every worker process has a recent heartbeat and the API responds."""
        alive = "select count(*) from workers where beat_at > now() - interval '5 s' and not stopping"
        until(lambda: self.run_query(alive) == [(len(self.workers),)], START_S, "a worker is missing")
        with self.network.inside(), self.client("") as client:
            until(lambda: self._responds(client), START_S, "the API does not respond")

    def log_of(self, host: Host) -> Path:
        """Return the file with the output of the processes of the host."""
        return self._folder / f"{host.name}.log"

    def database_log(self) -> str:
        """Return the log of PostgreSQL."""
        return (self._folder / "data" / "postgres" / "log").read_text(encoding="utf-8", errors="replace")

    def _responds(self, client: Client) -> bool:
        try:
            return client.request("GET", "/ready").status == 200
        except OSError:
            return False

    def _command_of(self, host: Host) -> str:
        return "api" if host is self.api else "worker"

    def _add(self, name: str) -> Host:
        host = self.network.add(name)
        host.share(self._folder / "storage", self._folder / name / "storage")
        return host

    def _environment(self, host: Host) -> dict[str, str]:
        return environment(
            self._folder / host.name,
            PORT,
            DATABASE_URL=servers.database_url(self.data.address),
            REDIS_URL=servers.redis_url(self.data.address),
            SECRETS_ENC_KEY=self._secrets_key,
            PURAS_HOST=host.address,
            PURAS_API_URL=f"http://{self.api.address}:{PORT}",
            PURAS_WORKER_PROCESSES="1",
            PURAS_WORKER_JOBS="8",
            PURAS_COMPUTE_MICROS_PER_SECOND="1000",
        )


@contextmanager
def cluster(network: Network, folder: Path, *, workers: int) -> Iterator[Cluster]:
    """Start an instance on hosts of the network; if an error occurs, print the output of its hosts."""
    try:
        yield Cluster(network, folder, workers=workers)
    except BaseException:
        for log in sorted(folder.glob("*.log")):
            print(f"== {log.stem}\n{log.read_text(errors='replace')[-3000:]}")
        raise


def start_databases(network: Network, home: Path) -> Host:
    """Start PostgreSQL and Valkey on a separate host, and return it when PostgreSQL accepts connections."""
    host = network.add("data")
    host.start([sys.executable, "-m", servers.__name__, str(home)], log=home.with_name("data.log"))
    with network.inside():
        until(lambda: _accepts_connections(host), START_S, "PostgreSQL did not start")
    return host


def _accepts_connections(host: Host) -> bool:
    try:
        psycopg.connect(servers.database_url(host.address), connect_timeout=2).close()
    except psycopg.OperationalError:
        time.sleep(0.05)
        return False
    return True
