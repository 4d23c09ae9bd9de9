"""Celery, in separate processes: `python -m benchmarks.peers.celery_queue SOCKET work | submit COUNT`.

Its broker and its results are two databases of the Valkey server with this socket. `submit` follows the protocol of
`clients.py`.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any, Final

from celery import Celery
from celery.exceptions import SecurityWarning

from benchmarks.clients import report_done, report_ready_and_wait

CONCURRENCY: Final = 8
"""The number of processes; equal to the concurrency of the other queues."""
BROKER_DATABASE: Final = 1
RESULTS_DATABASE: Final = 2
RESULTS_PATTERN: Final = "celery-task-meta-*"
FIRST_TIMEOUT_S: Final = 60.0

_URL: Final = f"redis+socket://{sys.argv[1] if len(sys.argv) > 1 else '/'}?virtual_host="
app: Any = Celery("benchmarks", broker=f"{_URL}{BROKER_DATABASE}", backend=f"{_URL}{RESULTS_DATABASE}")
# A job that a lost worker had taken runs again, as in this project.
app.conf.update(task_acks_late=True, task_reject_on_worker_lost=True)


def noop(n: int) -> dict[str, int]:
    """Do nothing in a process that was forked before and runs many jobs."""
    return {"n": n}


task: Any = app.task(name="noop")(noop)


def submit(jobs: int) -> None:
    """Submit this number of jobs after the worker has run a first one."""
    task.delay(-1).get(timeout=FIRST_TIMEOUT_S)
    report_ready_and_wait()
    for n in range(jobs):
        task.delay(n)
    report_done()


def main(arguments: list[str]) -> None:
    """Submit jobs, or run a worker until a signal arrives."""
    match arguments:
        case ["submit", jobs]:
            submit(int(jobs))
        case ["work"]:
            options = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=ERROR"]
            # It warns that root runs the worker, although it accepts only JSON.
            warnings.simplefilter("ignore", SecurityWarning)
            app.worker_main(["--quiet", "worker", "--pool=prefork", f"--concurrency={CONCURRENCY}", *options])
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[2:])
