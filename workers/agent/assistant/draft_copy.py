"""Keep the copy of a draft that the assistant works on, in memory.

Its changes are the finished calls in the journal: a later attempt makes the same calls on the same files. The draft
itself never changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from backend.authoring.drafts import paths
from backend.authoring.drafts.reading import MAX_FILE_BYTES, Content
from backend.authoring.drafts.writing import MAX_FILES
from backend.core.errors import PurasError
from backend.skills.archives.pack import pack_files, unnamed_notebooks
from workers.agent.types import ToolError

MAX_CHANGED_BYTES: Final = 1 << 20
"""Of the texts of a proposal, before and after. A result cannot be much larger."""


class DraftCopy:
    """The files of a draft, and their changes."""

    def __init__(self, files: Mapping[str, Content]) -> None:
        self._base = dict(files)
        self._files = dict(files)

    @property
    def paths(self) -> list[str]:
        """The paths of all files, in order."""
        return sorted(self._files)

    def size_of(self, path: str) -> int:
        """Return the size of a file in bytes."""
        return len(self._files[path].data)

    def text(self, path: str) -> str:
        """Return the text of a file.

        Raises:
            ToolError: there is no such file, or it is no text.
        """
        found = self._files.get(path)
        if found is None:
            raise ToolError(f"There is no file {path!r} in the draft. list_files lists its files.")
        return _decoded(path, found)

    def has(self, path: str) -> bool:
        """Return whether there is such a file."""
        return path in self._files

    def write(self, path: str, text: str) -> None:
        """Write a text file.

        Raises:
            ToolError: a draft cannot contain it, or the proposal would be too large.
        """
        existing = self._files.get(path)
        if existing is not None:
            _decoded(path, existing)
        else:
            self._check_new(path)
        data = text.encode("utf-8", "replace")
        if len(data) > MAX_FILE_BYTES or "\0" in text:
            raise ToolError(
                f"{path!r} must be a text of at most {MAX_FILE_BYTES:,} bytes without NUL characters."
            )
        is_executable = existing.is_executable if existing is not None else False
        self._replace(path, Content(data, is_executable))

    def delete(self, path: str) -> None:
        """Delete a text file.

        Raises:
            ToolError: there is no such file, or it is no text.
        """
        self.text(path)
        self._replace(path, None)

    def bundle(self) -> bytes:
        """Return the files as a version would contain them."""
        excluded = unnamed_notebooks(self._files.keys(), lambda path: self._files[path].data)
        files = {path: content for path, content in self._files.items() if path not in excluded}
        executable = {path for path, content in files.items() if content.is_executable}
        return pack_files({path: content.data for path, content in files.items()}, executable=executable)

    def changes(self) -> list[dict[str, Any]]:
        """Return the changed files with their texts before and after."""
        changed = []
        for path in sorted(self._base.keys() | self._files.keys()):
            before, after = self._base.get(path), self._files.get(path)
            if before == after:
                continue
            action = "create" if before is None else "delete" if after is None else "change"
            texts = {
                "before": "" if before is None else _decoded(path, before),
                "after": "" if after is None else _decoded(path, after),
            }
            changed.append({"path": path, "action": action, **texts})
        return changed

    def _check_new(self, path: str) -> None:
        if len(self._files) >= MAX_FILES:
            raise ToolError(f"A draft can have at most {MAX_FILES:,} files.")
        try:
            paths.check(path, self._files)
        except PurasError as error:
            raise ToolError(error.detail) from None

    def _replace(self, path: str, content: Content | None) -> None:
        before = self._files.pop(path, None)
        if content is not None:
            self._files[path] = content
        if self._changed_bytes() <= MAX_CHANGED_BYTES:
            return
        self._files.pop(path, None)
        if before is not None:
            self._files[path] = before
        raise ToolError(
            f"The changes would exceed {MAX_CHANGED_BYTES >> 20} MiB of text. Change fewer or smaller files."
        )

    def _changed_bytes(self) -> int:
        changed = (path for path in self._base.keys() | self._files.keys())
        pairs = ((self._base.get(path), self._files.get(path)) for path in changed)
        return sum(
            sum(len(content.data) for content in pair if content is not None)
            for pair in pairs
            if pair[0] != pair[1]
        )


def _decoded(path: str, content: Content) -> str:
    try:
        text = content.data.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ToolError(f"{path!r} is not a text in UTF-8. The assistant only works on texts.")
    return text
