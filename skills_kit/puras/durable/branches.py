"""Run callables with durable steps concurrently: `parallel(first, second)`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from puras.durable.errors import StepError
from puras.durable.runtime import Branch, Store, branch, current_branch, current_step
from puras.durable.stores import store

MAX_CONCURRENCY = 32
DEFAULT_CONCURRENCY = 8
_MAX_NAME_CHARACTERS = 200


def parallel(*callables: Callable[[], Any], concurrency: int | None = None) -> list[Any]:
    """Call functions without arguments in threads, and return their results in the order of the functions.

    Each function is a branch with its own steps, so that the order in which the branches run does not matter. Use a
    `lambda` or `functools.partial` to pass arguments.

    Args:
        *callables: The functions.
        concurrency: How many of them run at the same time: 1 to 32, by default up to 8.

    Raises:
        StepError: An argument is not valid, or the call is inside of a step.
        Exception: After all functions have ended, the error of the first one in their order that has failed.
    """
    if current_step.get() is not None:
        raise StepError(
            "`parallel` cannot be called in a step. Call it in the function, with steps in its branches."
        )
    for number, one in enumerate(callables):
        if not callable(one):
            raise StepError(f"Argument {number} of `parallel` is not a function: {one!r}. Pass `lambda: …`.")
    wanted = DEFAULT_CONCURRENCY if concurrency is None else concurrency
    if not isinstance(wanted, int) or isinstance(wanted, bool) or not 1 <= wanted <= MAX_CONCURRENCY:
        raise StepError(f"`concurrency` is a number from 1 to {MAX_CONCURRENCY}, not {concurrency!r}.")
    own = branch()
    own.parallels += 1
    prefix = f"{own.name}/{own.parallels}" if own.name else str(own.parallels)
    branches = [Branch(f"{prefix}.{number}") for number in range(len(callables))]
    if branches and len(branches[-1].name) > _MAX_NAME_CHARACTERS:
        raise StepError("Calls of `parallel` are nested too deeply. Call it in fewer levels.")
    if not callables:
        return []
    return _Run(store(), list(zip(branches, callables, strict=True)), min(wanted, len(callables))).results()


class _Run:
    """One call of `parallel`."""

    def __init__(
        self, stored_at: Store, branches: list[tuple[Branch, Callable[[], Any]]], threads: int
    ) -> None:
        self._store = stored_at
        self._branches = branches
        self._lock = threading.Lock()
        self._started = 0
        self._alive = threads
        self._outcomes: list[tuple[Any, BaseException | None]] = [(None, None)] * len(branches)

    def results(self) -> list[Any]:
        """Run all branches to their ends."""
        threads = [
            threading.Thread(
                target=copy_context().run, args=(self._work,), name=f"parallel {number}", daemon=True
            )
            for number in range(self._alive)
        ]
        self._store.start_branches(len(threads))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for _, error in self._outcomes:
            if error is not None:
                raise error
        return [value for value, _ in self._outcomes]

    def _work(self) -> None:
        while (number := self._next()) is not None:
            own, function = self._branches[number]
            current_branch.set(own)
            try:
                self._outcomes[number] = (function(), None)
            except BaseException as error:  # noqa: BLE001 - raised again in the calling thread
                self._outcomes[number] = (None, error)
        with self._lock:
            self._alive -= 1
            self._store.end_branch(is_last=self._alive == 0)

    def _next(self) -> int | None:
        with self._lock:
            if self._started == len(self._branches):
                return None
            self._started += 1
            return self._started - 1
