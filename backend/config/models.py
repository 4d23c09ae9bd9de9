"""What agents buy, from whom, and what it costs."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator

from backend.config.group import Group
from backend.core.net.base_urls import address_of


class Models(Group):
    """Prices, and the providers of models, media and searches."""

    compute_micros_per_second: int = Field(default=0, ge=0)
    """Micro-dollars charged per second of a deterministic job; 0 makes them free."""

    margin_pct: int = Field(default=20, ge=0, le=1000)
    """Percent put on top of upstream cost."""

    text_margin_pct: int | None = Field(default=None, ge=0, le=1000)
    """Percent put on top of the cost of tokens; default: the same as for everything else."""

    market_fee_pct: int = Field(default=0, ge=0, le=100)
    """Percent of the prices of the marketplace's listings that the operator keeps; the rest is the publisher's."""

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
    """US dollars that the kernel of a notebook, or a job which buys model replies or media, may cost, unless its skill
    has `limits.cost_usd`."""

    forgiven_usd: float = Field(default=1.0, ge=0, le=1_000_000)
    """US dollars that failed and cancelled jobs of one project are forgiven a day (UTC); the rest is charged."""

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
