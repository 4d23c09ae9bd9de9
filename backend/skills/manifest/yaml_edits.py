"""Edit the text of a YAML document without changing the rest of it.

An edit replaces the characters of the values that it concerns. Everything else stays as it was written: comments, the
order of keys, quotes, indentation and unknown keys. A library that writes a whole document again, like `ruamel.yaml`,
also changes lines that no edit concerns. Each result is parsed again, and rejected unless it is the expected document.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from backend.core.errors import Invalid
from backend.skills.manifest.yaml_document import Document, read_document
from backend.skills.manifest.yaml_text import EditableText, NotEditable, Step, WrittenItem
from backend.skills.schemas.messages import Path

FILE: Final = "skill.yaml"
_BOM: Final = "\ufeff"


def read(text: str, file: str = FILE) -> Document:
    """Parse the text; problems are returned and name the file."""
    return read_document(file, text.encode("utf-8", "surrogatepass"))


def written_item(text: str, path: Path) -> WrittenItem | None:
    """Return the lines of a list item; None if they contain other values too."""
    return EditableText(text.removeprefix(_BOM)).item(path)


def with_scalars(text: str, change: Callable[[str], str]) -> str:
    """Return the text after `change` of the characters of each text in it. The result is not validated."""
    bom = _BOM if text.startswith(_BOM) else ""
    return bom + EditableText(text.removeprefix(_BOM)).with_scalars(change)


def apply_step(text: str, step: Step, *, order: Sequence[str] = (), file: str = FILE) -> str:
    """Return the text with a change; the same text if it changes nothing.

    `order` is the usual order of the keys of the document, at which new keys are inserted.

    Raises:
        Invalid: The text is not valid YAML.
        NotEditable: The document has no such value, or the text cannot be changed safely.
    """
    document = read(text, file)
    if document.problems:
        first = document.problems[0]
        raise Invalid(f"{first.path}:{first.line or 1}: {first.message}", document.problems)
    if not isinstance(document.value, dict | None):
        raise NotEditable((), "it is not a mapping of keys.")
    before = document.value or {}
    step = _with_parents(before, step)
    expected = copy.deepcopy(before)
    index = _change(expected, step, order)
    if _same(before, expected):
        return text
    bom = _BOM if text.startswith(_BOM) else ""
    result = bom + EditableText(text.removeprefix(_BOM)).changed(step, index)
    after = read(result)
    if after.problems or not _same(after.value or {}, expected):
        raise NotEditable(step.path, "its notation is unusual.")
    return result


def _same(one: Any, other: Any) -> bool:
    """Return whether two values are the same, with the order of keys and the types of numbers."""
    return json.dumps(one) == json.dumps(other)


def _with_parents(root: Mapping[str, Any], step: Step) -> Step:
    """Return a step that also creates the missing parents of its value."""
    if step.action not in ("set", "insert"):
        return step
    at: Any = root
    for length, key in enumerate(step.path[:-1], 1):
        at = at.get(key) if isinstance(at, dict) else at[key] if _is_item(at, key) else None
        if at is None:
            value = step.value
            if step.action == "insert":
                if length != len(step.path) - 1:
                    raise NotEditable(step.path, "there is no such list.")
                return Step("set", step.path[:length], [value])
            for name in reversed(step.path[length:]):
                value = {str(name): value}
            return Step("set", step.path[:length], value)
    return step


def _is_item(at: Any, key: str | int) -> bool:
    return isinstance(at, list) and isinstance(key, int) and 0 <= key < len(at)


def _change(root: dict[str, Any], step: Step, order: Sequence[str]) -> int:
    """Apply a step to parsed data, and return the position of the changed value in its parent."""
    parent: Any = root
    for key in step.path[:-1]:
        if not _is_item(parent, key) and not (isinstance(parent, dict) and key in parent):
            raise NotEditable(step.path, "there is no such value.")
        parent = parent[key]
    key = step.path[-1]
    if isinstance(parent, list) and isinstance(key, int):
        return _change_list(parent, key, step)
    if not isinstance(parent, dict) or not isinstance(key, str):
        raise NotEditable(step.path, "the value that contains it has another type.")
    return _change_mapping(parent, key, step, order)


def _change_mapping(parent: dict[str, Any], key: str, step: Step, order: Sequence[str]) -> int:
    names = list(parent)
    if key not in parent:
        if step.action != "set":
            raise NotEditable(step.path, "there is no such value.")
        index = _position(names, key, order) if len(step.path) == 1 else len(names)
        _reorder(parent, [*names[:index], key, *names[index:]], {**parent, key: step.value})
        return index
    index = names.index(key)
    if step.action == "set":
        parent[key] = step.value
    elif step.action == "remove":
        del parent[key]
    elif step.action == "rename":
        if step.value in parent and step.value != key:
            raise NotEditable(step.path, f"{step.value!r} exists already.")
        names[index] = step.value
        _reorder(parent, names, {**parent, step.value: parent[key]})
    else:
        names.insert(max(0, min(len(names) - 1, step.value)), names.pop(index))
        _reorder(parent, names, dict(parent))
    return index


def _change_list(items: list[Any], index: int, step: Step) -> int:
    if step.action == "set" and 0 <= index < len(items):
        items[index] = step.value
    elif step.action == "set" and index == len(items):
        items.append(step.value)
    elif step.action == "insert" and 0 <= index <= len(items):
        items.insert(index, step.value)
    elif step.action in ("remove", "cut") and 0 <= index < len(items):
        del items[index]
    else:
        raise NotEditable(step.path, "there is no such item.")
    return index


def _position(names: Sequence[str], key: str, order: Sequence[str]) -> int:
    """Return where a new key belongs: after the last of the keys that usually precede it."""
    earlier = order[: order.index(key)] if key in order else names
    return max((index + 1 for index, name in enumerate(names) if name in earlier), default=0)


def _reorder(parent: dict[str, Any], names: Sequence[str], values: Mapping[str, Any]) -> None:
    parent.clear()
    parent.update((name, values[name]) for name in names)
