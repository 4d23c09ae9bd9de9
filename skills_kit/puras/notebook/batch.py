"""Run a skill for the rows of a table, with a maximum concurrency and a common budget."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from puras.client.errors import PurasAPIError
from puras.notebook.errors import CellRefused, RunFailed
from puras.notebook.runs import JobRun, LocalRun
from puras.notebook.show import Screen
from puras.notebook.trace import Trace

__all__ = ["run_rows"]

Call = Callable[[Mapping[str, Any], Mapping[str, Any]], JobRun | LocalRun]
"""A function that runs one row to its end, with its inputs and the options of its job."""

_NOT_PAID: Final = "not run: earlier rows have used up the budget (budget_usd)"


class _Purse:
    """A budget from which each running row reserves a share, and to which it returns what it does not use."""

    def __init__(self, total_usd: float | None, concurrency: int) -> None:
        self._left_micros = None if total_usd is None else round(total_usd * 1_000_000)
        self._slots = concurrency
        self._lock = threading.Lock()

    def take(self) -> int | None:
        """Return the cap of the next row in micros; 0 if nothing is left, None without a budget."""
        with self._lock:
            if self._left_micros is None:
                return None
            cap = max(min(self._left_micros, 1), self._left_micros // max(1, self._slots))
            self._left_micros -= cap
            self._slots -= 1
            return cap

    def give_back(self, cap: int | None, spent_usd: float) -> None:
        """Return the slot of a row, and the unused part of its cap."""
        with self._lock:
            if self._left_micros is not None and cap is not None:
                self._slots += 1
                self._left_micros += max(0, cap - round(spent_usd * 1_000_000))


class _ProgressDisplay:
    """The display of the progress of all rows."""

    def __init__(self, count: int, *, show: bool) -> None:
        self._count = count
        self._succeeded = 0
        self._ended = 0
        self._lock = threading.Lock()
        self._trace = Trace(f"0 of {count} rows", status="running")
        self._screen = Screen(self._trace) if show else None

    def add(self, row: Mapping[str, Any]) -> None:
        """Add a row that has ended."""
        with self._lock:
            self._ended += 1
            self._trace.cost_micros += round(float(row["cost_usd"]) * 1_000_000)
            if row["status"] == "succeeded":
                self._succeeded += 1
            else:
                self._trace.add("log", {"text": f"{row['run'] or 'a row'}: {row['error']}", "level": "error"})
            self._trace.title = f"{self._ended} of {self._count} rows"
            if self._ended == self._count:
                self._trace.status = f"{self._succeeded} succeeded"
            if self._screen and self._ended == self._count:
                self._screen.finish()
            elif self._screen:
                self._screen.refresh()


def run_rows(
    rows: Any,
    schema: Mapping[str, Any],
    call: Call,
    *,
    concurrency: int,
    budget_usd: float | None,
    show: bool,
) -> Any:
    """Return the rows with a column for each field of the results, and `status`, `cost_usd`, `run` and `error`.

    Raises:
        CellRefused: pandas is not installed, or no column of the table is an input.
    """
    pandas = _pandas()
    frame = rows if isinstance(rows, pandas.DataFrame) else pandas.DataFrame(list(rows))
    names = [name for name in schema.get("properties") or {} if name in frame.columns]
    if not names and len(frame):
        raise CellRefused(
            f"No column of the table is an input of the skill. Its inputs: {', '.join(schema.get('properties') or {})}."
        )
    inputs = json.loads(frame[names].to_json(orient="records", date_format="iso")) if len(frame) else []
    done = _run_all(
        [_given(one) for one in inputs], call, concurrency=concurrency, budget_usd=budget_usd, show=show
    )
    results = pandas.DataFrame(done, index=frame.index)
    taken = {name: f"{name}_result" for name in results.columns if name in frame.columns}
    return pandas.concat([frame, results.rename(columns=taken)], axis=1)


def _run_all(
    inputs: Sequence[Mapping[str, Any]], call: Call, *, concurrency: int, budget_usd: float | None, show: bool
) -> list[dict[str, Any]]:
    purse = _Purse(budget_usd, concurrency)
    display = _ProgressDisplay(len(inputs), show=show)

    def one(row: Mapping[str, Any]) -> dict[str, Any]:
        cap = purse.take()
        if cap == 0:
            done: dict[str, Any] = {"status": "not_run", "cost_usd": 0.0, "run": None, "error": _NOT_PAID}
        else:
            done = _ran(row, {} if cap is None else {"limits": {"cost_usd": cap / 1_000_000}}, call)
        purse.give_back(cap, float(done["cost_usd"]))
        display.add(done)
        return done

    with ThreadPoolExecutor(max_workers=concurrency) as pool:
        return list(pool.map(one, inputs))


def _ran(row: Mapping[str, Any], options: Mapping[str, Any], call: Call) -> dict[str, Any]:
    try:
        run = call(row, options)
    except PurasAPIError as error:
        return {"status": "refused", "cost_usd": 0.0, "run": None, "error": str(error)}
    try:
        result, error_text = run.result, None
    except RunFailed as failure:
        result, error_text = {}, str(failure)
    fields = result if isinstance(result, dict) else {"result": result}
    return {**fields, "status": run.status, "cost_usd": run.cost_usd, "run": run.id, "error": error_text}


def _given(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a row, without the empty cells."""
    return {name: value for name, value in row.items() if value is not None}


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        raise CellRefused("map() returns a DataFrame and needs pandas: pip install pandas") from None
    return pandas
