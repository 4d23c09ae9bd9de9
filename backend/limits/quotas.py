"""Quotas: how many of each thing a project may have. The instance's settings say it, unless the project has its own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Quota(StrEnum):
    """What a project has a quota of, by the name of its setting."""

    QUEUED_JOBS = "queued_jobs"
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
    deployments: int = 1_000
    api_keys: int = 100
    members: int = 200
    secrets: int = 100
    skillpacks: int = 100
    drive_mb: int = 20_480
    drive_files: int = 200_000
    memory_records: int = 100_000
    memory_mb: int = 256


DEFAULTS: Final = Quotas()
"""Of an instance whose settings say nothing."""
