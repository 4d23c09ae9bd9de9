"""The write-ahead log of a PostgreSQL server: written bytes and calls of `fsync`, from its own statistics."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import psycopg

REPORT_S: Final = 11.0
"""An idle connection reports its statistics after ten seconds (`PGSTAT_IDLE_INTERVAL` in PostgreSQL)."""

_WRITTEN: Final = "select wal_bytes::float, wal_records::float, wal_fpi::float from pg_stat_wal"
# PostgreSQL 18 moved the calls of fsync to `pg_stat_io`, where each kind of process has a row.
_FSYNCS_FROM_18: Final = (
    "select sum(fsyncs)::float from pg_stat_io where object = 'wal' and context = 'normal'"
)
_FSYNCS: Final = "select wal_sync::float from pg_stat_wal"


@dataclass(frozen=True, slots=True)
class Wal:
    """What a server has written: counters since its start, or their growth."""

    bytes: float
    records: float
    full_pages: float
    """Copies of whole pages, which the first change of a page after a checkpoint writes."""
    fsyncs: float
    at_s: float
    """Time on the monotonic clock, or the length of the interval."""

    def since(self, earlier: Wal) -> Wal:
        """Return the growth since an earlier reading."""
        return Wal(
            self.bytes - earlier.bytes,
            self.records - earlier.records,
            self.full_pages - earlier.full_pages,
            self.fsyncs - earlier.fsyncs,
            self.at_s - earlier.at_s,
        )

    def per_job(self, jobs: int, idle: Wal) -> Wal:
        """Return the growth per job, without what the idle instance writes in the same time."""
        share = self.at_s / idle.at_s
        return Wal(
            (self.bytes - idle.bytes * share) / jobs,
            (self.records - idle.records * share) / jobs,
            (self.full_pages - idle.full_pages * share) / jobs,
            (self.fsyncs - idle.fsyncs * share) / jobs,
            self.at_s / jobs,
        )


def read(connection: psycopg.Connection) -> Wal:
    """Wait until idle connections have reported their statistics, and return them."""
    time.sleep(REPORT_S)
    is_from_18 = connection.info.server_version >= 180_000
    written = connection.execute(_WRITTEN).fetchone()
    fsyncs = connection.execute(_FSYNCS_FROM_18 if is_from_18 else _FSYNCS).fetchone()
    assert written is not None
    assert fsyncs is not None
    written_bytes, records, full_pages = written
    return Wal(written_bytes, records, full_pages, fsyncs[0], time.monotonic())
