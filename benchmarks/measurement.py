"""The result of a measurement: one row per goal, the values of each round, and how they were measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One goal with the measured value."""

    key: str
    """Name of the row within its number, which `reasons.toml` uses."""
    what: str
    goal: str
    measured: str
    is_met: bool


@dataclass(frozen=True, slots=True)
class Measurement:
    """One performance number."""

    number: str
    rows: tuple[Row, ...]
    raw: Mapping[str, Any]
    """The values of each round, with units in the names."""
    method: str = ""
    """How the values are measured, and what peers do not do."""

    def as_json(self) -> dict[str, Any]:
        """Return the fields as they are stored."""
        return {
            "number": self.number,
            "rows": [asdict(row) for row in self.rows],
            "method": self.method,
            "raw": rounded(self.raw),
        }


def at_most(key: str, what: str, value: float, limit: float, unit: str, *, detail: str = "") -> Row:
    """Return a row whose value must not exceed the limit."""
    return Row(key, what, f"≤ {limit:g} {unit}", _text(value, unit, detail), value <= limit)


def at_least(key: str, what: str, value: float, limit: float, unit: str, *, detail: str = "") -> Row:
    """Return a row whose value must reach the limit."""
    return Row(key, what, f"≥ {limit:g} {unit}", _text(value, unit, detail), value >= limit)


def rounded(value: Any) -> Any:
    """Return the value with five significant digits in each number, so that stored results are small."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, Mapping):
        return {name: rounded(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(part) for part in value]
    return value


def _text(value: float, unit: str, detail: str) -> str:
    number = f"{value:.0f}" if abs(value) >= 100 else f"{value:.2f}"
    return f"{number} {unit} ({detail})" if detail else f"{number} {unit}"
