"""Run many jobs of one skill with a maximum concurrency and a common budget."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from puras.client.errors import JobError, PurasAPIError
from puras.client.shapes import ENDS, Job

_MICROS: Final = 1_000_000
_LEAST_MICROS: Final = 1_000
"""With less than a tenth of a cent, a job cannot call a model."""


class BudgetExceeded(Exception):
    """The rest of the budget is too small for another job, which was not submitted."""


@dataclass(frozen=True, slots=True)
class MapResult:
    """The result for one of the inputs."""

    index: int
    """Position of the inputs, from 0."""
    inputs: Mapping[str, Any]
    job: Job | None
    """None: no job was submitted."""
    error: Exception | None
    """JobError, PurasAPIError, BudgetExceeded, or an error of a file; None if the job succeeded."""

    @property
    def result(self) -> Any:
        """Return the result of the skill.

        Raises:
            Exception: `error`, if there is one.
        """
        if self.error is not None:
            raise self.error
        return self.job["result"] if self.job else None


class Purse:
    """A budget from which each job takes its cap before it is submitted, so that all jobs stay within it."""

    def __init__(self, budget_usd: float | None, takers: int) -> None:
        self._left_micros = None if budget_usd is None else int(budget_usd * _MICROS)
        self._takers = takers
        self._held = 0
        self._changed = threading.Condition()

    def take(self) -> int | None:
        """Return the cap of one job in micros, a share of what is left; None without a budget.

        Waits for running jobs while too little is left.

        Raises:
            BudgetExceeded: Too little is left, and no running job can return a part of its cap.
        """
        with self._changed:
            if self._left_micros is None:
                return None
            while (cap := self._left_micros // max(1, self._takers - self._held)) < _LEAST_MICROS:
                if self._held == 0:
                    raise BudgetExceeded(
                        "The budget is used up, so this job was not submitted. Raise the budget to run it."
                    )
                self._changed.wait()
            self._left_micros -= cap
            self._held += 1
            return cap

    def give_back(self, cap: int | None, spent: int) -> None:
        """Return the unused part of a cap to the budget."""
        with self._changed:
            if self._left_micros is None or cap is None:
                return
            self._left_micros += cap - spent
            self._held -= 1
            self._changed.notify_all()


Run = Callable[[int, Mapping[str, Any], float | None], Job]
"""A function that runs a job to its end. Arguments: the position, the inputs and the maximum cost in dollars."""


class Batch(Iterator[MapResult]):
    """Run a job for each of the inputs, and return the results in order.

    Inputs are read when they are needed, at most twice the concurrency ahead. After `close`, nothing is submitted.
    """

    def __init__(
        self, inputs: Iterable[Mapping[str, Any]], run: Run, *, concurrency: int, budget_usd: float | None
    ) -> None:
        self._inputs = enumerate(inputs)
        self._run = run
        self._max_waiting = 2 * concurrency
        self._purse = Purse(budget_usd, concurrency)
        self._waiting: deque[Future[MapResult]] = deque()
        self._stopped = threading.Event()
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="puras-map")

    def __next__(self) -> MapResult:
        try:
            self._fill()
            return self._waiting.popleft().result()
        except (IndexError, CancelledError):
            self.close()
            raise StopIteration from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Submit no more jobs. Submitted jobs continue."""
        self._stopped.set()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def _fill(self) -> None:
        while not self._stopped.is_set() and len(self._waiting) < self._max_waiting:
            following = next(self._inputs, None)
            if following is None:
                return
            self._waiting.append(self._threads.submit(self._one, *following))

    def _one(self, index: int, given: Mapping[str, Any]) -> MapResult:
        job: Job | None = None
        cap: int | None = None
        try:
            cap = self._purse.take()
            if self._stopped.is_set():
                raise BudgetExceeded("The batch was closed, so this job was not submitted.")
            job = self._run(index, given, None if cap is None else cap / _MICROS)
        except JobError as error:
            job = error.job
            return MapResult(index, given, job, error)
        except (PurasAPIError, BudgetExceeded, OSError, TypeError, ValueError) as error:
            return MapResult(index, given, None, error)
        finally:
            self._purse.give_back(cap, _spent(job, cap))
        return MapResult(index, given, job, None)


def _spent(job: Job | None, cap: int | None) -> int:
    """Return the used micros of the job: all of its cap if it has not ended."""
    if job is None:
        return 0
    if job["status"] not in ENDS:
        return cap or 0
    return int(job.get("cost_micros", 0))
