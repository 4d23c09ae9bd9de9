"""What things cost: exact integer arithmetic, rounded up once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol, Self

from backend.config import Settings
from backend.skills.manifest import job_ceilings

NANOS_PER_MICRO = 1_000


class Capped(Protocol):
    """What a skill or a request says about cost."""

    @property
    def cost_usd(self) -> float | None:
        """Most that one job may cost, in US dollars."""


class Timed(Protocol):
    """Narrower limits of one job."""

    @property
    def cost_usd(self) -> float | None:
        """Most that this job may cost, in US dollars."""

    @property
    def timeout_s(self) -> float | None:
        """Most seconds that this job may run."""


class Priced(Protocol):
    """The part of a skill that its price depends on."""

    @property
    def is_agentic(self) -> bool:
        """Whether a model is in the loop."""

    @property
    def is_judged(self) -> bool:
        """Whether a model judges its results."""

    @property
    def media_kinds(self) -> tuple[str, ...]:
        """Kinds of media that it names a model for."""

    @property
    def timeout_s(self) -> float | None:
        """Most seconds that a job of it may run."""

    @property
    def limits(self) -> Capped:
        """What it declares."""


def billed_micros(upstream_nanos: int, margin_pct: int) -> int:
    """Upstream cost plus margin, in whole micro-dollars, rounded up once."""
    return -(-upstream_nanos * (100 + margin_pct) // (100 * NANOS_PER_MICRO))


def usd_to_micros(usd: float) -> int:
    """Dollars as people write them, as whole micro-dollars; `0.1` is exactly 100,000."""
    return math.floor(Decimal(str(usd)) * 1_000_000)


def dollars(micros: int) -> str:
    """Return an amount as people read it: whole cents as cents, anything else to the micro-dollar."""
    return f"${micros / 1e6:,.2f}" if micros % 10_000 == 0 else f"${micros / 1e6:,.6f}"


@dataclass(frozen=True, slots=True)
class PriceList:
    """The instance's own prices."""

    compute_micros_per_second: int = 0
    margin_pct: int = 20
    text_margin_pct: int = 20
    job_timeout_s: float = 1800
    job_cap_micros: int = 1_000_000
    """The most that a job which buys model replies or media may cost, unless its skill says otherwise."""
    forgiven_micros: int = 1_000_000
    """What failed and cancelled jobs of one project are forgiven a day."""
    market_fee_pct: int = 0
    """The operator's share of the prices of listings, rounded down."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the prices that the settings name."""
        text_margin = settings.text_margin_pct
        return cls(
            compute_micros_per_second=settings.compute_micros_per_second,
            margin_pct=settings.margin_pct,
            market_fee_pct=settings.market_fee_pct,
            text_margin_pct=settings.margin_pct if text_margin is None else text_margin,
            job_timeout_s=settings.job_timeout_s,
            job_cap_micros=usd_to_micros(settings.job_cap_usd),
            forgiven_micros=usd_to_micros(settings.forgiven_usd),
        )

    def cap_micros(self, skill: Priced, limits: Timed) -> int:
        """The most that a job may cost, to be reserved when it starts: 0 for what can cost nothing.

        What buys model replies or media is capped by its skill, else by the instance; a plain function by what its time
        limit can cost, or by what its skill wants for the skills that it calls. A request may narrow either.
        """
        most = job_ceilings.current()  # which may have been lowered since the version was stored
        own = None if skill.limits.cost_usd is None else min(skill.limits.cost_usd, most.max_cost_usd)
        caps = [cap for cap in (limits.cost_usd, own) if cap is not None]
        if skill.is_agentic or skill.media_kinds or skill.is_judged:
            usual = [] if own is not None else [min(self.job_cap_micros, usd_to_micros(most.max_cost_usd))]
            return min([*map(usd_to_micros, caps), *usual])
        if self.compute_micros_per_second == 0:
            return 0 if own is None else min(map(usd_to_micros, caps))
        most_s = min(skill.timeout_s or self.job_timeout_s, most.max_timeout_s)
        timeout_s = min(limits.timeout_s or most_s, most_s)
        return min([self.compute_micros(timeout_s), *map(usd_to_micros, caps)])

    def compute_micros(self, wall_s: float) -> int:
        """Price of so many seconds of a deterministic job, rounded up."""
        return math.ceil(Decimal(str(wall_s)) * self.compute_micros_per_second)
