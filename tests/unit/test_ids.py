"""IDs of jobs: UUIDs of version 7, of which the last characters are shown."""

from __future__ import annotations

import time
from uuid import RFC_4122, UUID, uuid4

from backend.core.ids import short, uuid7


def test_ids_are_uuids_of_version_7_with_the_current_time() -> None:
    before = time.time_ns() // 1_000_000
    made = [uuid7() for _ in range(1_000)]
    after = time.time_ns() // 1_000_000
    for one in made:
        assert (one.version, one.variant) == (7, RFC_4122)
        assert before <= one.int >> 80 <= after


def test_ids_are_ordered_by_time() -> None:
    made = []
    for _ in range(20):
        made.append(uuid7())
        time.sleep(0.002)
    assert made == sorted(made)
    assert [str(one) for one in made] == sorted(map(str, made))  # PostgreSQL compares the bytes


def test_100_000_ids_are_different_and_all_other_bits_are_random() -> None:
    made = [uuid7().int for _ in range(100_000)]
    assert len(set(made)) == 100_000
    for bit in range(76):
        if bit in (62, 63):  # the variant
            continue
        ones = sum(one >> bit & 1 for one in made)
        assert 48_000 < ones < 52_000, f"bit {bit}"  # 12 standard deviations


def test_the_short_form_is_the_random_end_of_an_id() -> None:
    assert short(UUID("01920000-0000-7000-8000-0000deadbeef")) == "deadbeef"
    assert short("01920000-0000-7000-8000-0000deadbeef") == "deadbeef"
    of_version_4 = uuid4()
    assert str(of_version_4).endswith(short(of_version_4))
    assert len({short(uuid7()) for _ in range(1_000)}) > 990
