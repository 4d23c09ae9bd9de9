"""Find the functions of bundles in their source code, without executing it."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MAX_SOURCE_BYTES: Final = 512 << 10
FUNCTION: Final = re.compile(r"(?P<file>[\w./-]+\.py):(?P<function>[A-Za-z_]\w*)\Z", re.ASCII)
"""An entrypoint that is a function."""


class SourceUnreadableError(ValueError):
    """The file is not valid Python; the message says why."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.line = line


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of a function, as far as they can be passed by name."""

    names: frozenset[str]
    needed: tuple[str, ...]
    takes_any: bool
    """It has `**keywords`."""
    positional_only: tuple[str, ...]

    @property
    def takes_one_dict(self) -> bool:
        """`run(inputs)`: the whole object is passed as one argument."""
        return self.names == {"inputs"} and not self.takes_any


@dataclass(frozen=True, slots=True)
class Source:
    """The names that a Python file defines at its top level."""

    names: frozenset[str]
    parameters: dict[str, Parameters]
    """Of functions without decorators; decorated ones may accept anything."""
    is_open: bool
    """It has a star import or a module `__getattr__`, and may define more names."""

    def defines(self, function: str) -> bool:
        """Return whether the file has, or may have, the function."""
        return function in self.names or self.is_open


def read_source(content: bytes) -> Source:
    """Return the names that a Python file defines.

    Raises:
        SourceUnreadableError: it cannot be parsed.
    """
    if len(content) > MAX_SOURCE_BYTES:
        raise SourceUnreadableError(f"it is longer than {MAX_SOURCE_BYTES >> 10} KiB")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes in the author's code
            tree = ast.parse(content)
            statements = list(_top_level(tree.body))
    except SyntaxError as error:
        raise SourceUnreadableError(f"it is not valid Python: {error.msg}", error.lineno) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise SourceUnreadableError("it is not valid Python") from error
    names = frozenset(name for statement in statements for name in _defined(statement))
    parameters = {
        statement.name: _parameters(statement.args)
        for statement in statements
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and not statement.decorator_list
    }
    return Source(names - {"*"}, parameters, is_open=bool({"*", "__getattr__"} & names))


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that run on import, including those inside `if`, `try`, `with` and loops."""
    waiting = list(reversed(body))
    while waiting:
        statement = waiting.pop()
        yield statement
        for field in ("body", "orelse", "finalbody"):
            if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                waiting.extend(getattr(statement, field, ()))
        for handler in getattr(statement, "handlers", ()):
            waiting.extend(handler.body)
        for case in getattr(statement, "cases", ()):
            waiting.extend(case.body)


def _defined(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        for alias in statement.names:
            yield alias.asname or alias.name.partition(".")[0]
    else:
        targets = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
        for target in targets:
            if isinstance(target, ast.AST):
                yield from (node.id for node in ast.walk(target) if isinstance(node, ast.Name))


def _parameters(arguments: ast.arguments) -> Parameters:
    plain = [*arguments.posonlyargs, *arguments.args]
    without_default = plain[: len(plain) - len(arguments.defaults)]
    keyword_needed = [
        argument.arg
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is None
    ]
    return Parameters(
        names=frozenset(argument.arg for argument in (*plain, *arguments.kwonlyargs)),
        needed=(*(argument.arg for argument in without_default), *keyword_needed),
        takes_any=arguments.kwarg is not None,
        positional_only=tuple(argument.arg for argument in arguments.posonlyargs),
    )
