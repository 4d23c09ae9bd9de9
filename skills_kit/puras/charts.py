"""Declare a chart as a result: `return {"sales": puras.chart("bar", rows, x="month", y="sales")}`.

The studio draws it, and everything else reads it as JSON with the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

__all__ = ["Chart", "ChartError", "chart"]

Kind = Literal["bar", "line", "area", "scatter", "pie"]
_KINDS = ("bar", "line", "area", "scatter", "pie")
_MAX_POINTS = 5_000
_MAX_SERIES = 20
_MAX_SLICES = 50
_MAX_TITLE = 200


class ChartError(ValueError):
    """The chart cannot be drawn; the message says why."""


class Chart(dict[str, Any]):
    """A chart as JSON. A notebook displays it."""

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        title = f" {self['title']!r}" if self.get("title") else ""
        text = f"<{self['$chart']} chart{title} with {len(self['data'])} rows>"
        return {"application/json": dict(self), "text/plain": text}


def chart(
    kind: Kind,
    data: Iterable[Mapping[str, Any]],
    *,
    x: str,
    y: str | Sequence[str],
    series: str | None = None,
    title: str = "",
) -> Chart:
    """Return a chart that can be a result, a part of it, or the output of a tool.

    Args:
        kind: `bar`, `line`, `area`, `scatter` or `pie`.
        data: The rows, at most 5,000 points: mappings, or a data frame.
        x: The field of the horizontal axis, with texts or numbers; the labels of a pie.
        y: The field with the numbers, or several fields. None and NaN are gaps.
        series: The field whose values distinguish the series, instead of several fields in `y`.
        title: The title.

    Raises:
        ChartError: The chart cannot be drawn.
    """
    if kind not in _KINDS:
        raise ChartError(f"kind is {kind!r}; it must be one of {', '.join(_KINDS)}.")
    fields = [y] if isinstance(y, str) else list(y)
    names = [x, *fields, *([] if series is None else [series])]
    if len(fields) == 0 or any(not isinstance(name, str) or not name for name in names):
        raise ChartError("x, y and series must name fields of the rows.")
    if len(set(names)) < len(names):
        raise ChartError("x, y and series must name different fields.")
    if series is not None and len(fields) > 1:
        raise ChartError("series and several fields in y cannot be combined: name one field in y.")
    rows = [_row(row, index, x, fields, series) for index, row in enumerate(_records(data))]
    _check(kind, rows, x, fields, series)
    result = Chart({"$chart": kind, "data": rows, "x": x, "y": y if isinstance(y, str) else fields})
    if series is not None:
        result["series"] = series
    if title:
        result["title"] = title[:_MAX_TITLE]
    return result


def _records(data: Any) -> Iterable[Any]:
    convert = getattr(data, "to_dict", None)
    rows: Iterable[Any] = data if convert is None or isinstance(data, Mapping) else convert("records")
    return rows


def _row(row: Any, index: int, x: str, fields: Sequence[str], series: str | None) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        raise ChartError(f"data[{index}] is {row!r:.60}; it must be a mapping.")
    if not any(field in row for field in fields):
        raise ChartError(f"data[{index}] has no field {fields[0]!r}.")
    kept: dict[str, Any] = {}
    for name in (x, *([] if series is None else [series])):
        value = _plain(row.get(name))
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise ChartError(f"data[{index}][{name!r}] is {value!r:.60}; it must be a text or a number.")
        if isinstance(value, float) and not math.isfinite(value):
            raise ChartError(f"data[{index}][{name!r}] is {value!r}; it must be a finite number.")
        kept[name] = value
    for field in fields:
        value = _plain(row.get(field))
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise ChartError(f"data[{index}][{field!r}] is {value!r:.60}; it must be a number or None.")
        kept[field] = None if isinstance(value, float) and not math.isfinite(value) else value
    return kept


def _plain(value: Any) -> Any:
    """Return a number of a library such as NumPy as a number of Python, and a date as text."""
    if isinstance(value, (str, int, float)) or value is None:
        return value
    for name in ("isoformat", "item"):
        convert = getattr(value, name, None)
        if callable(convert):
            return convert()
    return value


def _check(
    kind: str, rows: Sequence[Mapping[str, Any]], x: str, fields: Sequence[str], series: str | None
) -> None:
    points = len(rows) * len(fields)
    if not rows:
        raise ChartError("data is empty.")
    if points > _MAX_POINTS:
        raise ChartError(
            f"The chart has {points:,} points, and at most {_MAX_POINTS:,} are drawn: pass sums, for example per day."
        )
    if kind == "scatter" and any(isinstance(row[x], str) for row in rows):
        raise ChartError(f"A scatter chart needs numbers in {x!r}.")
    names = set(fields) if series is None else {str(row[series]) for row in rows}
    if len(names) > _MAX_SERIES:
        raise ChartError(f"The chart has {len(names)} series, and at most {_MAX_SERIES} are drawn.")
    if series is not None:
        _check_series(kind, rows, x, series)
    if kind == "pie":
        _check_pie(rows, fields, series)


def _check_series(kind: str, rows: Sequence[Mapping[str, Any]], x: str, series: str) -> None:
    places = [(row[x], str(row[series])) for row in rows]
    if any(name == x for _, name in places):
        raise ChartError(f"A series has the name {x!r}, which is the field of x.")
    if kind != "scatter" and len(set(places)) < len(places):
        raise ChartError("Two rows have the same values of x and series.")


def _check_pie(rows: Sequence[Mapping[str, Any]], fields: Sequence[str], series: str | None) -> None:
    if len(fields) > 1 or series is not None:
        raise ChartError("A pie chart has one field of numbers.")
    if len(rows) > _MAX_SLICES:
        raise ChartError(f"A pie chart has at most {_MAX_SLICES} slices; this one has {len(rows)}.")
    if any((row[fields[0]] or 0) < 0 for row in rows):
        raise ChartError("A pie chart has no negative numbers.")
