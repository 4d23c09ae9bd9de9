"""An instance on several hosts: databases, API and workers, each on hosts of their own, with one storage for all."""

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
from tests.chaos.network import servers
from tests.chaos.network.hosts import Host, Network
from tests.chaos.processes import kill, send
from tests.chaos.watching import until

PORT: Final = 8000
ASK_S: Final = 5.0
"""What a client waits for an answer, which may be lost."""
START_S: Final = 60.0
_COMMAND: Final = [sys.executable, "-m", "backend.operations.cli"]


class Cluster:
    """The hosts of one instance, and what an operator does with them."""

    def __init__(self, network: Network, folder: Path, *, workers: int) -> None:
        """Start everything, and return when jobs run."""
        self.network = network
        self._folder = folder
        self._secrets_key = Fernet.generate_key().decode()
        (folder / "storage").mkdir()
        self.data = start_databases(network, folder / "data")
        self.database_url = postgres.address(folder / "data")
        """Through the socket, which no fault of the network reaches."""
        migrations.upgrade(self.database_url)
        self.api = self._add("api")
        self.workers = [self._add(f"worker{number}") for number in range(1, workers + 1)]
        for host in (self.api, *self.workers):
            self.start(host)
        self.wait_until_whole()

    def start(self, host: Host) -> None:
        """Start what the host serves, as its service manager would."""
        host.start([*_COMMAND, self._command_of(host)], log=self.log_of(host), env=self._environment(host))

    def service_of(self, host: Host) -> list[int]:
        """Return the process that a service manager would watch: the command, or what it has become."""
        module = "studio.serve" if host is self.api else "workers.pool"
        return [*host.pids(module), *host.pids(f"{_COMMAND[-1]} {self._command_of(host)}")]

    def stop(self, host: Host) -> None:
        """Stop what the host serves with SIGTERM, as its service manager would."""
        if service := self.service_of(host):
            send(service, signal.SIGTERM)
        until(lambda: not host.pids(), START_S, f"{host.name} did not stop")

    def kill_all(self, host: Host) -> None:
        """End every process of the host at once."""
        if pids := host.pids():
            kill(pids)
        until(lambda: not host.pids(), START_S, f"{host.name} was not killed")

    def client(self, api_key: str) -> Client:
        """Return a client for a thread that is in the network."""
        return Client(PORT, api_key, self.api.address, ASK_S)

    def add_project(self, credit_usd: float) -> str:
        """Make a project with credit; returns its key."""
        options = Settings(
            home=self._folder / self.api.name,
            database_url=SecretStr(self.database_url),
            redis_url=SecretStr(servers.redis_url(self.data.address)),
        )
        name, credit_micros = f"app-{uuid4().hex[:6]}", usd_to_micros(credit_usd)
        with self.network.inside():
            made = asyncio.run(create_with_key(options, name=name, slug=None, credit_micros=credit_micros))
        return made.api_key

    def ask(self, query: str) -> list[tuple[object, ...]]:
        """Return the rows of a query."""
        with psycopg.connect(self.database_url, connect_timeout=10) as connection:
            return connection.execute(query).fetchall()

    def wait_until_whole(self) -> None:
        """Return when every worker process has shown itself lately, and the API answers."""
        alive = "select count(*) from workers where beat_at > now() - interval '5 s' and not stopping"
        until(lambda: self.ask(alive) == [(len(self.workers),)], START_S, "a worker is missing")
        with self.network.inside(), self.client("") as client:
            until(lambda: self._answers(client), START_S, "the API does not answer")

    def log_of(self, host: Host) -> Path:
        """Return the file with what the host's processes print."""
        return self._folder / f"{host.name}.log"

    def database_log(self) -> str:
        """Return what PostgreSQL has reported."""
        return (self._folder / "data" / "postgres" / "log").read_text(encoding="utf-8", errors="replace")

    def _answers(self, client: Client) -> bool:
        try:
            return client.ask("GET", "/ready").status == 200
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
    """Start an instance on hosts of the network; what its hosts have printed is shown when it does not start."""
    try:
        yield Cluster(network, folder, workers=workers)
    except BaseException:
        for log in sorted(folder.glob("*.log")):
            print(f"== {log.stem}\n{log.read_text(errors='replace')[-3000:]}")
        raise


def start_databases(network: Network, home: Path) -> Host:
    """Start PostgreSQL and Valkey on a host of their own; returns it when PostgreSQL serves the network."""
    host = network.add("data")
    host.start([sys.executable, "-m", servers.__name__, str(home)], log=home.with_name("data.log"))
    with network.inside():
        until(lambda: _lets_in(host), START_S, "PostgreSQL did not start")
    return host


def _lets_in(host: Host) -> bool:
    try:
        psycopg.connect(servers.database_url(host.address), connect_timeout=2).close()
    except psycopg.OperationalError:
        time.sleep(0.05)
        return False
    return True
