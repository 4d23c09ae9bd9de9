"""Run a function as a durable step: `step("charge", charge, order)`."""

from __future__ import annotations

import asyncio
import ctypes
import inspect
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any, NamedTuple, TypeVar

from puras.durable.errors import (
    StepError,
    StepLimitExceeded,
    StepOutcomeUnknown,
    StepTimeout,
    describe,
    restored,
)
from puras.durable.runtime import Place, branch, current_step, next_place
from puras.durable.stores import store
from puras.durable.worker_store import MAX_RESULT_BYTES

T = TypeVar("T")

_OPTIONS = frozenset({"retries", "backoff_s", "timeout_s", "once"})
_MAX_BACKOFF_S = 60.0
_KEY = "PURAS_IDEMPOTENCY_KEY"
_INTERRUPT_S = 1.0  # for a function that runs too long to end by the error that is raised in its thread


def step(
    name: str,
    function: Callable[..., T],
    /,
    *args: Any,
    retries: int = 0,
    backoff_s: float = 1.0,
    timeout_s: float | None = None,
    once: bool = False,
    **kwargs: Any,
) -> T:
    """Call a function and store its result; when the job starts again, return the stored result instead.

    `retries`, `backoff_s`, `timeout_s` and `once` always belong to the step. To pass an argument with one of these
    names to the function, use `functools.partial` or a `lambda`. All other arguments go to the function.

    Args:
        name: A name for the step. Several steps may have the same name; they are numbered.
        function: The function, synchronous or asynchronous. Its result must be JSON data.
        *args: Arguments of the function.
        retries: How often the function is called again after an error, with pauses that double each time.
        backoff_s: The first of these pauses; the longest one is a minute.
        timeout_s: The maximum time of each call.
        once: If the worker is lost while the function runs, do not call it again, but raise `StepOutcomeUnknown`.
        **kwargs: Keyword arguments of the function.

    Returns:
        The result after a conversion to JSON and back: a tuple is a list, for example.

    Raises:
        StepOutcomeUnknown: A step with `once` was interrupted.
        StepTimeout: The last call took too long.
        StepMismatch: The function called another step at this position when it ran before.
        StepLimitExceeded: The job has too many steps, or the result is too large.
        StepError: The result is not JSON, or the step was called where steps are not possible.
    """
    _check_options(name, function, retries, backoff_s, timeout_s)
    calls = _Calls(name, function, args, kwargs, retries, backoff_s, timeout_s)
    if current_step.get() is not None:  # part of a step that is stored as a whole
        value, error, _ = calls.run()
        if error is not None:
            raise error
        return value  # type: ignore[no-any-return]
    stored_at = store()
    place = next_place(name, "step")
    status = stored_at.status(place)
    if status in ("finished", "failed"):
        outcome = stored_at.outcome(place)
        if outcome.error is not None:
            raise restored(name, outcome.error)
        return outcome.result  # type: ignore[no-any-return]
    if status == "started" and once:
        raise StepOutcomeUnknown(
            f"Step {name!r} had started when its worker was lost, so its effect is unknown. Check whether it was "
            "done, and handle this error in the function; the step has `once=True`, so it is not repeated."
        )
    stored_at.begin(place, once=once)
    with _running(place):
        value, error, tries = calls.run()
    if error is not None:
        stored_at.finish(place, result=None, error=describe(error), tries=tries)
        raise error
    text = encode(name, value)
    stored_at.finish(place, result=text, error=None, tries=tries)
    return json.loads(text)  # type: ignore[no-any-return]


def idempotency_key() -> str:
    """Return the key of the step that runs in this thread: the same whenever the step is repeated in this job.

    While a step runs outside of `parallel`, the environment variable `PURAS_IDEMPOTENCY_KEY` has the same value.

    Raises:
        StepError: No step runs in this thread.
    """
    place = current_step.get()
    if place is None:
        raise StepError("No step runs in this thread. Call `idempotency_key` in the function of a step.")
    return place.idempotency_key


def encode(name: str, value: object) -> str:
    """Return a value as JSON text.

    Raises:
        StepError: It is not JSON data.
        StepLimitExceeded: It is too large.
    """
    try:
        text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise StepError(
            f"The value of step {name!r} is not JSON data: {error}. Return strings, numbers, lists and dictionaries."
        ) from error
    if len(text) > MAX_RESULT_BYTES:
        raise StepLimitExceeded(
            f"The value of step {name!r} has {len(text)} bytes as JSON, and its limit is {MAX_RESULT_BYTES}. Save "
            "large data with `puras.drive.save(…)` and return the path."
        )
    return text


def _check_options(
    name: str, function: object, retries: object, backoff_s: object, timeout_s: object
) -> None:
    if not callable(function):
        raise StepError(f"Step {name!r} needs a function, as in step({name!r}, function, argument).")
    if not isinstance(retries, int) or isinstance(retries, bool) or retries < 0:
        raise StepError(f"Step {name!r}: `retries` is a whole number from 0, not {retries!r}.")
    for option, value in (("backoff_s", backoff_s), ("timeout_s", timeout_s)):
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
        if not is_number and not (option == "timeout_s" and value is None):
            raise StepError(f"Step {name!r}: `{option}` is a number of seconds, not {value!r}.")


class _Calls(NamedTuple):
    """The calls of the function of one step."""

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    retries: int
    backoff_s: float
    timeout_s: float | None

    def run(self) -> tuple[Any, Exception | None, int]:
        """Call the function until it returns; return the value or the last error, and the number of calls."""
        number = 0
        while True:
            number += 1
            try:
                return self._call(), None, number
            except StepError as error:
                if not isinstance(error, StepTimeout) or number > self.retries:
                    return None, error, number
            except Exception as error:  # noqa: BLE001 - any error of the function is retried, then stored and raised
                if number > self.retries:
                    return None, self._explained(error), number
            time.sleep(min(self.backoff_s * 2 ** min(number - 1, 16), _MAX_BACKOFF_S))

    def _explained(self, error: Exception) -> Exception:
        """Return the error; that of a missing argument with the name of an option gets a note."""
        if isinstance(error, TypeError) and hasattr(error, "add_note"):
            try:
                own = _OPTIONS & inspect.signature(self.function).parameters.keys()
            except (TypeError, ValueError):
                own = frozenset()
            if any(option in str(error) for option in own):
                error.add_note(
                    f"Step {self.name!r}: {', '.join(sorted(own))} is an option of `step`, so it is not passed to the "
                    "function. Use functools.partial to pass it."
                )
        return error

    def _call(self) -> Any:
        if self.timeout_s is None:
            return _complete(self.name, self.function(*self.args, **self.kwargs))
        ended = threading.Event()
        outcome: list[tuple[Any, BaseException | None]] = []

        def run() -> None:
            try:
                outcome.append((_complete(self.name, self.function(*self.args, **self.kwargs)), None))
            except BaseException as error:  # noqa: BLE001 - raised again in the thread of the step
                outcome.append((None, error))
            finally:
                ended.set()

        thread = threading.Thread(
            target=copy_context().run, args=(run,), name=f"step {self.name}", daemon=True
        )
        thread.start()
        if not ended.wait(self.timeout_s):
            _interrupt(thread)
            ended.wait(_INTERRUPT_S)
            raise StepTimeout(f"Step {self.name!r} ran longer than its limit of {self.timeout_s:g} s.")
        value, error = outcome[0]
        if error is not None:
            raise error
        return value


def _interrupt(thread: threading.Thread) -> None:
    """Raise `StepTimeout` in a thread, which takes effect between two instructions of Python: no blocking call ends."""
    if thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident), ctypes.py_object(StepTimeout)
        )


def _complete(name: str, value: Any) -> Any:
    """Return the value, or that of an asynchronous function after its end."""
    if not hasattr(type(value), "__await__"):
        return value
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(_await(value))
    raise StepError(
        f"Step {name!r} calls an asynchronous function inside of another one. Call `step` in synchronous code, or with "
        "`await asyncio.to_thread(step, …)`."
    )


async def _await(value: Any) -> Any:
    return await value


@contextmanager
def _running(place: Place) -> Iterator[None]:
    """Let code of the step find its idempotency key."""
    own = branch()
    own.running = place.name
    token = current_step.set(place)
    before = os.environ.get(_KEY)
    if not own.name:  # variables belong to the process, and other branches run at the same time
        os.environ[_KEY] = place.idempotency_key
    try:
        yield
    finally:
        own.running = None
        current_step.reset(token)
        if not own.name and before is None:
            os.environ.pop(_KEY, None)
        elif not own.name and before is not None:
            os.environ[_KEY] = before
