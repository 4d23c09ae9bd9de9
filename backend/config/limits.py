"""What projects, keys and people may have at most."""

from __future__ import annotations

from pydantic import AliasChoices, Field, field_validator

from backend.config.group import Group
from backend.config.quotas import Quota, Quotas
from backend.core.http.client_ip import Network, networks_of


class Limits(Group):
    """Limits of projects that have none of their own, and of requests."""

    project_concurrency: int = Field(default=50, ge=1, le=10_000)
    """Jobs of one project that may be ready or running at once, unless the project has its own limit."""

    key_requests_per_minute: int | None = Field(default=None, ge=1)
    """Requests a minute that each API key, and each person, may send; a key may be held to fewer. Default: no limit."""

    project_requests_per_minute: int | None = Field(default=None, ge=1)
    """Requests a minute that a project's keys may send together, unless it has its own limit. Default: no limit."""

    max_queued_jobs: int = Field(
        default=10_000,
        ge=0,
        validation_alias=AliasChoices("PURAS_MAX_QUEUED_JOBS", "PURAS_MOST_QUEUED_JOBS"),
    )
    """Jobs of one project that may wait outside of its window, unless the project has its own limit."""

    max_later_jobs: int = Field(
        default=10_000,
        ge=0,
        validation_alias=AliasChoices("PURAS_MAX_LATER_JOBS", "PURAS_MOST_LATER_JOBS"),
    )
    """Jobs of one project with a `run_at` that may wait for that time, unless the project has its own limit."""

    max_deployments: int = Field(
        default=1_000,
        ge=1,
        validation_alias=AliasChoices("PURAS_MAX_DEPLOYMENTS", "PURAS_MOST_DEPLOYMENTS"),
    )
    """Versions and drafts that one skillpack may keep, unless its project has its own limit."""

    max_api_keys: int = Field(
        default=100,
        ge=1,
        validation_alias=AliasChoices("PURAS_MAX_API_KEYS", "PURAS_MOST_API_KEYS"),
    )
    """API keys of one project that are not revoked, unless the project has its own limit."""

    max_members: int = Field(
        default=200,
        ge=1,
        validation_alias=AliasChoices("PURAS_MAX_MEMBERS", "PURAS_MOST_MEMBERS"),
    )
    """Members of one project, unless the project has its own limit."""

    max_secrets: int = Field(
        default=100,
        ge=0,
        le=1_000,
        validation_alias=AliasChoices("PURAS_MAX_SECRETS", "PURAS_MOST_SECRETS"),
    )
    """Secrets of one project, and again of each of its skillpacks, unless the project has its own limit."""

    max_projects: int = Field(
        default=100,
        ge=0,
        validation_alias=AliasChoices("PURAS_MAX_PROJECTS", "PURAS_MOST_PROJECTS"),
    )
    """Projects that one person may own; the operator makes more for them."""

    max_skillpacks: int = Field(
        default=100,
        ge=1,
        validation_alias=AliasChoices("PURAS_MAX_SKILLPACKS", "PURAS_MOST_SKILLPACKS"),
    )
    """Skillpacks of one project, unless the project has its own limit."""

    max_drive_mb: int = Field(
        default=20_480,
        ge=0,
        validation_alias=AliasChoices("PURAS_MAX_DRIVE_MB", "PURAS_MOST_DRIVE_MB"),
    )
    """MiB that the drive of one project may hold, unless the project has its own limit."""

    max_drive_files: int = Field(
        default=200_000,
        ge=0,
        validation_alias=AliasChoices("PURAS_MAX_DRIVE_FILES", "PURAS_MOST_DRIVE_FILES"),
    )
    """Files and folders that the drive of one project may hold, unless the project has its own limit."""

    max_memory_records: int = Field(
        default=100_000,
        ge=0,
        validation_alias=AliasChoices("PURAS_MAX_MEMORY_RECORDS", "PURAS_MOST_MEMORY_RECORDS"),
    )
    """Records that the memory of one project may hold, unless the project has its own limit."""

    max_memory_mb: int = Field(
        default=256,
        ge=0,
        validation_alias=AliasChoices("PURAS_MAX_MEMORY_MB", "PURAS_MOST_MEMORY_MB"),
    )
    """MiB that the memory of one project may hold, unless the project has its own limit."""

    open_requests: int = Field(default=500, ge=1)
    """Requests of one key, or one person, that an API process answers at once: streams and those that wait for a job
    count for as long as they last."""

    open_pages: int = Field(default=100, ge=1)
    """Pages of the studio that one person may have open at once, in each process that serves them."""

    trusted_proxies: str | None = None
    """Comma-separated addresses and networks (`10.0.0.0/8`) of the proxies in front of this instance: from them alone
    X-Forwarded-For is believed. Without them everybody behind a proxy counts as one address."""

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, listed: str | None) -> str | None:
        networks_of(listed or "")
        return listed

    @property
    def proxy_networks(self) -> tuple[Network, ...]:
        """The proxies whose word about a request's origin is believed."""
        return networks_of(self.trusted_proxies or "")

    @property
    def quotas(self) -> Quotas:
        """What a project without limits of its own may have."""
        return Quotas(**{name: getattr(self, f"max_{name}") for name in Quota})
