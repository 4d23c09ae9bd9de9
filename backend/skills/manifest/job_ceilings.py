"""Apply the ceilings of jobs.

A ceiling is the maximum that the operator allows for one job, whatever its skill or its request declares. A
skill that declares more cannot be deployed, and a request for more is rejected. If the operator lowers a
ceiling later, it also applies to stored versions and jobs: the effective value is the lower of both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

from backend.config import Settings
from backend.skills.manifest.types import Limits, Retries, Skill


@dataclass(frozen=True, slots=True)
class JobCeilings:
    """The operator's ceilings, and the defaults of a skill that declares no limits."""

    max_timeout_s: float = 86_400
    max_memory_mb: int = 1_048_576
    max_output_mb: int = 64
    max_cost_usd: float = 10_000
    max_steps: int = 10_000
    max_tokens: int = 1_000_000_000
    max_retries: int = 100
    timeout_s: float = 1_800
    memory_mb: int = 1_024
    output_mb: int = 8
    cost_usd: float = 1.0
    """Default of a skill that uses models or media."""
    steps: int = 250
    """Default of an agent."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the ceilings that the settings name."""
        return cls(
            max_timeout_s=settings.max_job_timeout_s,
            max_memory_mb=settings.max_job_memory_mb,
            max_output_mb=settings.max_job_output_mb,
            max_cost_usd=settings.max_job_cost_usd,
            max_steps=settings.max_job_steps,
            max_tokens=settings.max_job_tokens,
            max_retries=settings.max_job_retries,
            timeout_s=settings.job_timeout_s,
            memory_mb=settings.job_memory_mb,
            output_mb=settings.job_output_mb,
            cost_usd=settings.job_cap_usd,
        )

    def effective_timeout_s(self, skill: Skill) -> float:
        """Return the seconds that a job of the skill may run."""
        return min(skill.timeout_s or self.timeout_s, self.max_timeout_s)

    def effective_memory_mb(self, skill: Skill) -> int:
        """Return the MiB of memory that a job of the skill may use."""
        return min(skill.limits.memory_mb or self.memory_mb, self.max_memory_mb)

    def effective_output_mb(self, skill: Skill) -> int:
        """Return the MiB that a result of the skill may have."""
        return min(skill.limits.output_mb or self.output_mb, self.max_output_mb)

    def effective_steps(self, skill: Skill) -> int:
        """Return the replies of the model that a job of the skill may have."""
        return min(skill.limits.steps or self.steps, self.max_steps)

    def effective_tokens(self, skill: Skill) -> int:
        """Return the tokens that a job of the skill may use."""
        return min(skill.limits.tokens or self.max_tokens, self.max_tokens)

    def effective_cost_usd(self, skill: Skill) -> float | None:
        """Return the maximum cost of a job of the skill.

        It is `None` for a function that declares none and uses no paid service.
        """
        if skill.limits.cost_usd is not None:
            return min(skill.limits.cost_usd, self.max_cost_usd)
        buys = skill.is_agentic or skill.media_kinds or skill.is_judged
        return min(self.cost_usd, self.max_cost_usd) if buys else None

    def ceiling(self, key: str) -> float:
        """Return the ceiling of a key of skill.yaml."""
        name = {"timeout_s": "max_timeout_s", "max": "max_retries"}.get(key, f"max_{key}")
        value: float = getattr(self, name)
        return value

    def declared_timeout_s(self, skill: Skill) -> float | None:
        """Return what the skill declares, lowered to the ceiling; `None` if it declares nothing."""
        return None if skill.timeout_s is None else self.effective_timeout_s(skill)

    def declared(self, limits: Limits) -> Limits:
        """Return what a skill declares, lowered to the ceilings."""
        most = {
            "steps": self.max_steps,
            "tokens": self.max_tokens,
            "cost_usd": self.max_cost_usd,
            "memory_mb": self.max_memory_mb,
            "output_mb": self.max_output_mb,
        }
        found = limits.model_dump()
        over = {name: ceiling for name, ceiling in most.items() if (found[name] or 0) > ceiling}
        return limits.model_copy(update=over) if over else limits

    def declared_retries(self, retries: Retries) -> Retries:
        """Return what a skill declares, lowered to the ceiling."""
        return retries.model_copy(update={"max": min(retries.max, self.max_retries)})


class Exceeded(NamedTuple):
    """A value above its ceiling."""

    name: str
    value: float
    ceiling: float
    whose: str
    """A hint who can raise the ceiling."""

    @property
    def message(self) -> str:
        """Return the error message."""
        ceiling = f"{self.ceiling:,.10g}"
        return f"{self.value:,.10g} is above the ceiling of {ceiling}. Set at most {ceiling}; {self.whose}."


SETTINGS: Final = {
    "timeout_s": "PURAS_MAX_JOB_TIMEOUT_S",
    "memory_mb": "PURAS_MAX_JOB_MEMORY_MB",
    "output_mb": "PURAS_MAX_JOB_OUTPUT_MB",
    "cost_usd": "PURAS_MAX_JOB_COST_USD",
    "steps": "PURAS_MAX_JOB_STEPS",
    "tokens": "PURAS_MAX_JOB_TOKENS",
    "max": "PURAS_MAX_JOB_RETRIES",
}
"""The setting of each ceiling, by its key in skill.yaml."""


def declared_too_high(name: str, value: float, ceiling: float) -> Exceeded:
    """Return the problem of a key of skill.yaml that is above the operator's ceiling."""
    return Exceeded(name, value, ceiling, f"the operator of this instance can raise it with {SETTINGS[name]}")


def exceeded(asked: dict[str, Any], skill: Skill, *, price_usd: float = 0.0) -> list[Exceeded]:
    """Return the limits of a request that are above those of its skill.

    Args:
        asked: Limits by name; `None` for those that are not requested.
        skill: The skill of the job.
        price_usd: Of the listing that it runs, which `cost_usd` includes.
    """
    if all(limit is None for limit in asked.values()):
        return []
    now = current()
    ceilings: dict[str, float | None] = {
        "timeout_s": now.effective_timeout_s(skill),
        "memory_mb": now.effective_memory_mb(skill),
        "output_mb": now.effective_output_mb(skill),
        "cost_usd": now.effective_cost_usd(skill),
    }
    if skill.is_agentic:
        ceilings |= {"steps": now.effective_steps(skill), "tokens": now.effective_tokens(skill)}
    if ceilings["cost_usd"] is not None:
        ceilings["cost_usd"] += price_usd
    whose = f"the skill {skill.name!r} can raise it in its skill.yaml, up to the ceiling of this instance"
    found = [
        Exceeded(name, asked[name], ceiling, whose)
        for name, ceiling in ceilings.items()
        if ceiling is not None and asked.get(name) is not None and asked[name] > ceiling
    ]
    absolute = {"cost_usd": now.max_cost_usd + price_usd, "steps": now.max_steps, "tokens": now.max_tokens}
    found += [  # the ceiling also applies to limits that the skill does not declare
        declared_too_high(name, asked[name], ceiling)
        for name, ceiling in absolute.items()
        if ceilings.get(name) is None and asked.get(name) is not None and asked[name] > ceiling
    ]
    return found


_current = [JobCeilings()]


def use(ceilings: JobCeilings) -> None:
    """Set the ceilings of this process; an instance does so when it is opened."""
    _current[0] = ceilings


def current() -> JobCeilings:
    """Return the ceilings of this process."""
    return _current[0]
