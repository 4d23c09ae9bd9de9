"""The instance's settings, read once from the environment and `.env`.

Only the edges (processes, the CLI, the REST application) read them; domain code takes values as arguments.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from backend.errors import Invalid
from backend.limits.quotas import Quota, Quotas
from backend.providers.entries import address_of
from backend.proxies import Network, networks_of
from backend.storage.supabase import project as supabase


def default_home() -> Path:
    """`/var/lib/puras` for root, `./.puras` for everyone else.

    The embedded database runs as a user of its own when started by root and must reach its folder, so root's home
    lies where every parent folder is open already.
    """
    return Path("/var/lib/puras") if os.geteuid() == 0 else Path.cwd() / ".puras"


class BadSettings(Invalid):
    """A setting has a value that it cannot have."""

    code = "bad_settings"

    def __init__(self, sentences: list[str]) -> None:
        super().__init__(f"Settings are wrong. {' '.join(sentences)} See docs/settings.md.")


class Settings(BaseSettings):
    """Every setting of an instance, with its unit; `docs/settings.md` is generated from this class."""

    model_config = SettingsConfigDict(
        env_prefix="PURAS_",
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        use_attribute_docstrings=True,
        populate_by_name=True,
        hide_input_in_errors=True,  # it may be a key
    )

    home: Path = Field(default_factory=default_home)
    """Folder of all state of this instance: database, queue, bundles, drive, environments, keys."""

    host: str = "127.0.0.1"
    """Address that the API and the studio listen on."""

    port: int = Field(default=8000, ge=1, le=65535)
    """TCP port of the API and the studio."""

    public_url: str | None = None
    """Address under which people reach this instance, for links; default `http://HOST:PORT`."""

    api_url: str | None = None
    """Address at which workers reach the API, when it runs on another machine; default: on their own."""

    database_url: SecretStr | None = Field(default=None, validation_alias="DATABASE_URL")
    """`postgresql://…` of an outside PostgreSQL 15 to 18; without it one is embedded under the home."""

    database_direct_url: SecretStr | None = Field(default=None, validation_alias="DATABASE_DIRECT_URL")
    """The same database past its pooler, for migrations, backups and restores; default: `DATABASE_URL`. A port 6543 or
    `?pgbouncer=true` in that one says that its pooler lends connections for one transaction at a time."""

    supabase_url: str | None = Field(default=None, validation_alias="SUPABASE_URL")
    """`https://….supabase.co`: bundles and drives are kept in the storage of this Supabase project, with
    `SUPABASE_SERVICE_KEY`; without both they are kept in the home."""

    supabase_service_key: SecretStr | None = Field(default=None, validation_alias="SUPABASE_SERVICE_KEY")
    """A secret key of the Supabase project (`sb_secret_…`, or the older `service_role`), for servers only."""

    supabase_bundles_bucket: str = "puras-bundles"
    """Private bucket of the Supabase project for bundles."""

    supabase_drive_bucket: str = "puras-drive"
    """Private bucket of the Supabase project for the files of drives."""

    redis_url: SecretStr | None = Field(default=None, validation_alias="REDIS_URL")
    """`redis://…` of an outside Redis or Valkey; without it one is embedded under the home."""

    secrets_key: SecretStr | None = Field(default=None, validation_alias="SECRETS_ENC_KEY")
    """Comma-separated Fernet keys for secrets at rest, newest first; default: a key file in the home."""

    worker_processes: int = Field(default=1, ge=0, le=64)
    """Worker processes that `up` keeps alive."""

    worker_jobs: int = Field(default=16, ge=1, le=500)
    """Jobs that one worker process runs at the same time."""

    lanes: str = "default"
    """Comma-separated lanes that this machine's workers serve."""

    sandbox: Literal["auto", "strict", "off"] = "auto"
    """`auto` uses every layer the machine has, and is `strict` a moment after a second person has an account; `strict`
    refuses jobs without file and network layers; `off` runs them unconfined (development only)."""

    project_concurrency: int = Field(default=50, ge=1, le=10_000)
    """Jobs of one project that may be ready or running at once, unless the project has its own limit."""

    key_requests_per_minute: int | None = Field(default=None, ge=1)
    """Requests a minute that each API key, and each person, may send; a key may be held to fewer. Default: no limit."""

    project_requests_per_minute: int | None = Field(default=None, ge=1)
    """Requests a minute that a project's keys may send together, unless it has its own limit. Default: no limit."""

    most_queued_jobs: int = Field(default=10_000, ge=0)
    """Jobs of one project that may wait outside of its window, unless the project has its own limit."""

    most_deployments: int = Field(default=1_000, ge=1)
    """Versions and drafts that one skillpack may keep, unless its project has its own limit."""

    most_api_keys: int = Field(default=100, ge=1)
    """API keys of one project that are not revoked, unless the project has its own limit."""

    most_members: int = Field(default=200, ge=1)
    """Members of one project, unless the project has its own limit."""

    most_secrets: int = Field(default=100, ge=0, le=1_000)
    """Secrets of one project, and again of each of its skillpacks, unless the project has its own limit."""

    most_projects: int = Field(default=100, ge=0)
    """Projects that one person may own; the operator makes more for them."""

    most_skillpacks: int = Field(default=100, ge=1)
    """Skillpacks of one project, unless the project has its own limit."""

    most_drive_mb: int = Field(default=20_480, ge=0)
    """MiB that the drive of one project may hold, unless the project has its own limit."""

    most_drive_files: int = Field(default=200_000, ge=0)
    """Files and folders that the drive of one project may hold, unless the project has its own limit."""

    open_requests: int = Field(default=500, ge=1)
    """Requests of one key, or one person, that an API process answers at once: streams and those that wait for a job
    count for as long as they last."""

    open_pages: int = Field(default=100, ge=1)
    """Pages of the studio that one person may have open at once, in each process that serves them."""

    trusted_proxies: str | None = None
    """Comma-separated addresses and networks (`10.0.0.0/8`) of the proxies in front of this instance: from them alone
    X-Forwarded-For is believed. Without them everybody behind a proxy counts as one address."""

    job_timeout_s: int = Field(default=1800, ge=1)
    """Seconds that a job may run when its skill does not say."""

    job_memory_mb: int = Field(default=1024, ge=64)
    """MiB of memory that a job may use in total when its skill does not say."""

    job_cpus: float | None = Field(default=None, gt=0)
    """Processors that one job may keep busy, where the worker has control groups of its own; default: all."""

    job_disk_mb: int = Field(default=1024, ge=16)
    """MiB that a job's working folder may hold."""

    job_output_mb: int = Field(default=8, ge=1)
    """MiB that a job's result may have as JSON when its skill does not say."""

    idle_runner_s: float = Field(default=120.0, gt=0)
    """Seconds after which an unused warm parent process ends."""

    runner_pool_mb: int = Field(default=2048, ge=64)
    """MiB that all idle warm parents of one worker process may use together."""

    environments_mb: int = Field(default=20_480, ge=256)
    """MiB that environments of packages may use together on one machine; those unused for longest go first."""

    environment_unused_days: float = Field(default=30.0, gt=0)
    """Days after which an environment of packages that no job used is removed; the next job builds it anew."""

    bundles_mb: int = Field(default=5_120, ge=64)
    """MiB that unpacked bundles may use together on one machine; those unused for longest go first."""

    bundle_unused_days: float = Field(default=30.0, gt=0)
    """Days after which an unpacked bundle that no job used is removed; the next job unpacks it anew."""

    compute_micros_per_second: int = Field(default=0, ge=0)
    """Micro-dollars charged per second of a deterministic job; 0 makes them free."""

    margin_pct: int = Field(default=20, ge=0, le=1000)
    """Percent put on top of upstream cost."""

    text_margin_pct: int | None = Field(default=None, ge=0, le=1000)
    """Percent put on top of the cost of tokens; default: the same as for everything else."""

    anthropic_api_key: SecretStr | None = Field(default=None, validation_alias="ANTHROPIC_API_KEY")
    """The instance's own key for Claude. With no key for any model, skills of agents run as a rehearsal, without a
    language model and labelled so."""

    anthropic_base_url: str | None = Field(default=None, validation_alias="ANTHROPIC_BASE_URL")
    """Address in front of `/v1/messages` at which Claude is reached, for a gateway; default: Anthropic's own."""

    openrouter_api_key: SecretStr | None = Field(default=None, validation_alias="OPENROUTER_API_KEY")
    """The instance's own key for the other families of models, which are reached through OpenRouter."""

    models: str | None = None
    """A TOML file with models of your own, such as those of a local server; `docs/models.md` shows its form."""

    default_model: str = "claude/sonnet-4-6"
    """Language model of skills that name none."""

    provider_hosts: str | None = None
    """Comma-separated `host:port` that projects may name as the address of their models though it is not public, or not
    https; all other addresses must be both. Files of media are taken from them, too."""

    fal_key: SecretStr | None = Field(default=None, validation_alias="FAL_KEY")
    """The instance's own key for fal.ai, which makes images, video and speech; without it they are made on this
    machine, by no model and labelled so."""

    fal_base_url: str = Field(default="https://queue.fal.run", validation_alias="FAL_BASE_URL")
    """Address of the queue of fal.ai, for a gateway."""

    media_timeout_s: float = Field(default=540.0, gt=0)
    """Seconds that a model may take for one image, video or recording."""

    search_url: str | None = None
    """Address of a search engine for the tool `web_search` of agents, such as that of a SearXNG with `?format=json`:
    it gets `q` and `count`, and answers `{"results": [{"title", "url", "content"}]}`. Without it Claude's own is used
    where the model is Claude, and other models have no search."""

    search_api_key: SecretStr | None = None
    """What the search engine gets as `Authorization: Bearer …`, if it wants a key."""

    search_usd_per_1000: float = Field(default=0.0, ge=0, le=1_000)
    """US dollars that a thousand searches of that engine cost; the margin comes on top."""

    approval_timeout_s: float = Field(default=1800.0, gt=0, le=2_592_000)
    """Seconds that people have to approve or deny a call of an agent; after them it counts as refused."""

    job_cap_usd: float = Field(default=1.0, gt=0, le=1_000_000)
    """US dollars that a job which buys model replies or media may cost, unless its skill has `limits.cost_usd`."""

    forgiven_usd: float = Field(default=1.0, ge=0, le=1_000_000)
    """US dollars that failed and cancelled jobs of one project are forgiven a day (UTC); the rest is charged."""

    drain_s: float = Field(default=20.0, ge=0)
    """Seconds that a stopping worker lets its jobs finish before it hands them over."""

    keep_events_days: int = Field(default=365, ge=0)
    """Days after the end of a job for which its events are kept, by whole months; 0 keeps them for ever."""

    keep_jobs_days: int = Field(default=0, ge=0)
    """Days after its end for which a job is kept, with inputs, result and events; 0 keeps it for ever. The ledger stays
    whole."""

    keep_audit_days: int = Field(default=0, ge=0)
    """Days for which the audit is kept; 0 keeps it for ever."""

    keep_deleted_projects_days: int = Field(default=7, ge=0)
    """Days for which the operator can bring a deleted project back, before everything of it is removed."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least severe level that is logged."""

    log_format: Literal["auto", "console", "json"] = "auto"
    """`json` one object a line; `console` for people; `auto` picks by whether the output is a terminal."""

    otlp_endpoint: str | None = Field(default=None, validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    """Base address of a receiver of OTLP over HTTP (`http://127.0.0.1:4318`), for traces; without it they are off. The
    other settings `OTEL_*` of the OpenTelemetry specification are read from the environment."""

    metrics_token: SecretStr | None = Field(default=None, min_length=16)
    """What Prometheus sends as `Authorization: Bearer …` to read `/metrics`, 16 characters or more; without it there
    are no metrics to read."""

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, listed: str | None) -> str | None:
        networks_of(listed or "")
        return listed

    @field_validator("fal_base_url")
    @classmethod
    def _is_base(cls, address: str) -> str:
        return address_of(address)

    @field_validator("anthropic_base_url")
    @classmethod
    def _is_address(cls, address: str | None) -> str | None:
        return address_of(address) if address else None

    @field_validator("search_url")
    @classmethod
    def _is_search(cls, address: str | None) -> str | None:
        if address and not address.startswith(("http://", "https://")):
            raise ValueError("is not the address of a search engine: write 'https://…'")
        return address or None

    @model_validator(mode="after")
    def _name_a_storage(self) -> Settings:
        supabase.check(self.supabase_url, self.supabase_service_key)
        supabase.check_buckets(self.supabase_bundles_bucket, self.supabase_drive_bucket)
        return self

    @property
    def proxy_networks(self) -> tuple[Network, ...]:
        """The proxies whose word about a request's origin is believed."""
        return networks_of(self.trusted_proxies or "")

    @property
    def quotas(self) -> Quotas:
        """What a project without limits of its own may have."""
        return Quotas(**{name: getattr(self, f"most_{name}") for name in Quota})

    @property
    def url(self) -> str:
        """Base address of this instance, without a slash at its end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def local_url(self) -> str:
        """Base address of the API that this machine serves."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 - compared, not bound
        return f"http://{host}:{self.port}"

    @property
    def workers_api_url(self) -> str:
        """Base address at which this machine's workers reach the API, without a slash at its end."""
        return (self.api_url or self.local_url).rstrip("/")


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read on the first call.

    Raises:
        BadSettings: one has a value that it cannot have.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise BadSettings([_said(problem["loc"], problem["msg"]) for problem in error.errors()]) from None


def _said(place: tuple[int | str, ...], message: str) -> str:
    """The sentence of a setting that is wrong, with the name of its variable."""
    sentence = message.removeprefix("Value error, ").rstrip(".") + "."
    name = str(place[0]) if place else ""
    if name in Settings.model_fields:
        name = f"{Settings.model_config['env_prefix']}{name}".upper()
    return f"{name}: {sentence}" if name else sentence
