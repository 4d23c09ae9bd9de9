"""Change values in the text of a YAML document, at the positions of their nodes.

The result is not validated here: `yaml_edits` compares it with the expected document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import yaml

from backend.core.errors import Invalid, Problem
from backend.skills.schemas.messages import Path

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LINE_BREAK: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_INDENT: Final = 2
_LINE_CHARACTERS: Final = 110
_Pair: TypeAlias = tuple[yaml.Node | None, yaml.Node]


class NotEditable(Invalid):
    """The edit cannot be made in the text without a change of other parts of it."""

    code = "skill_yaml_not_editable"

    def __init__(self, path: Path, reason: str) -> None:
        place = ".".join(map(str, path)) or "the document"
        message = f"This change of {place} cannot be made in the form: {reason} Make it in the code."
        super().__init__(message, [Problem(place, message)])


class Step(NamedTuple):
    """One change of a document.

    `set` creates mappings that are missing; an index after the last item of a list appends an item. `insert` adds an
    item to a list before the one at an index. `cut` removes an item with the comments above it. `rename` and `move`
    change a key of a mapping: its name, or its position.
    """

    action: Literal["set", "insert", "remove", "cut", "rename", "move"]
    path: Path
    value: Any = None
    """The new value, name or position."""
    written: WrittenItem | None = None
    """Of `insert`: the item as it is written elsewhere, whose notation and comments it gets."""


class WrittenItem(NamedTuple):
    """The lines of a list item, with the comments above it."""

    text: str
    column: int
    """The column of its dash."""


class EditableText:
    """A text with the positions of its nodes."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0, *(found.end() for found in _LINE_BREAK.finditer(text))]
        found = _LINE_BREAK.search(text)
        self._newline = found[0] if found else "\n"
        self._root: yaml.Node | None = yaml.compose(text, Loader=_Loader)

    def changed(self, step: Step, index: int) -> str:
        """Return the text after a step; `index` is the position of its value in its parent."""
        if self._root is None or _is_empty(self._root):
            return self._with_first_key(step)
        self._require_no_aliases(step.path)
        chain: list[yaml.Node] = [self._root]
        for key in step.path[:-1]:
            chain.append(_child(chain[-1], key)[1])
        if step.action == "set":
            return self._set(step, chain, index)
        if step.action == "insert":
            return self._insert_item(step, chain, index)
        if step.action in ("remove", "cut"):
            return self._remove(step, chain, index)
        pairs = _pairs(chain[-1])
        if step.action == "rename":
            return self._rename(pairs[index][0], step.value)
        target = max(0, min(len(pairs) - 1, step.value))
        if _is_flow(chain):
            return self._move_in_flow(pairs, index, target)
        return self._move_in_block(step, chain[-1], index, target)

    def with_scalars(self, change: Callable[[str], str]) -> str:
        """Return the text after `change` of the characters of each text, number and constant in it."""
        scalars = [node for node in _walk(self._root) if isinstance(node, yaml.ScalarNode)]
        parts: list[str] = []
        at = 0
        for start, end in sorted({(self._at(node.start_mark), self._end(node)) for node in scalars}):
            parts += [self._text[at:start], change(self._text[start:end])]
            at = end
        return "".join(parts) + self._text[at:]

    def item(self, path: Path) -> WrittenItem | None:
        """Return the lines of a list item; None if it shares lines with other values."""
        node = self._root
        chain: list[yaml.Node] = []
        for key in path:
            if node is None:
                return None
            chain.append(node)
            node = _child(node, key)[1]
        if not chain or node is None or _is_flow(chain) or not isinstance(chain[-1], yaml.SequenceNode):
            return None
        start = self._line_start(self._at(node.start_mark))
        if self._text[start : self._at(node.start_mark)].strip() != "-":
            return None
        column = chain[-1].start_mark.column
        return WrittenItem(
            self._text[self._comments_start(start) : self._block_end(node, column)], int(column)
        )

    def _set(self, step: Step, chain: Sequence[yaml.Node], index: int) -> str:
        parent, key = chain[-1], step.path[-1]
        pairs = _pairs(parent)
        if key != len(pairs) and (isinstance(key, int) or any(_key_of(one) == key for one in pairs)):
            return self._replace(step, pairs[index], is_flow=_is_flow(chain))
        if _is_flow(chain) and (pairs or _is_flow(chain[:-1])):
            return self._insert_in_flow(parent, pairs, index, key, step.value)
        if not pairs:  # written as `{}` or `[]`
            value = {key: step.value} if isinstance(key, str) else [step.value]
            outer = Step("set", step.path[:-1], value)
            return self._replace(outer, _child(chain[-2], outer.path[-1]), is_flow=False)
        return self._insert_in_block(step, parent, pairs, index)

    def _remove(self, step: Step, chain: Sequence[yaml.Node], index: int) -> str:
        parent = chain[-1]
        pairs = _pairs(parent)
        if len(pairs) == 1 and len(chain) > 1:
            outer = Step("set", step.path[:-1], {} if isinstance(parent, yaml.MappingNode) else [])
            return self._replace(outer, _child(chain[-2], outer.path[-1]), is_flow=_is_flow(chain[:-1]))
        if _is_flow(chain):
            return self._remove_in_flow(pairs, index)
        if step.action == "cut":
            return self._cut(step, parent, index)
        return self._remove_in_block(step, parent, index)

    # Insert

    def _with_first_key(self, step: Step) -> str:
        """Return a document without a value, except comments, with its first key."""
        head = self._text
        if self._root is not None and head.strip() in ("{}", "null", "~"):
            head = ""
        if head and not head.endswith(("\n", "\r")):
            head += self._newline
        return head + self._entry(str(step.path[-1]), step.value, 0) + self._newline

    def _insert_in_flow(
        self, parent: yaml.Node, pairs: Sequence[_Pair], index: int, key: str | int, value: Any
    ) -> str:
        rendered = _flow(value) if isinstance(key, int) else f"{_flow(key)}: {_flow(value)}"
        if not pairs:
            start, end = self._at(parent.start_mark), self._at(parent.end_mark)
            brackets = "[]" if isinstance(key, int) else "{}"
            return self._text[:start] + brackets[0] + rendered + brackets[1] + self._text[end:]
        if index < len(pairs):
            start = self._start(pairs[index])
            return f"{self._text[:start]}{rendered}, {self._text[start:]}"
        end = self._end(pairs[-1][1])
        comma = re.compile(r"(?:\s|#[^\r\n]*)*,").match(self._text, end)
        if comma:
            return f"{self._text[: comma.end()]} {rendered}{self._text[comma.end() :]}"
        return f"{self._text[:end]}, {rendered}{self._text[end:]}"

    def _insert_in_block(self, step: Step, parent: yaml.Node, pairs: Sequence[_Pair], index: int) -> str:
        column = parent.start_mark.column if pairs[0][0] is None else self._column(pairs[0][0])
        if pairs[0][0] is None:
            line = self._item(step.value, column, sibling=pairs[-1][1])
        else:
            siblings = [value for _, value in pairs if isinstance(value, yaml.MappingNode)]
            as_flow = bool(siblings) and bool(siblings[-1].flow_style) and len(step.path) > 1
            as_flow = as_flow and not _is_list_of_mappings(step.value)
            line = self._entry(str(step.path[-1]), step.value, column, as_flow=as_flow)
        if index == 0:
            start = self._line_start(self._start(pairs[0]))
            if self._text[start : self._start(pairs[0])].strip():
                raise NotEditable(step.path, "the line contains another value.")
            return self._text[:start] + line + self._newline + self._text[start:]
        end = self._block_end(pairs[index - 1][1], column)
        return self._text[:end] + self._newline + line + self._text[end:]

    def _insert_item(self, step: Step, chain: Sequence[yaml.Node], index: int) -> str:
        """Insert an item in a list before the one at `index`."""
        parent = chain[-1]
        pairs = _pairs(parent)
        if not pairs and not _is_flow(chain[:-1]):
            return self._fill_list(step, _child(chain[-2], step.path[-2]))
        if _is_flow(chain):
            return self._insert_in_flow(parent, pairs, index, index, step.value)
        column = int(parent.start_mark.column)
        gap = self._newline * (2 if self._are_apart(pairs, column) else 1)
        written = self._step_item(step, column, sibling=pairs[max(0, index - 1)][1])
        if index:
            end = self._block_end(pairs[index - 1][1], column)
            return self._text[:end] + gap + written + self._text[end:]
        first = self._line_start(self._start(pairs[0]))
        if self._text[first : self._start(pairs[0])].strip() != "-":
            raise NotEditable(step.path, "the line contains another value.")
        first = self._comments_start(first)
        return self._text[:first] + written + gap + self._text[first:]

    def _fill_list(self, step: Step, pair: _Pair) -> str:
        """Write the first item of a list that is written as `[]`."""
        key, node = pair
        if key is None:
            raise NotEditable(step.path, "its list is an item of another list.")
        end = self._end(node)
        comment = self._text[end : self._line_end(end)].rstrip()
        item = self._step_item(step, self._column(key) + _INDENT)
        after = self._after_colon(key)
        return self._text[:after] + comment + self._newline + item + self._text[self._line_end(end) :]

    def _are_apart(self, pairs: Sequence[_Pair], column: int) -> bool:
        """Return whether an empty line separates the items of a list."""
        if len(pairs) == 1:
            return False
        end = self._block_end(pairs[0][1], column)
        return not self._text[self._next_line(end) : self._line_end(self._next_line(end))].strip()

    def _step_item(self, step: Step, column: int, sibling: yaml.Node | None = None) -> str:
        """Return the lines of a list item, without the last line break."""
        if step.written is None:
            return self._item(step.value, column, sibling=sibling)
        text, former = step.written
        lines = _LINE_BREAK.split(text)
        if column < former:
            lines = [re.sub(rf"^ {{0,{former - column}}}", "", line) for line in lines]
        else:
            lines = [" " * (column - former) + line if line else line for line in lines]
        return self._newline.join(lines)

    # Replace

    def _replace(self, step: Step, pair: _Pair, *, is_flow: bool) -> str:
        key, node = pair
        end = self._end(node)
        if is_flow or not self._is_block(node):
            return self._replace_inline(step, pair, end, is_flow=is_flow)
        if key is None:
            raise NotEditable(step.path, "it is a list item of several lines.")
        column = self._column(key)
        start = self._after_colon(key)
        if isinstance(node, yaml.ScalarNode):
            rest = re.sub(r"^\s*[|>][-+0-9]*", "", self._rest_of_line(start))
        else:
            rest = self._rest_of_line(start)
        comment = f" {rest.strip()}" if rest.strip().startswith("#") else ""
        if rest.strip() and not comment:
            raise NotEditable(step.path, "its notation is unusual.")
        return (
            self._text[:start] + self._value(step.value, column, comment) + self._text[self._line_end(end) :]
        )

    def _replace_inline(self, step: Step, pair: _Pair, end: int, *, is_flow: bool) -> str:
        key, node = pair
        start = self._at(node.start_mark)
        if key is not None and not is_flow and _needs_lines(step.value, node):
            after, line_end = self._after_colon(key), self._line_end(end)
            comment = self._text[end:line_end].rstrip()
            if not self._text[after:start].strip():
                block = self._value(step.value, self._column(key), comment)
                return self._text[:after] + block + self._text[line_end:]
        rendered = _flow(step.value) if is_flow or key is None else _inline(step.value)
        if isinstance(step.value, str) and isinstance(node, yaml.ScalarNode):
            rendered = _quoted_like(node, step.value, rendered)
        gap = "" if start and self._text[start - 1].isspace() else " "
        if key is None and start and self._text[start - 1] in "[,":
            gap = ""
        return self._text[:start] + gap + rendered + self._text[end:]

    def _rename(self, key: yaml.Node | None, name: str) -> str:
        if not isinstance(key, yaml.ScalarNode):
            raise NotEditable((), "its key is not a plain word.")
        start, end = self._at(key.start_mark), self._at(key.end_mark)
        return self._text[:start] + _quoted_like(key, name, _flow(name)) + self._text[end:]

    # Remove

    def _remove_in_flow(self, pairs: Sequence[_Pair], index: int) -> str:
        if index + 1 < len(pairs):
            start, end = self._start(pairs[index]), self._start(pairs[index + 1])
        else:
            start = self._end(pairs[index - 1][1]) if index else self._start(pairs[index])
            end = self._end(pairs[index][1])
        return self._text[:start] + self._text[end:]

    def _remove_in_block(self, step: Step, parent: yaml.Node, index: int) -> str:
        pairs = _pairs(parent)
        start = self._start(pairs[index])
        line = self._line_start(start)
        before = self._text[line:start].strip()
        column = parent.start_mark.column if pairs[index][0] is None else self._column(pairs[index][0])
        end = self._block_end(pairs[index][1], column)
        if before and not (before == "-" and pairs[index][0] is None):
            if index or len(pairs) == 1:
                raise NotEditable(step.path, "the line contains another value.")
            return self._text[:start] + self._text[self._start(pairs[1]) :]
        return self._text[:line] + self._text[self._next_line(end) :]

    def _cut(self, step: Step, parent: yaml.Node, index: int) -> str:
        """Remove a list item with the comments above it, and with an empty line that separates it."""
        pairs, column = _pairs(parent), int(parent.start_mark.column)
        line = self._line_start(self._start(pairs[index]))
        if self._text[line : self._start(pairs[index])].strip() != "-":
            raise NotEditable(step.path, "the line contains another value.")
        start = self._comments_start(line)
        end = self._next_line(self._block_end(pairs[index][1], column))
        if index + 1 < len(pairs):
            while end < len(self._text) and not self._text[end : self._line_end(end)].strip():
                end = self._next_line(end)
        elif self._are_apart(pairs, column):
            start = len(self._text[:start].rstrip())
            start = self._next_line(start)
        return self._text[:start] + self._text[end:]

    # Move

    def _move_in_flow(self, pairs: Sequence[_Pair], index: int, target: int) -> str:
        spans = [(self._start(pair), self._end(pair[1])) for pair in pairs]
        order = list(range(len(pairs)))
        order.insert(target, order.pop(index))
        result = self._text[: spans[0][0]]
        for position, source in enumerate(order):
            result += self._text[spans[source][0] : spans[source][1]]
            following = spans[position + 1][0] if position + 1 < len(spans) else len(self._text)
            result += self._text[spans[position][1] : following]
        return result

    def _move_in_block(self, step: Step, parent: yaml.Node, index: int, target: int) -> str:
        """Move the lines of a key with the comments above it."""
        pairs = _pairs(parent)
        for pair in pairs:
            start = self._start(pair)
            if self._text[self._line_start(start) : start].strip():
                raise NotEditable(step.path, "the line contains another value.")
        column = self._column(pairs[0][0])
        ends = [self._block_end(pair[1], column) for pair in pairs]
        starts = [
            self._comments_start(self._line_start(self._start(pairs[0]))),
            *map(self._next_line, ends[:-1]),
        ]
        chunks = [self._text[start:end] for start, end in zip(starts, ends, strict=True)]
        chunks.insert(target, chunks.pop(index))
        return self._text[: starts[0]] + self._newline.join(chunks) + self._text[ends[-1] :]

    def _comments_start(self, line: int) -> int:
        """Return the start of the comment lines directly above a line."""
        number = self._starts.index(line)
        while number and self._text[self._starts[number - 1] : self._starts[number]].lstrip().startswith("#"):
            number -= 1
        return self._starts[number]

    # Positions

    def _at(self, mark: Any) -> int:
        line: int = min(mark.line, len(self._starts) - 1)
        return min(len(self._text), self._starts[line] + int(mark.column))

    def _start(self, pair: _Pair) -> int:
        key, value = pair
        return self._at((value if key is None else key).start_mark)

    @staticmethod
    def _column(key: yaml.Node | None) -> int:
        return int(key.start_mark.column) if key is not None else 0

    def _after_colon(self, key: yaml.Node) -> int:
        return self._text.index(":", self._at(key.end_mark)) + 1

    def _end(self, node: yaml.Node) -> int:
        """Return where a value ends. Marks of block collections end after the comments that follow."""
        if isinstance(node, yaml.ScalarNode):
            return self._block_scalar_end(node) if node.style in ("|", ">") else self._at(node.end_mark)
        pairs = _pairs(node)
        return self._at(node.end_mark) if _is_flow([node]) or not pairs else self._end(pairs[-1][1])

    def _block_scalar_end(self, node: yaml.ScalarNode) -> int:
        first = self._line_end(self._at(node.start_mark))
        return max(first, len(self._text[: self._at(node.end_mark)].rstrip()))

    def _block_end(self, node: yaml.Node, column: int) -> int:
        """Return the end of the last line of a value, with the comments that are indented deeper than its key."""
        end = found = self._line_end(self._end(node))
        while (start := self._next_line(end)) < len(self._text):
            end = self._line_end(start)
            line = self._text[start:end]
            stripped = line.lstrip(" ")
            if stripped.startswith("#") and len(line) - len(stripped) > column:
                found = end
            elif stripped:
                break
        return found

    def _line_start(self, offset: int) -> int:
        before = _LINE_BREAK.split(self._text[:offset])[-1]
        return offset - len(before)

    def _line_end(self, offset: int) -> int:
        found = _LINE_BREAK.search(self._text, offset)
        return found.start() if found else len(self._text)

    def _next_line(self, offset: int) -> int:
        found = _LINE_BREAK.search(self._text, offset)
        return found.end() if found else len(self._text)

    def _rest_of_line(self, offset: int) -> str:
        return self._text[offset : self._line_end(offset)]

    @staticmethod
    def _is_block(node: yaml.Node) -> bool:
        return node.style in ("|", ">") if isinstance(node, yaml.ScalarNode) else not _is_flow([node])

    def _require_no_aliases(self, path: Path) -> None:
        seen: set[int] = set()
        for node in _walk(self._root):
            if id(node) in seen:
                raise NotEditable(path, "the document contains anchors (&, *).")
            seen.add(id(node))

    # Notation

    def _entry(self, name: str, value: Any, column: int, *, as_flow: bool = False) -> str:
        """Return the lines of a new key, without the last line break."""
        if as_flow:
            return f"{' ' * column}{_flow(name)}: {_flow(value)}"
        return f"{' ' * column}{_flow(name)}:{self._value(value, column)}"

    def _value(self, value: Any, column: int, comment: str = "") -> str:
        """Return a value after its colon, for a key in this column."""
        inner = column + _INDENT
        if isinstance(value, dict) and value:
            entries = (self._entry(name, one, inner) for name, one in value.items())
            return comment + self._newline + self._newline.join(entries)
        if _is_list_of_mappings(value):
            return comment + self._newline + self._newline.join(self._item(one, inner) for one in value)
        if isinstance(value, str) and _is_literal(value):
            indicator = "|" if value.endswith("\n") else "|-"
            lines = value.removesuffix("\n").split("\n")
            block = self._newline.join(" " * inner + line if line else "" for line in lines)
            return f" {indicator}{comment}{self._newline}{block}"
        return f" {_inline(value)}{comment}"

    def _item(self, value: Any, column: int, *, sibling: yaml.Node | None = None) -> str:
        """Return the lines of a list item, without the last line break.

        A mapping has one line for each key, unless the item next to it, the `sibling`, is written in brackets. Short
        collections in it are in one line, except those with expressions, which would need quotes there.
        """
        if not _is_mapping(value) or (sibling is not None and _is_flow([sibling])):
            return f"{' ' * column}- {_flow(value)}"
        inner = column + _INDENT
        entries = (
            self._entry(name, one, inner, as_flow=_is_short(one, inner + len(name)))
            for name, one in value.items()
        )
        return f"{' ' * column}- {self._newline.join(entries).lstrip(' ')}"


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict) and bool(value)


def _is_list_of_mappings(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_mapping, value))


def _is_short(value: Any, column: int) -> bool:
    """Return whether a collection is written in one line after the key that ends in this column."""
    if not isinstance(value, dict | list) or _is_list_of_mappings(value):
        return False
    line = _flow(value)
    return column + len(line) < _LINE_CHARACTERS and "${{" not in line


def _needs_lines(value: Any, replaced: yaml.Node) -> bool:
    """Return whether a value is written below its key instead of in the same line."""
    if isinstance(value, str):
        return _is_literal(value)
    return (_is_mapping(value) or _is_list_of_mappings(value)) and _is_empty(replaced)


def _is_literal(value: str) -> bool:
    """Return whether a text of several lines can be written below its key as it is."""
    lines = value.removesuffix("\n").split("\n")
    is_plain = all(line.isprintable() and line == line.rstrip() for line in lines)
    return "\n" in value and is_plain and bool(lines[-1]) and bool(lines[0]) and not lines[0].startswith(" ")


def _is_scalar(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode)


def _is_flow(chain: Sequence[yaml.Node]) -> bool:
    """Return whether the innermost of nested collections is written in brackets."""
    return any(isinstance(node, yaml.CollectionNode) and node.flow_style for node in chain)


def _is_empty(node: yaml.Node) -> bool:
    return not node.value if not _is_scalar(node) else node.tag == "tag:yaml.org,2002:null"


def _walk(node: yaml.Node | None) -> Iterator[yaml.Node]:
    if node is not None:
        yield node
        for pair in _pairs(node):
            for inner in pair:
                yield from _walk(inner)


def _pairs(node: yaml.Node) -> list[_Pair]:
    """Return the keys and values of a mapping, or the items of a list without keys."""
    if isinstance(node, yaml.MappingNode):
        return list(node.value)
    return [(None, item) for item in node.value] if isinstance(node, yaml.SequenceNode) else []


def _key_of(pair: _Pair) -> Any:
    return pair[0].value if pair[0] is not None else None


def _child(node: yaml.Node, key: str | int) -> _Pair:
    pairs = _pairs(node)
    if isinstance(key, int):
        return pairs[key]
    return next(pair for pair in pairs if _key_of(pair) == key)


class _Dumper(yaml.SafeDumper):
    """Writes values in one line, and texts that need escapes in double quotes."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, value: str) -> yaml.Node:
    style = None if value.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def _flow(value: Any) -> str:
    """Return a value in one line."""
    written = yaml.dump(
        [value],
        Dumper=_Dumper,
        default_flow_style=True,
        sort_keys=False,
        width=float("inf"),
        allow_unicode=True,
    )
    return written.strip()[1:-1]


def _inline(value: Any) -> str:
    """Return a value in one line, for a key that is not in brackets. There, fewer texts need quotes."""
    if not isinstance(value, str):
        return _flow(value)
    written = yaml.dump(
        {"k": value}, Dumper=_Dumper, default_flow_style=False, width=float("inf"), allow_unicode=True
    )
    text = written.removeprefix("k:").strip()
    return _flow(value) if "\n" in text else text


def _quoted_like(node: yaml.ScalarNode, value: str, rendered: str) -> str:
    """Return a text in the quotes of the scalar that it replaces."""
    if not value.isprintable():
        return rendered
    if node.style == '"':
        return json.dumps(value, ensure_ascii=False)
    if node.style == "'":
        return "'" + value.replace("'", "''") + "'"
    return rendered
