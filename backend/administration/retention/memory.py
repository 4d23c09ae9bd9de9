"""Define old records of memory; deleting them reduces the usage of the project's quota in the same statement."""

from __future__ import annotations

from typing import Final

from sqlalchemy import text

from backend.administration.retention.rows import Kind


def _kind(name: str, column: str) -> Kind:
    return Kind(
        name,
        text(f"select count(*) from memory_records where {column} < :before"),  # noqa: S608 - a constant
        text(f"""
        with old as (
          select id from memory_records where {column} < :before limit :maximum for update skip locked
        ), gone as (
          delete from memory_records m using old where m.id = old.id returning m.project_id, m.size_bytes
        ), counted as (
          update memory_usage u set records = greatest(0, u.records - g.records), bytes = greatest(0, u.bytes - g.bytes)
          from (select project_id, count(*) as records, sum(size_bytes) as bytes from gone group by project_id) g
          where u.project_id = g.project_id
        )
        select count(*) from old
        """),  # noqa: S608 - a constant
    )


FORGOTTEN: Final = _kind("forgotten memories", "forgotten_at")
STALE: Final = _kind("stale memories", "stale_at")
CHANGES: Final = Kind(
    "changes of memory",
    text("select count(*) from memory_changes where at < :before"),
    text("""
    with gone as (
      delete from memory_changes where id in (select id from memory_changes where at < :before limit 5 * :maximum)
      returning id
    )
    select count(*) from gone
    """),
)
