"""Define the metrics that each process counts; `process_metrics` adds up the counts of all processes for Prometheus.

Labels have few values, and none that a tenant chooses: no project, no job, no skill, no free text.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Exported(NamedTuple):
    """A family of metrics, as Prometheus names it."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    meaning: str


COUNTED: Final[list[Exported]] = []
"""Every family of this module."""
REGISTRY: Final = CollectorRegistry(auto_describe=False)
"""A separate registry: the default one of the library adds metrics of a single process."""

_QUICK: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Seconds, for operations that normally take milliseconds."""
_LONG: Final = (0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0)
"""Seconds, for operations that can take half an hour."""
_HTTP: Final = (0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0)
"""Few buckets, since each route has its own."""


def _counter(name: str, help_text: str, *labels: str) -> Counter:
    COUNTED.append(Exported(name, "counter", labels, help_text))
    return Counter(name, help_text, labels, registry=REGISTRY)


def _gauge(name: str, help_text: str, *labels: str) -> Gauge:
    COUNTED.append(Exported(name, "gauge", labels, help_text))
    return Gauge(name, help_text, labels, registry=REGISTRY)


def _histogram(name: str, help_text: str, *labels: str, buckets: tuple[float, ...]) -> Histogram:
    COUNTED.append(Exported(name, "histogram", labels, help_text))
    return Histogram(name, help_text, labels, registry=REGISTRY, buckets=buckets)


JOBS_SUBMITTED: Final = _counter("puras_jobs_submitted_total", "Jobs that were accepted.", "lane")
JOBS_FINISHED: Final = _counter(
    "puras_jobs_finished_total",
    "Jobs that have finished, by final status and error code.",
    "status",
    "code",
)
JOBS_REQUEUED: Final = _counter(
    "puras_jobs_requeued_total",
    "Attempts that were returned to the queue: worker_lost, drain, retry, postponed.",
    "reason",
)
JOB_QUEUE_WAIT: Final = _histogram(
    "puras_job_queue_wait_seconds",
    "Time from when a job could first run (its submission or its `run_at`) to its start.",
    "lane",
    buckets=_LONG,
)
CLAIM: Final = _histogram(
    "puras_claim_seconds",
    "Duration of one statement with which a worker process claims jobs, or finds none.",
    buckets=_QUICK,
)
JOB_RUN: Final = _histogram(
    "puras_job_run_seconds",
    "Time from the start of the work in the process of a job to its end.",
    "type",
    buckets=_LONG,
)
JOB_FINISH: Final = _histogram(
    "puras_job_finish_seconds",
    "Time from the end of a job's process until its final status is stored.",
    buckets=_QUICK,
)
EVENTS_APPENDED: Final = _counter("puras_events_appended_total", "Events of jobs that were stored.")
DATABASE_COMMITS: Final = _counter(
    "puras_database_commits_total",
    "Commits: transactions, and single statements outside of a transaction.",
    "kind",
)
BILLED: Final = _counter(
    "puras_ledger_billed_micros_total", "Micros (millionths of a US dollar) that jobs were billed."
)

MESSAGES_SENT: Final = _counter(
    "puras_redis_messages_sent_total",
    "Messages sent over Redis: worker_wake_up, subjob_wake_up, started_job (to a worker; on the same host over a "
    "socket), wake_up (of followers), cancel, delta.",
    "kind",
)
REDIS_FAILURES: Final = _counter("puras_redis_failures_total", "Messages that Redis did not accept.")

HTTP_REQUESTS: Final = _counter(
    "puras_http_requests_total", "Requests to which the API has responded.", "method", "route", "status"
)
HTTP_REQUEST: Final = _histogram(
    "puras_http_request_seconds",
    "Time from a request to the end of its response, including the time that streams and requests for a job wait.",
    "method",
    "route",
    buckets=_HTTP,
)
STREAM_FOLLOWERS: Final = _gauge("puras_stream_followers", "Open streams of events.")
DRIVE_BYTES: Final = _counter(
    "puras_drive_transferred_bytes_total",
    "Bytes of drive files that the API received or sent.",
    "direction",
)

SWEEP: Final = _histogram("puras_sweep_seconds", "Duration of one sweep.", buckets=_QUICK)
WORKERS_LOST: Final = _counter("puras_workers_lost_total", "Worker processes whose lease expired.")
JOBS_LOST: Final = _counter("puras_jobs_lost_total", "Jobs that were running in a lost worker process.")
SWEEP_ADMITTED: Final = _counter(
    "puras_sweep_admitted_jobs_total", "Queued jobs that a sweep admitted to the window of their project."
)

SANDBOX_START: Final = _histogram(
    "puras_sandbox_start_seconds",
    "Time until an attempt has a process: a spare of a zygote, or a new one.",
    buckets=_QUICK,
)
SANDBOX_STARTS: Final = _counter(
    "puras_sandbox_starts_total",
    "Zygotes that were started: warm, or cold because of threads, processes, connections, no_mounts.",
    "kind",
)
PREPARED_SANDBOXES: Final = _counter(
    "puras_sandbox_prepared_total",
    "Sandboxes that were prepared for the next zygote: used, lost before that, or failed to start.",
    "result",
)
SANDBOX_KILLS: Final = _counter(
    "puras_sandbox_kills_total",
    "Processes that the sandbox ended, by the limit that they exceeded.",
    "reason",
)
ZYGOTES_ENDED: Final = _counter(
    "puras_sandbox_zygotes_ended_total",
    "Zygotes that were ended: idle, memory, processes, strays.",
    "reason",
)
ZYGOTES: Final = _gauge("puras_sandbox_zygotes", "Running zygotes.")
SPARES: Final = _gauge("puras_sandbox_spares", "Forked processes that wait for a job.")
ZYGOTE_MEMORY: Final = _gauge("puras_sandbox_memory_bytes", "Memory of the zygotes.")
NETWORK_REFUSED: Final = _counter(
    "puras_network_refused_total",
    "Requests of jobs that the egress proxy rejected, by the reason in their events.",
    "reason",
)
NETWORK_BYTES: Final = _counter(
    "puras_network_transferred_bytes_total",
    "Bytes that jobs sent and received through the egress proxy.",
    "direction",
)
PROXY_EXITS: Final = _counter("puras_network_proxy_exits_total", "Egress proxies that exited unexpectedly.")
ENVIRONMENT_BUILDS: Final = _counter(
    "puras_environment_builds_total",
    "Environments of packages that were built: ready, wheels_missing, failed.",
    "outcome",
)
ENVIRONMENT_BUILD: Final = _histogram(
    "puras_environment_build_seconds", "Duration of one build of an environment.", buckets=_LONG
)

HOST_SHORTAGE: Final = _gauge(
    "puras_worker_host_shortage",
    "1 while the host of a worker has too little disk space, memory or processes, so that it claims no jobs.",
    "resource",
)

WEBHOOK_SENDS: Final = _counter(
    "puras_webhook_sends_total",
    "Attempts to send a webhook: delivered, failed, abandoned (the last attempt failed).",
    "outcome",
)
SCHEDULE_RUNS: Final = _counter(
    "puras_schedule_runs_total",
    "Due runs of schedules: submitted, queued (and then submitted), skipped, missed, refused.",
    "outcome",
)

DATABASE_CONNECTIONS: Final = _gauge(
    "puras_database_connections", "Connections to the database, by pool and state.", "pool", "state"
)
SPANS_EXPORTED: Final = _counter(
    "puras_spans_exported_total", "Spans that the trace receiver accepted (sent) or not (failed).", "outcome"
)
