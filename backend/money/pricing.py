"""Prices and caps in exact integer arithmetic, rounded up once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol, Self

from backend.config import Settings
from backend.skills.manifest import job_ceilings

NANOS_PER_MICRO = 1_000


class Capped(Protocol):
    """The cost limit of a skill or a request."""

    @property
    def cost_usd(self) -> float | None:
        """The maximum cost of one job, in US dollars."""


class Timed(Protocol):
    """Limits of one job, below those of its skill."""

    @property
    def cost_usd(self) -> float | None:
        """The maximum cost of this job, in US dollars."""

    @property
    def timeout_s(self) -> float | None:
        """The maximum run time of this job, in seconds."""


class Priced(Protocol):
    """The part of a skill that its price depends on."""

    @property
    def is_agentic(self) -> bool:
        """Whether the skill is an agent."""

    @property
    def is_judged(self) -> bool:
        """Whether a model grades its results."""

    @property
    def is_flow(self) -> bool:
        """Whether it runs other skills in steps."""

    @property
    def calls_paid_skills(self) -> bool:
        """Whether it is a flow with a step that may cost something."""

    @property
    def media_kinds(self) -> tuple[str, ...]:
        """Kinds of media for which the skill names a model."""

    @property
    def timeout_s(self) -> float | None:
        """The maximum run time of its jobs, in seconds."""

    @property
    def limits(self) -> Capped:
        """The limits that it declares."""


def billed_micros(upstream_nanos: int, margin_pct: int) -> int:
    """Return upstream cost plus margin, in whole micro-dollars, rounded up once."""
    return -(-upstream_nanos * (100 + margin_pct) // (100 * NANOS_PER_MICRO))


def usd_to_micros(usd: float) -> int:
    """Convert a decimal amount of dollars to whole micro-dollars; `0.1` is exactly 100,000."""
    return math.floor(Decimal(str(usd)) * 1_000_000)


def dollars(micros: int) -> str:
    """Format an amount for users: with two decimals if it is in whole cents, otherwise with six."""
    return f"${micros / 1e6:,.2f}" if micros % 10_000 == 0 else f"${micros / 1e6:,.6f}"


@dataclass(frozen=True, slots=True)
class PriceList:
    """The instance's own prices."""

    compute_micros_per_second: int = 0
    margin_pct: int = 20
    text_margin_pct: int = 20
    job_timeout_s: float = 1800
    job_cap_micros: int = 1_000_000
    """The maximum cost of a job that buys model replies or media, unless its skill declares another one."""
    forgiven_micros: int = 1_000_000
    """The amount per day and project that is not charged for failed and canceled jobs."""
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
        """Return the maximum cost of a job, which is reserved when it starts; 0 for a job without a cost.

        The cap of a job that buys model replies or media is that of its skill, otherwise that of the instance. The cap
        of a function is the cost of its time limit, or what its skill declares for subjobs. A request may lower it.
        """
        ceilings = job_ceilings.current()  # which may have been lowered since the version was stored
        skill_cap_usd = (
            None if skill.limits.cost_usd is None else min(skill.limits.cost_usd, ceilings.max_cost_usd)
        )
        caps = [cap for cap in (limits.cost_usd, skill_cap_usd) if cap is not None]
        if skill.is_agentic or skill.media_kinds or skill.is_judged or self._is_paid_flow(skill):
            default_caps = (
                []
                if skill_cap_usd is not None
                else [min(self.job_cap_micros, usd_to_micros(ceilings.max_cost_usd))]
            )
            return min([*map(usd_to_micros, caps), *default_caps])
        if self.compute_micros_per_second == 0:
            return 0 if skill_cap_usd is None else min(map(usd_to_micros, caps))
        max_s = min(skill.timeout_s or self.job_timeout_s, ceilings.max_timeout_s)
        timeout_s = min(limits.timeout_s or max_s, max_s)
        return min([self.compute_micros(timeout_s), *map(usd_to_micros, caps)])

    def _is_paid_flow(self, skill: Priced) -> bool:
        return skill.calls_paid_skills or (skill.is_flow and self.compute_micros_per_second > 0)

    def compute_micros(self, wall_s: float) -> int:
        """Return the price of a run time of a function, rounded up."""
        return math.ceil(Decimal(str(wall_s)) * self.compute_micros_per_second)
