"""Find, import and call the function of a skill.

Some modules are imported where they are needed: what a zygote has not loaded, its forks need not copy.
"""

# ruff: noqa: PTH113, PTH118
# (every call runs before a job; pathlib costs)

from __future__ import annotations

import os
import sys
from _frozen_importlib import module_from_spec  # `importlib.util` imports `collections`
from _frozen_importlib_external import spec_from_file_location

from .lean import NamedTuple
from .wire import Plan

TYPE_CHECKING = False  # type checkers know this name
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Any, Final

_CO_VARARGS, _CO_VARKEYWORDS, _CO_COROUTINE = 0x04, 0x08, 0x80
_CODE: Final = type((lambda: None).__code__)
"""`types.CodeType`, without the first call of `compile`, which takes a millisecond."""
_MAX_FRAMES: Final = 50


class BadEntrypoint(Exception):
    """The function is missing or cannot be called with these inputs; the message is for the author of the skill."""

    def __init__(self, message: str, trace: str = "") -> None:
        super().__init__(message)
        self.trace = trace


class Parameters(NamedTuple):
    """The parameters of a function."""

    names: list[str]
    """The parameters that can be passed as keywords."""
    accepts_any_keyword: bool
    is_plain: bool
    """It has only named parameters that can also be passed by position."""


class Function(NamedTuple):
    """The function of a skill, and how its inputs are passed."""

    call: Callable[..., Any]
    name: str
    takes_dict: bool
    """`run(inputs)`: one dict instead of keywords."""
    accepted: frozenset[str] | None
    """Inputs that can be passed as keywords or that the skill declares; none for any."""


class Loaded(NamedTuple):
    """An imported file and its function."""

    module: Any
    function: Function | None
    """None: each job names the function."""


def load(plan: Plan) -> Loaded:
    """Import the skill's file and find its function, if the plan names one.

    Raises:
        BadEntrypoint: the file, the import or the function fails.
    """
    location = f"{plan.skill_dir}/{plan.file}".strip("/")
    path = os.path.join(plan.deployment, *location.split("/"))
    if not os.path.isfile(path):
        raise BadEntrypoint(f"The skill's entrypoint names {location!r}, which the bundle does not contain.")
    module = _import(_dotted(location), path, location)
    if "puras" in sys.modules:
        import json  # noqa: F401 - here, since most parts of the kit that the function may load import it
    if plan.function:
        return Loaded(module, find(module, plan, plan.function, plan.declared_inputs))
    for value in vars(module).values():
        _prepare_to_wait(value)
    return Loaded(module, None)


def find(module: Any, plan: Plan, name: str, declared: Collection[str]) -> Function:
    """Return the function of that name in the imported file.

    Raises:
        BadEntrypoint: the limit is exceeded.
    """
    found = getattr(module, name, None)
    if not callable(found):
        location = f"{plan.skill_dir}/{plan.file}".strip("/")
        raise BadEntrypoint(
            f"{location!r} has no function {name!r}: define `def {name}(inputs)`, or correct `entrypoint` in "
            "skill.yaml."
        )
    _prepare_to_wait(found)
    return _function(found, name, declared)


def _prepare_to_wait(found: Any) -> None:
    code = getattr(found, "__code__", None)
    if isinstance(code, _CODE) and code.co_flags & _CO_COROUTINE:
        import asyncio  # noqa: F401 - here, so that not every child loads it again


def call(function: Function, inputs: dict[str, Any]) -> Any:
    """Call the function in its own form and wait for it if it is asynchronous.

    Raises:
        BadEntrypoint: the inputs do not match the function's parameters.
    """
    if function.takes_dict:
        keywords: dict[str, Any] = {}
        arguments: tuple[Any, ...] = (inputs,)
    else:
        accepted = function.accepted
        keywords = (
            inputs
            if accepted is None
            else {name: value for name, value in inputs.items() if name in accepted}
        )
        arguments = ()
    try:
        value = function.call(*arguments, **keywords)
    except TypeError as error:
        if (
            error.__traceback__ is not None and error.__traceback__.tb_next is None
        ):  # raised by the call itself
            raise _mismatch(function, error) from None
        raise
    return _finish(value) if hasattr(type(value), "__await__") else value


def own_trace(error: BaseException, root: str) -> str:
    """Return the traceback of an error and of those that led to it, cut to the frames of the skill's own files.

    Files are named as in the bundle, whose folder is `root`.
    """
    import traceback

    whole = traceback.TracebackException(
        type(error), error, error.__traceback__, limit=-_MAX_FRAMES, compact=True
    )
    chain = [whole]
    for link in chain:  # grows
        chain += [other for other in (link.__cause__, link.__context__, *(link.exceptions or ())) if other]
        link.stack = traceback.StackSummary.from_list(_own_frames(link.stack, os.path.join(root, "")))
    if len(chain) == 1 and not whole.stack:
        return "".join(whole.format_exception_only())
    return "".join(whole.format())


def shortened(trace: str, max_characters: int) -> str:
    """Return a traceback of at most that many characters.

    A longer one is cut to its start and its end, which has the error itself.
    """
    if len(trace) <= max_characters:
        return trace
    half = max_characters // 2 - 50
    return f"{trace[:half]}\n[{len(trace) - 2 * half} characters are omitted]\n{trace[-half:]}"


def _own_frames(frames: Any, root: str) -> list[Any]:
    own = [frame for frame in frames if frame.filename.startswith(root)]
    for frame in own:
        _ = frame.line  # reads the source while the file name is complete
        frame.filename = frame.filename.removeprefix(root)
    return own


def _import(name: str, path: str, location: str) -> Any:
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise BadEntrypoint(
            f"{location!r} is not a Python file: `entrypoint` must be `<file>.py:<function>`."
        )
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:  # noqa: BLE001 - the tenant's code may raise anything, SystemExit too
        summary = f"{type(error).__name__}: {error}"[:2000]
        raise BadEntrypoint(
            f"{location!r} cannot be imported: {summary}", own_trace(error, path.removesuffix(location))
        ) from None
    return module


def _dotted(location: str) -> str:
    """`skills/resize/main.py` → `skills.resize.main`, so that relative imports work."""
    return ".".join(part.replace(".", "_") for part in location.removesuffix(".py").split("/"))


def _function(found: Callable[..., Any], name: str, declared: Collection[str]) -> Function:
    parameters = _parameters(found)
    if parameters is None:
        return Function(found, name, takes_dict=False, accepted=None)
    takes_dict = parameters.is_plain and parameters.names == ["inputs"] and "inputs" not in declared
    accepted = None if parameters.accepts_any_keyword else frozenset([*parameters.names, *declared])
    return Function(found, name, takes_dict, accepted)


def _parameters(found: Callable[..., Any]) -> Parameters | None:
    """Return the parameters of a callable; none if they are unknown."""
    code = getattr(found, "__code__", None)
    if (
        code is None
        or hasattr(found, "__self__")
        or hasattr(found, "__wrapped__")
        or hasattr(found, "__signature__")
    ):
        return _inspected(found)
    by_position, named_only = code.co_argcount, code.co_kwonlyargcount
    is_plain = not (named_only or code.co_posonlyargcount or code.co_flags & (_CO_VARARGS | _CO_VARKEYWORDS))
    names = list(code.co_varnames[code.co_posonlyargcount : by_position + named_only])
    return Parameters(names, bool(code.co_flags & _CO_VARKEYWORDS), is_plain)


def _inspected(found: Callable[..., Any]) -> Parameters | None:
    import inspect

    try:
        parameters = list(inspect.signature(found).parameters.values())
    except (TypeError, ValueError):
        return None
    either, named = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    return Parameters(
        names=[parameter.name for parameter in parameters if parameter.kind in (either, named)],
        accepts_any_keyword=any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters),
        is_plain=all(parameter.kind is either for parameter in parameters),
    )


def _mismatch(function: Function, error: TypeError) -> BadEntrypoint:
    import inspect

    try:
        signature = f"{function.name}{inspect.signature(function.call)}"
    except (TypeError, ValueError):
        signature = function.name
    return BadEntrypoint(
        f"{signature} cannot be called with the job's inputs: {error}. "
        "Give the parameter a default, or make the input `required` in `input_schema`."
    )


def _finish(value: Any) -> Any:
    """Return the value of an awaitable."""
    import asyncio

    async def wait() -> Any:
        return await value

    return asyncio.run(wait())
