"""Exact prices, margins and caps."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from backend.config import Settings
from backend.money.pricing import PriceList, billed_micros, usd_to_micros
from backend.skills.job_limits import JobLimits
from tests.factories.tenants import make_skill


def test_margin_is_added_once_and_rounded_up() -> None:
    assert billed_micros(1_000_000, 20) == 1_200
    assert billed_micros(1, 0) == 1
    assert billed_micros(0, 20) == 0


def test_decimal_dollar_amounts_are_exact() -> None:
    assert usd_to_micros(0.1) == 100_000
    assert usd_to_micros(1.000001) == 1_000_001


def test_seconds_of_compute_are_rounded_up_to_a_whole_micro() -> None:
    assert PriceList(compute_micros_per_second=3).compute_micros(0.1) == 1
    assert PriceList(compute_micros_per_second=0).compute_micros(1e6) == 0


def test_cap_comes_from_skill_or_instance_and_a_request_may_lower_it() -> None:
    prices, no_limits = PriceList(job_cap_micros=1_000_000), JobLimits()
    assert prices.cap_micros(make_skill(), no_limits) == 0
    calls_others = make_skill(limits={"cost_usd": 2})
    assert prices.cap_micros(calls_others, no_limits) == 2_000_000
    assert prices.cap_micros(calls_others, JobLimits(cost_usd=0.5)) == 500_000
    for buys in ({"is_agentic": True}, {"media_kinds": ("image",)}):
        assert prices.cap_micros(make_skill(**buys), no_limits) == 1_000_000
        expensive = make_skill(**buys, limits={"cost_usd": 5})
        assert prices.cap_micros(expensive, no_limits) == 5_000_000
        assert prices.cap_micros(expensive, JobLimits(cost_usd=0.5)) == 500_000


@given(st.integers(0, 10**15), st.integers(0, 1000))
def test_charge_is_not_below_cost_and_within_one_micro(upstream_nanos: int, margin_pct: int) -> None:
    exact_times_100_000 = upstream_nanos * (100 + margin_pct)
    billed = billed_micros(upstream_nanos, margin_pct)
    assert billed * 100_000 >= exact_times_100_000
    assert (billed - 1) * 100_000 < exact_times_100_000 or billed == 0


def test_text_uses_the_general_margin_unless_it_has_a_separate_one(tmp_path: Path) -> None:
    def prices(**settings: int) -> PriceList:
        return PriceList.of(Settings(home=tmp_path, **settings))

    assert (prices(margin_pct=20).margin_pct, prices(margin_pct=20).text_margin_pct) == (20, 20)
    assert prices(margin_pct=20, text_margin_pct=5).text_margin_pct == 5
    assert prices(margin_pct=20, text_margin_pct=0).text_margin_pct == 0
    assert prices(margin_pct=20, text_margin_pct=0).margin_pct == 20
