"""Keys that say how a job of the skill is run: time, tries, limits, network, lane."""

from __future__ import annotations

from typing import Any, Final, TypeVar, get_args

from backend.core.names import is_name
from backend.core.net.host_patterns import MAX_HOSTS, parse_host
from backend.skills.manifest import job_ceilings
from backend.skills.manifest.sections import Section
from backend.skills.manifest.types import Backoff, Limits, Retries, RetryReason
from backend.skills.schemas.messages import shown

MAX_TIMEOUT_S: Final = 86_400
_Number = TypeVar("_Number", int | None, float | None)


def read(section: Section) -> dict[str, Any]:
    """The fields of the manifest that these keys set."""
    lane = section.text("lane")
    if lane is not None and not is_name(lane):
        section.error(
            "lane", f"{shown(lane)} is not a lane. Use a-z, 0-9, '-' and '_', at most 64 characters."
        )
    return {
        "timeout_s": _within(
            section,
            "timeout_s",
            section.number("timeout_s", most=MAX_TIMEOUT_S, is_positive=True),
            job_ceilings.current().max_timeout_s,
        ),
        "retries": _retries(section),
        "limits": _limits(section),
        "network": _network(section),
        "lane": lane,
    }


def _retries(parent: Section) -> Retries:
    section = parent.section("retries")
    if section is None:
        return Retries()
    default = Retries()
    most = _within(
        section, "max", section.whole("max", least=0, most=100), job_ceilings.current().max_retries
    )
    reasons = section.choices("on", get_args(RetryReason))
    if most is not None and "on" not in section.value:
        section.warn(
            "max", "Only jobs whose worker was lost are tried again. Add 'on: [error, timeout]' for more."
        )
    backoff = _backoff(section)
    section.finish("'retries'")
    return Retries(
        max=default.max if most is None else most,
        on=reasons if "on" in section.value else default.on,
        backoff=backoff,
    )


def _backoff(parent: Section) -> Backoff:
    value = parent.raw("backoff")
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = parent.number("backoff", most=MAX_TIMEOUT_S) or 0.0
        return Backoff(initial_s=seconds, factor=1.0, max_s=seconds)
    section = parent.section("backoff")
    if section is None:
        return Backoff()
    default = Backoff()
    initial_s = section.number("initial_s", most=MAX_TIMEOUT_S)
    factor = section.number("factor", least=1.0, most=10.0)
    max_s = section.number("max_s", most=MAX_TIMEOUT_S)
    section.finish("'backoff'")
    return Backoff(
        initial_s=1.0 if initial_s is None else initial_s,
        factor=default.factor if factor is None else factor,
        max_s=default.max_s if max_s is None else max_s,
    )


def _limits(parent: Section) -> Limits:
    section = parent.section("limits")
    if section is None:
        return Limits()
    most = job_ceilings.current()
    limits = Limits(
        steps=_within(section, "steps", section.whole("steps", least=1, most=10_000), most.max_steps),
        tokens=_within(
            section, "tokens", section.whole("tokens", least=1, most=1_000_000_000), most.max_tokens
        ),
        cost_usd=_within(
            section, "cost_usd", section.number("cost_usd", most=10_000, is_positive=True), most.max_cost_usd
        ),
        memory_mb=_within(
            section, "memory_mb", section.whole("memory_mb", least=64, most=1 << 20), most.max_memory_mb
        ),
        output_mb=_within(
            section, "output_mb", section.whole("output_mb", least=1, most=64), most.max_output_mb
        ),
    )
    section.finish("'limits'")
    return limits


def _within(section: Section, key: str, value: _Number, ceiling: float) -> _Number:
    """Return the value, which is a problem of the file if it is above the operator's ceiling."""
    if value is not None and value > ceiling:
        section.error(key, f"{key!r}: {job_ceilings.declared_too_high(key, value, ceiling).message}")
    return value


def _network(section: Section) -> str | list[str]:
    value = section.raw("network")
    if isinstance(value, list):
        hosts = [host.lower() for host in section.texts("network")]
        for index, host in enumerate(hosts):
            if parse_host(host) is None:
                section.error(
                    ("network", index),
                    f"{shown(host)} is not a host. Write 'api.example.org', '*.example.org' or 'api.example.org:8443', "
                    "without https://.",
                )
        if len(hosts) > MAX_HOSTS:
            section.error(
                "network",
                f"'network' lists {len(hosts)} hosts, and {MAX_HOSTS} are the most. Use '*.example.org'.",
            )
        return list(dict.fromkeys(hosts))
    return section.choice("network", ("none", "public")) or "public"
