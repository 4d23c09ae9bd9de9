"""Finding, importing and calling a skill's function."""

# ruff: noqa: PTH113, PTH118, PTH120
# (every call runs before a job; pathlib costs)

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple

from .plan import Plan


class BadEntrypoint(Exception):
    """The function cannot be had, or cannot be called with these inputs; the message is for the skill's author."""

    def __init__(self, message: str, trace: str = "") -> None:
        super().__init__(message)
        self.trace = trace


class Function(NamedTuple):
    """A skill's function and the form in which it wants its inputs."""

    call: Callable[..., Any]
    name: str
    takes_dict: bool
    """`run(inputs)`: one dict instead of keywords."""
    drops: Callable[[str], bool]
    """Whether an input must be left out: the function has no such parameter and the skill did not declare it."""


def load(plan: Plan) -> Function:
    """Import the skill's file and find its function.

    Raises:
        BadEntrypoint: the file, the import or the function fails.
    """
    place = f"{plan.skill_dir}/{plan.file}".strip("/")
    path = os.path.join(plan.deployment, *place.split("/"))
    if not os.path.isfile(path):
        raise BadEntrypoint(f"The skill's entrypoint names {place!r}, which the bundle does not contain.")
    module = _import(_dotted(place), path, place)
    found = getattr(module, plan.function, None)
    if not callable(found):
        raise BadEntrypoint(
            f"{place!r} has no function {plan.function!r}: define `def {plan.function}(inputs)`, "
            "or correct `entrypoint` in skill.yaml."
        )
    if inspect.iscoroutinefunction(found):
        asyncio.get_event_loop_policy()  # part of asyncio that loads late; every child would load it again
    return _function(found, plan)


def call(function: Function, inputs: dict[str, Any]) -> Any:
    """Call the function in its own form and wait for it if it is asynchronous.

    Raises:
        BadEntrypoint: the inputs do not fit the function's parameters.
    """
    if function.takes_dict:
        value = function.call(inputs)
    else:
        keywords = {name: value for name, value in inputs.items() if not function.drops(name)}
        _check_fits(function, keywords)
        value = function.call(**keywords)
    return asyncio.run(_finish(value)) if inspect.isawaitable(value) else value


def own_trace(error: BaseException, roots: tuple[str, ...]) -> str:
    """The traceback of an error, cut to the frames of the skill's own files."""
    frames = [frame for frame in _frames(error.__traceback__) if frame.filename.startswith(roots)]
    lines = traceback.StackSummary.from_list(frames).format()
    summary = "".join(traceback.format_exception_only(type(error), error))
    return ("Traceback (most recent call last):\n" + "".join(lines) if lines else "") + summary


def _import(name: str, path: str, place: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise BadEntrypoint(f"{place!r} is not a Python file: `entrypoint` wants `<file>.py:<function>`.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:  # noqa: BLE001 - the tenant's code may raise anything, SystemExit too
        summary = f"{type(error).__name__}: {error}"[:2000]
        raise BadEntrypoint(
            f"{place!r} cannot be imported: {summary}", own_trace(error, (os.path.dirname(path),))
        ) from None
    return module


def _dotted(place: str) -> str:
    """`skills/resize/main.py` → `skills.resize.main`, so that relative imports work."""
    return ".".join(part.replace(".", "_") for part in place.removesuffix(".py").split("/"))


def _function(found: Callable[..., Any], plan: Plan) -> Function:
    declared = frozenset(plan.declared_inputs)
    try:
        parameters = list(inspect.signature(found).parameters.values())
    except (TypeError, ValueError):
        return Function(found, plan.function, False, lambda _: False)
    takes_dict = [parameter.name for parameter in parameters] == ["inputs"] and "inputs" not in declared
    if takes_dict and parameters[0].kind in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.KEYWORD_ONLY):
        takes_dict = False
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        return Function(found, plan.function, takes_dict, lambda _: False)
    known = declared | {parameter.name for parameter in parameters}
    return Function(found, plan.function, takes_dict, lambda name: name not in known)


def _check_fits(function: Function, keywords: dict[str, Any]) -> None:
    try:
        signature = inspect.signature(function.call)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(**keywords)
    except TypeError as error:
        raise BadEntrypoint(
            f"{function.name}{signature} cannot be called with the job's inputs: {error}. "
            "Give the parameter a default, or make the input `required` in `input_schema`."
        ) from None


async def _finish(value: Any) -> Any:
    return await value


def _frames(trace: TracebackType | None) -> list[traceback.FrameSummary]:
    return list(traceback.extract_tb(trace, limit=-50))
