"""Quotas: how many of each thing a project may have. The instance's settings say it, unless the project has its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Quota(StrEnum):
    """What a project has a quota of, by the name of its setting."""

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


WORDS: Final = {
    Quota.QUEUED_JOBS: "waiting jobs",
    Quota.LATER_JOBS: "jobs for later",
    Quota.DEPLOYMENTS: "versions and drafts in one skillpack",
    Quota.API_KEYS: "API keys that are not revoked",
    Quota.MEMBERS: "members",
    Quota.SECRETS: "secrets, and each skillpack as many,",
    Quota.SKILLPACKS: "skillpacks",
    Quota.DRIVE_MB: "MiB in its drive",
    Quota.DRIVE_FILES: "files and folders in its drive",
    Quota.MEMORY_RECORDS: "records in its memory",
    Quota.MEMORY_MB: "MiB in its memory",
}
"""How sentences name them."""


@dataclass(frozen=True, slots=True)
class Quotas:
    """The instance's own: what a project without limits of its own may have."""

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


CONCURRENCY: Final = "concurrency"
REQUESTS: Final = "requests_per_minute"


def ceiling(of_operator: Mapping[str, int], name: str, default: int | None) -> int | None:
    """Return the most that a project can set itself; `None`: any number.

    Args:
        of_operator: What the operator has set for the project (`projects.limits`).
        name: Of the limit.
        default: What the instance's settings say.
    """
    return of_operator.get(name, default)


def effective(
    of_operator: Mapping[str, int], own: Mapping[str, int], name: str, default: int | None
) -> int | None:
    """Return the limit that holds: the project's own where that is below the ceiling, else the ceiling."""
    most, asked = ceiling(of_operator, name, default), own.get(name)
    if most is None or asked is None:
        return asked if most is None else most
    return min(most, asked)


def quota(of_operator: Mapping[str, int], own: Mapping[str, int], name: Quota, quotas: Quotas) -> int:
    """Return how many of a thing the project may have."""
    default: int = getattr(quotas, name)
    most = effective(of_operator, own, name, default)
    return default if most is None else most


DEFAULTS: Final = Quotas()
"""Of an instance whose settings say nothing."""
