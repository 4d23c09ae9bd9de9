"""Properties of all entry points: damaged input causes no crash, no code execution and no excessive CPU use."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.chaos.rounds import ROUNDS
from tests.fuzz.bounds import bounded
from tests.fuzz.entry_points import ENTRY_POINTS
from tests.fuzz.seeds import SEEDS

EXAMPLES = 60 * ROUNDS
MAX_BYTES = 60_000
MAX_STRETCHED = 90
STRETCH = 3_000
"""With this many repetitions, a regular expression that backtracks exceeds the CPU limit."""
pytestmark = pytest.mark.timeout(300 * ROUNDS)
fragments = st.sampled_from(
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
    """Draw a seed with some random damage."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 40)))
        times = draw(st.sampled_from([0, 1, 2, 50, 3_000]))
        middle = draw(st.just(data[start:end]) | fragments)
        data = (data[:start] + middle * times + data[end:])[:MAX_BYTES]
    return data


def test_every_entry_point_has_seeds() -> None:
    assert ENTRY_POINTS.keys() == SEEDS.keys()


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_entry_point_handles_its_seeds(name: str) -> None:
    for seed in SEEDS[name]:
        with bounded():
            ENTRY_POINTS[name](seed)


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_entry_point_handles_seeds_with_a_repeated_character(name: str) -> None:
    for seed in (seed for seed in SEEDS[name] if len(seed) <= MAX_STRETCHED):
        for index in range(len(seed)):
            stretched = seed[:index] + seed[index : index + 1] * STRETCH
            with bounded(measure_memory=False):
                ENTRY_POINTS[name](stretched + seed[index + 1 :])
                ENTRY_POINTS[name](stretched + b"!")


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_entry_point_handles_hostile_bytes(name: str) -> None:
    _fuzz(ENTRY_POINTS[name], hostile(SEEDS[name]) | st.binary(max_size=300))


def _fuzz(entry_point: Callable[[bytes], None], inputs: st.SearchStrategy[bytes]) -> None:
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs)
    @example(b"")
    def check(data: bytes) -> None:
        with bounded():
            entry_point(data)

    check()
