"""Quotas of projects: those of the instance's settings, unless a project has its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Quota(StrEnum):
    """Names of the quotas, as in the settings."""

    QUEUED_JOBS = "queued_jobs"
    LATER_JOBS = "later_jobs"
    DEPLOYMENTS = "deployments"
    API_KEYS = "api_keys"
    MEMBERS = "members"
    SECRETS = "secrets"
    SKILLPACKS = "skillpacks"
    DRIVE_MB = "drive_mb"
    DRIVE_FILES = "drive_files"
    MEMORY_RECORDS = "memory_records"
    MEMORY_MB = "memory_mb"
    SESSION_MESSAGES = "session_messages"
    SESSION_USD = "session_usd"


LABELS: Final = {
    Quota.QUEUED_JOBS: "pending jobs",
    Quota.LATER_JOBS: "jobs that wait for their `run_at`",
    Quota.DEPLOYMENTS: "versions and drafts in one skillpack",
    Quota.API_KEYS: "API keys that are not revoked",
    Quota.MEMBERS: "members",
    Quota.SECRETS: "secrets, and as many in each skillpack,",
    Quota.SKILLPACKS: "skillpacks",
    Quota.DRIVE_MB: "MiB in its drive",
    Quota.DRIVE_FILES: "files and folders in its drive",
    Quota.MEMORY_RECORDS: "records in its memory",
    Quota.MEMORY_MB: "MiB in its memory",
    Quota.SESSION_MESSAGES: "messages in one session",
    Quota.SESSION_USD: "US dollars for one session",
}
"""The names of the quotas in messages."""


@dataclass(frozen=True, slots=True)
class Quotas:
    """The quotas of projects without limits of their own."""

    queued_jobs: int = 10_000
    later_jobs: int = 10_000
    deployments: int = 1_000
    api_keys: int = 100
    members: int = 200
    secrets: int = 100
    skillpacks: int = 100
    drive_mb: int = 20_480
    drive_files: int = 200_000
    memory_records: int = 100_000
    memory_mb: int = 256
    session_messages: int = 1_000
    session_usd: int = 100


CONCURRENCY: Final = "concurrency"
REQUESTS: Final = "requests_per_minute"


def ceiling(of_operator: Mapping[str, int], name: str, default: int | None) -> int | None:
    """Return the maximum that a project can set itself; `None`: no maximum.

    Args:
        of_operator: Limits that the operator has set for the project (`projects.limits`).
        name: Name of the limit.
        default: Limit in the instance's settings.
    """
    return of_operator.get(name, default)


def effective(
    of_operator: Mapping[str, int], own: Mapping[str, int], name: str, default: int | None
) -> int | None:
    """Return the effective limit: the project's own if it is below the ceiling, else the ceiling."""
    maximum, own_limit = ceiling(of_operator, name, default), own.get(name)
    if maximum is None or own_limit is None:
        return own_limit if maximum is None else maximum
    return min(maximum, own_limit)


def quota(of_operator: Mapping[str, int], own: Mapping[str, int], name: Quota, quotas: Quotas) -> int:
    """Return the effective quota of a project."""
    default: int = getattr(quotas, name)
    maximum = effective(of_operator, own, name, default)
    return default if maximum is None else maximum


DEFAULTS: Final = Quotas()
"""Quotas of an instance with default settings."""
