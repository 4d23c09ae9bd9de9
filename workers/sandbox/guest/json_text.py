"""Read and write JSON with the functions of `json` that are written in C.

`json` itself would take a megabyte of each zygote, since it imports `re`.
"""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers know this name
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final, NamedTuple
else:
    from .lean import NamedTuple

_CONSTANTS: Final = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


class _ReaderSettings:
    """The attributes of a `json.JSONDecoder` without arguments."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = _CONSTANTS.__getitem__


class _Functions(NamedTuple):
    read: Callable[[str], tuple[Any, int]]
    write: Callable[[Any], str]
    write_ascii: Callable[[Any], str]


def _refuse(value: object) -> Any:
    raise TypeError(f"{type(value).__name__} is not JSON data")


def _fast() -> _Functions:
    import _json

    scan = _json.make_scanner(_ReaderSettings)  # type: ignore[arg-type]  # only these attributes are read
    parts, ascii_parts = (
        _json.make_encoder(None, _refuse, escape, None, ":", ",", False, False, False)
        for escape in (_json.encode_basestring, _json.encode_basestring_ascii)
    )
    if scan("[1]", 0) != ([1], 3) or "".join(parts([1], 0)) != "[1]":
        raise TypeError("these functions have other parameters")

    def read(text: str) -> tuple[Any, int]:
        try:
            value: tuple[Any, int] = scan(text, 0)
        except StopIteration:
            raise ValueError("the text is not JSON") from None
        return value

    return _Functions(
        read, lambda value: "".join(parts(value, 0)), lambda value: "".join(ascii_parts(value, 0))
    )


def _public() -> _Functions:
    import json

    writer, ascii_writer = (
        json.JSONEncoder(ensure_ascii=is_ascii, allow_nan=False, check_circular=False, separators=(",", ":"))
        for is_ascii in (False, True)
    )
    return _Functions(json.JSONDecoder().raw_decode, writer.encode, ascii_writer.encode)


def _functions() -> _Functions:
    try:
        return _fast()
    except (ImportError, AttributeError, TypeError):  # another version of Python
        return _public()


read, write, write_ascii = _functions()
