"""Settings of the limits of projects, keys and users."""

from __future__ import annotations

from pydantic import AliasChoices, Field, field_validator

from backend.config.group import Group
from backend.config.quotas import Quota, Quotas
from backend.core.http.client_ip import Network, networks_of


class Limits(Group):
    """Limits of requests, and default limits of projects."""

    project_concurrency: int = Field(default=50, ge=1, le=10_000)
    """Maximum jobs of one project that are ready or running, unless the project has its own limit."""

    key_requests_per_minute: int | None = Field(default=None, ge=1)
    """Maximum requests per minute of each API key and each user; a key may have a lower limit. Default: no limit."""

    project_requests_per_minute: int | None = Field(default=None, ge=1)
    """Maximum requests per minute of all keys of a project, unless it has its own limit. Default: no limit."""

    max_queued_jobs: int = Field(
        default=10_000,
        ge=0,
        validation_alias=AliasChoices("PURAS_MAX_QUEUED_JOBS", "PURAS_MOST_QUEUED_JOBS"),
    )
    """Maximum pending jobs of one project outside of its window, unless the project has its own limit."""

    max_later_jobs: int = Field(
        default=10_000,
        ge=0,
        validation_alias=AliasChoices("PURAS_MAX_LATER_JOBS", "PURAS_MOST_LATER_JOBS"),
    )
    """Maximum jobs of one project that wait for their `run_at`, unless the project has its own limit."""

    max_deployments: int = Field(
        default=1_000,
        ge=1,
        validation_alias=AliasChoices("PURAS_MAX_DEPLOYMENTS", "PURAS_MOST_DEPLOYMENTS"),
    )
    """Maximum versions and drafts of one skillpack, unless its project has its own limit."""

    max_api_keys: int = Field(
        default=100,
        ge=1,
        validation_alias=AliasChoices("PURAS_MAX_API_KEYS", "PURAS_MOST_API_KEYS"),
    )
    """Maximum API keys of one project that are not revoked, unless the project has its own limit."""

    max_members: int = Field(
        default=200,
        ge=1,
        validation_alias=AliasChoices("PURAS_MAX_MEMBERS", "PURAS_MOST_MEMBERS"),
    )
    """Maximum members of one project, unless the project has its own limit."""

    max_secrets: int = Field(
        default=100,
        ge=0,
        le=1_000,
        validation_alias=AliasChoices("PURAS_MAX_SECRETS", "PURAS_MOST_SECRETS"),
    )
    """Maximum secrets of one project, and of each of its skillpacks, unless the project has its own limit."""

    max_projects: int = Field(
        default=100,
        ge=0,
        validation_alias=AliasChoices("PURAS_MAX_PROJECTS", "PURAS_MOST_PROJECTS"),
    )
    """Maximum projects that one user may own; an operator can create more for the user."""

    max_skillpacks: int = Field(
        default=100,
        ge=1,
        validation_alias=AliasChoices("PURAS_MAX_SKILLPACKS", "PURAS_MOST_SKILLPACKS"),
    )
    """Maximum skillpacks of one project, unless the project has its own limit."""

    max_drive_mb: int = Field(
        default=20_480,
        ge=0,
        validation_alias=AliasChoices("PURAS_MAX_DRIVE_MB", "PURAS_MOST_DRIVE_MB"),
    )
    """Maximum size of the drive of one project in MiB, unless the project has its own limit."""

    max_drive_files: int = Field(
        default=200_000,
        ge=0,
        validation_alias=AliasChoices("PURAS_MAX_DRIVE_FILES", "PURAS_MOST_DRIVE_FILES"),
    )
    """Maximum files and folders in the drive of one project, unless the project has its own limit."""

    max_memory_records: int = Field(
        default=100_000,
        ge=0,
        validation_alias=AliasChoices("PURAS_MAX_MEMORY_RECORDS", "PURAS_MOST_MEMORY_RECORDS"),
    )
    """Maximum records in the memory of one project, unless the project has its own limit."""

    max_memory_mb: int = Field(
        default=256,
        ge=0,
        validation_alias=AliasChoices("PURAS_MAX_MEMORY_MB", "PURAS_MOST_MEMORY_MB"),
    )
    """Maximum size of the memory of one project in MiB, unless the project has its own limit."""

    max_session_messages: int = Field(default=1_000, ge=1)
    """Maximum messages of a user in one session, unless the project has its own limit."""

    max_session_usd: int = Field(default=100, ge=0)
    """Maximum cost of one session in US dollars, unless the project has its own limit. It is compared when a message is
    sent."""

    open_requests: int = Field(default=500, ge=1)
    """Maximum concurrent requests of one key or user in each API process, including streams and requests that wait for
    a job."""

    open_pages: int = Field(default=100, ge=1)
    """Maximum open studio pages of one user in each process that serves them."""

    trusted_proxies: str | None = None
    """Comma-separated IP addresses and networks (`10.0.0.0/8`) of the proxies in front of this instance. Only their
    X-Forwarded-For is trusted. Without this setting all clients behind a proxy count as one IP address."""

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, listed: str | None) -> str | None:
        networks_of(listed or "")
        return listed

    @property
    def proxy_networks(self) -> tuple[Network, ...]:
        """Return the networks of trusted proxies."""
        return networks_of(self.trusted_proxies or "")

    @property
    def quotas(self) -> Quotas:
        """Return the default quotas of projects."""
        return Quotas(**{name: getattr(self, f"max_{name}") for name in Quota})
