"""Laws of every door: damaged, cut, spliced and endlessly repeated input neither breaks, executes nor occupies us."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.chaos.rounds import ROUNDS
from tests.fuzz.doors import DOORS
from tests.fuzz.seeds import SEEDS
from tests.fuzz.watching import watched

EXAMPLES = 60 * ROUNDS
MAX_BYTES = 60_000
MAX_STRETCHED = 90
STRETCH = 3_000
"""A pattern that tries every way to share so many out is not done before the watch stops it."""
pytestmark = pytest.mark.timeout(300 * ROUNDS)
splinters = st.sampled_from(
    [
        b"\x00",
        b"\xff",
        b"\r\n",
        b" ",
        b"\t",
        b"[",
        b"{",
        b'"',
        b"\\",
        b"&a *a ",
        b"!!python/name:os.system ",
        b"- ",
    ]
) | st.binary(max_size=6)


@st.composite
def hostile(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A seed after some accidents."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 40)))
        times = draw(st.sampled_from([0, 1, 2, 50, 3_000]))
        middle = draw(st.just(data[start:end]) | splinters)
        data = (data[:start] + middle * times + data[end:])[:MAX_BYTES]
    return data


def test_every_door_has_seeds() -> None:
    assert DOORS.keys() == SEEDS.keys()


@pytest.mark.parametrize("name", DOORS)
def test_a_door_holds_for_its_seeds(name: str) -> None:
    for seed in SEEDS[name]:
        with watched():
            DOORS[name](seed)


@pytest.mark.parametrize("name", DOORS)
def test_a_door_holds_when_any_one_character_of_a_short_seed_is_repeated(name: str) -> None:
    for seed in (seed for seed in SEEDS[name] if len(seed) <= MAX_STRETCHED):
        for place in range(len(seed)):
            stretched = seed[:place] + seed[place : place + 1] * STRETCH
            with watched(measure_memory=False):
                DOORS[name](stretched + seed[place + 1 :])
                DOORS[name](stretched + b"!")


@pytest.mark.parametrize("name", DOORS)
def test_a_door_holds_for_hostile_bytes(name: str) -> None:
    _fuzz(DOORS[name], hostile(SEEDS[name]) | st.binary(max_size=300))


def _fuzz(door: Callable[[bytes], None], inputs: st.SearchStrategy[bytes]) -> None:
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs)
    @example(b"")
    def holds(data: bytes) -> None:
        with watched():
            door(data)

    holds()
