"""Settings of URLs, databases and storage."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from backend.config import server_urls
from backend.config import supabase_project as supabase
from backend.config.group import Group
from backend.core.net.public_urls import ports_of


def default_home() -> Path:
    """Return `/var/lib/puras` for root, `./.puras` for other users.

    When root starts the embedded database, it runs as another user, who must be able to access its folder. All parent
    folders of `/var/lib/puras` allow that.
    """
    return Path("/var/lib/puras") if os.geteuid() == 0 else Path.cwd() / ".puras"


class Locations(Group):
    """URLs, databases and storage."""

    home: Path = Field(default_factory=default_home)
    """Folder of all state of this instance: database, queue, bundles, drive, environments, keys."""

    host: str = "127.0.0.1"
    """Address that the API and the studio, and the health checks of workers, listen on."""

    port: int = Field(default=8000, ge=1, le=65535)
    """TCP port of the API and the studio."""

    unready_s: float = Field(default=5.0, ge=0, le=120)
    """Seconds after SIGTERM in which the API still serves while `/ready` returns 503, so that a load balancer stops
    sending requests; a second signal skips them. Default for `puras-studio up`: 0."""

    public_url: str | None = None
    """Public URL of this instance, for links; default `http://HOST:PORT`."""

    api_url: str | None = None
    """URL at which workers reach the API, if it runs on another host; default: their own host."""

    webhook_hosts: str | None = None
    """Comma-separated `host:port` of private servers that webhooks may call; all other IP addresses must be public."""

    mcp_hosts: str | None = None
    """Comma-separated `host:port` of private MCP servers that the agents of all projects may use; all others must be
    public. Ports are part of the entry, such as `tools.internal:80`."""

    webhook_ports: str | None = None
    """Comma-separated ports (`8443,9000`) of public servers that webhooks may call in addition to 80 and 443."""

    database_url: SecretStr | None = Field(default=None, validation_alias="DATABASE_URL")
    """`postgresql://…` of an external PostgreSQL 15 to 18; without it an embedded one runs in the home."""

    database_direct_url: SecretStr | None = Field(default=None, validation_alias="DATABASE_DIRECT_URL")
    """Direct URL of the same database without its pooler, for migrations, backups and restores; default:
    `DATABASE_URL`. Port 6543 or `?pgbouncer=true` in `DATABASE_URL` means that its pooler is in transaction mode."""

    supabase_url: str | None = Field(default=None, validation_alias="SUPABASE_URL")
    """`https://….supabase.co`: bundles and drives are stored in this Supabase project, with `SUPABASE_SERVICE_KEY`;
    without both they are stored in the home."""

    supabase_service_key: SecretStr | None = Field(default=None, validation_alias="SUPABASE_SERVICE_KEY")
    """A secret key of the Supabase project (`sb_secret_…`, or the older `service_role`), for servers only."""

    supabase_bundles_bucket: str = "puras-bundles"
    """Private bucket of the Supabase project for bundles."""

    supabase_drive_bucket: str = "puras-drive"
    """Private bucket of the Supabase project for the files of drives."""

    redis_url: SecretStr | None = Field(default=None, validation_alias="REDIS_URL")
    """`redis://…` of an external Redis or Valkey; without it an embedded one runs in the home."""

    secrets_key: SecretStr | None = Field(default=None, validation_alias="SECRETS_ENC_KEY")
    """Comma-separated Fernet keys for secrets at rest, newest first; default: a key file in the home."""

    @field_validator("database_url", "database_direct_url")
    @classmethod
    def _is_one_database(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            server_urls.require_database(url.get_secret_value())
        return url

    @field_validator("redis_url")
    @classmethod
    def _is_one_redis(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            server_urls.require_redis(url.get_secret_value())
        return url

    @field_validator("webhook_ports")
    @classmethod
    def _are_ports(cls, listed: str | None) -> str | None:
        ports_of(listed)
        return listed

    @model_validator(mode="after")
    def _name_a_storage(self) -> Self:
        supabase.check(self.supabase_url, self.supabase_service_key)
        supabase.check_buckets(self.supabase_bundles_bucket, self.supabase_drive_bucket)
        return self

    @property
    def url(self) -> str:
        """Return the public base URL of this instance, without a trailing slash."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def local_url(self) -> str:
        """Return the base URL of the API on this host."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 - compared, not bound
        return f"http://{host}:{self.port}"

    @property
    def workers_api_url(self) -> str:
        """Return the base URL at which workers of this host reach the API, without a trailing slash."""
        return (self.api_url or self.local_url).rstrip("/")
