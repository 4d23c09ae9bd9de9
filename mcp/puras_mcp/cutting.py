"""Shorten results to fit into the context of a model, and report how to read the rest."""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict

from puras_mcp.errors import CallRejected

MAX_CHARS: Final = 16_000
"""Maximum length of the values of one result as JSON: about 4,000 tokens."""
_STEPS: Final = ((4_000, 60), (1_000, 20), (200, 5), (40, 2))
"""Maximum length of texts in characters and of lists in items, applied in turn until the result fits."""


class Cut(BaseModel):
    """A value that was shortened."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    path: str
    """JSON Pointer of the value: pass it to `get_job` as `path`."""
    kept: int
    """Number of returned characters or items: pass it as `offset` to continue."""
    total: int
    """Total number of characters or items."""


class Fitted(NamedTuple):
    """A value that fits, and its shortened parts."""

    value: Any
    cuts: list[Cut]


class Part(BaseModel):
    """A part of one value."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    path: str
    """JSON Pointer of the value."""
    value: Any
    """The characters of a text, the items of a list, or the whole value."""
    offset: int
    """Offset of this part."""
    next_offset: int | None
    """Offset of the next part; null: this is the last one."""
    total: int
    """Total number of characters or items."""


def fit(value: Any, path: str = "") -> Fitted:
    """Return the value with shortened texts and lists, so that it fits into a result."""
    for longest_text, longest_list in _STEPS:
        cuts: list[Cut] = []
        fitted = _shorten(value, path, longest_text, longest_list, cuts)
        if _size(fitted) <= MAX_CHARS:
            return Fitted(fitted, cuts)
    cuts = [Cut(path=path, kept=0, total=len(value) if hasattr(value, "__len__") else 1)]
    return Fitted(f"[omitted: {_size(value):,} characters of JSON; request parts of it by their path]", cuts)


def part(value: Any, path: str, offset: int) -> Part:
    """Return a part of the value at a JSON Pointer.

    Raises:
        CallRejected: The value has nothing at that path.
    """
    found = _at(value, path)
    if isinstance(found, str):
        selected: Any = found[offset : offset + MAX_CHARS]
        return _part(path, selected, offset, len(found))
    if isinstance(found, list):
        items: list[Any] = []
        for item in found[offset:]:
            one = fit(item, f"{path}/{offset + len(items)}").value
            if items and _size(items) + _size(one) > MAX_CHARS:
                break
            items.append(one)
        return _part(path, items, offset, len(found))
    return Part(path=path, value=fit(found, path).value, offset=0, next_offset=None, total=1)


def _part(path: str, selected: Any, offset: int, total: int) -> Part:
    end = offset + len(selected)
    return Part(
        path=path, value=selected, offset=offset, next_offset=end if end < total else None, total=total
    )


def _at(value: Any, path: str) -> Any:
    found = value
    for step in path.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        try:
            found = found[int(name)] if isinstance(found, list) else found[name]
        except (KeyError, IndexError, ValueError, TypeError):
            raise CallRejected(
                f"The job has no value at {path!r}. Use a JSON Pointer such as '/result/text' or "
                "'/result/items/3'; `cuts` of the previous response lists the shortened values."
            ) from None
    return found


def _shorten(value: Any, path: str, longest_text: int, longest_list: int, cuts: list[Cut]) -> Any:
    if isinstance(value, str) and len(value) > longest_text:
        cuts.append(Cut(path=path, kept=longest_text, total=len(value)))
        return value[:longest_text] + f"… [cut: {len(value) - longest_text:,} more characters]"
    if isinstance(value, list):
        kept = [
            _shorten(item, f"{path}/{index}", longest_text, longest_list, cuts)
            for index, item in enumerate(value[:longest_list])
        ]
        if len(value) > longest_list:
            cuts.append(Cut(path=path, kept=longest_list, total=len(value)))
            kept.append(f"[cut: {len(value) - longest_list:,} more items]")
        return kept
    if isinstance(value, dict):
        return {
            key: _shorten(inner, f"{path}/{_escaped(key)}", longest_text, longest_list, cuts)
            for key, inner in value.items()
        }
    return value


def _escaped(key: object) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, default=str))
