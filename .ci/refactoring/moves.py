"""Map module names and paths of moved files, alone and where they are mentioned in text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Final

from repository import module_name

RenameName = Callable[[str, str], str]
"""Return the new name of a name of a module, given the module's old dotted name and the old name."""
_NEVER: Final = re.compile(r"(?!)")


def keep_name(module: str, name: str) -> str:
    """Return the name as it is."""
    return name


class Moves:
    """Moved files and the folders that moved as a whole, with the modules that this renames."""

    def __init__(self, paths: Mapping[str, str], named_modules: frozenset[str] = frozenset()) -> None:
        """Take old path to new path; `named_modules` have names that change, whether they move or not."""
        self.paths: Final = {old: new for old, new in paths.items() if old != new}
        self.modules: Final[dict[str, str]] = {}
        self._named_modules: Final = named_modules
        for old, new in self.paths.items():
            is_python = old.endswith(".py") and new.endswith(".py")
            if (is_python or "." not in old.rpartition("/")[2]) and module_name(old) != module_name(new):
                self.modules[module_name(old)] = module_name(new)

    def module(self, name: str) -> str:
        """Return the new dotted name of a module, or of a name of a module."""
        parts = name.split(".")
        for length in range(len(parts), 0, -1):
            moved = self.modules.get(".".join(parts[:length]))
            if moved is not None:
                return ".".join([moved, *parts[length:]])
        return name

    def text(self, text: str, rename_name: RenameName = keep_name) -> str:
        """Return a text in which each mentioned module and path has its new name."""
        text = self._path_pattern.sub(lambda found: self._path(found.group()), text)
        return self._module_pattern.sub(lambda found: self.dotted(found.group(), rename_name), text)

    def dotted(self, name: str, rename_name: RenameName = keep_name) -> str:
        """Return a dotted mention of a module or of a name in it with its new names."""
        parts = name.split(".")
        for length in range(len(parts), 0, -1):
            module, rest = ".".join(parts[:length]), parts[length:]
            renamed = [rename_name(module, rest[0]), *rest[1:]] if rest else []
            if module in self.modules or renamed != rest:
                return ".".join([self.module(module), *renamed])
        return name

    def _path(self, path: str) -> str:
        """Return a mentioned path with its new start; a full stop may end the sentence that mentions it."""
        mentioned = path.rstrip(".")
        parts = mentioned.split("/")
        for length in range(len(parts), 0, -1):
            moved = self.paths.get("/".join(parts[:length]))
            if moved is not None:
                return "/".join([moved, *parts[length:]]) + path[len(mentioned) :]
        return path

    @cached_property
    def _module_pattern(self) -> re.Pattern[str]:
        roots = {name.partition(".")[0] for name in (*self.modules, *self._named_modules) if "." in name}
        if not roots:
            return _NEVER
        # A path such as backend/warm.py or an attribute such as app.backend.warm is something else.
        return re.compile(rf"(?<![\w./-])(?:{'|'.join(sorted(roots))})(?:\.[^\W\d]\w*)+")

    @cached_property
    def _path_pattern(self) -> re.Pattern[str]:
        roots = {re.escape(path.partition("/")[0]) for path in self.paths if "/" in path}
        if not roots:
            return _NEVER
        # Not a part of a longer path, except after a variable such as %(here)s/ of alembic.ini.
        before = r"(?:(?<![\w-])(?<![\w-]/)|(?<=\)s/))"
        return re.compile(rf"{before}(?:{'|'.join(sorted(roots))})(?:/[\w.-]+)+")


def with_folders(paths: Mapping[str, str]) -> dict[str, str]:
    """Add to moved files the folders of packages that moved with their `__init__.py`."""
    folders = {
        old.removesuffix("/__init__.py"): new.removesuffix("/__init__.py")
        for old, new in paths.items()
        if old.endswith("/__init__.py") and new.endswith("/__init__.py") and old != new
    }
    return {**folders, **paths}
