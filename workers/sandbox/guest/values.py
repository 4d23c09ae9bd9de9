"""Validate JSON data, and report the location and the reason of a problem, and how to fix it."""

from __future__ import annotations

from . import json_text

TYPE_CHECKING = False  # type checkers know this name
if TYPE_CHECKING:
    from typing import Any, Final

MAX_DEPTH: Final = 200
_INFINITE: Final = float("inf")
_MAX_INTEGER_BITS: Final = 14_000  # Python's JSON reader accepts at most 4,300 digits

_HINTS: Final = {
    "bytes": "save it with `puras.drive.save(…)` and return the path, or base64-encode it",
    "bytearray": "save it with `puras.drive.save(…)` and return the path, or base64-encode it",
    "memoryview": "save it with `puras.drive.save(…)` and return the path, or base64-encode it",
    "set": "return `sorted(…)` of it",
    "frozenset": "return `sorted(…)` of it",
    "datetime": "return its `.isoformat()`",
    "date": "return its `.isoformat()`",
    "time": "return its `.isoformat()`",
    "timedelta": "return its `.total_seconds()`",
    "Decimal": "return `float(…)` or `str(…)` of it",
    "UUID": "return `str(…)` of it",
    "complex": "return its parts as two numbers",
    "generator": "return `list(…)` of it",
    "ndarray": "return its `.tolist()`",
    "DataFrame": "return its `.to_dict('records')`",
    "Series": "return its `.tolist()`",
    "coroutine": "await it",
}


class NotJson(ValueError):
    """A value that JSON cannot represent; the message names its path and a fix."""


def encode(value: Any) -> bytes:
    """Return the value as compact UTF-8 JSON on one line.

    Raises:
        NotJson: some part of it is not JSON data.
    """
    problem = problem_of(value)
    if problem is not None:
        raise NotJson(problem)
    return json_text.write(value).encode()


def decode(raw: bytes | bytearray) -> Any:
    """Read JSON from a source that is not trusted, into data that every later reader can take.

    Raises:
        NotJson: it is not valid JSON data.
    """
    try:
        import json

        value = json.loads(raw, parse_constant=_refuse_constant)
    except RecursionError:
        raise NotJson(f"it is nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:
        raise NotJson(str(error)) from None
    problem = problem_of(value)
    if problem is not None:
        raise NotJson(problem)
    return value


def problem_of(value: Any) -> str | None:
    """Return why the value is not JSON data, with its path; none if it is."""
    return _walk(value, "result", 0)


def _walk(value: Any, path: str, depth: int) -> str | None:
    """Return the first problem; subclasses of JSON's types are valid, such as a float of numpy."""
    if value is None or value is True or value is False:
        return None
    if isinstance(value, str):
        return _text_problem(value, path)
    if isinstance(value, int):
        return _integer_problem(value, path)
    if isinstance(value, float):
        return (
            None
            if -_INFINITE < value < _INFINITE
            else f"{path} is {value}, which JSON cannot represent: return None instead"
        )
    if depth >= MAX_DEPTH:
        return f"{path[:200]} is nested deeper than {MAX_DEPTH} levels, or contains itself: return a flatter value"
    if isinstance(value, dict):
        return _mapping_problem(value, path, depth)
    if isinstance(value, (list, tuple)):
        return _sequence_problem(value, path, depth)
    return f"{path} is a {_name(type(value))}, which is not JSON data: {_hint(value)}"


def _mapping_problem(value: dict[Any, Any], path: str, depth: int) -> str | None:
    for key, item in value.items():
        if not isinstance(key, str):
            return f"{path} has the key {_describe(key)} of type {_name(type(key))}: JSON keys are text, use str(…)"
        problem = _text_problem(key, f"a key of {path}") or _walk(item, f"{path}.{key[:100]}", depth + 1)
        if problem is not None:
            return problem
    return None


def _sequence_problem(value: list[Any] | tuple[Any, ...], path: str, depth: int) -> str | None:
    for index, item in enumerate(value):
        problem = _walk(item, f"{path}[{index}]", depth + 1)
        if problem is not None:
            return problem
    return None


def _text_problem(value: str, path: str) -> str | None:
    if value.isascii():
        if "\0" in value:
            return f"{path} contains a NUL character: remove it with `.replace('\\0', '')`"
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return (
            f"{path} contains an unpaired surrogate, which is not text: use `.encode('utf-8', "
            "'replace').decode()`"
        )
    return f"{path} contains a NUL character: remove it with `.replace('\\0', '')`" if "\0" in value else None


def _integer_problem(value: int, path: str) -> str | None:
    if value.bit_length() > _MAX_INTEGER_BITS:
        return f"{path} is an integer of more than 4,300 digits: return it as text"
    return None


def _hint(value: Any) -> str:
    kind = type(value)
    found = next((_HINTS[base.__name__] for base in kind.__mro__ if base.__name__ in _HINTS), None)
    if found is not None:
        return found
    for test, hint in (
        ("__dataclass_fields__", "return `dataclasses.asdict(…)` of it"),
        ("model_dump", "return its `.model_dump(mode='json')`"),
        ("__fspath__", "return `str(…)` of it"),
        ("_member_map_", "return its `.value`"),
        ("tolist", "return its `.tolist()`"),
    ):
        if hasattr(kind, test):
            return hint
    return "return dicts, lists, text, numbers, booleans or None"


def _name(kind: type[Any]) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _describe(value: object) -> str:
    return repr(value)[:60] if isinstance(value, (int, float, bool, tuple, bytes)) or value is None else "…"


def _refuse_constant(name: str) -> Any:
    raise NotJson(f"it contains {name}, which is not JSON")
