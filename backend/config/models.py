"""Settings of providers and prices."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator

from backend.config.group import Group
from backend.core.net.base_urls import address_of


class Models(Group):
    """Prices, and the providers of models, media and searches."""

    compute_micros_per_second: int = Field(default=0, ge=0)
    """Micro-dollars charged per second of a deterministic job; 0 makes them free."""

    margin_pct: int = Field(default=20, ge=0, le=1000)
    """Margin on upstream cost, in percent."""

    text_margin_pct: int | None = Field(default=None, ge=0, le=1000)
    """Margin on the cost of tokens, in percent; default: `PURAS_MARGIN_PCT`."""

    market_fee_pct: int = Field(default=0, ge=0, le=100)
    """Share of the operator in the prices of marketplace listings, in percent; the publisher gets the rest."""

    anthropic_api_key: SecretStr | None = Field(default=None, validation_alias="ANTHROPIC_API_KEY")
    """The instance's key for Claude. Without a key for any model, agents are simulated without a language model, and
    labeled as such."""

    anthropic_base_url: str | None = Field(default=None, validation_alias="ANTHROPIC_BASE_URL")
    """Base URL, before `/v1/messages`, of a gateway to Claude; default: Anthropic's API."""

    openrouter_api_key: SecretStr | None = Field(default=None, validation_alias="OPENROUTER_API_KEY")
    """The instance's key for OpenRouter, which serves the other families of models."""

    models: str | None = None
    """A TOML file with more models, such as those of a local server; `docs/guides/models.md` describes its format."""

    default_model: str = "claude/sonnet-4-6"
    """Language model of skills that do not name one."""

    provider_hosts: str | None = None
    """Comma-separated `host:port` of private or http servers that projects may use as providers of models and media
    files; all others must be public and use https."""

    fal_key: SecretStr | None = Field(default=None, validation_alias="FAL_KEY")
    """The instance's key for fal.ai, which generates images, video and speech; without it they are simulated on the
    host, and labeled as such."""

    fal_base_url: str = Field(default="https://queue.fal.run", validation_alias="FAL_BASE_URL")
    """URL of the queue of fal.ai, or of a gateway to it."""

    media_timeout_s: float = Field(default=540.0, gt=0)
    """Seconds that a model may take for one image, video or recording."""

    search_url: str | None = None
    """URL of a search engine for the tool `web_search` of agents, such as a SearXNG with `?format=json`. It receives
    `q` and `count`, and returns `{"results": [{"title", "url", "content"}]}`. Without it Claude uses its own search,
    and other models have none."""

    search_api_key: SecretStr | None = None
    """API key of the search engine, sent as `Authorization: Bearer …`."""

    search_usd_per_1000: float = Field(default=0.0, ge=0, le=1_000)
    """Price of a thousand searches with that engine in US dollars, without the margin."""

    approval_timeout_s: float = Field(default=1800.0, gt=0, le=2_592_000)
    """Seconds in which users can approve or reject a call of an agent; after that it is rejected."""

    job_cap_usd: float = Field(default=1.0, gt=0, le=1_000_000)
    """Maximum cost in US dollars of a notebook kernel, or of a job that uses models or media, unless its skill has
    `limits.cost_usd`."""

    forgiven_usd: float = Field(default=1.0, ge=0, le=1_000_000)
    """Cost of failed and cancelled jobs of one project in US dollars per day (UTC) that is not charged."""

    starting_credit_usd: float = Field(default=0.0, ge=0, le=10_000)
    """Credit in US dollars of a new project that a user creates."""

    starting_credit_projects: int = Field(default=1, ge=0, le=1_000_000)
    """Maximum projects of one user that receive `PURAS_STARTING_CREDIT_USD`, including deleted ones."""

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
            raise ValueError("is not the URL of a search engine: write 'https://…'")
        return address or None
