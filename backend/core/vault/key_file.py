"""The file with the encryption keys of an instance, one per line, newest first."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from cryptography.fernet import Fernet

from backend.core.vault.errors import BadSecretsKey


class KeyFile:
    """Reads and writes the key file, which only its owner may access; it is always written completely."""

    def __init__(self, home: Path) -> None:
        """Determine the key file of the home folder, without reading or creating it."""
        self.path = home / "keys" / "secrets.key"
        self._read_state: tuple[int, int] | None = None

    def read_or_create(self) -> list[str]:
        """Return the keys; create a first one if the file does not exist.

        Raises:
            BadSecretsKey: Others can read the file.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            return self.read()
        except FileNotFoundError:
            self._write(_new_key() + "\n", replace=False)
            return self.read()

    def read(self) -> list[str]:
        """Return the keys, newest first.

        Raises:
            BadSecretsKey: Others can read the file.
        """
        descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, encoding="ascii") as file:
            state = os.fstat(descriptor)
            if state.st_mode & 0o077:
                raise BadSecretsKey(
                    f"The key file {str(self.path)!r} can be read by others. Run: chmod 600 {self.path}"
                )
            self._read_state = (state.st_ino, state.st_mtime_ns)
            return file.read().split()

    def read_if_changed(self) -> list[str] | None:
        """Return the keys if the file has changed since it was last read, otherwise None."""
        try:
            state = self.path.stat(follow_symlinks=False)
            return None if (state.st_ino, state.st_mtime_ns) == self._read_state else self.read()
        except OSError:
            return None

    def add_newest(self) -> list[str]:
        """Add a new key before the others, which remain valid for reading; return all keys."""
        with self._locked():
            self._write_all([_new_key(), *self.read()])
            return self.read()

    def drop_older_than(self, key: str) -> int:
        """Drop the keys after this one, but none that was added since; return the number of dropped keys."""
        with self._locked():
            keys = self.read()
            remaining = keys[: keys.index(key) + 1]
            if remaining != keys:
                self._write_all(remaining)
            return len(keys) - len(remaining)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Lock the keys against changes by others: an overwritten key is lost, with everything encrypted with it."""
        lock = self.path.with_name(f".{self.path.name}.lock")
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _write_all(self, keys: list[str]) -> None:
        self._write("".join(f"{key}\n" for key in keys), replace=True)

    def _write(self, text: str, *, replace: bool) -> None:
        """Write completely or not at all; without `replace`, one of several concurrent processes wins."""
        draft = self.path.with_name(f".{self.path.name}.{token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if replace:
                draft.replace(self.path)
            else:
                self._link(draft)
        finally:
            draft.unlink(missing_ok=True)
        _sync_folder(self.path.parent)

    def _link(self, draft: Path) -> None:
        try:
            self.path.hardlink_to(draft)
        except FileExistsError:
            return


def _new_key() -> str:
    return Fernet.generate_key().decode()


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
