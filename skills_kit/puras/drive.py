"""Read and write the files of the project, which are in `./drive`: `drive.save("out/report.pdf", data)`.

If the instance stores drives in object storage, `./drive` is a staged drive. It contains the files that the inputs
name; `fetch` and `open` download other files when they are needed, and changes are stored when the job succeeds.
"""

from __future__ import annotations

import builtins
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, TypedDict

__all__ = ["DriveError", "SignedFile", "delete", "fetch", "list", "open", "path", "save", "sign", "url"]

_PREFIX = "drive/"
_SIGNED_FOR_S = 60
"""Validity of the signed URL with which a file is downloaded."""
_MAX_NAME_BYTES = 255
_MAX_PATH_CHARACTERS = 4096
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_RESERVED = frozenset(
    ["CON", "PRN", "AUX", "NUL", *(f"{port}{number}" for port in ("COM", "LPT") for number in "123456789")]
)


class DriveError(OSError):
    """The path is not in the drive, or the instance rejected the request."""


class SignedFile(TypedDict):
    """A signed URL of a file, which works without a key until it expires."""

    path: str
    signed_url: str
    expires_in: int
    """Seconds."""


def path(name: str | os.PathLike[str]) -> Path:
    """Return the path of a drive file in the file system of this job. The file need not exist.

    Raises:
        DriveError: The name leads out of the drive.
    """
    root = _root()
    found = root / _relative(name)
    real_root = os.path.realpath(root)
    real = os.path.realpath(found)
    if real != real_root and not real.startswith(real_root + os.sep):
        raise DriveError(
            f"The path {os.fspath(name)!r} leads out of the drive through a symbolic link. Use a file in ./drive."
        )
    return found


def save(name: str | os.PathLike[str], data: bytes | str) -> str:
    """Write a complete file to the drive, and return its drive path for the result of the skill.

    Raises:
        DriveError: The name is not valid for a file of the drive.
    """
    target = _new_path(name)
    if target == _root():
        raise DriveError(
            "The name is empty. Use the path of a file in the drive, such as 'reports/june.pdf'."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    content = data.encode() if isinstance(data, str) else data
    descriptor, draft_name = tempfile.mkstemp(prefix=".saving-", dir=target.parent)
    draft = Path(draft_name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        draft.chmod(0o644)
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return target.relative_to(_root()).as_posix()


def open(name: str | os.PathLike[str], mode: str = "r", **options: Any) -> IO[Any]:  # noqa: A001 - a public name of the kit
    """Open a file of the drive like `open` does, and create the folders of a new file.

    A file that is not in the staged drive is downloaded for reading. To change it, name it in the inputs of the job, or
    write the complete file.

    Raises:
        DriveError: The name leads out of the drive, or the file cannot be downloaded.
    """
    target = path(name)
    if not mode.startswith("r"):
        target = target if os.path.lexists(target) else _new_path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
    elif "+" not in mode and _is_remote(target):
        target = fetch(name)
    if "b" not in mode:
        options.setdefault("encoding", "utf-8")
    return target.open(mode, **options)


def fetch(name: str | os.PathLike[str]) -> Path:
    """Return a path to the content of a drive file: the one in `./drive`, otherwise a downloaded copy.

    Raises:
        DriveError: The file does not exist, or the instance does not respond.
    """
    target = path(name)
    if not _is_remote(target):
        if not target.is_file():
            raise DriveError(
                f"The drive has no file {_relative(name)!r}. List its files with: puras drive ls -r"
            )
        return target
    from puras import _http

    copy = Path(tempfile.gettempdir(), "puras-drive", _relative(name))
    if copy.is_file():
        return copy
    signed = sign(name, ttl=_SIGNED_FOR_S)["signed_url"]
    copy.parent.mkdir(parents=True, exist_ok=True)
    # The name is unique since threads may download the same file concurrently.
    descriptor, draft_name = tempfile.mkstemp(prefix=".fetching-", dir=copy.parent)
    os.close(descriptor)
    draft = Path(draft_name)
    try:
        _http.download(
            _environment("PURAS_API_BASE").rstrip("/") + _http.path_of(signed),
            draft,
            {"X-Puras-Service-Token": _environment("PURAS_SERVICE_TOKEN")},
        )
        draft.replace(copy)
    except _http.HttpError as error:
        raise DriveError(f"The download of the file {_relative(name)!r} failed: {error}") from error
    finally:
        draft.unlink(missing_ok=True)
    return copy


def delete(name: str | os.PathLike[str]) -> None:
    """Delete a file of the drive; with a staged drive, after the job has succeeded.

    Raises:
        DriveError: The name leads out of the drive, or the file does not exist.
    """
    target = path(name)
    if target == _root() or (not target.is_file() and not _is_remote(target)):
        raise DriveError(f"The drive has no file {_relative(name)!r}, so it cannot be deleted.")
    from puras import _events

    target.unlink(missing_ok=True)
    relative = _relative(name)
    _events.emit({"type": "drive_deleted", "path": relative}, f"deleted drive/{relative}")


def list(prefix: str = "") -> builtins.list[str]:  # noqa: A001 - a public name of the kit
    """Return the sorted drive paths of all files in `./drive` that start with the prefix, without symbolic links."""
    root = _root()
    wanted = _relative(prefix) + ("/" if prefix.endswith("/") and _relative(prefix) else "")
    return sorted(name for name in _files(root) if name.startswith(wanted))


def sign(name: str | os.PathLike[str], *, ttl: int = 3600) -> SignedFile:
    """Return a signed URL of the file, which works without a key for `ttl` seconds (30 s to 30 days).

    Raises:
        DriveError: The file does not exist, or the instance does not respond.
    """
    from puras import _http  # the import of urllib takes longer than most jobs

    body = {"workspace_id": _environment("PURAS_WORKSPACE_ID"), "path": _relative(name), "ttl": ttl}
    try:
        response = _http.post_json(
            _environment("PURAS_API_BASE").rstrip("/") + "/v1/drive/sign",
            body,
            {"X-Puras-Service-Token": _environment("PURAS_SERVICE_TOKEN")},
            is_repeatable=True,
        )
    except _http.HttpError as error:
        raise DriveError(f"No signed URL was created for the file {_relative(name)!r}: {error}") from error
    return SignedFile(
        path=str(response["path"]),
        signed_url=str(response["signed_url"]),
        expires_in=int(response["expires_in"]),
    )


def url(name: str | os.PathLike[str], *, ttl: int = 3600) -> str:
    """Return only the URL of `sign`.

    Raises:
        DriveError: The file does not exist, or the instance does not respond.
    """
    return sign(name, ttl=ttl)["signed_url"]


def _is_remote(target: Path) -> bool:
    """Return whether the file is not in the staged drive, and may be in the object storage of the instance."""
    return bool(os.environ.get("PURAS_DRIVE_IS_ELSEWHERE")) and not target.exists()


def _root() -> Path:
    return Path(os.environ.get("PURAS_DRIVE_DIR") or "drive").absolute()


def _relative(name: str | os.PathLike[str]) -> str:
    """Return the name relative to the root of the drive: without `drive/`, `./` and empty parts."""
    text = os.fspath(name)
    if len(text) > _MAX_PATH_CHARACTERS:
        raise DriveError(
            f"The path {text[:60]!r}… has more than {_MAX_PATH_CHARACTERS:,} characters. Shorten it."
        )
    if text.startswith("/"):
        text = _from_root(text)
    text = text.removeprefix("./")
    text = "" if text == "drive" else text.removeprefix(_PREFIX)
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if text.startswith("/") or ".." in parts or "\0" in text or not _is_encodable(text):
        raise DriveError(
            f"The path {os.fspath(name)!r} is not in the drive. Use a path relative to the root of the drive."
        )
    return "/".join(parts)


def _new_path(name: str | os.PathLike[str]) -> Path:
    """Return the path for a new file, with a name that is valid on all operating systems, as the API requires it.

    Raises:
        DriveError: The name leads out of the drive, or is not portable.
    """
    relative = unicodedata.normalize("NFC", _relative(name))
    for part in relative.split("/"):
        is_reserved = part.partition(".")[0].rstrip().upper() in _RESERVED
        if part != part.strip() or part.endswith(".") or is_reserved or _UNSEEN.search(part):
            raise DriveError(
                f"The name {part!r} is not valid on all operating systems: it starts or ends with a space, ends with "
                "a dot, contains an invisible character, or is reserved by Windows. Use another name."
            )
        if len(part.encode()) > _MAX_NAME_BYTES:
            raise DriveError(f"The name {part[:60]!r}… is longer than {_MAX_NAME_BYTES} bytes. Shorten it.")
    return path(_PREFIX + relative)


def _from_root(text: str) -> str:
    """Return the drive path of an absolute path in the drive; other paths unchanged."""
    root = _root()
    for known in (f"{root}/", f"{os.path.realpath(root)}/"):
        if text.startswith(known):
            return text[len(known) :]
    return text


def _is_encodable(text: str) -> bool:
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True


def _files(root: Path) -> Iterator[str]:
    for folder, _, names in os.walk(root):
        for name in names:
            found = Path(folder, name)
            if not found.is_symlink() and found.is_file():
                yield found.relative_to(root).as_posix()


def _environment(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise DriveError(
            f"{name} is not set, since this skill does not run as a job. Run it as a job: puras run SKILL --local"
        )
    return value
