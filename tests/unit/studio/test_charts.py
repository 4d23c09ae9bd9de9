"""Charts in results: the studio and the kit accept the same ones, and say why they do not draw the others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import puras
import pytest

from tests.unit.studio.page_module import run_module

SCRIPT: Final = """
const { chartOf, fieldsOf } = await import(process.argv[1]);
const { charts, rows } = JSON.parse(await Bun.stdin.text());
console.log(JSON.stringify({ read: charts.map((one) => chartOf(one)), fields: fieldsOf(rows) }));
"""
DATA: Final = [{"m": "May", "a": 1, "b": 2.5}, {"m": "June", "a": None, "b": 3}]
LONG: Final = [{"m": "May", "k": "north", "a": 1}, {"m": "May", "k": "south", "a": 2}]
MANY: Final = [{"m": index, "a": index} for index in range(5_001)]
VALID: Final[Mapping[str, dict[str, Any]]] = {
    "bar": {"$chart": "bar", "data": DATA, "x": "m", "y": "a"},
    "several fields": {"$chart": "line", "data": DATA, "x": "m", "y": ["a", "b"], "title": "T"},
    "series": {"$chart": "area", "data": LONG, "x": "m", "y": "a", "series": "k"},
    "series with a name of JavaScript": {
        "$chart": "bar",
        "data": [{"m": "May", "k": "constructor", "a": 1}],
        "x": "m",
        "y": "a",
        "series": "k",
    },
    "scatter": {"$chart": "scatter", "data": [{"m": 1, "a": 2}], "x": "m", "y": "a"},
    "pie": {"$chart": "pie", "data": DATA, "x": "m", "y": "b"},
    "most points": {"$chart": "line", "data": MANY[1:], "x": "m", "y": "a"},
    "markup": {"$chart": "bar", "data": [{"m": "<script>", "a": 1}], "x": "m", "y": "a", "title": "<b>"},
}
INVALID: Final[Mapping[str, tuple[dict[str, Any], str]]] = {
    "kind": ({**VALID["bar"], "$chart": "radar"}, "must be one of bar, line, area, scatter, pie"),
    "no data": ({**VALID["bar"], "data": []}, "at least one"),
    "data": ({**VALID["bar"], "data": [1]}, "list of objects"),
    "x": ({**VALID["bar"], "x": "other"}, "data[0].other is undefined"),
    "y": ({**VALID["bar"], "y": "other"}, 'has no field "other"'),
    "text": ({**VALID["bar"], "data": [{"m": "May", "a": "12"}]}, 'data[0].a is "12"'),
    "same": ({**VALID["bar"], "y": "m"}, "different fields"),
    "both": ({**VALID["several fields"], "series": "m2"}, "cannot be combined"),
    "too many points": ({**VALID["bar"], "data": MANY}, "5,001 points"),
    "twice": ({**VALID["series"], "data": [LONG[0], LONG[0]]}, "two objects"),
    "scatter": ({**VALID["scatter"], "data": DATA}, "needs numbers"),
    "negative slice": ({**VALID["pie"], "data": [{"m": "a", "b": -1}]}, "no negative"),
    "title": ({**VALID["bar"], "title": 3}, "must be a text"),
}


@cache
def read_by_studio() -> dict[str, Any]:
    charts = [*VALID.values(), *(chart for chart, _ in INVALID.values())]
    found: dict[str, Any] = run_module(
        "chart/spec.ts", SCRIPT, {"charts": charts, "rows": [*DATA, {"m": 3, "a": "x", "b": 1}]}
    )
    return found


def by_kit(chart: dict[str, Any]) -> puras.Chart:
    options = {name: chart[name] for name in ("x", "y", "series", "title") if name in chart}
    return puras.chart(chart["$chart"], chart["data"], **options)


@pytest.mark.parametrize("name", VALID)
def test_studio_draws_what_the_kit_returns(name: str) -> None:
    chart = VALID[name]
    made = by_kit(chart)
    assert made == {**chart, "data": made["data"]}
    assert json.loads(json.dumps(made)) == made
    read = read_by_studio()["read"][list(VALID).index(name)]
    assert read["chart"]["kind"] == chart["$chart"], read


@pytest.mark.parametrize("name", INVALID)
def test_studio_and_kit_say_why_a_chart_is_invalid(name: str) -> None:
    chart, reason = INVALID[name]
    read = read_by_studio()["read"][len(VALID) + list(INVALID).index(name)]
    assert reason in read["problem"]
    if name != "title":  # a type checker reports it
        with pytest.raises(puras.ChartError):
            by_kit(chart)


def test_series_become_columns() -> None:
    read = read_by_studio()["read"][list(VALID).index("series")]["chart"]
    assert (read["series"], read["rows"]) == (["north", "south"], [{"m": "May", "north": 1, "south": 2}])


def test_table_offers_fields_with_numbers() -> None:
    assert read_by_studio()["fields"] == {"places": ["m", "b"], "numbers": ["b"]}


def test_kit_converts_numbers_dates_and_gaps() -> None:
    from datetime import date

    class Number:
        def item(self) -> int:
            return 7

    rows = [{"day": date(2026, 1, 2), "n": float("nan")}, {"day": "x", "n": Number()}]
    made = puras.chart("line", rows, x="day", y="n")
    assert made["data"] == [{"day": "2026-01-02", "n": None}, {"day": "x", "n": 7}]
    assert made._repr_mimebundle_()["application/json"]["$chart"] == "line"
