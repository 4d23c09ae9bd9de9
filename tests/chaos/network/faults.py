"""Faults of hosts, in an order that a seed determines, two at the same time."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Literal

from tests.chaos.checks import until
from tests.chaos.network.cluster import START_S, Cluster
from tests.chaos.network.hosts import Host
from tests.chaos.processes import frozen, kill, send

Kind = Literal["cut", "freeze", "kill", "lose", "restart", "delay"]
HOLD_S: Final[dict[Kind, tuple[float, float]]] = {
    "cut": (1.0, 16.0),  # shorter and longer than the lease of a worker
    "freeze": (1.0, 16.0),
    "kill": (0.0, 1.0),
    "lose": (1.0, 16.0),
    "restart": (0.0, 2.0),
    "delay": (4.0, 8.0),
}
DELAY_S: Final = 0.03
PAUSE_S: Final = 2.0
CONCURRENCY: Final = 2
SERVING: Final = {"data": ("bin/postgres -D", "valkey-server"), "api": ("studio.serve",)}
"""The processes that serve requests on a host; on all other hosts, the worker processes."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one host, with its duration."""

    kind: Kind
    host: str
    hold_s: float


def plan(seed: int, hosts: Iterable[str]) -> list[Fault]:
    """Return each kind of fault for each host, in the order of the seed; the databases are never lost permanently."""
    numbers = random.Random(seed)
    faults = [
        Fault(kind, host, numbers.uniform(*bounds))
        for host in hosts
        for kind, bounds in HOLD_S.items()
        if (kind, host) != ("lose", "data")
    ]
    numbers.shuffle(faults)
    return faults


def duration_s(faults: list[Fault]) -> float:
    """Return the approximate duration of all faults."""
    return sum(fault.hold_s + PAUSE_S for fault in faults) / CONCURRENCY


def cause(cluster: Cluster, faults: list[Fault]) -> None:
    """Cause the faults in order, one at a time for each host; return when all hosts are healthy."""
    locks = {name: threading.Lock() for name in cluster.network.hosts}
    with ThreadPoolExecutor(CONCURRENCY, "faults") as threads:
        for caused in [threads.submit(_cause, cluster, fault, locks[fault.host]) for fault in faults]:
            caused.result()
    cluster.wait_until_healthy()


def _cause(cluster: Cluster, fault: Fault, lock: threading.Lock) -> None:
    network, host = cluster.network, cluster.network.hosts[fault.host]
    with lock:
        match fault.kind:
            case "cut":
                network.cut(host)
                time.sleep(fault.hold_s)
                network.heal(host)
            case "delay":
                network.delay(host, DELAY_S)
                time.sleep(fault.hold_s)
                network.heal(host)
            case "freeze":
                with frozen(host.pids()):
                    time.sleep(fault.hold_s)
            case "kill":
                kill(_serving(host))
                _start_again(cluster, host, fault.hold_s)
            case "lose":
                network.cut(host)
                cluster.kill_all(host)
                time.sleep(fault.hold_s)
                network.heal(host)
                _start_again(cluster, host)
            case "restart":
                _stop(cluster, host)
                _start_again(cluster, host, fault.hold_s)
        time.sleep(PAUSE_S)


def _serving(host: Host) -> list[int]:
    """Return one process of each serving program, as soon as one exists."""
    found: list[int] = []

    def find() -> bool:
        found[:] = [
            min(pids) for name in SERVING.get(host.name, ("workers.main",)) if (pids := host.pids(name))
        ]
        return bool(found)

    until(find, START_S, f"{host.name} serves nothing")
    return found


def _stop(cluster: Cluster, host: Host) -> None:
    if host is cluster.data:
        send(_serving(host), signal.SIGINT)
    else:
        cluster.stop(host)


def _start_again(cluster: Cluster, host: Host, after_s: float = 0.0) -> None:
    """Start the service of the host, unless it restarts by itself."""
    time.sleep(after_s)
    if host is not cluster.data and not cluster.service_of(host):
        cluster.start(host)
