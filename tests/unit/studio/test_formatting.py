"""The formats of amounts, durations, sizes and sample inputs."""

from __future__ import annotations

import json

import pytest

from studio.formatting import duration, sample_inputs, size, usd


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "$0"),
        (61_200, "$0.0612"),
        (12, "$0.000012"),
        (1_234, "$0.001234"),
        (1_200, "$0.0012"),
        (182_400_000, "$182.40"),
        (-5_000_000, "-$5.00"),
    ],
)
def test_amounts_have_as_many_decimals_as_needed(micros: int, text: str) -> None:
    assert usd(micros) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.072, "72 ms"),
        (5.44, "5.44 s"),
        (12.34, "12.3 s"),
        (59.97, "1 m 00 s"),
        (67, "1 m 07 s"),
        (7500, "2 h 05 m"),
    ],
)
def test_durations_have_a_suitable_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_sizes_have_decimal_units() -> None:
    assert [size(412), size(48_213), size(6_800_000)] == ["412 B", "48.2 KB", "6.8 MB"]


def test_sample_inputs_are_those_of_the_first_example() -> None:
    assert json.loads(sample_inputs({"properties": {}}, [{"name": "Ada"}])) == {"name": "Ada"}


def test_sample_inputs_without_an_example_contain_the_required_fields() -> None:
    schema = {
        "required": ["photo", "size"],
        "properties": {"photo": {"type": "image"}, "size": {"type": "integer", "default": 512}, "note": {}},
    }
    assert json.loads(sample_inputs(schema, [])) == {
        "photo": {"drive_path": "uploads/photo.jpg"},
        "size": 512,
    }
